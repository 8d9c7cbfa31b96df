"""A day's row, as tables: what it begins with, what is counted into it, what its loss is held against."""

from decimal import Decimal

import msgspec
import pytest

from tradefleet.risk.daily_loss import DAY_NS, day_of, loss_fraction, unexplained
from tradefleet.risk.day import (
    FRESH_NS,
    Baseline,
    begun,
    counted,
    divisor,
    empty,
    kept,
    open_at_start,
    shifted,
    strictest,
    traded,
    transferred,
    whole,
)

D = Decimal
MIDNIGHT = 20_000 * DAY_NS


def row(**facts: object) -> Baseline:
    plain = Baseline(
        day=20_000, equity=D(10_000), wallet=D(10_000), at_ns=MIDNIGHT, first_ns=MIDNIGHT, earlier=D(0)
    )
    return msgspec.structs.replace(plain, **facts)


@pytest.mark.parametrize(
    ("at_ns", "day"),
    [(0, 0), (DAY_NS - 1, 0), (DAY_NS, 1), (MIDNIGHT - 1, 19_999), (MIDNIGHT, 20_000)],
)
def test_a_day_begins_at_midnight_utc(at_ns: int, day: int) -> None:
    assert day_of(at_ns) == day


@pytest.mark.parametrize(
    ("first", "transfers", "held_against"),
    [
        ("10000", "0", "10000"),
        ("10000", "5000", "10000"),  # a deposit makes no loss smaller
        ("10000", "-4000", "6000"),  # a withdrawal makes it larger
        ("10000", "-10000", "0"),
        ("10000", "-10001", "-1"),
        ("0", "500", "0"),
        ("-0.5", "9000", "-0.5"),
    ],
)
def test_a_loss_is_held_against_the_lesser_of_the_first_equity_with_and_without_transfers(
    first: str, transfers: str, held_against: str
) -> None:
    assert divisor(D(first), D(transfers)) == D(held_against)


@pytest.mark.parametrize(
    ("held_against", "result", "lost"),
    [
        ("10000", "-500", "0.05"),
        ("10000", "-10000", "1"),
        ("10000", "-20000", "2"),
        ("10000", "0", "0"),
        ("10000", "1", "0"),
        ("0.01", "-0.01", "1"),
        ("0", "0", None),
        ("0", "-1", None),
        ("-0.5", "-1", None),
        ("-0.5", "1", None),
    ],
)
def test_against_nothing_a_loss_is_no_fraction_at_all(
    held_against: str, result: str, lost: str | None
) -> None:
    assert loss_fraction(D(held_against), D(result)) == (None if lost is None else D(lost))


@pytest.mark.parametrize(
    ("kept_before_ns", "opened"),
    [(0, 7), (1, 7), (FRESH_NS, 7), (FRESH_NS + 1, 3), (-1, 3)],
)
def test_open_profit_of_midnight_is_the_one_journaled_within_a_minute_before(
    kept_before_ns: int, opened: int
) -> None:
    assert open_at_start(MIDNIGHT, MIDNIGHT - kept_before_ns, D(7), D(3)) == opened


def test_without_any_journaled_one_open_profit_of_midnight_is_as_first_read() -> None:
    assert open_at_start(MIDNIGHT, 0, None, D(3)) == 3


def test_what_was_lost_before_the_first_reading_is_the_days_loss() -> None:
    lost = counted(empty(20_000), D(-600))

    first = begun(
        lost, balance=D(9400), open_now=D(0), open_at_start=D(0), now_ns=MIDNIGHT + 3600 * 1_000_000_000
    )

    assert (first.equity, first.wallet, first.cash) == (10_000, 10_000, -600)
    assert traded(first, D(0)) == -600


def test_a_row_is_since_midnight_or_since_the_accounts_first_epoch() -> None:
    assert (empty(20_000).at_ns, empty(20_000).earlier) == (MIDNIGHT, 0)
    assert (empty(20_000, MIDNIGHT - 5).at_ns, empty(20_000, MIDNIGHT - 5).earlier) == (MIDNIGHT, 0)
    assert (empty(20_000, MIDNIGHT, D(-9)).at_ns, empty(20_000, MIDNIGHT, D(-9)).earlier) == (MIDNIGHT, 0)
    first = empty(20_000, MIDNIGHT + 1, D(-9))
    assert (first.at_ns, first.earlier) == (MIDNIGHT + 1, -9)


