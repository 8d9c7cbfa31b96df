"""Stops and targets: attached to an order, owned by the position, fired by the market."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.domain.orders import OrderStatus, OrderType, Side
from tradefleet.simulation.account.orders import CancelType, CreateType, Direction, Refused

D = Decimal
Trader = Any

ON_BTC = {"category": "linear", "symbol": "BTCUSDT", "positionIdx": 0, "tpslMode": "Full"}


def test_attached_stop_and_target_belong_to_the_position_after_the_fill(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", takeProfit="61000")

    row = trader.rows("position")[-1]
    waiting = trader.waiting()
    assert (row["stopLoss"], row["takeProfit"]) == ("59000", "61000")
    stop, target = waiting["StopLoss"], waiting["TakeProfit"]
    assert (stop.trigger.price, stop.trigger.direction) == (D(59000), Direction.FALL)
    assert (target.trigger.price, target.trigger.direction) == (D(61000), Direction.RISE)
    assert (stop.create_type, target.create_type) == (CreateType.STOP_LOSS, CreateType.TAKE_PROFIT)
    for order in (stop, target):
        assert (order.side, order.qty, order.order_type) == (Side.SELL, D("0.1"), OrderType.MARKET)
        assert (order.order_link_id, order.reduce_only, order.close_on_trigger) == ("", True, True)


def test_a_shorts_stop_rises_and_its_target_falls(trader: Trader) -> None:
    trader.create("Sell", "0.1", stopLoss="61000", takeProfit="59000")

    waiting = trader.waiting()
    assert waiting["StopLoss"].trigger.direction is Direction.RISE
    assert waiting["TakeProfit"].trigger.direction is Direction.FALL
    assert {order.side for order in waiting.values()} == {Side.BUY}


def test_there_is_no_protection_before_the_first_fill(trader: Trader) -> None:
    trader.create("Buy", "0.1", "59000", stopLoss="58000")

    assert trader.waiting() == {}
    trader.sell_trade("58999.9", "0.04")
    assert trader.waiting()["StopLoss"].qty == D("0.04")
    trader.sell_trade("58999.9", "0.06")
    assert trader.waiting()["StopLoss"].qty == D("0.1")


def test_a_stop_fires_at_the_last_price_and_closes_the_whole_position(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", takeProfit="61000")
    stop = trader.waiting()["StopLoss"]
    target = trader.waiting()["TakeProfit"]
    trader.published.clear()

    trader.sell_trade("59000.1")
    assert trader.size() == D("0.1")
    trader.sell_trade("59000")

    assert trader.size() == 0
    fill = trader.fills()[-1]
    assert (fill.order_id, fill.price, fill.closed_qty) == (stop.order_id, D("59999.9"), D("0.1"))
    statuses = [r["orderStatus"] for r in trader.rows("order") if r["orderId"] == stop.order_id]
    assert statuses == ["Triggered", "Filled"]
    cleared = trader.order(target)
    assert (cleared.status, cleared.cancel_type) == (OrderStatus.DEACTIVATED, CancelType.BY_CLEAR)
    assert (trader.rows("position")[-1]["stopLoss"], trader.rows("position")[-1]["size"]) == ("0", "0")


def test_a_target_fires_on_the_rise(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", takeProfit="61000")

    trader.buy_trade("61000")

    assert trader.size() == 0
    assert trader.waiting() == {}


@pytest.mark.parametrize(
    ("kind", "mark", "last"), [("MarkPrice", "58900", "60000"), ("LastPrice", "60000", "58900")]
)
def test_a_trigger_watches_the_price_it_was_told_to(trader: Trader, kind: str, mark: str, last: str) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", slTriggerBy=kind)
    other_mark, other_last = last, mark

    trader.market.mark("BTCUSDT", other_mark, last=other_last)
    untouched = trader.size()
    trader.market.mark("BTCUSDT", mark, last=last)

    assert untouched == D("0.1")
    assert trader.size() == 0


def test_a_stop_that_finds_too_little_in_its_band_leaves_the_rest_unprotected(trader: Trader) -> None:
    trader.create("Buy", "0.5", stopLoss="59500")
    trader.market.replace("BTCUSDT", {"59450": "0.2", "50000": "9"}, {"59460": "1"})

    trader.sell_trade("59500")

    assert trader.size() == D("0.3")
    assert trader.waiting() == {}
    assert trader.rows("position")[-1]["stopLoss"] == "0"


def test_protection_follows_the_size_of_the_position(trader: Trader) -> None:
    trader.create("Buy", "0.3", stopLoss="59000")
    stop = trader.waiting()["StopLoss"]

    trader.create("Sell", "0.1")

    assert trader.order(stop).qty == D("0.2")
    trader.create("Buy", "0.3")
    assert trader.order(stop).qty == D("0.5")


def test_a_later_entrys_stop_replaces_the_positions(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000")
    first = trader.waiting()["StopLoss"]

    trader.create("Buy", "0.1", stopLoss="59500")

    changed = trader.waiting()["StopLoss"]
    assert changed.order_id == first.order_id
    assert (changed.trigger.price, changed.qty) == (D(59500), D("0.2"))


def test_a_flip_drops_the_old_protection_and_takes_the_new(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", takeProfit="61000")
    old = trader.waiting()

    trader.create("Sell", "0.3", stopLoss="61500")

    assert trader.size() == D("-0.2")
    assert set(trader.waiting()) == {"StopLoss"}
    stop = trader.waiting()["StopLoss"]
    assert (stop.side, stop.qty, stop.trigger.price) == (Side.BUY, D("0.2"), D(61500))
    assert all(trader.order(o).cancel_type is CancelType.BY_CLEAR for o in old.values())


def test_a_hand_made_close_clears_the_protection(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", takeProfit="61000")

    trader.create("Sell", "0.1", reduceOnly=True)

    assert trader.waiting() == {}
    assert trader.exchange.engine.position("BTCUSDT").stop_loss is None


def test_cancelling_the_stop_order_removes_the_positions_stop(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000", takeProfit="61000")
    stop = trader.waiting()["StopLoss"]

    cancelled = trader.exchange.cancel({**ON_BTC, "orderId": stop.order_id})

    assert cancelled.status is OrderStatus.DEACTIVATED
    assert set(trader.waiting()) == {"TakeProfit"}
    assert trader.rows("position")[-1]["stopLoss"] == "0"


# ---- trading-stop


def test_trading_stop_sets_changes_and_removes(trader: Trader) -> None:
    trader.create("Buy", "0.1")

    trader.exchange.set_protection({**ON_BTC, "stopLoss": "59000"})
    trader.exchange.set_protection({**ON_BTC, "stopLoss": "59500", "takeProfit": "62000"})
    stop = trader.waiting()["StopLoss"]
    trader.exchange.set_protection({**ON_BTC, "stopLoss": "0"})

    assert stop.trigger.price == D(59500)
    assert set(trader.waiting()) == {"TakeProfit"}


def test_amending_a_positions_stop_order_moves_the_positions_stop(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000")
    stop = trader.waiting()["StopLoss"]

    amended = trader.exchange.amend({**ON_BTC, "orderId": stop.order_id, "triggerPrice": "59600"})

    assert amended.order_id == stop.order_id
    assert trader.rows("position")[-1]["stopLoss"] == "59600"


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"stopLoss": "59000"}, 34040, "not modified"),
        ({"stopLoss": "60500"}, 10001, "should lower than base_price"),
        ({"takeProfit": "59500"}, 10001, "should be higher than base_price"),
        ({"positionIdx": 1, "stopLoss": "59100"}, 10001, "position idx not match position mode"),
        ({"symbol": "DOGEUSDT", "stopLoss": "0.1"}, 10001, "can not set tp/sl/ts for zero position"),
    ],
)
def test_trading_stop_refuses(trader: Trader, body: dict[str, Any], code: int, text: str) -> None:
    trader.create("Buy", "0.1", stopLoss="59000")

    with pytest.raises(Refused, match=text) as refused:
        trader.exchange.set_protection({**ON_BTC, **body})

    assert refused.value.code == code
    assert trader.waiting()["StopLoss"].trigger.price == D(59000)


# ---- conditional orders of the user


def test_a_conditional_market_order_waits_then_takes(trader: Trader) -> None:
    order = trader.create("Buy", "0.1", triggerPrice="60500", triggerDirection=1)
    assert order.status is OrderStatus.UNTRIGGERED

    trader.buy_trade("60499.9")
    assert trader.size() == 0
    trader.buy_trade("60500")

    assert trader.order(order).status is OrderStatus.FILLED
    assert trader.size() == D("0.1")


def test_a_conditional_limit_order_rests_after_its_trigger(trader: Trader) -> None:
    order = trader.create("Buy", "0.1", "59500", triggerPrice="59700", triggerDirection=2)

    trader.sell_trade("59700")

    assert trader.order(order).status is OrderStatus.NEW


def test_a_conditional_order_is_not_fired_by_a_trade_older_than_itself(trader: Trader) -> None:
    made_ns = trader.clock.now_ns
    trader.clock.forward(0.05)
    order = trader.create("Buy", "0.1", triggerPrice="60500", triggerDirection=1)

    trader.market.trade("BTCUSDT", Side.BUY, "60600", "1", at_ns=made_ns)

    assert trader.order(order).status is OrderStatus.UNTRIGGERED


def test_a_change_of_size_does_not_hide_an_earlier_trade_from_the_stop(trader: Trader) -> None:
    trader.create("Buy", "0.1", stopLoss="59000")
    trader.clock.forward(0.05)
    made_ns = trader.clock.now_ns
    trader.clock.forward(0.05)
    trader.create("Buy", "0.1")

    trader.market.trade("BTCUSDT", Side.SELL, "58999", "1", at_ns=made_ns)

    assert trader.size() == 0


def test_a_conditional_reduce_only_order_without_a_position_ends_when_it_fires(trader: Trader) -> None:
    order = trader.create("Sell", "0.1", triggerPrice="59700", triggerDirection=2, reduceOnly=True)

    trader.sell_trade("59700")

    assert trader.order(order).cancel_type is CancelType.BY_REDUCE_ONLY


def test_a_conditional_order_that_cannot_be_paid_when_it_fires_is_rejected(trader: Trader) -> None:
    order = trader.create("Buy", "100", triggerPrice="60500", triggerDirection=1)
    trader.market.restate("BTCUSDT", Side.SELL, {"60000.1": "500"})
    trader.create("Buy", "100")

    trader.buy_trade("60500")

    assert trader.order(order).status is OrderStatus.REJECTED


def test_cancelling_a_waiting_order_deactivates_it(trader: Trader) -> None:
    order = trader.create("Buy", "0.1", triggerPrice="60500", triggerDirection=1)

    cancelled = trader.exchange.cancel({**ON_BTC, "orderId": order.order_id})

    assert (cancelled.status, cancelled.cancel_type) == (OrderStatus.DEACTIVATED, CancelType.BY_USER)
