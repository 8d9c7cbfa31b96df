"""Rows of days in a real Postgres: read back, deleted when their day has not begun, and shared with the
release before, which knows `baselines` alone."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal

import asyncpg
import msgspec
import pytest
from tests.integration.postgres.test_journal_on_postgres import begun
from tests.support.journal_rows import kept_equity

from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.actions import AnyAction, ForgetDay, KeepBaseline, KeepDay
from tradefleet.core.events import EquityKept
from tradefleet.risk.day import Baseline

pytestmark = pytest.mark.process

SEVEN = ("day", "equity", "wallet", "unrealised", "at_ns", "cash", "transfers")


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[Journal]:
    journal = await Journal.open(dsn)
    await begun(journal, dsn)
    yield journal
    await journal.close()


def row(day: int, cash: str = "-1.50") -> Baseline:
    return Baseline(
        day=day,
        equity=Decimal("10000.00"),
        cash=Decimal(cash),
        counted=2,
        first_ns=day + 1,
        earlier=Decimal(0),
    )


def newest(day: int, cash: str = "-1.50") -> KeepBaseline:
    return KeepBaseline(baseline=row(day, cash))


async def written_by_the_release_before(dsn: str, day: int, cash: str) -> None:
    """It reads the newest row of `baselines`, goes on with it, and knows seven fields."""
    fields = {name: getattr(row(day, cash), name) for name in SEVEN}
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "INSERT INTO baselines (account, bot, epoch, day, equity, payload) "
        "SELECT account, 'b', epoch, $1, 1, $2::jsonb FROM leases "
        "ON CONFLICT (account, day) DO UPDATE SET payload = EXCLUDED.payload",
        day,
        msgspec.json.encode(fields).decode(),
    )
    await connection.close()


async def test_rows_are_read_back_with_every_digit(journal: Journal, dsn: str) -> None:
    await journal.keep([newest(7), KeepDay(row=row(6, "-0.10")), newest(7, "-2.70")])

    state = await begun(journal, dsn)

    assert state.days == (row(6, "-0.10"), row(7, "-2.70"))
    assert state.baseline == row(7, "-2.70")
    assert f"{state.days[0].cash:f}" == "-0.10"


@pytest.mark.parametrize(
    ("batch", "left"),
    [
        ([newest(7), newest(8), ForgetDay(day=8)], [7]),
        ([newest(8), ForgetDay(day=8), newest(7)], [7]),
        ([ForgetDay(day=8), newest(8)], [8]),
        ([newest(7), ForgetDay(day=7), KeepDay(row=row(7))], [7]),
    ],
)
async def test_the_order_of_a_batch_is_kept(
    journal: Journal, dsn: str, batch: list[AnyAction], left: list[int]
) -> None:
    await journal.keep(batch)

    assert [day.day for day in (await begun(journal, dsn)).days] == left


async def test_a_deleted_row_does_not_come_back_by_the_other_table(journal: Journal, dsn: str) -> None:
    await journal.keep([newest(7), newest(8)])
    await journal.keep([ForgetDay(day=8), newest(7)])

    state = await begun(journal, dsn)

    assert (state.days, state.baseline) == ((row(7),), row(7))


async def test_what_the_release_before_has_counted_meanwhile_counts(journal: Journal, dsn: str) -> None:
    await journal.keep([newest(7, "-1")])

    await written_by_the_release_before(dsn, 7, "-400")
    await written_by_the_release_before(dsn, 8, "-20")

    days = (await begun(journal, dsn)).days
    assert [(day.day, day.cash) for day in days] == [(7, Decimal("-400")), (8, Decimal("-20"))]


async def test_a_journal_of_the_release_before_is_read(journal: Journal, dsn: str) -> None:
    await written_by_the_release_before(dsn, 7, "-400")

    state = await begun(journal, dsn)

    assert state.baseline is not None
    assert (state.baseline.cash, state.baseline.begun, state.baseline.earlier) == (-400, True, None)


async def test_the_release_before_finds_the_newest_row_of_ours(journal: Journal, dsn: str) -> None:
    await journal.keep([newest(7), KeepDay(row=row(6)), newest(7, "-9")])

    connection = await asyncpg.connect(dsn)
    found = await connection.fetch("SELECT day, equity, payload->>'cash' AS cash FROM baselines ORDER BY day")
    await connection.close()

    assert [tuple(one) for one in found] == [(7, Decimal("10000.00"), "-9")]


async def test_the_newest_equity_comes_with_an_epoch_but_none_of_the_future(
    journal: Journal, dsn: str
) -> None:
    now_ns = time.time_ns()
    kept = [
        msgspec.structs.replace(kept_equity(), at_ns=at_ns, unrealised=Decimal(open_profit))
        for at_ns, open_profit in [(now_ns - 9, 1), (now_ns, 2), (now_ns + 86_400_000_000_000, 3)]
    ]
    await journal.keep(kept)

    assert (await begun(journal, dsn)).equity_kept == EquityKept(at_ns=now_ns, unrealised=Decimal(2))
