"""Latches seen and cleared by a person, while the fleet runs or with a Postgres of one's own.

A latch forbids opening until it is cleared by its id; the executor asks the table five times a second.
One of kind `kill_switch` closes everything besides. Only Postgres is needed: not the Kubernetes API, nor an
executor that runs.
"""

import asyncio
import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import aiohttp
import asyncpg
import msgspec

from tradefleet.adapters.postgres import audit
from tradefleet.adapters.postgres.errors import JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.account_kill_switch import KIND as KILL_SWITCH
from tradefleet.core.audit import Writer, latch_engaged
from tradefleet.core.events import LatchRecord
from tradefleet.services.executor import endpoint
from tradefleet.services.fleet import embedded_postgres
from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed

# One statement: the chain of the audit is locked for no longer than it takes.
_ENGAGE: Final = f"""
WITH latch AS (
    INSERT INTO latches (account, bot, epoch, latch_id, kind, reason, actor, engaged_ns, payload)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::jsonb) RETURNING account
)
INSERT INTO audit ({audit.COLUMNS})
SELECT account, $10, $11, $12, $13, $14, $15, $16, $17 FROM latch
"""
FOR_GOOD_S: Final = 2.0
_IS_FLAT: Final = """
SELECT NOT EXISTS (SELECT 1 FROM positions WHERE account = $1 AND size <> 0)
   AND NOT EXISTS (SELECT 1 FROM intents WHERE account = $1 AND NOT final)
"""


def postgres_of(postgres: str | None, data: Path | None) -> str:
    """The database's address: the given one, or the embedded one of a fleet's data folder."""
    if postgres is not None:
        return postgres
    if data is None:
        raise FleetFailed("postgres: name the fleet's folder with --data, or its database with --postgres")
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


async def engage_kill_switch(postgres: str, reason: str, actor: str, account: str | None) -> tuple[str, str]:
    """Engage the kill switch of an account; (latch id, account). Raises FleetFailed.

    account: as the lease names it, such as bybit/paper/100001; None when the database has only one.
    """
    now_ns = time.time_ns()
    latch = LatchRecord(
        latch_id=f"{actor.partition(':')[0]}-{now_ns // 1_000_000}",
        kind=KILL_SWITCH,
        reason=reason,
        actor=actor,
        engaged_ns=now_ns,
    )
    with _refusals():
        connection = await asyncpg.connect(postgres, timeout=5.0)
        try:
            led = await connection.fetch("SELECT account, bot, epoch FROM leases ORDER BY account")
            chosen = _chosen([dict(row) for row in led], account)
            entry = latch_engaged(Writer(account=chosen["account"], actor=actor), latch, now_ns)
            await connection.execute(
                _ENGAGE,
                *(chosen["account"], chosen["bot"], chosen["epoch"]),
                *(latch.latch_id, latch.kind, latch.reason, latch.actor, latch.engaged_ns),
                msgspec.json.encode(latch).decode(),
                *audit.values(entry)[1:],
            )
        finally:
            await connection.close()
    return latch.latch_id, chosen["account"]


async def ask_executor(url: str, reason: str, actor: str) -> str:
    """Engage it at an executor's own endpoint; the latch's id. Raises FleetFailed.

    The token of TRADEFLEET_KILL_SWITCH_TOKEN goes along when it is set: from another machine it is needed.
    """
    token = os.environ.get(endpoint.TOKEN_VARIABLE, "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    address, body = url.rstrip("/") + endpoint.PATH, {"reason": reason, "actor": actor}
    timeout = aiohttp.ClientTimeout(total=10)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(address, json=body, headers=headers) as response,
        ):
            answer = msgspec.json.decode(await response.read(), type=dict[str, str])
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, msgspec.DecodeError) as error:
        raise FleetFailed(
            f"executor {url}: {type(error).__name__}: {error}; try another one, or `tradefleet flatten`"
        ) from error
    if "latch" not in answer:
        raise FleetFailed(f"executor {url}: {answer.get('error', response.status)}")
    return answer["latch"]


async def until_flat(postgres: str, account: str, patience_s: float) -> float | None:
    """Seconds until the journal had no position and no open order for good; None when it still has.

    For good: it must hold for two seconds, since a fill may be on its way into the journal and an order on
    its way to the exchange.
    """
    began, flat_at = time.monotonic(), 0.0
    with _refusals():
        connection = await asyncpg.connect(postgres, timeout=5.0)
        try:
            while time.monotonic() - began < patience_s:
                now = time.monotonic()
                if not await connection.fetchval(_IS_FLAT, account):
                    flat_at = 0.0
                elif not flat_at:
                    flat_at = now
                elif now - flat_at >= FOR_GOOD_S:
                    return flat_at - began
                await asyncio.sleep(0.1)
        finally:
            await connection.close()
    return None


def _chosen(led: list[dict[str, Any]], account: str | None) -> dict[str, Any]:
    names = ", ".join(row["account"] for row in led) or "none"
    if account is None and len(led) == 1:
        return led[0]
    for row in led:
        if row["account"] == account:
            return row
    if account is None:
        raise FleetFailed(f"kill switch: name one account with --account; this database knows {names}")
    raise FleetFailed(f"account {account!r}: this database knows {names}")


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What Postgres says, as one line for a person."""
    try:
        yield
    except asyncpg.UndefinedTableError:
        raise FleetFailed("postgres: no executor has run on this database, so it knows no latches") from None
    except (JournalDown, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise FleetFailed(f"postgres: does not answer ({error}); is the fleet running?") from error
