"""What a person asks of the audit: is it whole, what became of an order, what was done lately.

Needs Postgres alone, and of it only the right to read; nothing here writes.
"""

import time
from typing import Final

import asyncpg
import msgspec

from tradefleet.adapters.postgres import audit
from tradefleet.orders.audit import Break, Entry, Head, Verifier
from tradefleet.orders.audit_story import clock, story, who
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.journal_reading import reading, since_of

_VERDICT: Final = "SELECT verdict, reason, detail FROM signals WHERE signal_id = $1"


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One account's chain. broken: the first break, None when it is whole."""

    account: str
    head: Head
    broken: Break | None

    def line(self) -> str:
        """For a person, and of a good chain what to note elsewhere."""
        if self.broken is None:
            return f"{self.account}: {self.head.count} entries, whole; head {self.head}"
        return f"{self.account}: BROKEN at entry {self.broken.seq}: {self.broken.why}"


async def verify(postgres: str, account: str | None, known: Head | None) -> list[Checked]:
    """Every chain of the database, or one account's. known: a head noted earlier, of that account."""
    async with reading(postgres) as connection:
        names = await audit.accounts(connection)
        if account is not None and account not in names:
            raise FleetFailed(f"account {account!r}: the audit knows {', '.join(names) or 'none'}")
        chosen = names if account is None else [account]
        if known is not None and len(chosen) != 1:
            raise FleetFailed(
                f"--head: name its account with --account; there are {', '.join(names) or 'none'}"
            )
        return [await _checked(connection, name, known) for name in chosen]


async def show(postgres: str, name: str) -> list[str]:
    """The story of an order by its client order id, or of every order of a signal by the signal's id."""
    async with reading(postgres) as connection:
        links = await audit.of_orders(connection, name)
        verdict = None if links else await connection.fetchrow(_VERDICT, name)
    if not links and verdict is None:
        raise FleetFailed(f"{name!r}: no order and no signal of this name is in the audit")
    if verdict is not None:
        why = ": ".join(part for part in (verdict["reason"], verdict["detail"]) if part)
        return [f"no order came of this signal; it was judged {verdict['verdict']} ({why})"]
    return _stories([link.entry for link in links])


async def listed(
    postgres: str, since: str | None, act: str | None, account: str | None, most: int
) -> list[str]:
    """A line for each of the newest entries, oldest first."""
    since_ns = 0 if since is None else since_of(since, time.time_ns())
    async with reading(postgres) as connection:
        found = await audit.newest(connection, since_ns, act, account, most)
    return [
        f"{link.seq:>7}  {clock(link.entry.at_ns)}  {link.entry.act:<13}  {link.entry.subject or '-'}  "
        f"{who(link.entry)}{f': {link.entry.why}' if link.entry.why else ''}"
        for link in found
    ]


def _stories(entries: list[Entry]) -> list[str]:
    lines: list[str] = []
    for subject in dict.fromkeys(entry.subject for entry in entries):
        of_order = [entry for entry in entries if entry.subject == subject]
        lines += [f"{subject} on {of_order[0].account}", *(f"  {told}" for told in story(of_order))]
    return lines


async def _checked(connection: asyncpg.Connection, account: str, known: Head | None) -> Checked:
    verifier = Verifier(account, known)
    broken: Break | None = None
    async for link in audit.links(connection, account):
        if (broken := verifier.take(link)) is not None:
            break
    broken = broken or verifier.end(await audit.head(connection, account))
    return Checked(account=account, head=verifier.head, broken=broken)
