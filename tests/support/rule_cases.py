"""A good and a bad spec for every rule between fields, at the boundary.

The rules' twins in Python and in CEL are held against the same cases: tests/unit/spec asks the
functions, tests/cluster/spec a real API server.
"""

from decimal import Decimal
from typing import Any

import msgspec

from tradefleet.spec.bot import BotSpec, Mode
from tradefleet.spec.entry import EntryKind, PriceFrom

LOCAL = {
    "exchange.endpoints.rest": "http://127.0.0.1:9000",
    "exchange.endpoints.public_stream": "ws://127.0.0.1:9000/v5/public/linear",
    "exchange.endpoints.private_stream": "ws://127.0.0.1:9000/v5/private",
}


def spec_with(**dotted: Any) -> BotSpec:
    """The defaults with some fields set, by their dotted path."""
    spec = BotSpec()
    for path, value in dotted.items():
        spec = _set(spec, path.split("."), value)
    return spec


def _set(section: Any, steps: list[str], value: Any) -> Any:
    step, *below = steps
    inner = _set(getattr(section, step), below, value) if below else value
    return msgspec.structs.replace(section, **{step: inner})


# rule, a spec that keeps it, a spec that breaks it
RULE_CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("live_mode_is_confirmed", {"mode": Mode.LIVE, "confirm_live": True}, {"mode": Mode.LIVE}),
    ("live_mode_is_confirmed", {"mode": Mode.DEMO}, {"mode": Mode.LIVE, "confirm_live": False}),
    (
        "simulator_only_in_paper_mode",
        {"exchange.simulator.enabled": True},
        {"exchange.simulator.enabled": True, "mode": Mode.TESTNET},
    ),
    (
        "simulator_only_in_paper_mode",
        {"mode": Mode.TESTNET},
        {"exchange.simulator.enabled": True, "mode": Mode.LIVE},
    ),
    ("paper_mode_has_an_exchange", {"exchange.simulator.enabled": True}, {}),
    ("paper_mode_has_an_exchange", LOCAL, {"mode": Mode.PAPER}),
    (
        "paper_mode_trades_at_no_real_exchange",
        LOCAL,
        LOCAL | {"exchange.endpoints.rest": "https://api.bybit.com"},
    ),
    (
        "paper_mode_trades_at_no_real_exchange",
        LOCAL | {"exchange.endpoints.public_stream": "wss://stream.bybit.com/v5/public/linear"},
        LOCAL | {"exchange.endpoints.private_stream": "wss://Stream.Bybit.com:443/v5/private"},
    ),
    (
        "paper_mode_trades_at_no_real_exchange",
        LOCAL | {"exchange.endpoints.rest": "http://bybit-simulator:9000"},
        LOCAL | {"exchange.endpoints.rest": "https://user@api.bytick.com./v5"},
    ),
    (
        "paper_mode_trades_at_no_real_exchange",
        {"mode": Mode.LIVE, "exchange.endpoints.rest": "https://api.bybit.com"},
        {"exchange.endpoints.rest": "https://api.bybit.com"},
    ),
    (
        "only_live_mode_trades_at_the_live_exchange",
        {"mode": Mode.DEMO, "exchange.endpoints.rest": "https://api-demo.bybit.com"},
        {"mode": Mode.DEMO, "exchange.endpoints.rest": "https://api.bybit.com"},
    ),
    (
        "only_live_mode_trades_at_the_live_exchange",
        {
            "mode": Mode.TESTNET,
            "exchange.endpoints.private_stream": "wss://stream-testnet.bybit.com/v5/private",
        },
        {"mode": Mode.TESTNET, "exchange.endpoints.private_stream": "wss://stream.bybit.com/v5/private"},
    ),
    (
        "only_live_mode_trades_at_the_live_exchange",
        {"mode": Mode.LIVE, "exchange.endpoints.rest": "https://api.bybit.nl"},
        {"mode": Mode.DEMO, "exchange.endpoints.rest": "https://API.bytick.com:443/v5"},
    ),
    (
        "only_live_mode_trades_at_the_live_exchange",
        {"mode": Mode.TESTNET, "exchange.endpoints.rest": "http://a-relay:9000"},
        {"mode": Mode.TESTNET, "exchange.endpoints.rest": "https://api-demo.bybit.com@api.bybit.com"},
    ),
    ("endpoints_are_given_together", LOCAL, LOCAL | {"exchange.endpoints.private_stream": ""}),
    ("endpoints_are_given_together", {}, {"exchange.endpoints.rest": "http://127.0.0.1:9000"}),
    (
        "credentials_are_two_variables",
        {
            "exchange.credentials.api_key_variable": "KEY",
            "exchange.credentials.api_secret_variable": "SECRET",
        },
        {"exchange.credentials.api_key_variable": "KEY", "exchange.credentials.api_secret_variable": "KEY"},
    ),
    (
        "symbols_fit_the_shards",
        {
            "universe.symbols": ["A1", "A2", "A3", "A4"],
            "sharding.symbols_per_shard": 2,
            "sharding.max_shards": 2,
        },
        {
            "universe.symbols": ["A1", "A2", "A3", "A4", "A5"],
            "sharding.symbols_per_shard": 2,
            "sharding.max_shards": 2,
        },
    ),
    (
        "reconnect_begins_below_its_longest_wait",
        {"feed.reconnect.initial_seconds": Decimal(30)},
        {"feed.reconnect.initial_seconds": Decimal("30.1")},
    ),
    (
        "imbalance_levels_are_in_the_feed",
        {"strategies.imbalance.levels": 50},
        {"strategies.imbalance.levels": 51},
    ),
    (
        "breakout_looks_back_over_its_touches",
        {"strategies.breakout.lookback": 11, "strategies.breakout.resistance_strength": 10},
        {"strategies.breakout.lookback": 10, "strategies.breakout.resistance_strength": 10},
    ),
    (
        "target_is_beyond_the_least_profit",
        {"exits.take_profit": Decimal("0.0031")},
        {"exits.take_profit": Decimal("0.003")},
    ),
    (
        "parts_lie_one_beyond_the_other",
        {"exits.partial_close.first.profit": Decimal("0.0199")},
        {"exits.partial_close.first.profit": Decimal("0.02")},
    ),
    (
        "parts_lie_one_beyond_the_other",
        {"exits.partial_close.second.share": Decimal(0), "exits.partial_close.second.profit": Decimal(1)},
        {"exits.partial_close.second.share": Decimal(0), "exits.partial_close.first.profit": Decimal(1)},
    ),
    (
        "parts_are_no_more_than_the_whole",
        {"exits.partial_close.third.share": Decimal("0.4")},
        {"exits.partial_close.third.share": Decimal("0.41")},
    ),
    (
        "an_entry_at_market_has_no_offset",
        {"execution.entry.kind": EntryKind.POST_ONLY, "execution.entry.offset_bps": Decimal(1)},
        {"execution.entry.offset_bps": Decimal("0.1")},
    ),
    (
        "a_conditional_entry_waits_ahead",
        {"execution.entry.kind": EntryKind.CONDITIONAL, "execution.entry.offset_bps": Decimal("0.1")},
        {"execution.entry.kind": EntryKind.CONDITIONAL},
    ),
    (
        "slippage_is_bounded_where_an_entry_takes",
        {"execution.entry.max_slippage_bps": Decimal(10)},
        {"execution.entry.kind": EntryKind.LIMIT, "execution.entry.max_slippage_bps": Decimal("0.1")},
    ),
    (
        "an_entry_follows_from_the_touch",
        {"execution.entry.kind": EntryKind.POST_ONLY, "execution.entry.follow_bps": Decimal(2)},
        {"execution.entry.follow_bps": Decimal("0.1")},
    ),
    (
        "an_entry_follows_from_the_touch",
        {"execution.entry.kind": EntryKind.LIMIT, "execution.entry.follow_bps": Decimal(2)},
        {
            "execution.entry.kind": EntryKind.LIMIT,
            "execution.entry.follow_bps": Decimal(2),
            "execution.entry.price_from": PriceFrom.SIGNAL,
        },
    ),
]