@pytest.mark.parametrize(("after_ns", "moved"), [(0, 0), (FRESH_NS, 0), (FRESH_NS + 1, None)])
def test_transfers_before_a_late_first_reading_are_to_be_asked_for(after_ns: int, moved: int | None) -> None:
    first = begun(empty(20_000), balance=D(1), open_now=D(0), open_at_start=D(0), now_ns=MIDNIGHT + after_ns)

    assert first.moved == moved


@pytest.mark.parametrize(
    ("total", "before_first", "equity"),
    [
        ("-4000", None, "6000"),  # not told: as if all of them came after
        ("-4000", "0", "6000"),
        ("-4000", "-4000", "10000"),  # the first reading had them in it already
        ("-4000", "-1000", "7000"),
        ("3000", "5000", "1000"),
    ],
)
def test_transfers_before_the_first_reading_are_taken_off_it(
    total: str, before_first: str | None, equity: str
) -> None:
    late = row(equity=D(6000), wallet=D(6000), moved=None)

    told = transferred(late, D(total), None if before_first is None else D(before_first), None)

    assert (told.equity, told.wallet, told.transfers) == (D(equity), D(equity), D(total))
    again = transferred(told, D(total), None, None)
    assert again == told


def test_what_the_log_tells_of_the_time_before_the_first_epoch_stays() -> None:
    told = transferred(row(earlier=None), D(0), None, D(-600))

    assert told.earlier == -600
    assert transferred(told, D(0), None, None).earlier == -600
    assert transferred(row(earlier=None), D(0), None, None).earlier == 0


@pytest.mark.parametrize(("at_ns", "earlier"), [(0, 0), (MIDNIGHT, 0), (MIDNIGHT + 1, None)])
def test_a_row_of_the_release_before_lacks_what_was_traded_before_its_first_reading(
    at_ns: int, earlier: int | None
) -> None:
    before = Baseline(day=20_000, equity=D(1), at_ns=at_ns)

    assert whole(before) == msgspec.structs.replace(before, earlier=earlier)


def test_a_late_execution_moves_loss_from_one_day_to_the_other_and_loses_none() -> None:
    """Open at -60 at midnight, and in truth closed before: the loss is yesterday's alone."""
    yesterday, today = row(day=19_999), row(unrealised=D(-60))

    yesterday, today = counted(yesterday, D(-60)), shifted(today, D(60))

    assert traded(yesterday, today.unrealised) == -60
    assert traded(today, D(0)) == 0


def test_the_balance_is_explained_by_executions_and_transfers() -> None:
    assert unexplained(D(9400), D(10_000), D(-600), D(0)) == 0
    assert unexplained(D(3400), D(10_000), D(-600), D(-6000)) == 0
    assert unexplained(D(9300), D(10_000), D(-600), D(0)) == -100


def test_three_rows_are_kept() -> None:
    assert kept([5, 3, 4, 6]) == ([4, 5, 6], [3])
    assert kept([3]) == ([3], [])


@pytest.mark.parametrize("swapped", [False, True])
def test_of_two_rows_of_one_day_every_field_is_the_strictest(swapped: bool) -> None:
    ours = row(cash=D(-100), counted=3, unrealised=D(5))
    theirs = Baseline(
        day=20_000, equity=D(9000), wallet=D(9500), unrealised=D(4), at_ns=MIDNIGHT + 9, cash=D(-300)
    )

    found = strictest(theirs, ours) if swapped else strictest(ours, theirs)

    assert (found.equity, found.cash, found.unrealised, found.counted) == (9000, -300, 5, 3)
    assert (found.at_ns, found.first_ns, found.earlier, found.begun) == (MIDNIGHT, MIDNIGHT, 0, True)


def test_a_row_that_has_not_begun_only_brings_its_sums() -> None:
    found = strictest(counted(empty(20_000), D(-50)), row(cash=D(-20)))

    assert (found.equity, found.cash, found.begun) == (10_000, -50, True)
