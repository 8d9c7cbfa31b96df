"""The laws over leaders that die in the middle of anything, for an account with two legs.

What `test_leadership_laws` does to one position of one strategy is done here to both legs of two.
"""

from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule
from tests.property.core.test_leadership_laws import LeadershipMachine
from tests.support.hedge_harness import LEGS, STRATEGIES, ToyLegs, hedge_config
from tests.support.leaders import Leaders

from tradefleet.core import events as ev
from tradefleet.domain.fills import Execution
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target


class HedgeLeaders(Leaders):
    """Leaders one after the other over one journal and a hedged account."""

    exchange: ToyLegs

    def __init__(self) -> None:
        super().__init__()
        self.exchange = ToyLegs()
        self.config = hedge_config()
        self.restart()

    def sums(self, counted: set[str]) -> list[Decimal]:
        """Of the executions with these ids, leg by leg."""
        rows = [row for row in self.exchange.executions if row.exec_id in counted]
        return [sum((r.signed_qty for r in rows if _leg(r) == key), Decimal(0)) for key in LEGS]


def _leg(row: Execution) -> PositionKey:
    return LEGS[0] if (row.side.sign > 0) is (row.closed_qty == 0) else LEGS[1]


class HedgeLeadershipMachine(LeadershipMachine):
    """Everything that happens to one position, happening to either leg."""

    def __init__(self) -> None:
        super().__init__()
        self.world = HedgeLeaders()
        self.world.ready()

    @rule(
        wish=st.sampled_from(list(Target)), hold=st.sampled_from([0, 1, 10]), who=st.sampled_from(STRATEGIES)
    )
    def signal(self, wish: Target, hold: int, who: str) -> None:
        self.counter += 1
        self.world.signal(f"signal-{self.counter}", wish, hold_s=hold, strategy=who)

    @rule(leg=st.sampled_from(LEGS))
    def a_stop_fires(self, leg: PositionKey) -> None:
        self.world.exchange.stop_out_leg(leg, self.world.now_ns)

    @rule()
    def opening_is_halted(self) -> None:
        if self.opens_when_halted is None:
            generation = self.world.config.generation + 1
            self.world.config = msgspec.structs.replace(hedge_config(max_positions=0), generation=generation)
            self.world.tell(ev.ConfigApplied(now_ns=self.world.now_ns, config=self.world.config))
            self.opens_when_halted = self.world.written_opens

    @invariant()
    def the_sum_of_fills_is_the_position_in_the_core_and_in_the_journal(self) -> None:
        world = self.world
        legs = [world.core.state.position(key) for key in LEGS]
        written = [world.journal.positions.get(key) for key in LEGS]
        assert [leg.total for leg in legs] == world.sums(world.core.state.counted)
        assert all(leg.size * leg.key.leg_sign >= 0 for leg in legs)
        journaled = [Decimal(0) if leg is None else leg.total for leg in written]
        assert journaled == world.sums(set(world.journal.executions))

    @invariant()
    def nothing_goes_to_a_wrong_leg(self) -> None:
        assert self.world.exchange.wrong == []

    def teardown(self) -> None:
        world = self.world
        for _ in range(3):
            world.settle()
        held = [world.exchange.size(key) for key in LEGS]
        assert [world.core.state.position(key).size for key in LEGS] == held
        assert world.sums(set(world.journal.executions)) == held
        assert set(world.journal.executions) == {e.exec_id for e in world.exchange.executions}
        assert world.core.state.open_intents() == []
        assert all(record.state.is_final for record in world.journal.intents.values())
        assert "position_mismatch" not in world.alerts


HedgeLeadershipMachine.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestHedgeLeadershipLaws = HedgeLeadershipMachine.TestCase
