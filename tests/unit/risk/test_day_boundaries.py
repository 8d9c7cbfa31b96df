"""The arithmetic of a day's row where one digit would change what is allowed."""

from decimal import Decimal

import msgspec
import pytest

from tradefleet.risk.daily_loss import DAY_NS
from tradefleet.risk.day import (
    FRESH_NS,
    Baseline,
    begun,
    counted,
    empty,
    open_at_start,
    strictest,
    traded,
    transferred,
    whole,
)

D = Decimal
SECOND = 1_000_000_000
MIDNIGHT = 20_000 * DAY_NS


def row(**facts: object) -> Baseline:
    plain = Baseline(
        day=20_000, equity=D(10_000), wallet=D(9_990), at_ns=MIDNIGHT, first_ns=MIDNIGHT, earlier=D(0)
    )
    return msgspec.structs.replace(plain, **facts)


def test_a_day_has_86400_seconds_and_what_is_fresh_is_a_minute_old() -> None:
    assert DAY_NS == 24 * 3600 * SECOND
    assert FRESH_NS == 60 * SECOND


def test_a_row_of_the_release_before_has_begun_and_has_counted_nothing() -> None:
    old = Baseline(day=1, equity=D(5))

    assert (old.at_ns, old.first_ns, old.counted, old.begun) == (0, 0, 0, True)
    assert (old.unrealised, old.cash, old.transfers, old.moved, old.earlier) == (D(0), D(0), D(0), D(0), None)
    assert old.starts_ns == DAY_NS


@pytest.mark.parametrize(
    ("since", "earlier", "at", "kept"),
    [
        (0, None, 0, D(0)),  # the whole day is counted: nothing lies before
        (SECOND, None, SECOND, None),  # not known
        (SECOND, D(-3), SECOND, D(-3)),
    ],
)
def test_a_row_of_which_nothing_was_read(
    since: int, earlier: Decimal | None, at: int, kept: Decimal | None
) -> None:
    found = empty(20_000, MIDNIGHT + since, earlier)

    assert (found.at_ns, found.earlier, found.begun) == (MIDNIGHT + at, kept, False)
    assert (found.equity, found.counted) == (D(0), 0)
    assert empty(20_000).at_ns == MIDNIGHT
    assert empty(0).at_ns == 0


@pytest.mark.parametrize(
    ("at", "earlier", "found"),
    [(0, None, D(0)), (1, None, None), (0, D(-4), D(-4)), (1, D(-4), D(-4))],
)
def test_a_row_of_the_whole_day_lacks_nothing(
    at: int, earlier: Decimal | None, found: Decimal | None
) -> None:
    assert whole(row(at_ns=MIDNIGHT + at, earlier=earlier)).earlier == found


def test_each_execution_is_counted_once_with_its_effect() -> None:
    found = counted(counted(row(cash=D(5)), D(-2)), D("0.5"))

    assert (found.cash, found.counted) == (D("3.5"), 2)


@pytest.mark.parametrize(("late_ns", "moved"), [(0, D(40)), (60 * SECOND, D(40)), (60 * SECOND + 1, None)])
def test_the_first_reading_less_what_came_before_it_is_the_days_beginning(
    late_ns: int, moved: Decimal | None
) -> None:
    before = empty(20_000)
    before = msgspec.structs.replace(before, cash=D(-15), transfers=D(40))

    found = begun(before, balance=D(1_000), open_now=D(30), open_at_start=D(20), now_ns=MIDNIGHT + late_ns)

    # 1000 + 30 open, less 40 that were paid in, and 15 more that were lost since.
    assert (found.equity, found.wallet, found.unrealised) == (D(1_005), D(975), D(20))
    assert (found.begun, found.first_ns, found.moved) == (True, MIDNIGHT + late_ns, moved)


@pytest.mark.parametrize(
    ("age_ns", "known", "found"),
    [
        (0, D(7), D(7)),
        (60 * SECOND, D(7), D(7)),
        (60 * SECOND + 1, D(7), D(2)),
        (-1, D(7), D(2)),
        (0, None, D(2)),
    ],
)
def test_open_profit_at_midnight_is_the_journals_when_that_is_fresh(
    age_ns: int, known: Decimal | None, found: Decimal
) -> None:
    assert open_at_start(MIDNIGHT, MIDNIGHT - age_ns, known, D(2)) == found


