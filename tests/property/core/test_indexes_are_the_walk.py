"""What is at hand of intents and positions is what walking all of them finds, after any steps."""

from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.journal_rows import kept_order, make_intent

from tradefleet.core.kept_positions import KeptPositions
from tradefleet.core.tracked_intents import TrackedIntents
from tradefleet.domain.orders import OrderStatus
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.asking import ask_from_ns
from tradefleet.orders.intents import IntentRecord, IntentState, Leg
from tradefleet.orders.tracked import Tracked
from tradefleet.positions.ledger import flat
from tradefleet.positions.plan import ExitPlan

SECOND = 1_000_000_000
KEYS = [PositionKey("linear", "AUSDT"), PositionKey("linear", "AUSDT", 1), PositionKey("linear", "BUSDT")]
SIGNALS = ["one", "two"]
LEGS = [Leg.OPEN, Leg.CLOSE, Leg.PART_1]
TIMES = st.integers(min_value=0, max_value=20).map(lambda seconds: seconds * SECOND)
ROWS = [None, *(kept_order(status, "0").order for status in (OrderStatus.NEW, OrderStatus.CANCELLED))]


@st.composite
def trackeds(draw: st.DrawFn) -> Tracked:
    """Any intent in any state."""
    leg = draw(st.sampled_from(LEGS))
    valid_ns = draw(TIMES)
    intent = msgspec.structs.replace(
        make_intent(),
        key=draw(st.sampled_from(KEYS)),
        signal_id=draw(st.sampled_from(SIGNALS)),
        leg=leg,
        attempt=draw(st.integers(0, 3)),
        created_ns=valid_ns - SECOND,
        valid_until_ns=valid_ns,
        rest_until_ns=draw(st.sampled_from([0, 0, 7 * SECOND])) if leg is Leg.OPEN else 0,
    )
    return placed(draw, intent)


def placed(draw: st.DrawFn, intent: object) -> Tracked:
    record = IntentRecord(
        intent=intent,  # type: ignore[arg-type]
        state=draw(st.sampled_from(list(IntentState))),
        filled=draw(st.sampled_from([Decimal(0), Decimal(0), Decimal("0.004")])),
    )
    order = draw(st.sampled_from(ROWS))
    if order is not None:
        order = msgspec.structs.replace(order, at_ns=draw(TIMES), cum_exec_qty=record.filled)
    return Tracked(record=record, order=order, asked_ns=draw(TIMES), asking=draw(st.booleans()))


class IntentsMachine(RuleBasedStateMachine):
    """A plain dict beside the collection: both are told the same."""

    def __init__(self) -> None:
        super().__init__()
        self.indexed = TrackedIntents()
        self.plain: dict[str, Tracked] = {}
        self.now_ns = 0

    @rule(name=st.sampled_from("abcdefgh"), tracked=trackeds())
    def assigned(self, name: str, tracked: Tracked) -> None:
        intent = msgspec.structs.replace(tracked.intent, client_order_id=name)
        tracked = msgspec.structs.replace(
            tracked, record=msgspec.structs.replace(tracked.record, intent=intent)
        )
        self.indexed[name] = self.plain[name] = tracked

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def one_of_them_moves_on(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.plain)))

        @st.composite
        def next_one(draw: st.DrawFn) -> Tracked:
            return placed(draw, self.plain[name].intent)

        self.indexed[name] = self.plain[name] = data.draw(next_one())

    @precondition(lambda self: self.plain)
    @rule(data=st.data())
    def one_is_deleted(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(list(self.plain)))
        del self.plain[name], self.indexed[name]

    @rule(seconds=st.integers(-3, 6))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND

    @rule(before_ns=TIMES)
    def what_was_over_is_forgotten(self, before_ns: int) -> None:
        self.indexed.forget(before_ns)
        for name, tracked in list(self.plain.items()):
            if tracked.is_final and max(tracked.intent.valid_until_ns, tracked.over_ns) < before_ns:
                del self.plain[name]

    @invariant()
    def it_is_the_same_dict(self) -> None:
        assert list(self.indexed.items()) == list(self.plain.items())
        assert dict(self.indexed.records) == {name: t.record for name, t in self.plain.items()}

    @invariant()
    def its_parts_are_what_a_walk_finds(self) -> None:
        indexed = self.indexed
        open_now = [t for t in self.plain.values() if not t.is_final]
        assert indexed.open == open_now
        assert indexed.is_any_open() is bool(open_now)
        assert indexed.resting == [t for t in open_now if t.intent.rest_until_ns > 0]
        assert indexed.moving == {t.intent.key for t in open_now if not t.is_at_rest}
        assert indexed.opening == {t.intent.key.symbol for t in open_now if t.intent.leg is Leg.OPEN}
        for key in KEYS:
            assert indexed.open_of(key) == [t for t in open_now if t.intent.key == key]
            assert indexed.is_moving(key) is (key in indexed.moving)
            assert indexed.is_open_in(key.symbol) is any(t.intent.key.symbol == key.symbol for t in open_now)

    @invariant()
    def attempts_are_what_a_walk_finds(self) -> None:
        for signal_id in SIGNALS:
            for leg in LEGS:
                made = [
                    t for t in self.plain.values() if (t.intent.signal_id, t.intent.leg) == (signal_id, leg)
                ]
                assert self.indexed.of_leg(signal_id, leg) == made
                expected = max((t.intent.attempt + 1 for t in made), default=0)
                assert self.indexed.next_attempt(signal_id, leg) == expected

    @invariant()
    def what_is_overdue_is_what_a_walk_finds(self) -> None:
        due = [
            t
            for t in self.plain.values()
            if (from_ns := ask_from_ns(t)) is not None and from_ns <= self.now_ns
        ]
        assert self.indexed.overdue(self.now_ns) == due
        assert self.indexed.overdue(self.now_ns) == due, "it stays overdue until it was asked for"

    @invariant()
    def nothing_that_was_meant_arrives_later(self) -> None:
        newest_ns = max((t.intent.valid_until_ns for t in self.plain.values()), default=0)
        assert self.indexed.last_valid_until_ns >= newest_ns


