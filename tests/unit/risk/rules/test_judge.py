"""The rules together: their order, what a smaller size means for the next, and an account without equity."""

from decimal import Decimal

import pytest
from tests.support.risk_tables import ENTRY, account, entry, spec

from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.rules import NUMBERS, RULES, judge
from tradefleet.risk.rules.max_risk_per_trade import max_risk_per_trade

D = Decimal


def test_an_entry_within_every_limit_is_returned_as_it_is() -> None:
    assert judge(ENTRY, account(), spec()) is ENTRY


@pytest.mark.parametrize("equity", ["0", "-1"])
def test_an_account_without_equity_opens_nothing(equity: str) -> None:
    answer = judge(ENTRY, account(equity=D(equity)), spec(max_risk_per_trade=D(1)))

    assert isinstance(answer, Refusal)
    assert answer.detail == f"equity is {equity}"


def test_the_least_equity_above_zero_is_judged_by_the_rules() -> None:
    answer = judge(ENTRY, account(equity=D("0.01")), spec())

    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.MAX_RISK_PER_TRADE


def test_a_smaller_size_is_judged_by_the_rules_behind() -> None:
    # 2.198 a unit: the limit leaves 0.04, and the exchange wants 5 USDT.
    answer = judge(ENTRY, account(equity=D(10)), spec(max_risk_per_trade=D("0.01")))

    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.SIZE_BELOW_MINIMUM


def test_a_smaller_size_is_what_is_returned() -> None:
    answer = judge(ENTRY, account(equity=D(1000)), spec(max_risk_per_trade=D("0.01")))

    assert answer == entry(qty=D("4.54"))


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"max_positions": 0, "max_positions_per_symbol": 0}, Reason.MAX_POSITIONS),
        ({"max_positions_per_symbol": 0}, Reason.MAX_POSITIONS_PER_SYMBOL),
        ({"exits": {"min_profit": D(1)}, "max_risk_per_trade": D(0)}, Reason.TARGET_BELOW_COSTS),
        ({"max_risk_per_trade": D(0)}, Reason.MAX_RISK_PER_TRADE),
    ],
)
def test_the_first_rule_that_refuses_says_why(limits: dict[str, object], reason: Reason) -> None:
    answer = judge(ENTRY, account(), spec(**limits))

    assert isinstance(answer, Refusal)
    assert answer.reason is reason


def test_what_counts_positions_can_be_left_out() -> None:
    rest = tuple(rule for rule in RULES if rule not in NUMBERS)

    assert judge(ENTRY, account(), spec(max_positions=0, max_positions_per_symbol=0), rest) is ENTRY
    assert max_risk_per_trade in rest
