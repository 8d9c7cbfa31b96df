"""What the audit adds to writing an intent and to writing a batch, beside the same writes without it.

Without it: the very statements of the journal in one transaction, as they were before there was an audit.
Both take turns in one run, on a Postgres that syncs its log to disk and on one that does not (where the
audit weighs most, since nothing else takes time). A batch is what an order leaves behind: intent, order,
execution, position.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

import asyncpg
import msgspec
from tests.support.configs import make_snapshot
from tests.support.journal_rows import (
    ACCOUNT,
    BOT,
    judged,
    kept_execution,
    kept_intent,
    kept_order,
    kept_position,
    make_intent,
)
from tests.support.postgres_server import running_postgres

from bench.report import Row
from tradefleet.adapters.postgres import audit, rows
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease_row import Claim, LeaseRow
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.core.actions import AnyAction
from tradefleet.core.audit import entry_of
from tradefleet.domain.orders import OrderStatus
from tradefleet.orders.audit import Verifier
from tradefleet.orders.intents import IntentRecord, IntentState

ROUNDS = 600
BEFORE = rows.INTENT.partition(" ON CONFLICT")[0]
Write = Callable[[int], Awaitable[None]]


def run() -> list[Row]:
    """Medians with and without, with and without a log that is synced; and how fast a chain is checked."""
    found: list[Row] = []
    for synced in (True, False):
        with running_postgres(fsync=synced) as server:
            found += asyncio.run(_measure(server.dsn(), "synced" if synced else "not synced"))
    return found


async def _measure(dsn: str, disk: str) -> list[Row]:
    await migrate(dsn)
    row = LeaseRow(Claim(dsn=dsn, account=str(ACCOUNT), bot_uid=BOT, holder="bench", ttl_s=600))
    await row.take(timeout_s=5)
    await row.close()
    journal = await Journal.open(dsn)
    await journal.begin_epoch(ACCOUNT, BOT, 1, make_snapshot())
    pool = await asyncpg.create_pool(dsn, min_size=1, max_size=4)
    with_audit, without = await _by_turns(
        lambda number: journal.write_intent(_intent(number), judged(f"s{number}")),
        lambda number: _intent_without(pool, number),
    )
    batch_with, batch_without = await _by_turns(
        lambda number: journal.keep(batch := _batch(number), None, _entries(journal, batch)),
        lambda number: journal.keep(_batch(number)),
    )
    checked = await _checked(pool)
    await journal.close()
    pool.terminate()
    return [
        Row(name=f"write_intent with audit, {disk}", value=with_audit, unit="ms",
            ratio=with_audit / without, peer="of the time without"),
        Row(name=f"write_intent without audit, {disk}", value=without, unit="ms"),
        Row(name=f"batch with audit, {disk}", value=batch_with, unit="ms",
            ratio=batch_with / batch_without, peer="of the time without", note="4 rows, 2 entries"),
        Row(name=f"batch without audit, {disk}", value=batch_without, unit="ms"),
        Row(name=f"entries checked, {disk}", value=checked, unit="entries/s", note="read and verified"),
    ]  # fmt: skip


async def _by_turns(one: Write, other: Write) -> tuple[float, float]:
    """Medians in milliseconds; odd and even numbers take turns, so that no key comes twice."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(2 * ROUNDS):
        write = one if number % 2 else other
        start_ns = time.perf_counter_ns()
        await write(number)
        taken[number % 2].append((time.perf_counter_ns() - start_ns) / 1e6)
    return statistics.median(taken[1]), statistics.median(taken[0])


async def _intent_without(pool: asyncpg.Pool, number: int) -> None:
    """As Journal.write_intent was."""
    intent, owner = _intent(number), (str(ACCOUNT), BOT, 1)
    record = IntentRecord(intent=intent, state=IntentState.WRITTEN)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(BEFORE, *owner, *rows.intent_values(record))
        write = rows.write_of(judged(f"s{number}"))
        assert write is not None
        await connection.execute(write.statement, *owner, *write.values)


def _intent(number: int) -> object:
    return make_intent(signal_id=f"s{number}")


def _batch(number: int) -> list[AnyAction]:
    ended = kept_intent(signal_id=f"s{number}", state=IntentState.DONE)
    order = kept_order(OrderStatus.FILLED, "0.010")
    order = msgspec.structs.replace(order, order=msgspec.structs.replace(order.order, order_id=f"o{number}"))
    return [ended, order, kept_execution(f"e{number}"), kept_position()]


def _entries(journal: Journal, batch: list[AnyAction]) -> list[object]:
    found = [entry_of(row, journal.writer, 1) for row in batch]
    return [entry for entry in found if entry is not None]


async def _checked(pool: asyncpg.Pool) -> float:
    verifier = Verifier(str(ACCOUNT))
    async with pool.acquire() as connection:
        start = time.perf_counter()
        async for link in audit.links(connection, str(ACCOUNT)):
            assert verifier.take(link) is None
        return verifier.count / (time.perf_counter() - start)
