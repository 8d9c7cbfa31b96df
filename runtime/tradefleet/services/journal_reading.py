"""Reading the journal for a person: Postgres alone is needed, and of it only the right to read."""

import contextlib
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

import asyncpg

from tradefleet.services.fleet.problems import FleetFailed

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_TIMEOUT_S: Final = 30.0


def since_of(text: str, now_ns: int) -> int:
    """A time such as 2025-05-07T12:00 (UTC unless it says otherwise), or how long ago: 90s, 30m, 2h, 7d."""
    if match := re.fullmatch(r"(\d+)([smhd])", text):
        return now_ns - int(match[1]) * _UNITS[match[2]] * 1_000_000_000
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise FleetFailed(f"--since {text!r}: write a time as 2025-05-07T12:00, or 30m, 2h, 7d") from error
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()) * 1_000_000_000


@contextlib.asynccontextmanager
async def reading(postgres: str) -> AsyncIterator[asyncpg.Connection]:
    """One state of the database, however long the reading takes; what it says as one line for a person."""
    try:
        connection = await asyncpg.connect(postgres, timeout=5.0, command_timeout=_TIMEOUT_S)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                yield connection
        finally:
            await connection.close()
    except asyncpg.UndefinedTableError:
        never = "postgres: no executor has run on this database, so it has no audit and no other journal"
        raise FleetFailed(never) from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise FleetFailed(f"postgres: does not answer ({error}); is the fleet running?") from error
