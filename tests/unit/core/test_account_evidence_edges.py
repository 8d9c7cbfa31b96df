"""The boundaries of what lists prove: old ones, absent rows, executions as young as the list."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config, with_exits
from tests.support.listings import (
    answer_step_one,
    answer_with,
    is_listed,
    listing,
    unclear_order,
    unclear_position,
)
from tests.support.raw_frames import make_instrument

from tradefleet.core import account_evidence
from tradefleet.core import events as ev
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.positions.evidence import Basis
from tradefleet.spec.partial_close import PartialClose

STRANGE = "SOLUSDT"
KEY, OTHER = PositionKey("linear", SYMBOL), PositionKey("linear", STRANGE)


def leading(*, latched: bool = False) -> Harness:
    """A leader that has compared everything and holds one."""
    harness = Harness(account_config(max_positions_per_symbol=2)).ready()
    harness.signal("in", Target.LONG)
    harness.settle()
    harness.submitted.clear()
    if latched:
        harness.edit_kill_switch(engaged=True)
        harness.unsent.clear()
    return harness


def shown(harness: Harness, key: PositionKey = OTHER) -> Decimal | None:
    return harness.core.state.evidence.size(key)


def by_hand(harness: Harness, symbol: str, side: Side, qty: int) -> None:
    """A trade whose executions are told at once."""
    before = len(harness.exchange.executions)
    harness.exchange._execute("", "by-hand", symbol, side, Decimal(qty), harness.now_ns, "")
    for execution in harness.exchange.executions[before:]:
        harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))


# ---- lists


def test_a_list_that_was_asked_for_before_the_newest_is_left_aside() -> None:
    harness = leading()
    old = listing(harness)
    harness.exchange.sizes[STRANGE] = Decimal(7)
    harness.wait(1)
    is_listed(harness)

    harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=old))

    assert shown(harness) == 7


def test_what_is_not_shown_may_be_in_a_row_that_names_no_symbol() -> None:
    harness = leading()
    harness.exchange.sizes[STRANGE] = Decimal(7)
    is_listed(harness)
    harness.exchange.sizes[STRANGE] = Decimal(0)

    is_listed(harness, unclear=(unclear_position("", "7"),))
    assert shown(harness) == 7
    is_listed(harness)

    assert shown(harness) is None


def test_a_stop_that_is_known_is_not_forgotten_for_a_row_that_is_not_understood() -> None:
    harness = leading()
    assert harness.core.state.guard(KEY).seen_size == 1
    harness.wait(1)

    is_listed(harness, unclear=(unclear_position(),))

    assert harness.core.state.guard(KEY).seen_size == 1
    assert harness.core.state.guard(KEY).stop == Decimal("98.0")


def test_nothing_is_held_only_when_a_list_says_so() -> None:
    harness = Harness()
    assert not account_evidence.nothing_is_held(harness.core.state)

    is_listed(harness)
    assert account_evidence.nothing_is_held(harness.core.state)
    is_listed(harness, unclear=(unclear_position("", "1"),))
    assert not account_evidence.nothing_is_held(harness.core.state)
    is_listed(harness, unclear=(unclear_order(STRANGE),))

    assert not account_evidence.nothing_is_held(harness.core.state)


# ---- what closes are made from


def test_a_comparison_that_fails_after_its_list_leaves_the_list() -> None:
    harness = leading(latched=True)
    for _ in range(10):
        harness.wait(1)
        answer_step_one(harness)
        assert harness.core.state.evidence.unlisted_since_ns == 0
        assert account_evidence.closing_basis(harness.core.state, harness.now_ns) is Basis.LISTED


def test_a_reading_that_hangs_for_three_seconds_is_no_list() -> None:
    harness = leading(latched=True)
    harness.questions.clear()
    assert harness.core.state.reconciliation.asking

    bases = []
    for seconds in (2.9, 0.1):
        harness.wait(seconds)
        bases.append(account_evidence.closing_basis(harness.core.state, harness.now_ns))

    assert bases == [Basis.LISTED, Basis.JOURNAL]


def test_by_the_journal_only_what_the_journal_holds_is_closed() -> None:
    harness = leading()
    harness.exchange.sizes[STRANGE] = Decimal(7)
    is_listed(harness)
    for _ in range(4):
        harness.wait(1)
        is_listed(harness, positions=False)

    harness.edit_kill_switch(engaged=True)

    assert [intent.key.symbol for intent in harness.submitted] == [SYMBOL]


# ---- executions and rows after a list


def test_an_execution_with_the_sequence_of_the_row_is_not_added_to_it() -> None:
    harness = leading()
    before = len(harness.exchange.executions)
    harness.exchange._execute("", "by-hand", STRANGE, Side.BUY, Decimal(5), harness.now_ns, "")
    is_listed(harness)
    assert shown(harness) == 5

    for execution in harness.exchange.executions[before:]:
        harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))

    assert harness.core.state.position(OTHER).size == 5
    assert shown(harness) is None


@pytest.mark.parametrize(("later_s", "size"), [(1, 3), (-1, 7)])
def test_a_row_of_the_stream_is_news_of_what_differs_unless_it_is_older(later_s: int, size: int) -> None:
    harness = leading()
    harness.exchange.sizes[STRANGE] = Decimal(7)
    is_listed(harness)
    (row,) = [row for row in harness.exchange.positions(harness.now_ns) if row.key == OTHER]
    news = msgspec.structs.replace(row, size=Decimal(3), at_ns=row.at_ns + later_s * SECOND)

    harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=news))

    assert shown(harness) == size


def test_a_row_of_the_stream_that_agrees_ends_the_difference() -> None:
    harness = leading()
    harness.exchange.sizes[STRANGE] = Decimal(7)
    is_listed(harness)
    (row,) = [row for row in harness.exchange.positions(harness.now_ns) if row.key == OTHER]
    flat = msgspec.structs.replace(row, size=Decimal(0), entry_price=None, at_ns=row.at_ns + 1)

    harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=flat))

    assert shown(harness) is None


def test_a_whole_reading_ends_a_row_although_executions_are_as_young_as_it() -> None:
    harness = leading()
    by_hand(harness, SYMBOL, Side.BUY, 1)
    is_listed(harness, unclear=(unclear_position(size="4"),))
    assert shown(harness, KEY) == 4
    harness.exchange._execute("", "by-hand", SYMBOL, Side.SELL, Decimal(2), harness.now_ns, "")

    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    answer_with(harness)

    assert harness.size == 0
    assert shown(harness, KEY) is None


# ---- stops


def test_an_entry_whose_execution_is_on_its_way_is_nobody_elses_position() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG)
    harness.send()
    harness.exchange.stops.clear()

    is_listed(harness)

    assert harness.protections == []
    assert "unexplained_position" not in harness.alerts


def test_a_row_that_is_not_understood_is_given_no_stop() -> None:
    harness = leading()
    harness.tell(ev.InstrumentsRefreshed(now_ns=harness.now_ns, instruments=(make_instrument(STRANGE),)))
    harness.exchange.sizes[STRANGE] = Decimal(7)
    for row in harness.exchange.positions(harness.now_ns):
        harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=row))

    is_listed(harness, unclear=(unclear_position(STRANGE, "7"),))

    assert [asked for asked in harness.protections if asked.key == OTHER] == []
    assert "unexplained_position" not in harness.alerts


def test_no_part_is_closed_of_a_position_that_two_books_differ_about() -> None:
    parts = with_exits(account_config(), partial_close=PartialClose(enabled=True), take_profit=Decimal("0.2"))
    harness = Harness(parts).ready()
    harness.signal("in", Target.LONG)
    harness.settle()
    harness.exchange.sizes[SYMBOL] = Decimal(3)
    is_listed(harness)

    harness.prices(Decimal(101))
    assert not [intent for intent in harness.submitted if intent.leg.is_part]
    harness.exchange.sizes[SYMBOL] = Decimal(1)
    is_listed(harness)
    harness.prices(Decimal(101))

    assert [intent for intent in harness.submitted if intent.leg.is_part]


# ---- a first start


def test_a_position_without_a_watermark_is_of_a_journal_that_has_counted() -> None:
    harness = Harness()
    flat = harness.core.state.position(KEY)
    for row, expected in (
        (msgspec.structs.replace(flat, size=Decimal(2), watermark_asked_ns=None), False),
        (msgspec.structs.replace(flat, size=Decimal(2), watermark_asked_ns=1), True),
    ):
        harness.journal.positions = {KEY: row}
        harness.restart()
        assert harness.core.state.evidence.first_start is expected


def test_what_an_earlier_first_start_took_and_is_gone_is_flat() -> None:
    harness = Harness()
    harness.exchange.sizes[SYMBOL] = Decimal(4)
    is_listed(harness)
    assert harness.size == 4
    harness.exchange.sizes[SYMBOL] = Decimal(0)
    harness.now_ns += 100 * SECOND
    harness.restart()

    harness.ready()

    assert harness.size == 0
    assert harness.core.state.latches == {}


def test_after_an_execution_where_sizes_differ_the_lists_are_read_again() -> None:
    harness = leading()
    harness.exchange.sizes[STRANGE] = Decimal(7)
    is_listed(harness)
    by_hand(harness, STRANGE, Side.SELL, 2)
    harness.questions.clear()

    harness.wait(1.9)
    assert harness.questions == []
    harness.wait(0.1)

    assert [type(question).__name__ for question in harness.questions] == ["Reconcile"]
