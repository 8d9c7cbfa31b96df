"""The lease row: when it may be taken, renewed and released. All by the database's clock.

- No row, a released row, or one that has expired: granted, with the next epoch.
- A row that is live and of another bot: AccountInUse. Live and of the same bot: wait.
- A row written under another run of the server (it was restarted, or a standby took over): renewals
  may be lost, so it is granted one full lease after this keeper first saw it. A released row needs no
  such wait after a restart; after a change of timeline (a standby took over) it does.
- Each grant has an id that is drawn at random. A backup that is restored brings an epoch back, and the next
grant
  of it would have the number of one that still acts; the id is another one, for renewals as for the fence.
"""

import time
import uuid
from datetime import timedelta
from typing import Any

import asyncpg
import msgspec

from tradefleet.adapters.postgres import sessions
from tradefleet.adapters.postgres.errors import AccountInUse
from tradefleet.adapters.postgres.lease_terms import RowSeen, needs_a_whole_lease, wait_s


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """Who wants to lead which account, and for how long at a time. namespace, name: of the bot, for whoever
    looks at the row."""

    dsn: str
    account: str
    bot_uid: str
    holder: str
    ttl_s: float
    namespace: str = ""
    name: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """The account is ours. had_predecessor: somebody has led it before. grant_id: drawn for this grant."""

    epoch: int
    bot_uid: str
    had_predecessor: bool
    grant_id: str = ""


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Not now; ask again after so many seconds, or earlier."""

    seconds: float


_SERVER = "pg_postmaster_start_time(), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)"
"""Which run of which server this is; the first eight digits of a WAL file's name are its timeline."""

_LOOK = f"""
SELECT bot, holder, epoch, released, extract(epoch FROM ttl)::float8 AS ttl_s,
       extract(epoch FROM expires_at - clock_timestamp())::float8 AS left_s,
       server_started <> run.started AS other_run, leases.timeline <> run.timeline AS other_timeline,
       run.started::text || run.timeline AS run
FROM leases, (SELECT {_SERVER}) AS run (started, timeline) WHERE account = $1 FOR UPDATE OF leases
"""

_FIRST = f"""
INSERT INTO leases
    (account, bot, holder, ttl, grant_id, bot_namespace, bot_name,
     epoch, granted_at, expires_at, released, server_started, timeline)
SELECT $1, $2, $3, $4::interval, $5, $6, $7,
       1, clock_timestamp(), clock_timestamp() + $4::interval, false, {_SERVER}
ON CONFLICT (account) DO NOTHING RETURNING epoch
"""

_NEXT = f"""
UPDATE leases SET bot = $2, holder = $3, ttl = $4::interval, grant_id = $5, bot_namespace = $6, bot_name = $7,
    epoch = epoch + 1, released = false,
    granted_at = clock_timestamp(), expires_at = clock_timestamp() + $4::interval,
    (server_started, timeline) = (SELECT {_SERVER})
WHERE account = $1 RETURNING epoch
"""

_RENEW = f"""
UPDATE leases SET expires_at = clock_timestamp() + ttl, (server_started, timeline) = (SELECT {_SERVER})
WHERE account = $1 AND bot = $2 AND holder = $3 AND epoch = $4 AND grant_id = $5 AND NOT released
RETURNING epoch
"""

_RELEASE = """
UPDATE leases SET released = true, expires_at = clock_timestamp()
WHERE account = $1 AND bot = $2 AND holder = $3 AND epoch = $4 AND grant_id = $5 AND NOT released
"""


class LeaseRow:
    """One connection to the row; after any error `close` it, the next call connects again.

    Raises what asyncpg raises.
    """

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._connection: asyncpg.Connection | None = None
        self._seen_run = ""
        self._seen_ns = 0

    async def take(self, timeout_s: float) -> Grant | Wait:
        """Take the row if its rules allow it; raises AccountInUse."""
        claim = self._claim
        connection = await self._connected(timeout_s)
        grant_id = uuid.uuid4().hex
        ttl = timedelta(seconds=claim.ttl_s)
        owner = (claim.namespace or None, claim.name or None)
        wanted = (claim.account, claim.bot_uid, claim.holder, ttl, grant_id, *owner)
        async with connection.transaction():
            row = await connection.fetchrow(_LOOK, claim.account, timeout=timeout_s)
            if row is not None and (left_s := self._left_s(row)) > 0:
                if row["bot"] != claim.bot_uid:
                    raise AccountInUse(
                        f"{claim.account}: bot {row['bot']} leads it (holder {row['holder']}, epoch "
                        f"{row['epoch']}), bot {claim.bot_uid} may not trade; give each bot its subaccount"
                    )
                return Wait(seconds=left_s)
            epoch = await connection.fetchval(_FIRST if row is None else _NEXT, *wanted, timeout=timeout_s)
        if epoch is None:
            return Wait(seconds=0)  # another made the first row in the same moment
        return Grant(epoch=epoch, bot_uid=claim.bot_uid, had_predecessor=row is not None, grant_id=grant_id)

    def _left_s(self, row: Any) -> float:
        """Seconds until the row may be taken; not above zero when it may be taken now."""
        seen = RowSeen(
            released=row["released"],
            left_s=row["left_s"],
            ttl_s=row["ttl_s"],
            other_run=row["other_run"],
            other_timeline=row["other_timeline"],
        )
        if needs_a_whole_lease(seen) and self._seen_run != row["run"]:
            self._seen_run, self._seen_ns = row["run"], time.monotonic_ns()
        return wait_s(seen, self._claim.ttl_s, (time.monotonic_ns() - self._seen_ns) / 1e9)

    async def renew(self, grant: Grant, timeout_s: float) -> bool:
        """False when the row is no longer ours."""
        return await self._of(grant, _RENEW, timeout_s) is not None

    async def release(self, grant: Grant, timeout_s: float) -> None:
        """Let the next one take it at once."""
        await self._of(grant, _RELEASE, timeout_s)

    async def _of(self, grant: Grant, statement: str, timeout_s: float) -> Any:
        connection = await self._connected(timeout_s)
        claim = self._claim
        keys = (claim.account, claim.bot_uid, claim.holder, grant.epoch, grant.grant_id)
        return await connection.fetchval(statement, *keys, timeout=timeout_s)

    async def _connected(self, timeout_s: float) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(
                self._claim.dsn, timeout=timeout_s, server_settings=sessions.LEASE
            )
        return self._connection

    async def close(self) -> None:
        """Forget the connection without waiting for a server that may not answer."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
