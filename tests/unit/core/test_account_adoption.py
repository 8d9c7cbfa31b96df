"""Sizes that are taken over from the exchange: when, and what executions do afterwards."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config

from tradefleet.core import events as ev
from tradefleet.core.account_evidence import listing_of
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentState
from tradefleet.positions.plan import PositionRecord

KEY = PositionKey("linear", SYMBOL)
DAY = 86_400 * SECOND


def read(harness: Harness, seq: int = 50) -> None:
    """The comparison that is asked for is answered whole; the rows carry this sequence."""
    view = harness.exchange.view(harness.now_ns)
    rows = tuple(msgspec.structs.replace(row, seq=seq) for row in view.positions)
    harness.questions.clear()
    harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=msgspec.structs.replace(view, positions=rows)))


def look(harness: Harness) -> None:
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))


def by_hand(harness: Harness, qty: str, side: Side = Side.BUY, *, seq: int, at_ns: int) -> Execution:
    """An execution of nobody's that the harness keeps to itself."""
    exchange = harness.exchange
    exchange._execute("", "by-hand", SYMBOL, side, Decimal(qty), at_ns, "")
    rows = [msgspec.structs.replace(row, seq=seq) for row in exchange.executions[-2:]]
    del exchange.executions[-2:]
    return msgspec.structs.replace(rows[0], qty=Decimal(qty), fee=Decimal("0.02"))


def taken_over(harness: Harness, size: str = "3", seq: int = 50) -> PositionRecord:
    harness.exchange.sizes[SYMBOL] = Decimal(size)
    look(harness)
    read(harness, seq)
    harness.wait(3)
    read(harness, seq)
    return harness.core.state.position(KEY)


def test_two_readings_of_one_state_two_seconds_apart_are_needed() -> None:
    harness = Harness().ready()
    harness.exchange.sizes[SYMBOL] = Decimal(3)
    for wait, seq in ((0.0, 50), (1.9, 50)):
        harness.wait(wait)
        look(harness)
        read(harness, seq)
    assert harness.size == 0  # too soon

    harness.wait(0.2)
    read(harness, 51)
    assert harness.size == 0  # another state of the position

    harness.wait(2)
    read(harness, 51)
    assert harness.size == 3
    assert [latch.kind for latch in harness.core.state.latches.values()] == ["position_mismatch"]


def test_a_reading_that_is_older_than_an_execution_that_we_know_takes_nothing_over() -> None:
    harness = Harness().ready()
    harness.exchange.sizes[SYMBOL] = Decimal(1)
    (stale,) = harness.exchange.positions(harness.now_ns)
    row = msgspec.structs.replace(stale, seq=50)
    fresh = by_hand(harness, "2", seq=60, at_ns=harness.now_ns)
    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=fresh))
    for _ in range(5):
        harness.wait(3)
        harness.questions.clear()
        view = msgspec.structs.replace(harness.exchange.view(harness.now_ns), positions=(row,))
        harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=view))

    assert harness.size == 2
    assert harness.core.state.latches == {}


def test_the_watermark_of_a_size_is_written_with_it() -> None:
    harness = Harness().ready()

    position = taken_over(harness)

    assert (position.watermark_seq, position.watermark_asked_ns) == (50, harness.now_ns)
    assert harness.journal.positions[KEY].watermark_seq == 50


@pytest.mark.parametrize(
    ("seq", "late_s", "size"), [(49, 0, 3), (50, 0, 3), (51, 0, 4), (0, -3, 3), (0, 1, 4)]
)
def test_an_execution_up_to_the_watermark_moves_no_size(seq: int, late_s: int, size: int) -> None:
    harness = Harness().ready()
    taken_over(harness)
    harness.restart()
    harness.ready()

    at_ns = harness.now_ns + late_s * SECOND
    harness.tell(
        ev.ExecutionSeen(now_ns=harness.now_ns, execution=by_hand(harness, "1", seq=seq, at_ns=at_ns))
    )

    assert harness.size == size
    assert len(harness.journal.executions) == 1


def test_an_execution_up_to_the_watermark_costs_its_fee_and_nothing_else() -> None:
    harness = Harness().ready()
    taken_over(harness)
    harness.mark = Decimal(90)
    before = harness.core.state.baseline.cash

    harness.tell(
        ev.ExecutionSeen(
            now_ns=harness.now_ns,
            execution=by_hand(harness, "1", Side.SELL, seq=50, at_ns=harness.now_ns),
        )
    )

    assert harness.core.state.baseline.cash == before - Decimal("0.02")
    assert harness.size == 3


# ---- a journal that has counted nothing


class Past(Harness):
    """An account that somebody has traded before: sold 10 three days ago, holds `held`."""

    def __init__(self, held: str) -> None:
        super().__init__()
        old = by_hand(self, "10", Side.SELL, seq=7, at_ns=self.now_ns - 3 * DAY)
        self.exchange.executions.append(old)
        self.exchange.sizes[SYMBOL] = Decimal(held)


@pytest.mark.parametrize("held", ["0", "4", "-4"])
def test_the_first_list_of_an_account_is_where_counting_begins(held: str) -> None:
    harness = Past(held).ready()

    assert harness.size == Decimal(held)
    assert harness.core.state.latches == {}
    assert set(harness.alerts) <= {"unexplained_position", "foreign_position"}
    assert harness.core.state.reconciliation.done
    assert list(harness.journal.executions) == ["exec-1"]


