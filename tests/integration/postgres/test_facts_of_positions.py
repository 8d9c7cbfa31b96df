"""Facts of a position in a real Postgres: read back, kept through the release before, never believed of
another state of the row."""

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from tests.integration.postgres.test_journal_on_postgres import begun
from tests.support.journal_rows import kept_position

from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.actions import KeepPosition
from tradefleet.positions.facts import without_facts
from tradefleet.positions.plan import PositionRecord

pytestmark = pytest.mark.process

# What the release before does: the payload anew, without a field that it does not know, and no facts.
BY_THE_RELEASE_BEFORE = "UPDATE positions SET size = $1, generation = $2, at_ns = $3, payload = $4"


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[Journal]:
    journal = await Journal.open(dsn)
    await begun(journal, dsn)
    yield journal
    await journal.close()


def kept(**facts: int) -> KeepPosition:
    row = kept_position()
    return KeepPosition(position=msgspec.structs.replace(row.position, **facts))


async def written_by_the_release_before(dsn: str, row: PositionRecord) -> None:
    connection = await asyncpg.connect(dsn)
    payload = msgspec.json.encode(without_facts(row)).decode()
    await connection.execute(BY_THE_RELEASE_BEFORE, row.size, row.generation, row.at_ns, payload)
    await connection.close()


async def test_facts_are_written_with_the_row_and_read_with_it(journal: Journal, dsn: str) -> None:
    row = kept(entries=2, watermark_seq=11, watermark_asked_ns=13)

    await journal.keep([kept(entries=1), row])

    assert (await begun(journal, dsn)).positions == (row.position,)


async def test_a_moved_stop_of_the_release_before_leaves_the_facts(journal: Journal, dsn: str) -> None:
    row = kept(entries=2).position
    await journal.keep([KeepPosition(position=row)])
    assert row.plan is not None
    moved = msgspec.structs.replace(row, plan=msgspec.structs.replace(row.plan, stop_loss=row.entry_price))

    await written_by_the_release_before(dsn, moved)

    assert (await begun(journal, dsn)).positions == (moved,)
    assert moved.entries == 2


@pytest.mark.parametrize("changed", ["size", "generation", "at_ns"])
async def test_facts_of_a_row_that_the_release_before_has_changed_are_unknown(
    journal: Journal, dsn: str, changed: str
) -> None:
    row = kept(entries=1, watermark_seq=11).position
    await journal.keep([KeepPosition(position=row)])
    grown = msgspec.structs.replace(row, **{changed: getattr(row, changed) * 2})

    await written_by_the_release_before(dsn, grown)

    (read,) = (await begun(journal, dsn)).positions
    assert read == without_facts(grown)
    assert (read.entries, read.watermark_seq) == (None, None)


async def test_a_row_of_before_the_facts_is_read(journal: Journal, dsn: str) -> None:
    await journal.keep([kept(entries=1)])
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE positions SET facts = NULL")
    await connection.close()

    assert (await begun(journal, dsn)).positions == (kept_position().position,)