class PositionsMachine(RuleBasedStateMachine):
    """The same for positions."""

    def __init__(self) -> None:
        super().__init__()
        self.indexed = KeptPositions()
        self.plain: dict[PositionKey, object] = {}
        self.now_ns = 0

    @rule(
        key=st.sampled_from(KEYS),
        size=st.sampled_from(["0", "0", "1", "-2"]),
        owed=st.sampled_from(["0", "0", "1"]),
        planned=st.booleans(),
        close=st.sampled_from(["", "", "flat"]),
        flat_by_ns=st.sampled_from([0, 5 * SECOND, 9 * SECOND]),
    )
    def assigned(
        self, key: PositionKey, size: str, owed: str, planned: bool, close: str, flat_by_ns: int
    ) -> None:
        plan = ExitPlan(
            strategy="imbalance",
            signal_id="in",
            opened_ns=1,
            stop_loss=None,
            take_profit=None,
            flat_by_ns=flat_by_ns,
            close_signal_id=close,
        )
        position = msgspec.structs.replace(
            flat(key), size=Decimal(size), owed=Decimal(owed), plan=plan if planned else None
        )
        self.indexed[key] = self.plain[key] = position

    @rule(key=st.sampled_from(KEYS))
    def deleted(self, key: PositionKey) -> None:
        if key in self.plain:
            del self.plain[key], self.indexed[key]

    @rule(seconds=st.integers(0, 6))
    def time_passes(self, seconds: int) -> None:
        self.now_ns += seconds * SECOND

    @invariant()
    def its_parts_are_what_a_walk_finds(self) -> None:
        plain = sorted(self.plain.items())
        assert list(self.indexed.items()) == list(self.plain.items())
        assert self.indexed.held == tuple(key for key, p in plain if p.size != 0)  # type: ignore[attr-defined]
        assert self.indexed.counting == tuple(
            key
            for key, p in plain
            if p.total != 0  # type: ignore[attr-defined]
        )
        assert self.indexed.held_symbols == {key.symbol for key in self.indexed.held}
        for key in KEYS:
            assert self.indexed.is_held_in(key.symbol) is (key.symbol in self.indexed.held_symbols)
        assert self.indexed.ending(self.now_ns) == [
            key
            for key, p in plain
            if p.size != 0  # type: ignore[attr-defined]
            and (plan := p.plan) is not None  # type: ignore[attr-defined]
            and (plan.close_signal_id or 0 < plan.flat_by_ns <= self.now_ns)
        ]


TestIntents = IntentsMachine.TestCase
TestIntents.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestPositions = PositionsMachine.TestCase
TestPositions.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
