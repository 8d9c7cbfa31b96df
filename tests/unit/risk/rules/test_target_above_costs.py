"""What a target leaves after both fees, on both sides of the least profit."""

from decimal import Decimal

import pytest
from tests.support.risk_tables import account, entry, spec

from tradefleet.domain.orders import Side
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.rules.target_above_costs import target_above_costs

D = Decimal


@pytest.mark.parametrize(
    ("side", "target", "fee", "least", "allowed"),
    [
        (Side.BUY, "104", "0.001", "0.038", True),  # 4 % less two fees of 0.1 %: exactly
        (Side.BUY, "104", "0.001", "0.0381", False),
        (Side.BUY, "104", "0.0011", "0.038", False),
        (Side.SELL, "96", "0.001", "0.038", True),
        (Side.SELL, "96", "0.001", "0.0381", False),
        (Side.BUY, "100.2", "0.001", "0", True),
        (Side.BUY, "100.1", "0.001", "0", False),  # not even its fees
        (Side.BUY, "104", "0", "0.04", True),
    ],
)
def test_a_target_leaves_the_least_profit_after_both_fees(
    side: Side, target: str, fee: str, least: str, allowed: bool
) -> None:
    answer = target_above_costs(
        entry(side=side, take_profit=D(target)),
        account(taker_fee=D(fee)),
        spec(exits={"min_profit": D(least)}),
    )

    if allowed:
        assert answer is None
    else:
        assert isinstance(answer, Refusal)
        assert answer.reason is Reason.TARGET_BELOW_COSTS


def test_the_refusal_has_its_figures() -> None:
    answer = target_above_costs(entry(), account(), spec(exits={"min_profit": D("0.05")}))

    assert answer == Refusal(Reason.TARGET_BELOW_COSTS, "target 0.04 less fees 0.002 is under 0.05")
