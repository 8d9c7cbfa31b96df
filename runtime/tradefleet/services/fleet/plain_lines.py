"""A fleet's view as one line, for pipes, logs and `--plain`."""

from typing import Any

from tradefleet.services.fleet.view import FleetView


def line(view: FleetView) -> str:
    """Everything that moves, in words that a script can find again."""
    executor = view.executor
    ages = " ".join(
        f"{symbol.symbol}={'no-book' if symbol.book_age_ms is None else f'{symbol.book_age_ms:.0f}ms'}"
        for shard in view.shards
        for symbol in shard.symbols
    )
    generations = " ".join(f"{name}={number or '-'}" for name, number in view.generations.items())
    parts = [
        f"generations [{generations}]",
        f"warm {sum(shard.warm for shard in view.shards)}/{len(view.shards)}",
        f"owners {sum(shard.owner for shard in view.shards)}/{len(view.shards)}",
        f"messages/s {sum(shard.messages_per_s for shard in view.shards):.0f}",
        f"books [{ages}]",
        f"signals {sum(shard.signals for shard in view.shards)}",
        f"accepted {executor.get('accepted', 0)}",
        f"orders {executor.get('orders_sent', 0)}",
        f"fills {executor.get('fills', 0)}",
        f"positions {open_positions(executor)}",
        f"equity {executor.get('equity') or '-'}",
        f"loss today {executor.get('daily_loss') or '-'}",
        f"latches {len(executor.get('latches') or ())}",
    ]
    return " | ".join(parts)


def open_positions(executor: dict[str, Any]) -> int:
    """How many positions have a size; the legs of hedge mode are two."""
    return len(_held(executor))


def sizes(executor: dict[str, Any]) -> dict[str, str]:
    """Signed size by symbol, as the executor's status has it; both legs of hedge mode side by side."""
    found: dict[str, str] = {}
    for symbol, size in _held(executor):
        found[symbol] = f"{found[symbol]} / {size}" if symbol in found else size
    return found


def _held(executor: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    positions = executor.get("positions") or ()
    rows = positions.values() if isinstance(positions, dict) else positions
    names = list(positions) if isinstance(positions, dict) else []
    for number, row in enumerate(rows):
        if not isinstance(row, dict):
            found.append((str(names[number]), str(row)))
            continue
        key = row.get("key")
        inner = key.get("symbol") if isinstance(key, dict) else None
        symbol = str(row.get("symbol") or inner or (names[number] if names else number))
        size = str(row.get("size", "0"))
        if size.strip("-0."):
            found.append((symbol, size))
    return found
