"""The rules between fields: for each a spec that keeps it and one that breaks it, at the boundary."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.rule_cases import RULE_CASES, spec_with

from tradefleet.spec.bot import Mode
from tradefleet.spec.rules import RULES, broken
from tradefleet.spec.schema_walk import leaves


@pytest.mark.parametrize(("rule_id", "good", "bad"), RULE_CASES)
def test_a_rule_tells_a_good_spec_from_a_bad_one(
    rule_id: str, good: dict[str, Any], bad: dict[str, Any]
) -> None:
    (rule,) = [rule for rule in RULES if rule.id == rule_id]

    assert rule.holds(spec_with(**good))
    assert not rule.holds(spec_with(**bad))


def test_every_rule_has_a_case() -> None:
    assert {rule.id for rule in RULES} == {rule_id for rule_id, _, _ in RULE_CASES}


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


@pytest.mark.parametrize("mode", [Mode.DEMO, Mode.TESTNET])
def test_a_mode_of_bybits_needs_nothing_but_its_name(mode: Mode) -> None:
    assert list(broken(spec_with(mode=mode))) == []


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
