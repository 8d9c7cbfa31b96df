"""Trailing and partial stops, and how far a market order may slip or a close may be split."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.domain.orders import OrderStatus, Side
from tradefleet.simulation.account import reads
from tradefleet.simulation.account.orders import Order, Refused

from .conftest import Trader

D = Decimal
ON_BTC = {"category": "linear", "symbol": "BTCUSDT", "positionIdx": 0}
PARTIAL = {**ON_BTC, "tpslMode": "Partial"}


def ask(trader: Trader, **body: Any) -> None:
    trader.exchange.set_protection({**ON_BTC, "tpslMode": "Full", **body})


def refusal(trader: Trader, **body: Any) -> int:
    with pytest.raises(Refused) as refused:
        ask(trader, **body)
    return refused.value.code


def trailing(trader: Trader) -> Order:
    return trader.waiting()["TrailingStop"]


def trigger(trader: Trader) -> Decimal:
    order = trailing(trader)
    assert order.trigger is not None
    return order.trigger.price


def last(trader: Trader, price: str) -> None:
    """The last price, without a change of mark."""
    trader.market.mark("BTCUSDT", "60000", last=price)


# ---- trailing


@pytest.mark.parametrize(
    ("side", "prices", "triggers"),
    [
        ("Buy", ["60050", "60020", "60100", "60060"], ["59950", "59950", "60000", "60000"]),
        ("Sell", ["59950", "59980", "59900", "59940"], ["60050", "60050", "60000", "60000"]),
    ],
)
def test_a_trailing_stop_follows_gains_and_keeps_what_it_has(
    trader: Trader, side: str, prices: list[str], triggers: list[str]
) -> None:
    trader.create(side, "0.5")
    ask(trader, trailingStop="100")
    seen = []

    for price in prices:
        last(trader, price)
        seen.append(trigger(trader))

    assert seen == [D(price) for price in triggers]


def test_a_trailing_stop_closes_the_position_when_the_price_comes_back(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100", stopLoss="59000")
    last(trader, "60300")

    last(trader, "60200")

    assert trader.size() == 0
    assert trader.waiting() == {}
    (row,) = [row for row in trader.rows("execution") if row["side"] == "Sell"]
    assert (row["stopOrderType"], row["createType"]) == ("TrailingStop", "CreateByTrailingStop")


def test_a_trailing_stop_waits_for_its_activation_price(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100", activePrice="60500")

    last(trader, "60400")
    last(trader, "60200")
    assert (trigger(trader), trader.size()) == (D(60500), D("0.5"))
    last(trader, "60550")
    assert trigger(trader) == D(60450)
    last(trader, "60450")

    assert trader.size() == 0


def test_moves_are_not_pushed_and_survive_a_restart(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100", activePrice="60100")
    trader.published.clear()

    last(trader, "60300")
    assert trader.published == []
    before = trader.restart().engine.state

    assert trader.exchange.engine.state == before
    assert trigger(trader) == D(60200)


def test_the_position_shows_its_distance_and_zero_takes_it_away(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100")

    def shown() -> str:
        (row,) = reads.positions(trader.exchange, ON_BTC | {"positionIdx": "0"})["list"]
        return str(row["trailingStop"])

    first = shown()
    ask(trader, trailingStop="0")

    assert (first, shown()) == ("100", "0")
    assert trader.waiting() == {}


def test_a_new_distance_starts_from_the_present_price(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100")
    last(trader, "60300")
    last(trader, "60250")

    ask(trader, trailingStop="200")

    assert trigger(trader) == D(60050)


def test_a_trailing_stop_grows_with_the_position(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100")

    trader.create("Buy", "0.2")

    assert trailing(trader).qty == D("0.7")


def test_cancelling_its_order_takes_the_trailing_stop_away(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100")

    trader.exchange.cancel({**ON_BTC, "orderId": trailing(trader).order_id})

    assert trader.exchange.engine.position("BTCUSDT").trailing is None
    assert trader.waiting() == {}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"trailingStop": "100"}, 34040),
        ({"trailingStop": "100.05"}, 110003),
        ({"trailingStop": "60000"}, 10001),
        ({"trailingStop": "200", "activePrice": "59000"}, 10001),
        ({"trailingStop": "200", "positionIdx": 1}, 10001),
        ({"tpslMode": "Most", "stopLoss": "59000"}, 10001),
    ],
)
def test_a_trailing_stop_that_cannot_be_is_refused(trader: Trader, body: dict[str, Any], code: int) -> None:
    trader.create("Buy", "0.5")
    ask(trader, trailingStop="100")

    assert refusal(trader, **body) == code
    assert trigger(trader) == D(59900)


# ---- partial


def kinds(trader: Trader) -> list[tuple[str, Decimal]]:
    orders = trader.exchange.engine.open_orders("BTCUSDT")
    return [(order.stop_kind.value, order.qty) for order in orders]


def test_partial_stops_are_added_with_their_own_sizes(trader: Trader) -> None:
    trader.create("Buy", "0.5", stopLoss="58000")
    trader.exchange.set_protection(
        {**PARTIAL, "stopLoss": "59000", "slSize": "0.2", "takeProfit": "61000", "tpSize": "0.2"}
    )
    trader.exchange.set_protection({**PARTIAL, "stopLoss": "59000", "slSize": "0.2"})

    assert kinds(trader) == [
        ("StopLoss", D("0.5")),
        ("PartialStopLoss", D("0.2")),
        ("PartialTakeProfit", D("0.2")),
        ("PartialStopLoss", D("0.2")),
    ]
    (row,) = [row for row in trader.rows("order") if row["stopOrderType"] == "PartialTakeProfit"]
    assert (row["tpslMode"], row["createType"], row["orderLinkId"]) == (
        "Partial",
        "CreateByPartialTakeProfit",
        "",
    )


def test_a_partial_stop_closes_its_size_and_the_rest_stays_protected(trader: Trader) -> None:
    trader.create("Buy", "0.5", stopLoss="58000")
    trader.exchange.set_protection({**PARTIAL, "stopLoss": "59500", "slSize": "0.2"})

    last(trader, "59500")

    assert trader.size() == D("0.3")
    assert kinds(trader) == [("StopLoss", D("0.3"))]


def test_a_partial_target_may_close_at_a_limit(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    trader.exchange.set_protection(
        {**PARTIAL, "takeProfit": "60100", "tpSize": "0.2", "tpOrderType": "Limit", "tpLimitPrice": "60200"}
    )

    last(trader, "60100")
    (resting,) = trader.exchange.engine.open_orders("BTCUSDT")
    trader.buy_trade("60300", "1")

    assert (resting.status, resting.price, resting.side) == (OrderStatus.NEW, D(60200), Side.SELL)
    assert trader.size() == D("0.3")


def test_partial_stops_go_with_the_position(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    trader.exchange.set_protection({**PARTIAL, "stopLoss": "59500", "slSize": "0.2"})

    trader.create("Sell", "0.5", reduceOnly=True)

    assert kinds(trader) == []
    assert trader.rows("order")[-1]["cancelType"] == "CancelByTpSlTsClear"


def test_twenty_partial_stops_are_the_most_and_count_for_no_other_limit(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    for _ in range(20):
        trader.exchange.set_protection({**PARTIAL, "stopLoss": "59000", "slSize": "0.01"})

    with pytest.raises(Refused) as refused:
        trader.exchange.set_protection({**PARTIAL, "takeProfit": "61000", "tpSize": "0.01"})
    conditional = [trader.create("Buy", "0.01", triggerPrice="61000", triggerDirection=1) for _ in range(10)]

    assert refused.value.code == 110061
    assert len(conditional) == 10
    assert trader.refusal(triggerPrice="61000", triggerDirection=1)[0] == 110009


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"stopLoss": "59000"}, 10001),
        ({"stopLoss": "59000", "slSize": "0.6"}, 10001),
        ({"stopLoss": "59000", "slSize": "0.0005"}, 10001),
        ({"stopLoss": "59000", "slSize": "0.1", "takeProfit": "61000", "tpSize": "0.2"}, 10001),
        ({"stopLoss": "61000", "slSize": "0.1"}, 10001),
        ({"takeProfit": "61000", "tpSize": "0.1", "tpOrderType": "Limit"}, 10001),
        ({"tpslMode": "Full", "takeProfit": "61000", "tpOrderType": "Limit", "tpLimitPrice": "1"}, 10001),
        ({}, 34040),
    ],
)
def test_a_partial_stop_that_cannot_be_is_refused(trader: Trader, body: dict[str, Any], code: int) -> None:
    trader.create("Buy", "0.5")

    assert refusal(trader, **{"tpslMode": "Partial", **body}) == code
    assert kinds(trader) == []


# ---- how far and how much


@pytest.mark.parametrize(
    ("side", "kind", "value", "bound"),
    [
        ("Buy", "TickSize", "2", "60000.3"),
        ("Sell", "TickSize", "5", "59999.4"),
        ("Buy", "Percent", "0.1", "60060.1"),
        ("Sell", "Percent", "0.1", "59940"),
        ("Buy", "Percent", "10", "60600"),  # the price band is the most
    ],
)
def test_a_slippage_tolerance_bounds_a_market_order(
    trader: Trader, side: str, kind: str, value: str, bound: str
) -> None:
    order = trader.create(side, "20", slippageToleranceType=kind, slippageTolerance=value)

    assert order.price == D(bound)
    assert all((D(bound) - fill.price) * order.side.sign >= 0 for fill in trader.fills(order))
    row = trader.rows("order")[-1]
    assert (row["slippageToleranceType"], row["slippageTolerance"]) == (kind, value)


def test_a_close_larger_than_one_order_may_be_is_split(trader: Trader) -> None:
    for _ in range(3):
        trader.market.replace("BTCUSDT", {"59999.9": "500"}, {"60000.1": "500"})
        trader.exchange.transfer(D(3_000_000))
        trader.create("Buy", "120")

    first = trader.create("Sell", "360", reduceOnly=True, orderLinkId="close")

    assert (first.qty, first.order_link_id) == (D(150), "close")
    closes = [row for row in trader.rows("order") if row["side"] == "Sell"]
    assert [(row["qty"], row["orderLinkId"]) for row in closes] == [("150", "close"), ("150", ""), ("60", "")]
    assert trader.size() == 0


def test_zero_with_reduce_only_and_close_on_trigger_closes_as_much_as_one_order_may(trader: Trader) -> None:
    trader.create("Buy", "2")

    order = trader.create("Sell", "0", reduceOnly=True, closeOnTrigger=True)

    assert (order.qty, trader.size()) == (D(2), D(0))
    assert trader.refusal(side="Sell", qty="0", reduceOnly=True)[0] == 10001
