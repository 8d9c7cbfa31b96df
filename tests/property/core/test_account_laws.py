"""Laws of AccountCore under any order of events, repeats, lost answers and restarts."""

from collections import Counter
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.support.account_harness import SYMBOL, Harness
from tests.support.around_an_account import AroundAnAccount

from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg


class AccountMachine(AroundAnAccount):
    """One symbol, one strategy, an exchange that fills at once, a journal that survives."""

    def __init__(self) -> None:
        super().__init__()
        self.harness = self.new_harness().ready()
        self.counter = 0
        self.largest: Decimal | None = None
        self.opened: set[str] = set()

    @staticmethod
    def new_harness() -> Harness:
        return Harness()

    @rule(wish=st.sampled_from(list(Target)), hold=st.sampled_from([0, 1, 10]))
    def signal(self, wish: Target, hold: int) -> None:
        self.counter += 1
        self.harness.signal(f"signal-{self.counter}", wish, hold_s=hold)

    @rule(number=st.integers(1, 50))
    def repeat_a_signal(self, number: int) -> None:
        self.harness.signal(f"signal-{min(number, max(1, self.counter))}", Target.LONG)

    @rule()
    def stop_fires(self) -> None:
        self.harness.exchange.stop_out(SYMBOL, self.harness.now_ns)

    @rule(heard=st.booleans())
    def the_kill_switch_is_engaged(self, heard: bool) -> None:
        if not self.harness.config.spec.kill_switch.engaged:
            self.harness.edit_kill_switch(heard=heard, engaged=True)
            if not heard:
                self.leader_dies()
            self.largest = abs(self.harness.exchange.sizes.get(SYMBOL, Decimal(0)))
            # What was sent before may still arrive; nothing else may open.
            self.opened = {i.client_order_id for i in self.harness.submitted if i.leg is Leg.OPEN}

    @rule()
    def the_kill_switch_is_cleared(self) -> None:
        latches = sorted(self.harness.core.state.latches)
        if latches:
            self.harness.edit_kill_switch(engaged=False, clear=latches[0])
            self.largest = None

    @invariant()
    def no_order_is_sent_twice(self) -> None:
        names = Counter(intent.client_order_id for intent in self.harness.submitted)
        assert not [name for name, count in names.items() if count > 1]
        assert self.harness.exchange.duplicates == 0

    @invariant()
    def a_signal_opens_at_most_once(self) -> None:
        opens = Counter(i.signal_id for i in self.harness.submitted if i.leg is Leg.OPEN)
        assert all(count == 1 for count in opens.values())

    @invariant()
    def every_opening_order_carries_its_stop(self) -> None:
        for intent in self.harness.submitted:
            assert (intent.stop_loss is not None) == (intent.leg is Leg.OPEN)
            assert intent.reduce_only == intent.leg.reduces

    @invariant()
    def the_account_never_holds_more_than_one_entry(self) -> None:
        largest = max((i.qty for i in self.harness.submitted if i.leg is Leg.OPEN), default=0)
        assert abs(self.harness.exchange.sizes.get(SYMBOL, 0)) <= largest

    @invariant()
    def nothing_opens_while_the_kill_switch_is_engaged(self) -> None:
        if self.largest is not None:
            opened = {i.client_order_id for i in self.harness.submitted if i.leg is Leg.OPEN}
            assert opened == self.opened
            arrived = sum(
                (
                    i.qty
                    for i in self.harness.submitted
                    if i.leg is Leg.OPEN and i.client_order_id in self.opened
                ),
                Decimal(0),
            )
            assert abs(self.harness.exchange.sizes.get(SYMBOL, Decimal(0))) <= self.largest + arrived

    def teardown(self) -> None:
        harness = self.harness
        if self.largest is not None:
            harness.settle()
            harness.settle()
            assert harness.exchange.sizes.get(SYMBOL, Decimal(0)) == 0
            assert harness.kill_switch["seconds_to_flat"] is not None
        # Twice: what is held may be closed by its own time while the first is under way.
        harness.settle()
        harness.settle()
        assert harness.size == harness.exchange.sizes.get(SYMBOL, 0)
        assert set(harness.journal.executions) == {e.exec_id for e in harness.exchange.executions}
        assert harness.core.state.open_intents() == []
        assert "position_mismatch" not in harness.alerts


AccountMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestAccountLaws = AccountMachine.TestCase
