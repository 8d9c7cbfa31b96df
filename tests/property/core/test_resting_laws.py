"""Laws of AccountCore over entries that rest: filled in parts, moved and cancelled while leaders die.

All laws of `test_leadership_laws` hold as they do without them, and with the end of a run comes a halt, after
which nothing of ours may rest although its time is not over.
"""

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule
from tests.property.core.test_leadership_laws import LeadershipMachine
from tests.support.account_harness import SYMBOL, with_exits
from tests.support.resting_harness import resting_config
from tests.support.resting_leaders import RestingLeaders

from tradefleet.core import events as ev
from tradefleet.domain.signals import Target
from tradefleet.orders.quotas import KEPT_FREE, MOST_CONDITIONAL
from tradefleet.spec.entry import EntryKind

LONG_S = 3600
SHARES = [Decimal("0.2"), Decimal("0.5"), Decimal(1)]
MARKS = [Decimal(mark) for mark in ("99.5", "99.9", "100", "100.2", "100.5")]
FOLLOWS = {"follow_bps": Decimal(5), "amend_every_seconds": Decimal("0.2"), "max_amends": 50}


class RestingMachine(LeadershipMachine):
    """Post-only entries that follow the touch and rest for an hour, if nothing takes them away."""

    world: RestingLeaders

    @staticmethod
    def new_world() -> RestingLeaders:
        return RestingLeaders(config=resting_config(rest_seconds=LONG_S, **FOLLOWS))

    @initialize(wish=st.sampled_from([Target.LONG, Target.SHORT]))
    def one_rests(self, wish: Target) -> None:
        """Else most runs are over before an entry has come to the exchange."""
        self.an_entry_comes_to_rest(wish, hold=0, answered=True, seen=True)

    @rule(
        wish=st.sampled_from([Target.LONG, Target.SHORT]),
        hold=st.sampled_from([0, 0, 10]),
        answered=st.booleans(),
        seen=st.booleans(),
    )
    def an_entry_comes_to_rest(self, wish: Target, hold: int, answered: bool, seen: bool) -> None:
        """Unless a limit, or what rests on the other side, forbids it."""
        world = self.world
        world.announce()
        world.flush()  # who owns the shard
        self.signal(wish, hold)
        world.sign()
        if world.flying:
            world.arrives(len(world.flying) - 1, Decimal(1), answered=answered)
        for row in world.rows() if seen else []:
            world.tell(row)

    @precondition(lambda self: self.rests())
    @rule(mark=st.sampled_from(MARKS), arrive=st.booleans(), answered=st.booleans())
    def it_follows(self, mark: Decimal, arrive: bool, answered: bool) -> None:
        """The touch moves, time passes, what is asked for is written and leaves."""
        world = self.world
        world.wait(1)
        world.wait(2)
        for row in world.rows():
            world.tell(row)
        world.answer_all()
        world.prices(mark)
        world.flush()
        if world.amends:
            world.let_amends(arrive=arrive, answered=answered)

    @rule()
    def opening_is_halted(self) -> None:
        """By a pause: a limit of symbols lets what is in one already go on."""
        world = self.world
        if self.opens_when_halted is None:
            config = world.config
            spec = msgspec.structs.replace(config.spec, paused=True)
            world.config = msgspec.structs.replace(config, generation=config.generation + 1, spec=spec)
            world.tell(ev.ConfigApplied(now_ns=world.now_ns, config=world.config))
            self.opens_when_halted = world.written_opens

    def rests(self) -> bool:
        return bool(self.world.exchange.at_rest)

    @precondition(rests)
    @rule(number=st.integers(0, 9), share=st.sampled_from(SHARES))
    def somebody_trades_with_it(self, number: int, share: Decimal) -> None:
        self.world.fills(number, share)

    @rule(mark=st.sampled_from(MARKS))
    def the_touch_moves(self, mark: Decimal) -> None:
        self.world.prices(mark)

    @precondition(lambda self: bool(self.world.cancels))
    @rule(arrive=st.booleans(), answered=st.booleans())
    def cancels_come_to_something(self, arrive: bool, answered: bool) -> None:
        self.world.let_cancels(arrive=arrive, answered=answered)

    @precondition(lambda self: bool(self.world.amends))
    @rule(arrive=st.booleans(), answered=st.booleans())
    def amends_come_to_something(self, arrive: bool, answered: bool) -> None:
        self.world.let_amends(arrive=arrive, answered=answered)

    @precondition(lambda self: bool(self.world.late))
    @rule()
    def what_a_dead_leader_asked_for_arrives(self) -> None:
        self.world.late_ones_arrive()

    @invariant()
    def no_order_is_larger_than_its_intent(self) -> None:
        for name, order in self.world.exchange.orders.items():
            assert order.cum_exec_qty <= order.qty <= self.world.journal.intents[name].intent.qty

    @invariant()
    def no_move_is_asked_for_while_one_is_in_doubt(self) -> None:
        names = [amend.client_order_id for amend in self.world.amends]
        assert len(names) == len(set(names))

    @invariant()
    def conditional_places_stay_free_for_stops(self) -> None:
        assert len(self.world.exchange.waiting) <= MOST_CONDITIONAL - KEPT_FREE

    def teardown(self) -> None:
        world = self.world
        self.opening_is_halted()
        world.settle()
        assert world.exchange.at_rest == []
        before = abs(world.size)
        super().teardown()
        assert abs(world.size) <= before
        world.protect()
        assert world.size == 0 or SYMBOL in world.exchange.stops


class ReversingMachine(RestingMachine):
    """Limit entries, with an opposite signal that opens its own side afterwards."""

    @staticmethod
    def new_world() -> RestingLeaders:
        config = resting_config(kind=EntryKind.LIMIT, offset_bps=Decimal(10), rest_seconds=LONG_S)
        return RestingLeaders(config=with_exits(config, reverse_on_opposite=True))


class ConditionalMachine(RestingMachine):
    """Stop entries, up to twelve a symbol: more than there are places for."""

    @staticmethod
    def new_world() -> RestingLeaders:
        entry: dict[str, Any] = {"kind": EntryKind.CONDITIONAL, "offset_bps": Decimal(100)}
        risk = {"max_positions_per_symbol": 12}
        return RestingLeaders(config=resting_config(risk, rest_seconds=LONG_S, **entry))

    @rule(count=st.integers(5, 12), seen=st.booleans())
    def many_signals(self, count: int, seen: bool) -> None:
        for _ in range(count):
            self.an_entry_comes_to_rest(Target.LONG, 0, True, seen)

    @invariant()
    def nothing_wrong_was_seen_on_the_way(self) -> None:
        # Several entries of one symbol are wished here.
        assert [w for w in self.world.wrongs if "on top of a position" not in w] == []


EXAMPLES = settings(max_examples=100, stateful_step_count=30, deadline=None)
RestingMachine.TestCase.settings = EXAMPLES
ConditionalMachine.TestCase.settings = EXAMPLES
ReversingMachine.TestCase.settings = EXAMPLES
TestRestingLaws = RestingMachine.TestCase
TestConditionalLaws = ConditionalMachine.TestCase
TestReversingLaws = ReversingMachine.TestCase