@pytest.mark.parametrize(
    ("wallet", "before_first", "found"),
    [
        (D(9_990), D(30), (D(100), D(30), D(9_980), D(9_970))),
        (D(9_990), None, (D(100), D(10), D(10_000), D(9_990))),
        (None, D(30), (D(100), D(30), D(9_980), None)),
    ],
)
def test_transfers_before_the_first_reading_are_taken_off_the_beginning(
    wallet: Decimal | None, before_first: Decimal | None, found: tuple[Decimal | None, ...]
) -> None:
    told = transferred(row(wallet=wallet, moved=D(10)), D(100), before_first, None)

    assert (told.transfers, told.moved, told.equity, told.wallet) == found


def test_what_the_log_tells_of_before_is_kept_until_it_is_told_again() -> None:
    assert transferred(row(earlier=D(-5)), D(0), None, None).earlier == D(-5)
    assert transferred(row(earlier=None), D(0), None, None).earlier == D(0)
    assert transferred(row(earlier=D(-5)), D(0), None, D(-9)).earlier == D(-9)


@pytest.mark.parametrize(
    ("cash", "at_start", "now", "result"),
    [("-10", "5", "7", "-8"), ("10", "5", "-7", "-2"), ("0", "-5", "-5", "0"), ("3", "0", "0", "3")],
)
def test_a_result_is_what_was_realised_and_what_open_profit_has_become(
    cash: str, at_start: str, now: str, result: str
) -> None:
    assert traded(row(cash=D(cash), unrealised=D(at_start)), D(now)) == D(result)


def test_of_two_rows_that_have_begun_the_strictest_of_every_field_counts() -> None:
    one = row(
        equity=D(9), unrealised=D(3), at_ns=MIDNIGHT + 7, cash=D(-1), transfers=D(4), counted=2,
        earlier=D(-2), first_ns=MIDNIGHT + 9, wallet=D(1),
    )  # fmt: skip
    other = row(
        equity=D(8), unrealised=D(5), at_ns=MIDNIGHT + 5, cash=D(-3), transfers=D(2), counted=6,
        earlier=D(-1), first_ns=MIDNIGHT + 8, wallet=D(2),
    )  # fmt: skip

    for found in (strictest(one, other), strictest(other, one)):
        assert (found.equity, found.unrealised, found.at_ns) == (D(8), D(5), MIDNIGHT + 5)
        assert (found.cash, found.transfers, found.counted, found.earlier) == (D(-3), D(2), 6, D(-2))
        # The others are of the row that was read later.
        assert (found.first_ns, found.wallet) == (MIDNIGHT + 9, D(1))


def test_of_two_rows_that_were_read_at_once_the_first_gives_what_has_no_strictest() -> None:
    one, other = row(wallet=D(1)), row(wallet=D(2))

    assert strictest(one, other).wallet == D(1)


def test_a_row_that_has_not_begun_gives_its_losses_to_the_one_that_has() -> None:
    begun_one = row(equity=D(9), cash=D(-1), counted=3)
    waiting = row(begun=False, equity=D(0), cash=D(-5), counted=7)

    for found in (strictest(begun_one, waiting), strictest(waiting, begun_one)):
        assert (found.begun, found.equity, found.cash, found.counted) == (True, D(9), D(-5), 7)


def test_what_came_earlier_is_known_when_either_knows_it() -> None:
    assert strictest(row(earlier=None), row(earlier=D(-2))).earlier == D(-2)
    assert strictest(row(earlier=None), row(earlier=None)).earlier is None


@pytest.mark.parametrize(("account", "found"), [(D(500), D(480)), (None, None)])
def test_transfers_before_the_first_reading_are_taken_off_the_whole_accounts_equity_too(
    account: Decimal | None, found: Decimal | None
) -> None:
    assert transferred(row(account=account, moved=D(10)), D(100), D(30), None).account == found


@pytest.mark.parametrize(
    ("one", "other", "strict"),
    [(D(-1), D(-2), D(-2)), (D(-2), D(-1), D(-2)), (None, D(-2), D(-2)), (D(-1), None, D(-1)), (None,) * 3],
)
def test_of_two_sums_of_the_account_the_smaller_counts_or_the_one_that_is_known(
    one: Decimal | None, other: Decimal | None, strict: Decimal | None
) -> None:
    assert strictest(row(account=one), row(account=other)).account == strict
