"""The limit on an entry's loss at its stop: fees of both ways in it, less where less is allowed."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.risk_tables import INSTRUMENT, account, entry, spec

from tradefleet.domain.orders import Side
from tradefleet.risk.decisions import Reason, Refusal, Resized
from tradefleet.risk.rules.max_risk_per_trade import max_risk_per_trade

D = Decimal
LONG = entry()  # 100 to 98 at a fee of 0.001: 2 + 0.198 = 2.198 a unit
SHORT = entry(side=Side.SELL, stop_loss=D(102), take_profit=D(96))  # 2 + 0.202 = 2.202 a unit


@pytest.mark.parametrize(
    ("order", "equity", "fraction", "qty"),
    [
        (LONG, "10000", "0.02", "10"),  # 21.98 of 200
        (LONG, "2198", "0.01", "10"),  # exactly what is allowed
        (LONG, "2197.9", "0.01", "9.99"),  # a hair less
        (LONG, "219.8", "0.01", "1"),
        (LONG, "2.198", "0.01", "0.01"),  # one step is left
        (LONG, "2.197", "0.01", None),
        (LONG, "10000", "0", None),
        (SHORT, "2202", "0.01", "10"),
        (SHORT, "2201", "0.01", "9.99"),
    ],
)
def test_the_loss_at_the_stop_stays_within_the_limit(
    order: object, equity: str, fraction: str, qty: str | None
) -> None:
    answer = max_risk_per_trade(order, account(equity=D(equity)), spec(max_risk_per_trade=D(fraction)))

    if qty == "10":
        assert answer is None
    elif qty is None:
        assert isinstance(answer, Refusal)
        assert answer.reason is Reason.MAX_RISK_PER_TRADE
    else:
        assert isinstance(answer, Resized)
        assert answer.qty == D(qty)


def test_without_fees_the_distance_alone_counts() -> None:
    view = account(equity=D(2000), taker_fee=D(0))

    assert max_risk_per_trade(LONG, view, spec(max_risk_per_trade=D("0.01"))) is None
    assert isinstance(
        max_risk_per_trade(LONG, account(equity=D(2000)), spec(max_risk_per_trade=D("0.01"))), Resized
    )


def test_less_is_a_multiple_of_the_step_and_says_why() -> None:
    order = entry(instrument=msgspec.structs.replace(INSTRUMENT, qty_step=D("0.5")))

    answer = max_risk_per_trade(order, account(equity=D(2000)), spec(max_risk_per_trade=D("0.01")))

    assert answer == Resized(D("9.0"), "loss at the stop limited to 20.00: 10 becomes 9.0")