def test_what_is_held_at_a_first_start_has_a_stop() -> None:
    harness = Past("4").ready()
    harness.protect()

    assert harness.exchange.stops[SYMBOL] == Decimal("98.0")


def test_a_leader_that_dies_before_it_has_counted_leaves_a_first_start_to_the_next() -> None:
    harness = Past("4")
    listed = harness.exchange.view(harness.now_ns)
    harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=listing_of(listed)))
    assert harness.journal.positions[KEY].size == 4
    harness.exchange.sizes[SYMBOL] = Decimal(6)
    harness.now_ns += 100 * SECOND

    harness.restart()
    harness.ready()

    assert harness.size == 6
    assert harness.core.state.latches == {}


def test_a_journal_that_has_counted_once_is_no_first_start() -> None:
    harness = Past("4").ready()
    harness.restart()
    assert not harness.core.state.evidence.first_start

    harness.exchange.sizes[SYMBOL] = Decimal(5)
    harness.ready()

    assert harness.size == 4


def test_what_moves_during_a_first_start_waits_for_the_next_list() -> None:
    harness = Past("4")
    fresh = by_hand(harness, "1", seq=60, at_ns=harness.now_ns)
    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=fresh))
    harness.ready()
    assert harness.core.state.evidence.first_start

    harness.now_ns += 3 * SECOND
    harness.prices()
    harness.answer_all()

    assert harness.size == harness.exchange.sizes[SYMBOL] == 5
    assert not harness.core.state.evidence.first_start
    assert harness.core.state.latches == {}


# ---- an id that an older order has


def lost_rows() -> Harness:
    """An entry was made under an id, its rows are lost, and the same signal comes again."""
    harness = Harness(account_config()).ready()
    harness.signal("the bar", Target.LONG)
    harness.settle()
    harness.signal("out", Target.FLAT)
    harness.settle()
    assert harness.size == 0
    harness.journal.intents.clear()
    harness.journal.signals.clear()
    harness.now_ns += 7200 * SECOND
    harness.restart()
    harness.ready()
    harness.submitted.clear()
    return harness


def test_an_older_order_under_the_id_of_an_entry_is_not_that_entry() -> None:
    harness = lost_rows()
    harness.announce()
    harness.signal("the bar", Target.LONG)
    harness.settle()

    (intent,) = harness.submitted
    record = harness.core.state.tracked[intent.client_order_id].record
    assert (record.state, record.filled, record.reason) == (IntentState.REJECTED, 0, "id_was_used")
    assert harness.size == 0
    assert "id_was_used" in harness.alerts


def test_a_close_whose_id_an_older_order_has_is_made_again_under_the_next() -> None:
    harness = lost_rows()
    harness.announce()
    harness.signal("another bar", Target.LONG)
    harness.settle()
    assert harness.size > 0

    harness.signal("out", Target.FLAT)
    harness.settle()

    closes = [(i.signal_id, i.attempt) for i in harness.submitted if i.leg.reduces]
    assert closes[:2] == [("out", 0), ("out", 1)]
    assert harness.size == 0
    assert harness.exchange.sizes[SYMBOL] == 0


def test_an_older_order_resolves_an_intent_that_was_not_refused_only_when_its_time_is_over() -> None:
    harness = lost_rows()
    harness.announce()
    harness.signal("the bar", Target.LONG)
    (intent,) = harness.submitted
    old = harness.exchange.orders[intent.client_order_id]
    harness.unsent.clear()

    states = []
    for asked_ns in (intent.valid_until_ns + 5 * SECOND, intent.valid_until_ns + 5 * SECOND + 1):
        harness.now_ns = asked_ns
        harness.tell(
            ev.OrderQueried(
                now_ns=asked_ns,
                client_order_id=intent.client_order_id,
                answer=ev.QueryAnswer.FOUND,
                order=old,
                executions=tuple(harness.exchange.executions),
                asked_ns=asked_ns,
            )
        )
        states.append(harness.core.state.tracked[intent.client_order_id].record.state)

    assert states == [IntentState.WRITTEN, IntentState.REJECTED]


def test_rows_and_executions_of_an_older_order_change_no_intent() -> None:
    harness = lost_rows()
    harness.announce()
    harness.signal("the bar", Target.LONG)
    (intent,) = harness.submitted

    for order in harness.exchange.orders.values():
        harness.tell(ev.OrderSeen(now_ns=harness.now_ns, order=order))
    old = next(e for e in harness.exchange.executions if e.client_order_id == intent.client_order_id)
    again = msgspec.structs.replace(old, exec_id="not counted")
    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=again))

    record = harness.core.state.tracked[intent.client_order_id].record
    assert (record.state, record.filled) == (IntentState.WRITTEN, 0)


def test_an_older_open_order_under_the_id_of_an_intent_has_no_intent() -> None:
    harness = lost_rows()
    harness.announce()
    harness.signal("the bar", Target.LONG)
    (intent,) = harness.submitted
    old = harness.exchange.orders[intent.client_order_id]
    view = msgspec.structs.replace(
        harness.exchange.view(harness.now_ns), open_orders=(old,), closed_orders=()
    )
    harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=view))

    assert harness.core.state.foreign_orders == (old.order_id,)
