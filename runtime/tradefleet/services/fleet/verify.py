"""`--verify`: the run's account, told by both sides, and whether they agree.

The shards have been stopped, so nothing new is wanted; when no order is in flight any more both
sides are read, a few times, since the last rows may still be on their way into the journal.
"""

import asyncio
import time
from collections import Counter
from decimal import Decimal
from pathlib import Path

import msgspec

from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.fleet.supervisor import Fleet
from tradefleet.services.fleet.verify_reads import Journal, Unread, read_exchange, read_journal
from tradefleet.services.fleet.verify_sides import Side, differences, fills_since, total_fees, unexplained
from tradefleet.services.fleet.view import FleetView

SETTLE_PATIENCE_S = 15.0
SETTLE_EVERY_S = 0.5
SHOWN_REASONS = 20

_FINAL = frozenset({"done", "rejected", "absent"})


class RunFacts:
    """What is measured while the fleet runs."""

    def __init__(self, logs: Path) -> None:
        self.began_ns = time.time_ns()
        self.first_book_s: float | None = None
        self.equity = ""
        self._began = time.monotonic()
        self._logs = logs
        self._log_starts = {log: log.stat().st_size for log in logs.glob("*.log")}

    @classmethod
    def begin(cls, logs: Path) -> "RunFacts":
        """The run begins now; what logs hold already is of earlier ones."""
        return cls(logs)

    def notice(self, view: FleetView) -> None:
        """Look at the fleet."""
        if self.first_book_s is None and view.has_book:
            self.first_book_s = time.monotonic() - self._began
        self.equity = str(view.executor.get("equity") or self.equity)

    def error_records(self) -> dict[str, int]:
        """Error records of this run's logs, counted by component and kind."""
        found: Counter[str] = Counter()
        for log in sorted(self._logs.glob("*.log")):
            with log.open("rb") as file:
                file.seek(self._log_starts.get(log, 0))
                for line in file:
                    found.update(_error_kind(log.stem, line))
        return dict(sorted(found.items()))


class _Record(msgspec.Struct):
    level: str = ""
    kind: str = "untyped"


def _error_kind(component: str, line: bytes) -> list[str]:
    try:
        record = msgspec.json.decode(line, type=_Record)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return []
    return [f"{component} {record.kind}"] if record.level in ("error", "critical") else []


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a run. reasons: why it is not good; none when it is."""

    orders: int
    executions: int
    run_fills: int
    positions: dict[str, Decimal]
    fees: Decimal
    equity: str
    accepted: int
    refused: dict[str, int]
    first_book_s: float | None
    first_fill_s: float | None
    errors: dict[str, int]
    reasons: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Both sides agree, every fill is explained, and there was one."""
        return not self.reasons

    def summary(self) -> str:
        """For a person."""
        held = ", ".join(f"{symbol} {size:f}" for symbol, size in sorted(self.positions.items())) or "none"
        refused = ", ".join(f"{reason} {count}" for reason, count in sorted(self.refused.items())) or "none"
        errors = ", ".join(f"{kind} {count}" for kind, count in self.errors.items()) or "none"
        lines = [
            "",
            "Summary",
            f"  orders        {self.orders}",
            f"  executions    {self.executions} ({self.run_fills} fills in this run)",
            f"  positions     {held}",
            f"  equity        {self.equity or 'unknown'} USDT",
            f"  fees          {self.fees:f} USDT",
            f"  signals       accepted {self.accepted}; refused: {refused}",
            f"  first book    {_after(self.first_book_s)}",
            f"  first fill    {_after(self.first_fill_s)}",
            f"  error records {errors}",
        ]
        if self.good:
            lines.append(
                "  verified      Postgres and the exchange agree; every fill leads back to a shard's signal"
            )
        else:
            lines.append("  NOT VERIFIED")
            lines += [f"    - {reason}" for reason in self.reasons[:SHOWN_REASONS]]
            if len(self.reasons) > SHOWN_REASONS:
                lines.append(f"    - and {len(self.reasons) - SHOWN_REASONS} more")
        return "\n".join(lines)


async def verify_fleet(fleet: Fleet, run: RunFacts) -> Report:
    """Stop the shards, wait until nothing is in flight, compare; raises FleetFailed when unreadable."""
    await fleet.stop_shards()
    deadline = time.monotonic() + SETTLE_PATIENCE_S
    while True:
        unread: Unread | None = None
        try:
            journal, exchange = await _both(fleet, run)
            reasons = _reasons(journal, exchange, run)
        except Unread as error:
            unread = error
        if unread is None and not reasons:
            break
        if time.monotonic() > deadline or (unread is None and reasons == [NO_FILL]):
            break
        await asyncio.sleep(SETTLE_EVERY_S)
    if unread is not None:
        raise FleetFailed(f"verify: {unread}")
    run.notice(fleet.view())
    return _report(journal, exchange, run, reasons)


NO_FILL = "there was no fill in this run"


async def _both(fleet: Fleet, run: RunFacts) -> tuple[Journal, Side]:
    key, secret = fleet.credentials()
    exchange = await read_exchange(
        fleet.endpoints.rest, key, secret, fleet.snapshot.spec.exchange.category.value
    )
    journal = await read_journal(
        fleet.stores.postgres, fleet.stores.redis, fleet.snapshot.uid, since_ns=run.began_ns
    )
    return journal, exchange


def _reasons(journal: Journal, exchange: Side, run: RunFacts) -> list[str]:
    intents = journal.origins.intents.values()
    found = [
        f"intent {intent.client_order_id} of {intent.symbol} is still {intent.state}"
        for intent in intents
        if intent.state not in _FINAL
    ]
    found += differences(journal.side, exchange)
    found += unexplained(journal.side, journal.origins, since_ns=run.began_ns)
    if not fills_since(exchange, run.began_ns):
        found.append(NO_FILL)
    return found


def _report(journal: Journal, exchange: Side, run: RunFacts, reasons: list[str]) -> Report:
    fills = fills_since(exchange, run.began_ns)
    return Report(
        orders=len(exchange.orders),
        executions=len(exchange.executions),
        run_fills=len(fills),
        positions=exchange.positions,
        fees=total_fees(exchange.executions.values()),
        equity=run.equity,
        accepted=journal.accepted,
        refused=journal.refused,
        first_book_s=run.first_book_s,
        first_fill_s=(fills[0].at_ns - run.began_ns) / 1e9 if fills else None,
        errors=run.error_records(),
        reasons=tuple(reasons),
    )


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds:.1f} s"
