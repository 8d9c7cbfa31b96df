"""Latches seen and cleared by a person, while the fleet runs or with a Postgres of one's own.

A latch forbids opening until it is cleared by its id; the executor asks the table each second.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import asyncpg

from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.services.fleet import embedded_postgres
from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed


def postgres_of(postgres: str | None, data: Path | None) -> str:
    """The database's address: the given one, or the embedded one of a fleet's data folder."""
    if postgres is not None:
        return postgres
    if data is None:
        raise FleetFailed("latches: name the fleet's folder with --data, or its database with --postgres")
    state = DataFolder(data).existing_state()
    if state is None or not state.postgres_port:
        raise FleetFailed(f"data folder {data}: no fleet has run on it; name another with --data")
    return embedded_postgres.address(state.postgres_port)


async def engaged(postgres: str) -> list[str]:
    """A line for each engaged latch, oldest first."""
    # Not the journal's own list: a person also wants to see whose latch it is.
    with _refusals():
        connection = await asyncpg.connect(postgres, timeout=5.0)
        try:
            rows = await connection.fetch(
                "SELECT latch_id, bot, kind, reason, actor FROM latches "
                "WHERE cleared_at IS NULL ORDER BY engaged_ns"
            )
        finally:
            await connection.close()
    return [
        f"{row['latch_id']}  {row['kind']}: {row['reason']} (by {row['actor']}, bot {row['bot']})"
        for row in rows
    ]


async def clear(postgres: str, latch_id: str, actor: str) -> None:
    """Clear one latch; raises FleetFailed when none with that id is engaged."""
    with _refusals():
        journal = await Journal.open(postgres)
        try:
            cleared = await journal.clear_latch(latch_id, actor)
        finally:
            await journal.close()
    if not cleared:
        raise FleetFailed(f"latch {latch_id!r}: none with this id is engaged; see: tradefleet latches list")


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What Postgres says, as one line for a person."""
    try:
        yield
    except asyncpg.UndefinedTableError:
        raise FleetFailed("postgres: no executor has run on this database, so it knows no latches") from None
    except (JournalDown, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise FleetFailed(f"postgres: does not answer ({error}); is the fleet running?") from error
