"""The journal: written before it is done, read back by the next epoch.

An intent has a transaction of its own, which has ended before anything is sent. Everything else that
the core decides goes in batches, each whole or not at all. The database itself refuses a writer whose
epoch is over, and a second intent with the same key (see `migrations`). Entries of the audit lie in the
transaction of the rows that they speak of, and come last in it (`adapters.postgres.audit`).
"""

import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from itertools import groupby
from typing import Final

import asyncpg
import msgspec

from tradefleet.adapters.postgres import audit, rows, sessions
from tradefleet.adapters.postgres.errors import (
    AccountInUse,
    Fenced,
    IntentExists,
    JournalDown,
    UnreadableRow,
    translated,
)
from tradefleet.adapters.postgres.restore import (
    LATCHES,
    JournalState,
    StreamMark,
    decoded,
    newest_config,
    read_state,
)
from tradefleet.core.actions import AnyAction, JudgeSignal
from tradefleet.core.audit import Writer, intent_entry, latch_cleared, leader, limits_entry
from tradefleet.core.events import AnyEvent, LatchRecord
from tradefleet.core.spool import Spooled
from tradefleet.domain.orders import Account
from tradefleet.orders.audit import Entry
from tradefleet.orders.intents import Intent
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

_IS_LED_BY = "SELECT epoch, grant_id FROM leases WHERE account = $1 FOR SHARE"
_CLEAR = """
UPDATE latches SET cleared_at = clock_timestamp(), cleared_by = $2
WHERE latch_id = $1 AND cleared_at IS NULL AND ($3::text IS NULL OR account = $3) RETURNING account
"""


_CLEARED = """
SELECT latch_id FROM latches
WHERE account = $1 AND latch_id = ANY($2::text[]) AND cleared_at IS NOT NULL ORDER BY latch_id
"""

_MERGE_LATCH = """
INSERT INTO latches (account, bot, epoch, latch_id, kind, reason, actor, engaged_ns, payload)
SELECT $1, $2, coalesce((SELECT epoch FROM leases WHERE account = $1), 0), $3, $4, $5, $6, $7, $8::jsonb
ON CONFLICT (account, latch_id) DO NOTHING
"""


