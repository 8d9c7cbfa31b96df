"""Entries of the audit in and out of Postgres; number and hash are the database's (`migrations`, v0002).

An insert locks the chain's head until its transaction ends, so it comes last in one and nothing may wait
between it and the commit. Never with ON CONFLICT: the head would move without an entry.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import asyncpg

from tradefleet.orders.audit import Entry, Head, Link

COLUMNS: Final = "account, at_ns, epoch, actor, act, subject, why, what, origin"
INSERT: Final = f"INSERT INTO audit ({COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"

_PAGE: Final = 5_000
_LINKS = f"""
SELECT seq, {COLUMNS}, hash FROM audit WHERE account = $1 AND seq > $2 ORDER BY seq LIMIT {_PAGE}
"""
_ACCOUNTS = "SELECT account FROM audit_heads UNION SELECT DISTINCT account FROM audit ORDER BY account"
_OF_SUBJECTS = f"SELECT seq, {COLUMNS}, hash FROM audit WHERE subject = ANY($1) ORDER BY account, seq"
_ORDERS_OF_SIGNAL = """
SELECT subject FROM audit WHERE act = 'intent' AND strpos(what, $1) > 0 ORDER BY account, seq
"""
# By time: numbers of two accounts' chains say nothing of each other.
_LAST = f"""
SELECT {COLUMNS} FROM audit WHERE subject = $1 AND act = $2 AND ($3::text IS NULL OR account = $3)
ORDER BY at_ns DESC LIMIT 1
"""
_MERGED = "SELECT count(*) FROM audit WHERE account = $1 AND origin <> '' AND starts_with(origin, $2)"
_NEWEST = f"""
SELECT * FROM (
    SELECT seq, {COLUMNS}, hash FROM audit
    WHERE at_ns >= $1 AND ($2::text IS NULL OR act = $2) AND ($3::text IS NULL OR account = $3)
    ORDER BY at_ns DESC, seq DESC LIMIT $4
) AS newest ORDER BY at_ns, seq
"""


def values(entry: Entry) -> tuple[Any, ...]:
    """The parameters of INSERT."""
    return (
        *(entry.account, entry.at_ns, entry.epoch, entry.actor, entry.act, entry.subject),
        *(entry.why, entry.what, entry.origin),
    )


async def append(connection: asyncpg.Connection, entries: Sequence[Entry]) -> None:
    """Add them in this order. Raises what asyncpg raises."""
    if len(entries) == 1:
        await connection.execute(INSERT, *values(entries[0]))
    elif entries:
        await connection.executemany(INSERT, [values(entry) for entry in entries])


async def merged(connection: asyncpg.Connection, account: str, spool: str) -> int:
    """How many records of a spool are there; they lie in their order, so it is the number of the last."""
    return int(await connection.fetchval(_MERGED, account, f"{spool}:"))


async def accounts(connection: asyncpg.Connection) -> list[str]:
    """Every account that has a chain, or a head."""
    return [row["account"] for row in await connection.fetch(_ACCOUNTS)]


async def head(connection: asyncpg.Connection, account: str) -> Head | None:
    """The chain's head as it is kept apart."""
    row = await connection.fetchrow("SELECT count, hash FROM audit_heads WHERE account = $1", account)
    return None if row is None else Head(row["count"], row["hash"])


async def links(connection: asyncpg.Connection, account: str) -> AsyncIterator[Link]:
    """The whole chain of an account, a page at a time."""
    after = -(2**62)  # a forged number below 1 is to be found too
    while rows := await connection.fetch(_LINKS, account, after):
        for row in rows:
            yield _link(row)
        after = rows[-1]["seq"]


async def of_orders(connection: asyncpg.Connection, name: str) -> list[Link]:
    """Entries of an order by its client order id, or of all orders of a signal by the signal's id."""
    found = await connection.fetch(_ORDERS_OF_SIGNAL, f'"signal_id":"{name}"')
    orders = list(dict.fromkeys(row["subject"] for row in found))
    return [_link(row) for row in await connection.fetch(_OF_SUBJECTS, orders or [name])]


async def newest(
    connection: asyncpg.Connection, since_ns: int, act: str | None, account: str | None, most: int
) -> list[Link]:
    """The newest `most` entries since a time, oldest first."""
    return [_link(row) for row in await connection.fetch(_NEWEST, since_ns, act, account, most)]


async def last(
    connection: asyncpg.Connection, act: str, subject: str, account: str | None = None
) -> Entry | None:
    """The newest entry about a subject. For subjects of few entries: all of them are sorted."""
    row = await connection.fetchrow(_LAST, subject, act, account)
    return None if row is None else Entry(**dict(row))


def _link(row: Any) -> Link:
    fields = {name: row[name] for name in COLUMNS.split(", ")}
    return Link(row["seq"], Entry(**fields), row["hash"])
