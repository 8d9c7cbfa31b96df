"""The audit of `tradefleet flatten`: each step before it is done, as far as a database can be reached.

Flatten needs only the exchange. So a database that is away, or that no executor has used, costs half a
second once; what could not be written ahead is written at the end, and if that fails too, it is said.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.postgres import audit
from tradefleet.core.audit import Writer
from tradefleet.orders.audit import Act, Entry

PATIENCE_S: Final = 0.5
LAST_PATIENCE_S: Final = 5.0

_NOT_WRITTEN: Final = (
    *(OSError, TimeoutError, LookupError, Unreadable),
    *(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError),
)

_ACCOUNT: Final = "SELECT account FROM leases WHERE split_part(account, '/', 3) = $1 ORDER BY account"


class FlattenAudit:
    """One run's entries. postgres: "" for none. uid: of the account, as the exchange says."""

    def __init__(
        self, postgres: str, actor: str, uid: Callable[[], Awaitable[str]], say: Callable[[str], None]
    ) -> None:
        self._postgres = postgres
        self._actor = actor
        self._uid = uid
        self._say = say
        self._writer: Writer | None = None
        self._connection: asyncpg.Connection | None = None
        self._unwritten: list[tuple[int, str, str, object]] = []
        self._away = not postgres

    async def note(self, subject: str, words: str, what: object) -> None:
        """A step that is about to be done; waits half a second at most, and no more once that was in vain."""
        self._unwritten.append((time.time_ns(), subject, words, what))
        if not self._away:
            await self._write(PATIENCE_S)

    async def close(self) -> None:
        """Write what is left, or say that it is not there."""
        if self._unwritten and self._postgres:
            await self._write(LAST_PATIENCE_S)
        if self._unwritten:
            self._say(f"{len(self._unwritten)} steps are NOT in the audit")
        if self._connection is not None:
            self._connection.terminate()

    async def _write(self, patience_s: float) -> None:
        try:
            async with asyncio.timeout(patience_s):
                connection = await self._connected()
                writer = await self._known(connection)
                entries = [_entry(writer, *step) for step in self._unwritten]
                async with connection.transaction():
                    await audit.append(connection, entries)
        except _NOT_WRITTEN as error:
            if not self._away:
                self._say(f"the audit is not written, going on without: {type(error).__name__}: {error}")
            self._away = True
            if self._connection is not None:
                self._connection.terminate()
            self._connection = None
        else:
            self._unwritten.clear()

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None:
            self._connection = await asyncpg.connect(self._postgres)
        return self._connection

    async def _known(self, connection: asyncpg.Connection) -> Writer:
        if self._writer is None:
            uid = await self._uid()
            accounts = [row["account"] for row in await connection.fetch(_ACCOUNT, uid)]
            if len(accounts) != 1:
                raise LookupError(f"the database knows {len(accounts)} accounts with the uid {uid}")
            self._writer = Writer(account=accounts[0], actor=self._actor)
        return self._writer


def _entry(writer: Writer, at_ns: int, subject: str, words: str, what: object) -> Entry:
    return writer.entry(Act.FLATTEN, subject, words, what, at_ns)
