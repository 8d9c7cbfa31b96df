"""What a comparison tells a person: every kind of finding, alone and in many."""

from typing import Any

import pytest

from tradefleet.orders.reconciliation_report import Comparison, ReconciliationReport, outcome_of


def sentence(**fields: Any) -> str:
    made = {"reason": "r", "outcome": Comparison.OPEN, "asked_ns": 1, "ended_ns": 2}
    return ReconciliationReport(**(made | fields)).sentence()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, "both books say the same"),
        ({"counted": ("a",)}, "1 execution was missing here (a)"),
        ({"counted": ("a", "b")}, "2 executions were missing here (a, b)"),
        ({"absent": ("a",)}, "1 order was never taken (a)"),
        ({"absent": ("a", "b", "c")}, "3 orders were never taken (a, b, c)"),
        ({"adopted": ("a",)}, "1 order of ours has no intent (a)"),
        ({"foreign": ("a", "b", "c", "d")}, "4 orders are somebody else's"),
        ({"unresolved": ("a",)}, "1 order is unresolved (a)"),
        ({"differing": ("x",)}, "x; looked at again"),
        ({"believed": ("x",)}, "x; believed"),
        ({"unclear": ("x",)}, "not understood: x"),
        ({"trouble": "503", "counted": ("a",)}, "could not be read: 503"),
        (
            {"trouble": "503", "unread": ("y",), "unclear": ("x",)},
            "could not be read: 503; y; not understood: x",
        ),
        (
            {"counted": ("a",), "believed": ("x",), "unclear": ("z",)},
            "1 execution was missing here (a); x; believed; not understood: z",
        ),
    ],
)
def test_a_comparison_says_what_it_has_found(fields: dict[str, Any], said: str) -> None:
    assert sentence(**fields) == said


@pytest.mark.parametrize(
    ("differences", "left", "outcome"),
    [
        (False, False, Comparison.AGREES),
        (True, False, Comparison.RESOLVED),
        (False, True, Comparison.OPEN),
        (True, True, Comparison.OPEN),
    ],
)
def test_a_comparison_is_open_while_anything_of_it_is(
    differences: bool, left: bool, outcome: Comparison
) -> None:
    assert outcome_of(differences=differences, left=left) is outcome
