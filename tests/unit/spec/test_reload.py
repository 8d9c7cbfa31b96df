"""What an edit changes, when that takes effect and whether it loosens a limit."""

from decimal import Decimal

import pytest

from tradefleet.spec.bot import BotSpec, ExecutorTemplate, Mode
from tradefleet.spec.fields import Reload
from tradefleet.spec.market import BookDepth, Feed, Universe
from tradefleet.spec.reload import Change, changes, pinned, worst
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment
from tradefleet.spec.strategies import Imbalance, Strategies
from tradefleet.spec.trading import Correlation, Exits, ForeignPositions, KillSwitch, Protection, Risk

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


def test_leaving_foreign_positions_without_a_stop_loosens_and_protecting_them_does_not() -> None:
    observes = edited(protection=Protection(foreign_positions=ForeignPositions.OBSERVE))

    assert [change.loosens for change in changes(PLAIN, observes)] == [True]
    assert [change.loosens for change in changes(observes, PLAIN)] == [False]


def test_confirming_live_mode_loosens() -> None:
    (change,) = changes(PLAIN, edited(confirm_live=True))

    assert (change.path, change.loosens) == ("spec.confirmLive", True)


@pytest.mark.parametrize(
    ("before", "after", "loosens"),
    [("", "spec-3", True), ("spec-3", "daily-loss-9", True), ("spec-3", "", False)],
)
def test_naming_a_latch_to_clear_loosens_and_naming_none_does_not(
    before: str, after: str, loosens: bool
) -> None:
    (change,) = changes(
        edited(kill_switch=KillSwitch(clear=before)), edited(kill_switch=KillSwitch(clear=after))
    )

    assert change.loosens is loosens


def test_engaging_and_disengaging_the_kill_switch_are_no_loosening() -> None:
    engaged = edited(kill_switch=KillSwitch(engaged=True, reason="the desk says so"))

    assert not any(change.loosens for change in changes(PLAIN, engaged) + changes(engaged, PLAIN))


def snapshot(spec: BotSpec, generation: int = 1, uid: str = "u") -> ConfigSnapshot:
    shards = (ShardAssignment(0, tuple(sorted(spec.universe.symbols))),)
    return ConfigSnapshot(
        generation=generation, uid=uid, name="bot", namespace="trading", spec=spec, shards=shards
    )


def test_a_running_process_applies_the_hot_part_of_an_edit_alone() -> None:
    begun_with = snapshot(PLAIN)
    newest = snapshot(
        edited(
            universe=Universe(symbols=["BTCUSDT", "SOLUSDT"]),
            feed=Feed(topics_per_connection=100, ping_seconds=Decimal(15)),
            risk=Risk(max_positions=3),
            executor=ExecutorTemplate(replicas=3, cpu="1"),
        ),
        generation=2,
    )

    applied = pinned(begun_with, newest)

    assert applied == ConfigSnapshot(
        generation=2,
        uid="u",
        name="bot",
        namespace="trading",
        spec=edited(feed=Feed(ping_seconds=Decimal(15)), risk=Risk(max_positions=3)),
        shards=begun_with.shards,
    )


def test_a_hot_field_waits_where_a_rule_ties_it_to_one_that_stays() -> None:
    shallow = edited(feed=Feed(depth=BookDepth.LEVELS_1))
    deeper = edited(
        feed=Feed(depth=BookDepth.LEVELS_50),
        strategies=Strategies(imbalance=Imbalance(levels=5, threshold=Decimal("0.7"))),
        risk=Risk(max_positions=3),
    )

    applied = pinned(snapshot(shallow), snapshot(deeper, generation=2)).spec

    assert applied.strategies.imbalance == Imbalance(levels=1, threshold=Decimal("0.7"))
    assert applied.feed.depth is BookDepth.LEVELS_1
    assert applied.risk.max_positions == 3


def test_a_process_applies_no_configuration_of_another_bot() -> None:
    with pytest.raises(ValueError, match="uid other needs a process of its own"):
        pinned(snapshot(PLAIN), snapshot(PLAIN, generation=2, uid="other"))
