"""What a fleet shows: the status of every process, gathered into one value.

Processes write status files; this reads them. What is missing or old is said, never guessed. The
live table and the plain lines are two ways to print the same `FleetView`.
"""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec

from tradefleet.adapters.files.status import Unreadable, read_json

OLD_AFTER_S: Final = 3.0
"""A status that has not been written for so long says nothing about now."""


class SymbolView(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol of a shard; book_age_ms: since its book last changed, None without a book."""

    symbol: str
    shard: int
    book_age_ms: float | None


class ShardView(msgspec.Struct, frozen=True, kw_only=True):
    """One shard process."""

    shard: int
    process: str
    pid: int | None = None
    instance: str = ""
    generation: int | None = None
    warm: bool = False
    owner: bool = False
    messages_per_s: float = 0.0
    signals: int = 0
    symbols: tuple[SymbolView, ...] = ()
    faults: dict[str, int] = {}


class FleetView(msgspec.Struct, frozen=True, kw_only=True):
    """Everything at one moment. executor: its status file, {} when there is none or it is old."""

    shards: tuple[ShardView, ...]
    executor: dict[str, Any]
    troubles: tuple[str, ...]

    @property
    def has_book(self) -> bool:
        """True when at least one symbol has an order book."""
        return any(symbol.book_age_ms is not None for shard in self.shards for symbol in shard.symbols)

    @property
    def generations(self) -> dict[str, int | None]:
        """The generation that each process runs."""
        found: dict[str, int | None] = {shard.process: shard.generation for shard in self.shards}
        found["executor"] = self.executor.get("generation")
        return found


def fresh_status(path: Path) -> dict[str, Any]:
    """A process's status; {} when there is none, when it is half written, or when it is old."""
    try:
        if time.time() - path.stat().st_mtime > OLD_AFTER_S:
            return {}
        status = read_json(path)
    except (OSError, Unreadable):
        return {}
    return status if isinstance(status, dict) else {}


def written_status(path: Path) -> tuple[dict[str, Any], float | None]:
    """A process's status however old it is, and when it was written; {} and None when there is none."""
    try:
        written = path.stat().st_mtime
        status = read_json(path)
    except (OSError, Unreadable):
        return {}, None
    return (status, written) if isinstance(status, dict) else ({}, written)


def shard_view(index: int, process: str, status: dict[str, Any]) -> ShardView:
    """A shard's status as the fleet shows it."""
    if not status:
        return ShardView(shard=index, process=process)
    symbols = status.get("symbols") or {}
    return ShardView(
        shard=index,
        process=process,
        pid=status.get("pid"),
        instance=str(status.get("instance", "")),
        generation=status.get("generation"),
        warm=bool(status.get("warm")),
        owner=bool(status.get("owner")),
        messages_per_s=float(status.get("messages_per_s") or 0.0),
        signals=int(status.get("signals") or 0),
        symbols=tuple(
            SymbolView(symbol=symbol, shard=index, book_age_ms=about.get("book_age_ms"))
            for symbol, about in sorted(symbols.items())
        ),
        faults=dict(status.get("faults") or {}),
    )


def troubles_of(
    shards: Iterable[ShardView], executor: dict[str, Any], *, postgres_up: bool, redis_up: bool
) -> tuple[str, ...]:
    """What a person should know now, a sentence each."""
    found = []
    if not postgres_up:
        found.append("postgres is down; orders are held back")
    if not redis_up:
        found.append("redis is down; signals do not arrive")
    silent = [shard.process for shard in shards if shard.pid is None]
    found += [f"{process} says nothing; its symbols make no signals" for process in silent]
    if not executor:
        found.append("the executor says nothing; no orders are made")
    found += [f"latched: {latch_text(latch)}" for latch in executor.get("latches") or ()]
    return tuple(found)


def latch_text(latch: Any) -> str:
    """A latch in one line."""
    if isinstance(latch, dict):
        return f"{latch.get('kind', '')} {latch.get('latch_id', '')}: {latch.get('reason', '')}".strip()
    return str(latch)
