"""The journal: written before it is done, read back by the next epoch.

An intent has a transaction of its own, which has ended before anything is sent. Everything else that
the core decides goes in batches, each whole or not at all. The database itself refuses a writer whose
epoch is over, and a second intent with the same key (see `migrations`).
"""

import contextlib
from collections.abc import AsyncIterator, Sequence
from itertools import groupby

import asyncpg

from tradefleet.adapters.postgres import rows, sessions
from tradefleet.adapters.postgres.errors import (
    AccountInUse,
    Fenced,
    IntentExists,
    JournalDown,
    UnreadableRow,
    translated,
)
from tradefleet.adapters.postgres.restore import LATCHES, JournalState, StreamMark, decoded, read_state
from tradefleet.core.actions import AnyAction, JudgeSignal
from tradefleet.core.events import AnyEvent, LatchRecord
from tradefleet.domain.orders import Account
from tradefleet.orders.intents import Intent, IntentRecord, IntentState
from tradefleet.spec.snapshot import ConfigSnapshot

__all__ = [
    "AccountInUse",
    "Fenced",
    "IntentExists",
    "Journal",
    "JournalDown",
    "JournalState",
    "StreamMark",
    "UnreadableRow",
]

_IS_LED_BY = "SELECT epoch FROM leases WHERE account = $1 FOR SHARE"
_CLEAR = """
UPDATE latches SET cleared_at = clock_timestamp(), cleared_by = $2
WHERE latch_id = $1 AND cleared_at IS NULL AND ($3::text IS NULL OR account = $3) RETURNING latch_id
"""


class Journal:
    """The tables of one database, written for one epoch at a time. Made by `open`."""

    def __init__(self, pool: asyncpg.Pool, timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = timeout_s
        self._owner: tuple[str, str, int] | None = None

    @staticmethod
    async def open(dsn: str, timeout_s: float = 3.0) -> "Journal":
        """Connect; raises JournalDown. timeout_s: for each statement, and for a connection."""
        with translated("connecting"):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=4,
                command_timeout=timeout_s,
                timeout=timeout_s,
                server_settings=sessions.JOURNAL,
            )
        return Journal(pool, timeout_s)

    async def close(self) -> None:
        """Drop the connections."""
        self._pool.terminate()

    async def begin_epoch(
        self, account: Account, bot_uid: str, epoch: int, config: ConfigSnapshot
    ) -> JournalState:
        """Write for this epoch from now on, and read back all that is known.

        Records `config` as a generation. Raises Fenced when another epoch leads, JournalDown,
        UnreadableRow.
        """
        owner = (str(account), bot_uid, epoch)
        async with self._transaction("beginning an epoch") as connection:
            leading = await connection.fetchval(_IS_LED_BY, owner[0])
            if leading != epoch:
                raise Fenced(f"beginning an epoch: {account} is led by epoch {leading}, not by {epoch}")
            await connection.execute(rows.CONFIG, *owner, *rows.config_values(config))
            state = await read_state(connection, *owner, config)
        self._owner = owner
        return state

    async def write_intent(self, intent: Intent, judged: JudgeSignal | None) -> None:
        """Write an intent, and with it the signal's verdict; only afterwards may it be sent.

        Raises IntentExists, Fenced, or JournalDown: then it may be there or not, and is never sent.
        """
        owner = (str(intent.account), intent.bot_uid, intent.epoch)
        record = IntentRecord(intent=intent, state=IntentState.WRITTEN)
        try:
            async with self._transaction("writing an intent") as connection:
                await connection.execute(rows.NEW_INTENT, *owner, *rows.intent_values(record))
                if judged is not None and (write := rows.write_of(judged)) is not None:
                    await connection.execute(write.statement, *owner, *write.values)
        except asyncpg.UniqueViolationError as error:
            raise IntentExists(
                f"intent {intent.client_order_id} of signal {intent.signal_id} was written before"
            ) from error

    async def keep(
        self, batch: Sequence[AnyAction | AnyEvent], stream_position: StreamMark | None = None
    ) -> None:
        """Write a batch whole or not at all; what is no row is passed over. May be repeated.

        Raises Fenced or JournalDown.
        """
        owner = self._begun()
        writes = [write for row in batch if (write := rows.write_of(row)) is not None]
        if stream_position is not None:
            mark = stream_position
            writes.append(rows.Write(rows.STREAMS, (mark.run_id, mark.signals_id, mark.announcements_id)))
        # By kind: one round trip each. Order counts only within a kind, and the sort keeps it; that
        # all writers take the tables in one order also keeps them from deadlocks.
        # A latch that is cleared in the batch that engages it must not end engaged: one kind.
        writes.sort(key=_kind)
        async with self._transaction("keeping a batch") as connection:
            for statement, group in groupby(writes, key=_statement):
                await connection.executemany(statement, [(*owner, *write.values) for write in group])

    async def keep_digest(self, decisions: int, digest: str) -> None:
        """Write the running digest of this epoch's decisions; raises Fenced or JournalDown."""
        async with self._transaction("keeping a digest") as connection:
            await connection.execute(rows.DIGEST, *self._begun(), decisions, digest)

    async def engaged_latches(self, account: Account | None = None) -> tuple[LatchRecord, ...]:
        """Latches that nobody has cleared: of this account, of the epoch's, or of all. Raises JournalDown."""
        async with self._transaction("reading latches") as connection:
            found = await connection.fetch(LATCHES, self._meant(account))
        return decoded(found, LatchRecord)

    async def clear_latch(self, latch_id: str, actor: str, account: Account | None = None) -> bool:
        """Clear a latch by its id; False when none such is engaged. Raises JournalDown."""
        async with self._transaction("clearing a latch") as connection:
            cleared = await connection.fetch(_CLEAR, latch_id, actor, self._meant(account))
        return bool(cleared)

    def _begun(self) -> tuple[str, str, int]:
        if self._owner is None:
            raise Fenced("no epoch has begun: call begin_epoch before writing")
        return self._owner

    def _meant(self, account: Account | None) -> str | None:
        if account is not None:
            return str(account)
        return None if self._owner is None else self._owner[0]

    @contextlib.asynccontextmanager
    async def _transaction(self, doing: str) -> AsyncIterator[asyncpg.Connection]:
        with translated(doing):
            async with self._pool.acquire(timeout=self._timeout_s) as connection, connection.transaction():
                yield connection


def _statement(write: rows.Write) -> str:
    return write.statement


def _kind(write: rows.Write) -> str:
    return rows.LATCH if write.statement is rows.CLEAR_LATCH else write.statement