class Journal:
    """The tables of one database, written for one epoch at a time. Made by `open`."""

    def __init__(
        self, pool: asyncpg.Pool, timeout_s: float, grants: sessions.GrantNames | None = None
    ) -> None:
        self._pool = pool
        self._grants = grants or sessions.GrantNames()
        self._timeout_s = timeout_s
        self._owner: tuple[str, str, int] | None = None

    @staticmethod
    async def open(dsn: str, timeout_s: float = 3.0) -> "Journal":
        """Connect; raises JournalDown. timeout_s: for each statement, and for a connection."""
        grants = sessions.GrantNames()
        with translated("connecting"):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=4,
                command_timeout=timeout_s,
                timeout=timeout_s,
                # Nothing of a session outlives a transaction here: no round trip to clean one up.
                reset=_nothing,
                server_settings=sessions.JOURNAL,
                init=grants.opened,
                setup=grants.taken,
            )
        return Journal(pool, timeout_s, grants)

    async def close(self) -> None:
        """Drop the connections."""
        self._pool.terminate()

    async def begin_epoch(
        self, account: Account, bot_uid: str, epoch: int, config: ConfigSnapshot, grant_id: str = ""
    ) -> JournalState:
        """Write for this epoch from now on, and read back all that is known.

        Records `config` as a generation. grant_id: of the epoch's grant, named by every session from now on;
        "" for who has none, and is held by the epoch alone. Raises Fenced when another epoch, or another
        grant of the same number, leads; JournalDown, UnreadableRow.
        """
        owner = (str(account), bot_uid, epoch)
        self._grants.grant_id = grant_id
        async with self._transaction("beginning an epoch") as connection:
            row = await connection.fetchrow(_IS_LED_BY, owner[0])
            leading = None if row is None else row["epoch"]
            if leading != epoch:
                raise Fenced(f"beginning an epoch: {account} is led by epoch {leading}, not by {epoch}")
            if grant_id and row["grant_id"] != grant_id:
                raise Fenced(f"beginning an epoch: epoch {epoch} of {account} was granted to somebody else")
            before = await newest_config(connection, owner[0], bot_uid)
            await connection.execute(rows.CONFIG, *owner, *rows.config_values(config))
            state = await read_state(connection, *owner, config)
            if before is None or before.generation < config.generation:
                entry = limits_entry(before, config, leader(*owner), time.time_ns())
                await audit.append(connection, [] if entry is None else [entry])
        self._owner = owner
        return state

    @property
    def writer(self) -> Writer:
        """Whose entries of the audit the epoch's are; raises Fenced when none has begun."""
        return leader(*self._begun())

    async def write_intent(self, intent: Intent, judged: JudgeSignal | None) -> None:
        """Write an intent, and with it the signal's verdict and the audit; only then may it be sent.

        Raises IntentExists, Fenced, or JournalDown: then it may be there or not, and is never sent.
        """
        owner = (str(intent.account), intent.bot_uid, intent.epoch)
        record = rows.written(intent)
        entry = intent_entry(intent, judged, leader(*owner), intent.created_ns)
        statement = rows.NEW_INTENT if judged is None else rows.NEW_INTENT_OF_SIGNAL
        signal = () if judged is None else rows.signal_values(judged)
        told = audit.values(entry)[1:]
        try:
            # One statement, a transaction by itself: one way to the server and back, as an order waits.
            with translated("writing an intent"):
                async with self._pool.acquire(timeout=self._timeout_s) as connection:
                    await connection.execute(statement, *owner, *rows.intent_values(record), *signal, *told)
        except asyncpg.UniqueViolationError as error:
            if error.table_name != "intents":
                raise  # a head of the audit that was set back by hand is no second intent
            raise IntentExists(
                f"intent {intent.client_order_id} of signal {intent.signal_id} was written before"
            ) from error

    async def write_intents(self, intents: Sequence[Intent]) -> None:
        """Write several intents of no signal and their audit, all or none, in one way to the server and back.

        All of one writer. Raises as `write_intent` does: IntentExists when one of them was written before;
        then none is there by this call.
        """
        values = []
        for intent in intents:
            owner = (str(intent.account), intent.bot_uid, intent.epoch)
            entry = intent_entry(intent, None, leader(*owner), intent.created_ns)
            record = rows.written(intent)
            values.append((*owner, *rows.intent_values(record), *audit.values(entry)[1:]))
        try:
            with translated("writing intents"):
                async with self._pool.acquire(timeout=self._timeout_s) as connection:
                    # One transaction by itself, since asyncpg sends one Sync behind them all.
                    await connection.executemany(rows.NEW_INTENT, values)
        except asyncpg.UniqueViolationError as error:
            if error.table_name != "intents":
                raise
            raise IntentExists(f"one of {len(intents)} intents was written before: {error.detail}") from error

    async def keep(
        self,
        batch: Sequence[AnyAction | AnyEvent],
        stream_position: StreamMark | None = None,
        entries: Sequence[Entry] = (),
    ) -> None:
        """Write a batch whole or not at all; what is no row is passed over. Its rows may be repeated.

        entries: what the audit says of the batch; repeated, they are there twice. Raises Fenced or
        JournalDown.
        """
        owner = self._begun()
        writes = [write for row in batch if (write := rows.write_of(row)) is not None]
        if stream_position is not None:
            mark = stream_position
            writes.append(rows.Write(rows.STREAMS, (mark.run_id, mark.signals_id, mark.announcements_id)))
        # By kind: one round trip each. Order counts only within a kind, and the sort keeps it; that
        # all writers take the tables in one order also keeps them from deadlocks.
        # A latch that is cleared in the batch that engages it must not end engaged: one kind. Days likewise.
        writes.sort(key=_kind)
        async with self._transaction("keeping a batch") as connection:
            for statement, group in groupby(writes, key=_statement):
                await connection.executemany(statement, [(*owner, *write.values) for write in group])
            await audit.append(connection, entries)

    async def append_audit(self, entries: Sequence[Entry]) -> None:
        """Add entries of acts that are no rows, before they are done. Raises JournalDown."""
        async with self._transaction("adding to the audit") as connection:
            await audit.append(connection, entries)

    async def last_entry(self, act: str, subject: str, account: Account | None = None) -> Entry | None:
        """The newest entry of the audit about a subject, of this account or of any. Raises JournalDown."""
        async with self._transaction("reading the audit") as connection:
            return await audit.last(connection, act, subject, None if account is None else str(account))

    async def merge(
        self, spool: str, records: Sequence[Spooled], owner: tuple[str, str] | None = None
    ) -> int:
        """Bring a spool in, in its order; what is there already is passed over. The number of its records.

        spool: its name, the same at each attempt. Intents get the running epoch as their writer; their
        own stays beside it. A latch that is known, even a cleared one, stays as it is. owner: account and
        bot, for a spool without intents, which needs no epoch. Raises Fenced or JournalDown, after which
        nothing of this call is there.
        """
        account, bot = owner or self._begun()[:2]
        async with self._transaction("merging a spool") as connection:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", spool)
            there = await audit.merged(connection, account, spool)
            for record in records[there:]:
                await self._merge_one(connection, record, account, bot)
            entries = [
                msgspec.structs.replace(record.entry, account=account, origin=f"{spool}:{number}")
                for number, record in enumerate(records, start=1)
            ]
            await audit.append(connection, entries[there:])
        return len(records)

    async def _merge_one(
        self, connection: asyncpg.Connection, record: Spooled, account: str, bot: str
    ) -> None:
        if record.intent is not None:
            values = rows.intent_values(rows.written(record.intent))
            await connection.execute(rows.INTENT_ONCE, *self._begun(), *values)
        if record.judged is not None:
            await connection.execute(rows.SIGNAL, *self._begun(), *rows.signal_values(record.judged))
        if record.latch is not None:
            latch = record.latch
            told = (latch.latch_id, latch.kind, latch.reason, latch.actor, latch.engaged_ns)
            payload = msgspec.json.encode(latch).decode()
            await connection.execute(_MERGE_LATCH, account, bot, *told, payload)

    async def keep_digest(self, decisions: int, digest: str) -> None:
        """Write the running digest of this epoch's decisions; raises Fenced or JournalDown."""
        async with self._transaction("keeping a digest") as connection:
            await connection.execute(rows.DIGEST, *self._begun(), decisions, digest)

    async def engaged_latches(self, account: Account | None = None) -> tuple[LatchRecord, ...]:
        """Latches that nobody has cleared: of this account, of the epoch's, or of all. Raises JournalDown."""
        async with self._transaction("reading latches") as connection:
            found = await connection.fetch(LATCHES, self._meant(account))
        return decoded(found, LatchRecord)

    async def cleared_latches(self, latch_ids: Sequence[str], account: Account) -> tuple[str, ...]:
        """Those of these latches that somebody has cleared. Raises JournalDown."""
        async with self._transaction("reading latches") as connection:
            found = await connection.fetch(_CLEARED, str(account), list(latch_ids))
        return tuple(row["latch_id"] for row in found)

    async def clear_latch(self, latch_id: str, actor: str, account: Account | None = None) -> bool:
        """Clear a latch by its id; False when none such is engaged. Raises JournalDown."""
        async with self._transaction("clearing a latch") as connection:
            cleared = await connection.fetch(_CLEAR, latch_id, actor, self._meant(account))
            now_ns = time.time_ns()
            entries = [
                latch_cleared(Writer(account=row["account"], actor=actor), latch_id, actor, now_ns)
                for row in cleared
            ]
            await audit.append(connection, entries)
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


async def _nothing(_connection: asyncpg.Connection) -> None:
    pass


def _statement(write: rows.Write) -> str:
    return write.statement


def _kind(write: rows.Write) -> str:
    return _ONE_KIND.get(write.statement, write.statement)


_ONE_KIND: Final = {
    rows.CLEAR_LATCH: rows.LATCH,
    rows.DAY: rows.BASELINE,
    rows.FORGET_DAY: rows.BASELINE,
}
"""Statements whose order among each other counts."""
