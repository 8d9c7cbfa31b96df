"""The rules between fields: for each a spec that keeps it and one that breaks it, at the boundary."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tradefleet.spec.bot import BotSpec, Mode
from tradefleet.spec.rules import RULES, broken
from tradefleet.spec.schema_walk import leaves

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
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("mode_has_an_adapter", {"mode": Mode.PAPER}, {"mode": Mode.DEMO}),
    ("mode_has_an_adapter", {"mode": Mode.PAPER}, {"mode": Mode.TESTNET}),
    ("mode_has_an_adapter", {"mode": Mode.PAPER}, {"mode": Mode.LIVE}),
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
]


@pytest.mark.parametrize(("rule_id", "good", "bad"), CASES)
def test_a_rule_tells_a_good_spec_from_a_bad_one(
    rule_id: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]

    assert rule.holds(spec_with(**good))
    assert not rule.holds(spec_with(**bad))


def test_every_rule_has_a_case() -> None:
    assert {rule.id for rule in RULES} == {rule_id for rule_id, _, _ in CASES}


def test_every_rule_names_fields_that_exist_and_says_what_it_means() -> None:
    paths = {leaf.path for leaf in leaves()}

    for rule in RULES:
        assert rule.meaning.endswith(".")
        for path in rule.paths:
            assert path in paths or any(known.startswith(path + ".") for known in paths)


def test_a_broken_rule_names_the_field_its_value_and_what_would_be_right() -> None:
    spec = spec_with(**{"exchange.simulator.enabled": True, "exits.take_profit": Decimal("0.001")})

    assert list(broken(spec)) == [
        (
            "spec.exits.takeProfit",
            "0.001",
            "is not above minProfit, so that every entry would be refused; raise it or lower minProfit",
        )
    ]


def test_an_unbuilt_mode_is_refused_by_name() -> None:
    assert list(broken(spec_with(mode=Mode.LIVE, confirm_live=True))) == [
        ("spec.mode", "'live'", "is refused: the adapter for it is not built yet; use paper")
    ]


@pytest.mark.parametrize(
    "unreadable", ["spec.exits", "spec.exits.takeProfit", "spec.exits.minProfit", "spec.exits.takeProfit[0]"]
)
def test_a_rule_is_silent_when_a_field_it_reads_could_not_be_read(unreadable: str) -> None:
    spec = spec_with(**{"exchange.simulator.enabled": True, "exits.take_profit": Decimal("0.001")})

    assert list(broken(spec, (unreadable,))) == []


def test_tightening_every_limit_to_its_end_breaks_no_rule() -> None:
    spec = spec_with(
        **{
            "exchange.simulator.enabled": True,
            "risk.max_positions": 0,
            "risk.max_positions_per_symbol": 0,
            "risk.max_risk_per_trade": Decimal(0),
            "risk.max_daily_loss": Decimal("0.0001"),
            "exits.stop_loss": Decimal("0.0005"),
        }
    )

    assert list(broken(spec)) == []
