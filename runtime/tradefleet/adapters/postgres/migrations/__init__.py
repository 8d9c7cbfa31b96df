"""The tables' versions. `migrate` brings a database to the newest one, from any number of processes.

Alembic keeps the versions and writes their SQL; asyncpg, which everything else here uses, runs it in
one transaction, so that no second driver is needed and a failed migration leaves nothing behind.
"""

import io
from pathlib import Path
from typing import Final

import asyncpg
from alembic import command
from alembic.config import Config

from tradefleet.adapters.postgres.errors import translated

_ONE_AT_A_TIME: Final = 7_464_202_411
"""Key of the advisory lock under which tables change; any number that nobody else uses."""


async def migrate(dsn: str, timeout_s: float = 30.0) -> None:
    """Make or upgrade the tables; does nothing when they are new enough. Raises JournalDown."""
    with translated("migrating"):
        connection = await asyncpg.connect(dsn, timeout=timeout_s, command_timeout=timeout_s)
        try:
            async with connection.transaction():
                await connection.execute("SELECT pg_advisory_xact_lock($1)", _ONE_AT_A_TIME)
                statements = _upgrade_from(await _version(connection))
                if statements:
                    await connection.execute(statements)
        finally:
            await connection.close(timeout=timeout_s)


async def _version(connection: asyncpg.Connection) -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    version: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return version


def _upgrade_from(version: str | None) -> str:
    """The SQL from this version to the newest; "" when this is the newest."""
    output = io.StringIO()
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    command.upgrade(config, f"{version or 'base'}:head", sql=True)
    return output.getvalue().strip()
