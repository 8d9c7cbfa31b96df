"""Latches seen and cleared by a person, while the fleet runs or with a Postgres of one's own.

A latch forbids opening until it is cleared by its id; the executor asks the table each second.
"""

from pathlib import Path
from typing import Any

import asyncpg

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
    rows = await _asked(
        postgres,
        "SELECT latch_id, bot, kind, reason, actor FROM latches WHERE cleared_at IS NULL ORDER BY engaged_ns",
    )
    return [
        f"{row['latch_id']}  {row['kind']}: {row['reason']} (by {row['actor']}, bot {row['bot']})"
        for row in rows
    ]


async def clear(postgres: str, latch_id: str, actor: str) -> None:
    """Clear one latch; raises FleetFailed when none with that id is engaged."""
    cleared = await _asked(
        postgres,
        "UPDATE latches SET cleared_at = clock_timestamp(), cleared_by = $2 "
        "WHERE latch_id = $1 AND cleared_at IS NULL RETURNING latch_id",
        latch_id,
        actor,
    )
    if not cleared:
        raise FleetFailed(f"latch {latch_id!r}: none with this id is engaged; see: tradefleet latches list")


async def _asked(postgres: str, query: str, *values: str) -> list[Any]:
    try:
        connection = await asyncpg.connect(postgres, timeout=5.0)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError:
        raise FleetFailed("postgres: no executor has run on this database, so it knows no latches") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise FleetFailed(f"postgres: does not answer ({error}); is the fleet running?") from error
