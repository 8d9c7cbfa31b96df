"""What a person asks of the comparisons with the exchange: when, why, and what each came to."""

import time
from typing import Final

import msgspec

from tradefleet.orders.audit_story import clock
from tradefleet.orders.reconciliation_report import ReconciliationReport
from tradefleet.services.journal_reading import reading, since_of

_NEWEST: Final = """
SELECT account, epoch, payload FROM reconciliations
WHERE asked_ns >= $1 AND ($2::text IS NULL OR account = $2) AND ($3::text IS NULL OR outcome = $3)
ORDER BY asked_ns DESC LIMIT $4
"""


async def listed(
    postgres: str, since: str | None, account: str | None, outcome: str | None, most: int
) -> list[str]:
    """A line for each of the newest comparisons that are recorded, oldest first."""
    since_ns = 0 if since is None else since_of(since, time.time_ns())
    async with reading(postgres) as connection:
        found = await connection.fetch(_NEWEST, since_ns, account, outcome, most)
    return [
        _line(row["account"], row["epoch"], msgspec.json.decode(row["payload"], type=ReconciliationReport))
        for row in reversed(found)
    ]


def _line(account: str, epoch: int, report: ReconciliationReport) -> str:
    took_s = (report.ended_ns - report.asked_ns) / 1e9
    return (
        f"{clock(report.asked_ns)}  {report.outcome.value:<8}  {account}, epoch {epoch}, {took_s:.3f} s, "
        f"since {report.reason}: {report.sentence()}"
    )
