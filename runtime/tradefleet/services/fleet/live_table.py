"""A fleet's view as a live table, for a person at a terminal."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from tradefleet.services.fleet.plain_lines import sizes
from tradefleet.services.fleet.view import FleetView

STALE_MS = 10_000.0


def render(view: FleetView, title: str, events: Sequence[str]) -> RenderableType:
    """The whole screen. events: the latest sentences, oldest first."""
    troubles = [Text(f"! {trouble}", style="bold red") for trouble in view.troubles]
    said = [Text(event, style="dim") for event in events]
    return Group(Text(title, style="bold"), _shards(view), _symbols(view), _account(view), *troubles, *said)


def _shards(view: FleetView) -> Table:
    table = _table("process", "generation", "warm", "owner", "messages/s", "signals", "faults")
    for shard in view.shards:
        table.add_row(
            shard.process,
            str(shard.generation or "-"),
            _mark(shard.warm),
            _mark(shard.owner),
            f"{shard.messages_per_s:.0f}",
            str(shard.signals),
            " ".join(f"{reason} {count}" for reason, count in sorted(shard.faults.items())) or "-",
        )
    return table


def _symbols(view: FleetView) -> Table:
    held = sizes(view.executor)
    table = _table("symbol", "shard", "book age", "position")
    for shard in view.shards:
        for symbol in shard.symbols:
            age = symbol.book_age_ms
            style = "red" if age is None or age > STALE_MS else ""
            shown = "no book" if age is None else f"{age:.0f} ms"
            table.add_row(
                symbol.symbol, str(symbol.shard), Text(shown, style=style), held.get(symbol.symbol, "-")
            )
    return table


def _account(view: FleetView) -> Table:
    executor = view.executor
    refused = executor.get("refused_by_reason") or {}
    table = _table("generation", "state", "accepted", "refused", "orders", "fills", "equity", "loss today")
    table.add_row(
        str(executor.get("generation") or "-"),
        str(executor.get("state", "-")),
        str(executor.get("accepted", 0)),
        " ".join(f"{reason} {count}" for reason, count in sorted(refused.items())) or "0",
        str(executor.get("orders_sent", 0)),
        str(executor.get("fills", 0)),
        str(executor.get("equity") or "-"),
        str(executor.get("daily_loss") or "-"),
    )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold cyan")
    for column in columns:
        table.add_column(column)
    return table


def _mark(yes: bool) -> str:
    return "yes" if yes else "no"
