"""A spool brought into Postgres: once, in its order, whatever happens on the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest
from tests.integration.postgres.test_audit_on_postgres import begin, chain
from tests.support.journal_rows import judged, make_intent

from tradefleet.adapters.files.spool import Spool, spools
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.audit import intent_entry, leader
from tradefleet.core.spool import Spooled
from tradefleet.orders.audit import Act

pytestmark = pytest.mark.process


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[Journal]:
    """Of epoch 2; the spool is of epoch 1."""
    journal = await Journal.open(dsn)
    await begin(journal, dsn)
    await begin(journal, dsn)
    yield journal
    await journal.close()


def spooled(number: int) -> Spooled:
    intent = make_intent(signal_id=f"s{number}", epoch=1)
    entry = intent_entry(intent, judged(f"s{number}"), leader(intent.account, "bot-uid", 1), number)
    return Spooled(entry=entry, intent=intent, judged=judged(f"s{number}"))


async def test_intents_verdicts_and_entries_come_in_once_and_in_their_order(
    journal: Journal, dsn: str, tmp_path: Path
) -> None:
    spool = Spool.create(tmp_path)
    for number in range(5):
        spool.append(spooled(number))
    (waiting,) = spools(tmp_path)

    assert await journal.merge(waiting.name, waiting.records()[:2]) == 2
    assert await journal.merge(waiting.name, waiting.records()) == 5
    assert await journal.merge(waiting.name, waiting.records()) == 5

    owner = await asyncpg.connect(dsn)
    entries = [found.entry for found in await chain(owner)][1:]
    kept = await owner.fetch("SELECT signal_id, epoch, intent_epoch, state FROM intents ORDER BY signal_id")
    assert await owner.fetchval("SELECT count(*) FROM signals") == 5
    await owner.close()
    assert [entry.origin for entry in entries] == [f"{spool.name}:{number}" for number in range(1, 6)]
    assert [(entry.act, entry.at_ns, entry.epoch) for entry in entries] == [
        (Act.INTENT, number, 1) for number in range(5)
    ]
    assert [tuple(row) for row in kept] == [(f"s{number}", 2, 1, "written") for number in range(5)]


async def test_two_that_merge_the_same_spool_at_once_bring_it_in_once(journal: Journal, dsn: str) -> None:
    records = [spooled(number) for number in range(20)]

    await asyncio.gather(*(journal.merge("a-spool", records) for _ in range(4)))

    owner = await asyncpg.connect(dsn)
    assert len(await chain(owner)) == 21
    await owner.close()


async def test_an_intent_that_had_been_written_after_all_keeps_what_became_of_it(
    journal: Journal, dsn: str
) -> None:
    await journal.write_intent(make_intent(signal_id="s0", epoch=2), judged("s0"))

    await journal.merge("a-spool", [spooled(0)])

    owner = await asyncpg.connect(dsn)
    assert await owner.fetchval("SELECT intent_epoch FROM intents") == 2
    assert [found.entry.act for found in await chain(owner)][1:] == [Act.INTENT, Act.INTENT]
    await owner.close()
