"""What an edit changes, when that takes effect and whether it loosens a limit."""

from decimal import Decimal

import pytest

from tradefleet.spec.bot import BotSpec, ExecutorTemplate, Mode
from tradefleet.spec.fields import Reload
from tradefleet.spec.market import Feed, Universe
from tradefleet.spec.reload import Change, changes, worst
from tradefleet.spec.strategies import Imbalance, Strategies
from tradefleet.spec.trading import Correlation, Exits, Risk

PLAIN = BotSpec(universe=Universe(symbols=["BTCUSDT", "ETHUSDT"]))


def edited(**sections: object) -> BotSpec:
    return BotSpec(**({"universe": PLAIN.universe} | sections))  # type: ignore[arg-type]


def test_the_same_spec_is_no_change() -> None:
    assert changes(PLAIN, edited()) == []
    assert worst([]) is None


def test_a_changed_threshold_is_one_hot_change() -> None:
    new = edited(strategies=Strategies(imbalance=Imbalance(threshold=Decimal("0.7"))))

    assert changes(PLAIN, new) == [
        Change(
            "spec.strategies.imbalance.threshold", Decimal("0.6"), Decimal("0.7"), Reload.HOT, loosens=False
        )
    ]


def test_symbols_compare_as_a_set() -> None:
    assert changes(PLAIN, edited(universe=Universe(symbols=["ETHUSDT", "BTCUSDT"]))) == []


def test_a_new_symbol_replaces_processes() -> None:
    (change,) = changes(PLAIN, edited(universe=Universe(symbols=["ETHUSDT", "BTCUSDT", "SOLUSDT"])))

    assert (change.path, change.reload) == ("spec.universe.symbols", Reload.RESTART)


def test_the_way_a_number_is_written_is_no_change() -> None:
    assert changes(PLAIN, edited(risk=Risk(max_daily_loss=Decimal("0.050")))) == []


def test_a_field_is_at_least_as_strict_as_its_section() -> None:
    (change,) = changes(PLAIN, edited(executor=ExecutorTemplate(cpu="1")))

    assert (change.path, change.reload) == ("spec.executor.cpu", Reload.RESTART)


LOOSENING = [
    (Risk(max_positions=11), True),
    (Risk(max_positions=9), False),
    (Risk(max_daily_loss=Decimal("0.06")), True),
    (Risk(max_daily_loss=Decimal("0.04")), False),
    (Risk(cooldown_after_loss_seconds=60), False),
    (Risk(correlation=Correlation(groups={})), True),
    (Risk(correlation=Correlation(max_correlation=Decimal("0.6"))), False),
]


@pytest.mark.parametrize(("risk", "loosens"), LOOSENING)
def test_a_limit_loosens_in_one_direction_only(risk: Risk, loosens: bool) -> None:
    (change,) = changes(PLAIN, edited(risk=risk))

    assert change.loosens is loosens


def test_a_shorter_pause_loosens() -> None:
    (change,) = changes(
        edited(risk=Risk(cooldown_after_loss_seconds=60)), edited(risk=Risk(cooldown_after_loss_seconds=59))
    )

    assert change.loosens


def test_a_wider_stop_loosens_and_a_further_target_does_not() -> None:
    found = changes(PLAIN, edited(exits=Exits(stop_loss=Decimal("0.03"), take_profit=Decimal("0.05"))))

    assert [(change.path, change.loosens) for change in found] == [
        ("spec.exits.stopLoss", True),
        ("spec.exits.takeProfit", False),
    ]


def test_the_order_within_a_group_of_symbols_is_no_change() -> None:
    def grouped(*symbols: str) -> BotSpec:
        return edited(risk=Risk(correlation=Correlation(groups={"majors": list(symbols)})))

    assert changes(grouped("BTC", "ETH"), grouped("ETH", "BTC")) == []


def test_the_worst_of_several_changes_decides() -> None:
    hot = edited(paused=True)
    restart = edited(paused=True, feed=Feed(topics_per_connection=100))
    immutable = edited(paused=True, feed=Feed(topics_per_connection=100), mode=Mode.LIVE)

    assert worst(changes(PLAIN, hot)) is Reload.HOT
    assert worst(changes(PLAIN, restart)) is Reload.RESTART
    assert worst(changes(PLAIN, immutable)) is Reload.IMMUTABLE
