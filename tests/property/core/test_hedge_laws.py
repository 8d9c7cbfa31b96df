"""Laws of AccountCore in hedge mode: two strategies, two legs, any order, lost answers and restarts."""

from collections import Counter
from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.property.core.test_any_signal import signals
from tests.support.around_an_account import AroundAnAccount
from tests.support.hedge_harness import LEGS, STRATEGIES, HedgeHarness

from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Signal, Target
from tradefleet.orders.intents import Leg
from tradefleet.risk.decisions import Reason


class HedgeMachine(AroundAnAccount):
    """One symbol, an entry of each strategy, an exchange that fills at once, a journal that survives."""

    def __init__(self) -> None:
        super().__init__()
        self.harness = HedgeHarness().ready()
        self.counter = 0
        self.opened: set[str] | None = None

    # ---- what is wished

    @rule(
        strategy=st.sampled_from(STRATEGIES), wish=st.sampled_from(list(Target)), hold=st.sampled_from([0, 5])
    )
    def signal(self, strategy: str, wish: Target, hold: int) -> None:
        self.counter += 1
        self.harness.signal(f"signal-{self.counter}", wish, hold_s=hold, strategy=strategy)

    @rule(number=st.integers(1, 50), wish=st.sampled_from(list(Target)))
    def repeat_a_signal(self, number: int, wish: Target) -> None:
        self.harness.signal(f"signal-{min(number, max(1, self.counter))}", wish)

    @rule(strategy=st.sampled_from(STRATEGIES), wish=st.sampled_from([Target.LONG, Target.SHORT]))
    def a_wish_comes_true(self, strategy: str, wish: Target) -> None:
        self.counter += 1
        self.harness.wish(f"signal-{self.counter}", strategy, wish)

    # ---- what is sent, heard and asked

    @rule(answered=st.booleans(), arrives=st.booleans())
    def stops_are_asked_for(self, answered: bool, arrives: bool) -> None:
        self.harness.protect(answered=answered, arrives=arrives)

    # ---- what happens to us

    @rule(leg=st.sampled_from(LEGS))
    def stop_fires(self, leg: PositionKey) -> None:
        self.harness.exchange.stop_out_leg(leg, self.harness.now_ns)

    @rule()
    def the_kill_switch_is_engaged(self) -> None:
        if not self.harness.config.spec.kill_switch.engaged:
            self.harness.edit_kill_switch(engaged=True)
            self.opened = self._opens()

    @rule()
    def the_kill_switch_is_cleared(self) -> None:
        latches = sorted(self.harness.core.state.latches)
        if latches:
            self.harness.edit_kill_switch(engaged=False, clear=latches[0])
            self.opened = None

    def _opens(self) -> set[str]:
        return {i.client_order_id for i in self.harness.submitted if i.leg is Leg.OPEN}

    # ---- laws

    @invariant()
    def no_order_is_sent_twice_and_none_on_a_wrong_leg(self) -> None:
        names = Counter(intent.client_order_id for intent in self.harness.submitted)
        assert not [name for name, count in names.items() if count > 1]
        assert (self.harness.exchange.duplicates, self.harness.exchange.wrong) == (0, [])

    @invariant()
    def a_signal_opens_at_most_once(self) -> None:
        opens = Counter(i.signal_id for i in self.harness.submitted if i.leg is Leg.OPEN)
        assert all(count == 1 for count in opens.values())

    @invariant()
    def each_leg_is_the_sum_of_its_counted_executions_and_of_its_own_side(self) -> None:
        harness = self.harness
        sums = dict.fromkeys(LEGS, Decimal(0))
        for row in harness.exchange.executions:
            if row.exec_id in harness.core.state.counted:
                long = (row.side.sign > 0) is (row.closed_qty == 0)
                sums[LEGS[0] if long else LEGS[1]] += row.signed_qty
        for key in LEGS:
            leg = harness.leg(key)
            assert (leg.total, leg.size * key.leg_sign >= 0) == (sums[key], True)

    @invariant()
    def both_legs_together_hold_no_more_than_two_entries(self) -> None:
        largest = max((i.qty for i in self.harness.submitted if i.leg is Leg.OPEN), default=0)
        held = sum(abs(self.harness.exchange.size(key)) for key in LEGS)
        assert held <= 2 * largest

    @invariant()
    def nothing_opens_while_the_kill_switch_is_engaged(self) -> None:
        assert self.opened is None or self._opens() == self.opened

    def teardown(self) -> None:
        harness = self.harness
        for _ in range(3):
            # More than once: what is held may be closed by its own time while the first is under way.
            harness.settle()
        if self.opened is not None:
            assert [harness.exchange.size(key) for key in LEGS] == [0, 0]
            assert harness.kill_switch["seconds_to_flat"] is not None
        assert harness.sizes == tuple(harness.exchange.size(key) for key in LEGS)
        for key in LEGS:
            assert (harness.exchange.size(key) != 0) is (harness.exchange.stop(key) is not None)
        assert set(harness.journal.executions) == {e.exec_id for e in harness.exchange.executions}
        assert harness.core.state.open_intents() == []
        assert "position_mismatch" not in harness.alerts


HedgeMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestHedgeLaws = HedgeMachine.TestCase


@settings(max_examples=100, deadline=None)
@given(found=st.lists(signals, max_size=6))
def test_any_signal_is_followed_or_refused_with_a_word(found: list[Signal]) -> None:
    harness = HedgeHarness().ready()

    for signal in found:
        read = msgspec.json.decode(msgspec.json.encode(signal), type=Signal)
        harness.tell(ev.SignalReceived(now_ns=harness.now_ns, signal=read))
    harness.settle()

    assert {judged.reason for judged in harness.judged} <= {"", *Reason}
    assert harness.core.state.open_intents() == []
    assert harness.sizes == tuple(harness.exchange.size(key) for key in LEGS)
