"""How large an entry is and where its stop and target stand: the careful side of every rounding."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.risk_tables import INSTRUMENT, spec

from tradefleet.domain.orders import Side
from tradefleet.risk.entry import Entry
from tradefleet.risk.sizing import plan_entry
from tradefleet.spec.trading import Sizing

D = Decimal


def planned(
    side: Side = Side.BUY,
    *,
    price: str = "100",
    equity: str = "10000",
    fraction: str = "0.1",
    largest: Decimal | None = None,
    market: str = "1000",
    stop: str = "0.02",
    target: str = "0.04",
) -> Entry:
    instrument = msgspec.structs.replace(INSTRUMENT, max_market_qty=D(market))
    exits = spec(exits={"stop_loss": D(stop), "take_profit": D(target)}).exits
    sizing = Sizing(equity_fraction=D(fraction))
    return plan_entry(instrument, side, D(price), D(equity), sizing, exits, largest=largest)


@pytest.mark.parametrize(
    ("price", "equity", "fraction", "qty"),
    [
        ("100", "10000", "0.1", "10"),
        ("100", "10000.99", "0.1", "10"),  # down to the step
        ("100", "10001", "0.1", "10"),
        ("100", "10010", "0.1", "10.01"),
        ("101", "10000", "0.1", "9.9"),
        ("100", "9", "0.1", "0"),  # less than a step
    ],
)
def test_the_size_is_the_fraction_of_equity_rounded_down(
    price: str, equity: str, fraction: str, qty: str
) -> None:
    assert planned(price=price, equity=equity, fraction=fraction).qty == D(qty)


@pytest.mark.parametrize(
    ("largest", "market", "qty"),
    [
        (None, "1000", "10"),
        (None, "10", "10"),
        (None, "9.99", "9.99"),  # a market order's largest, when nothing else is said
        (D("9.99"), "1000", "9.99"),
        (D("9.995"), "1000", "9.99"),  # on the grid
        (D(20), "5", "10"),  # what is said stands, not the market order's
        (D(0), "1000", "0"),
    ],
)
def test_no_order_is_larger_than_the_largest(largest: Decimal | None, market: str, qty: str) -> None:
    assert planned(largest=largest, market=market).qty == D(qty)


@pytest.mark.parametrize(
    ("side", "price", "stop", "target"),
    [
        (Side.BUY, "100", "98.0", "104.0"),
        (Side.SELL, "100", "102.0", "96.0"),
        (Side.BUY, "100.7", "98.7", "104.7"),  # 98.686 up, 104.728 down: both towards the price
        (Side.SELL, "100.7", "102.7", "96.7"),  # 102.714 down, 96.672 up
    ],
)
def test_stop_and_target_are_rounded_towards_the_price(
    side: Side, price: str, stop: str, target: str
) -> None:
    entry = planned(side, price=price)

    assert (entry.stop_loss, entry.take_profit) == (D(stop), D(target))
    assert (entry.side, entry.price) == (side, D(price))
