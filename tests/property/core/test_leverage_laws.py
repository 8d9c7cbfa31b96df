"""Laws of leverage: never raised while something is held, and nothing opens above what was wished for.

Requests are answered, lost on the way there or back, or arrive late while their time is not over; the
wish changes at any moment, and leaders come and go.
"""

from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from tests.support.account_harness import SYMBOL, Harness, account_config
from tests.support.raw_frames import make_instrument

from tradefleet.core import actions as act
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.risk.leverage import effective

WISHES = st.sampled_from([Decimal(5), Decimal(10), Decimal(20)])


class Watched(Harness):
    """A harness that remembers what was wished for when an entry was decided, and what was done wrong."""

    def __init__(self) -> None:
        self.wished: dict[str, Decimal] = {}
        self.late: list[act.SetLeverage] = []
        self.wrongs: list[str] = []
        super().__init__(account_config(max_positions_per_symbol=3))
        set_leverage, create = self.exchange.set_leverage, self.exchange.create

        def changed(asked: act.SetLeverage) -> tuple[Outcome, int]:
            raised = asked.leverage > self.exchange.leverage(asked.symbol)
            if raised and self.exchange.sizes.get(asked.symbol):
                self.wrongs.append(f"raised to {asked.leverage} while something is held")
            return set_leverage(asked)

        def created(intent: Intent, now_ns: int) -> tuple[Outcome, int]:
            wished = self.wished.get(intent.client_order_id)
            if wished is not None and self.exchange.leverage(intent.key.symbol) > wished:
                self.wrongs.append(f"opened at {self.exchange.leverage(intent.key.symbol)}, wished {wished}")
            return create(intent, now_ns)

        self.exchange.set_leverage = changed  # type: ignore[method-assign]
        self.exchange.create = created  # type: ignore[method-assign]

    def _keep(self, action: act.AnyAction) -> None:
        super()._keep(action)
        if isinstance(action, act.Submit) and action.intent.leg is Leg.OPEN:
            wish = effective(self.config.spec.leverage, make_instrument(SYMBOL))
            self.wished[action.intent.client_order_id] = wish

    def lose_leverages(self) -> None:
        """No answer comes; the requests may arrive later."""
        self.late += self.leverages
        self.set_leverages(answered=False, arrives=False)

    def arrive_late(self) -> None:
        """What was lost and is still in its time is taken now."""
        for asked in self.late:
            if self.now_ns <= asked.valid_until_ns:
                self.exchange.set_leverage(asked)
        self.late.clear()


class LeverageMachine(RuleBasedStateMachine):
    """One symbol, up to three entries in it."""

    def __init__(self) -> None:
        super().__init__()
        self.harness = Watched()
        self.harness.ready()
        self.counter = 0

    @rule(wish=st.sampled_from(list(Target)))
    def signal(self, wish: Target) -> None:
        self.counter += 1
        self.harness.announce()
        self.harness.signal(f"signal-{self.counter}", wish, hold_s=3600)

    @rule(wish=WISHES)
    def the_wish_changes(self, wish: Decimal) -> None:
        self.harness.edit_leverage(default=wish)

    @rule(wish=WISHES)
    def the_limit_changes(self, wish: Decimal) -> None:
        self.harness.edit_leverage(maximum=wish)

    @rule()
    def requests_are_answered(self) -> None:
        self.harness.set_leverages()

    @rule()
    def answers_are_lost(self) -> None:
        self.harness.set_leverages(answered=False)

    @rule()
    def requests_are_lost(self) -> None:
        self.harness.lose_leverages()

    @rule()
    def lost_requests_arrive(self) -> None:
        self.harness.arrive_late()

    @rule(answered=st.booleans())
    def send(self, answered: bool) -> None:
        self.harness.send(answered=answered)

    @rule()
    def deliver(self) -> None:
        self.harness.deliver()

    @rule(seconds=st.sampled_from([0.1, 1.1, 3, 5]))
    def wait(self, seconds: float) -> None:
        self.harness.wait(seconds)

    @rule()
    def answer(self) -> None:
        self.harness.answer_all()

    @rule()
    def stop_fires(self) -> None:
        self.harness.exchange.stop_out(SYMBOL, self.harness.now_ns)

    @rule()
    def the_leader_dies(self) -> None:
        # What it had sent is over by the time that the next one has its lease.
        self.harness.late.clear()
        self.harness.restart()
        self.harness.ready()

    @invariant()
    def nothing_is_raised_or_opened_above_the_wish(self) -> None:
        assert self.harness.wrongs == []

    def teardown(self) -> None:
        harness = self.harness
        harness.late.clear()
        harness.announce()
        harness.signal("the end", Target.FLAT)
        harness.settle()
        harness.settle()
        if harness.exchange.sizes.get(SYMBOL, 0) == 0:
            wish = effective(harness.config.spec.leverage, make_instrument(SYMBOL))
            assert harness.exchange.leverage(SYMBOL) == wish
            harness.announce()
            harness.signal("one more", Target.LONG)
            assert harness.judged[-1].reason != "leverage_not_set"


LeverageMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestLeverageLaws = LeverageMachine.TestCase
