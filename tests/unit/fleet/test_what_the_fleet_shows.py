"""The fleet's view says what is missing instead of guessing it."""

import io

from rich.console import Console

from tradefleet.services.fleet.live_table import render
from tradefleet.services.fleet.plain_lines import line, open_positions, sizes
from tradefleet.services.fleet.view import FleetView, shard_view, troubles_of

SHARD_STATUS = {
    "pid": 7,
    "instance": "a1",
    "generation": 3,
    "warm": True,
    "owner": True,
    "messages_per_s": 41.7,
    "signals": 5,
    "symbols": {"BTCUSDT": {"book_age_ms": 12.4}, "ETHUSDT": {"book_age_ms": None}},
    "faults": {"gap": 2},
}
EXECUTOR_STATUS = {
    "generation": 3,
    "accepted": 4,
    "orders_sent": 4,
    "fills": 6,
    "equity": "9999.5",
    "positions": [{"symbol": "BTCUSDT", "size": "0.001", "entry": "60000"}],
    "latches": ["daily-loss-20000"],
    "refused_by_reason": {"cooldown": 2},
}


def view() -> FleetView:
    shards = (shard_view(0, "shard-0", SHARD_STATUS), shard_view(1, "shard-1", {}))
    troubles = troubles_of(shards, EXECUTOR_STATUS, postgres_up=False, redis_up=True)
    return FleetView(shards=shards, executor=EXECUTOR_STATUS, troubles=troubles)


def test_a_plain_line_names_every_processs_generation_and_every_book() -> None:
    text = line(view())

    assert "generations [shard-0=3 shard-1=- executor=3]" in text
    assert "books [BTCUSDT=12ms ETHUSDT=no-book]" in text
    assert "fills 6" in text
    assert "positions 1" in text


def test_both_legs_of_a_symbol_are_shown_and_counted() -> None:
    legs = [{"symbol": "BTCUSDT", "position_idx": 1, "size": "0.2"}, {"symbol": "BTCUSDT", "size": "-0.1"}]

    assert sizes({"positions": legs}) == {"BTCUSDT": "0.2 / -0.1"}
    assert open_positions({"positions": legs}) == 2


def test_what_is_wrong_is_said_in_sentences() -> None:
    assert view().troubles == (
        "postgres is down; orders are held back",
        "shard-1 says nothing; its symbols make no signals",
        "latched: daily-loss-20000",
    )


def test_the_table_shows_the_same() -> None:
    console = Console(file=io.StringIO(), width=140, force_terminal=False)

    console.print(render(view(), "default/bot", ["0.1 s  starting"]))

    text = console.file.getvalue()  # type: ignore[attr-defined]
    for shown in ("shard-0", "BTCUSDT", "no book", "0.001", "9999.5", "cooldown 2", "postgres is down"):
        assert shown in text
