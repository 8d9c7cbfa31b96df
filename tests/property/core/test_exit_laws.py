"""The laws of AccountCore with parts and reversals on, and the law of parts.

What the parts of a position have closed together never exceeds their target, whatever dies, is lost, comes
late or comes twice; the other laws hold as they do without them: an entry is never filled on top of a
position, so a reversal never holds both sides, and after a halt nothing opens.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from tests.property.core.test_account_laws import AccountMachine
from tests.property.core.test_leadership_laws import KEY, SHARES, LeadershipMachine
from tests.support.account_harness import SYMBOL, Harness, account_config, with_exits
from tests.support.leaders import Leaders

from tradefleet.core.account_parts import LEGS
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import Side
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Intent, Leg
from tradefleet.spec.partial_close import FirstPart, PartialClose, SecondPart, ThirdPart
from tradefleet.spec.snapshot import ConfigSnapshot

PARTS = PartialClose(
    enabled=True,
    first=FirstPart(profit=Decimal(0), share=Decimal("0.25")),
    second=SecondPart(profit=Decimal("0.01"), share=Decimal("0.25")),
    third=ThirdPart(profit=Decimal("0.02"), share=Decimal("0.3")),
    break_even=True,
)
SHARE_UP_TO = {1: Decimal("0.25"), 2: Decimal("0.5"), 3: Decimal("0.8")}
MARKS = [Decimal(mark) for mark in ("98.5", "99", "100", "100", "101", "102", "103")]


def config() -> ConfigSnapshot:
    return with_exits(account_config(), partial_close=PARTS, reverse_on_opposite=True)


def beyond_the_target(intents: Iterable[Intent], executions: Iterable[Execution]) -> list[str]:
    """Signals of entries whose parts have closed more than they should."""
    executed: dict[str, Decimal] = defaultdict(Decimal)
    for execution in executions:
        executed[execution.client_order_id] += execution.qty
    entered: dict[str, Decimal] = defaultdict(Decimal)
    closed: dict[str, dict[Leg, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for intent in intents:
        if intent.leg is Leg.OPEN:
            entered[intent.signal_id] += executed[intent.client_order_id]
        elif intent.leg in LEGS:
            closed[intent.signal_id][intent.leg] += executed[intent.client_order_id]
    return [
        f"{signal_id}: parts up to {number} have closed {sum(by_leg[leg] for leg in LEGS[:number])} of "
        f"{entered[signal_id]}"
        for signal_id, by_leg in closed.items()
        for number in SHARE_UP_TO
        if sum((by_leg[leg] for leg in LEGS[:number]), Decimal(0)) > entered[signal_id] * SHARE_UP_TO[number]
    ]


def hold(world: Leaders, target: Target, *, written: bool) -> None:
    """A position to begin with, since parts need one. written: the journal knows it."""
    world.flush()  # who owns the shard
    world.signal("first", target)
    world.sign()
    world.arrives(0, Decimal(1), answered=True)
    for row in world.rows():
        world.tell(row)
    if written:
        world.flush()


class ExitMachine(AccountMachine):
    """Sends are instant, rows come in any order and as often as they like."""

    @staticmethod
    def new_harness() -> Harness:
        return Harness(config())

    @initialize(wish=st.sampled_from([Target.LONG, Target.SHORT]))
    def something_is_held(self, wish: Target) -> None:
        self.harness.prices(Decimal("98.5") if wish is Target.LONG else Decimal(103))
        self.harness.signal("first", wish)
        self.harness.send()
        self.harness.deliver()

    @rule(mark=st.sampled_from(MARKS))
    def the_price_moves(self, mark: Decimal) -> None:
        self.harness.prices(mark)

    @precondition(lambda self: self.harness.exchange.sizes.get(SYMBOL))
    @rule()
    def the_exchange_takes_some_away(self) -> None:
        exchange = self.harness.exchange
        held = exchange.sizes[SYMBOL]
        side = Side.SELL if held > 0 else Side.BUY
        order = f"adl-{len(exchange.executions)}"
        exchange._execute("", order, SYMBOL, side, min(abs(held), Decimal("0.2")), self.harness.now_ns, "")

    @rule(share=st.sampled_from(SHARES))
    def the_book_is_thin(self, share: Decimal) -> None:
        self.harness.exchange.share = share

    @invariant()
    def parts_never_close_more_than_their_target(self) -> None:
        assert not beyond_the_target(self.harness.submitted, self.harness.exchange.executions)

    def teardown(self) -> None:
        self.harness.exchange.share = Decimal(1)
        super().teardown()


class ExitLeadershipMachine(LeadershipMachine):
    """Leaders die, batches die with them, orders fly on and arrive under the next one."""

    @staticmethod
    def new_world() -> Leaders:
        return Leaders(config())

    @initialize(wish=st.sampled_from([Target.LONG, Target.SHORT]), written=st.booleans())
    def something_is_held(self, wish: Target, written: bool) -> None:
        hold(self.world, wish, written=written)

    @rule(mark=st.sampled_from(MARKS))
    def the_price_moves(self, mark: Decimal) -> None:
        self.world.prices(mark)

    @invariant()
    def parts_never_close_more_than_their_target(self) -> None:
        intents = (record.intent for record in self.world.journal.intents.values())
        assert not beyond_the_target(intents, self.world.exchange.executions)

    @invariant()
    def no_two_parts_fly_at_once(self) -> None:
        world = self.world
        flying = [f for f in world.flying if world.now_ns <= f.intent.valid_until_ns and f.intent.leg.is_part]
        assert len(flying) <= 1

    @invariant()
    def a_position_is_of_one_side_and_its_stop_too(self) -> None:
        position = self.world.core.state.position(KEY)
        if position.size != 0 and position.plan is not None:
            opened = self.world.journal.intents.values()
            sides = {r.intent.side for r in opened if r.intent.signal_id == position.plan.signal_id}
            assert not sides or (Side.BUY if position.size > 0 else Side.SELL) in sides


ExitMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
ExitLeadershipMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestExitLaws = ExitMachine.TestCase
TestExitLeadershipLaws = ExitLeadershipMachine.TestCase
