"""A position's row: whose it is, its side, and what it sums to."""

from decimal import Decimal

import pytest

from tradefleet.domain.positions import PositionKey
from tradefleet.positions.plan import ExitPlan, PositionRecord

D = Decimal


def plan(strategy: str) -> ExitPlan:
    return ExitPlan(
        strategy=strategy, signal_id="i", opened_ns=1, stop_loss=None, take_profit=None, flat_by_ns=0
    )


def position(size: str, owed: str = "0", index: int = 0) -> PositionRecord:
    return PositionRecord(
        key=PositionKey("linear", "ABCUSDT", index),
        size=D(size),
        entry_price=None,
        generation=1,
        realised=D(0),
        fees=D(0),
        plan=None,
        at_ns=0,
        owed=D(owed),
    )


@pytest.mark.parametrize(
    ("strategy", "foreign"),
    [("adopted", True), ("kill_switch", True), ("imbalance", False), ("", False)],
)
def test_whose_a_position_is(strategy: str, foreign: bool) -> None:
    assert plan(strategy).is_foreign is foreign


@pytest.mark.parametrize(
    ("size", "sign"), [("2", 1), ("1", 1), ("0.001", 1), ("0", -1), ("-0.001", -1), ("-2", -1)]
)
def test_a_flat_position_counts_as_short(size: str, sign: int) -> None:
    assert position(size).sign == sign


@pytest.mark.parametrize(
    ("size", "owed", "index", "total"),
    [
        ("2", "0", 0, "2"),
        ("-2", "0", 2, "-2"),
        ("0", "0.5", 1, "-0.5"),
        ("0", "0.5", 2, "0.5"),
        ("0", "0", 1, "0"),
    ],
)
def test_the_sum_of_its_executions(size: str, owed: str, index: int, total: str) -> None:
    assert position(size, owed, index).total == D(total)


def test_a_plan_of_a_release_before_has_closed_and_tried_nothing() -> None:
    made = plan("imbalance")

    assert (made.close_signal_id, made.close_attempt, made.part_attempt, made.parts_taken) == ("", 0, 0, 0)
    assert (made.entered, made.parts_due, made.parts_closed) == (D(0), D(0), D(0))
    assert (made.best_price, made.stop_sent) == (None, None)
