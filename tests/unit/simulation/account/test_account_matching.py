"""Orders against the displayed book and against the market's trades."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.domain.orders import OrderStatus, Side
from tradefleet.simulation.account.orders import CancelType, RejectReason

D = Decimal
Trader = Any


# ---- taking


def test_a_market_order_takes_level_by_level_with_one_execution_each(trader: Trader) -> None:
    order = trader.create("Buy", "2.5")

    fills = trader.fills(order)
    assert order.status is OrderStatus.FILLED
    assert [(fill.price, fill.qty) for fill in fills] == [(D("60000.1"), D(1)), (D("60000.2"), D("1.5"))]
    assert len({fill.exec_id for fill in fills}) == 2
    assert len({fill.seq for fill in fills}) == 1
    assert [fill.leaves for fill in fills] == [D("1.5"), D(0)]
    assert all(not fill.is_maker and fill.fee == fill.value * D("0.00055") for fill in fills)


def test_a_market_orders_remainder_beyond_the_bound_is_cancelled(trader: Trader) -> None:
    trader.market.replace("BTCUSDT", {"59999.9": "1"}, {"60000.1": "1", "60600.1": "9"})

    order = trader.create("Buy", "2")

    assert order.price == D(60600)
    assert (order.status, order.cum_exec_qty, order.leaves) == (OrderStatus.CANCELLED, D(1), D(0))
    assert order.reject_reason is RejectReason.NO_IMMEDIATE_QTY
    assert order.cancel_type is CancelType.UNKNOWN


def test_a_market_order_into_an_empty_book_is_cancelled_unfilled(trader: Trader) -> None:
    trader.market.replace("BTCUSDT", {"59999.9": "1"}, {})

    order = trader.create("Buy", "0.1")

    assert (order.status, order.cum_exec_qty) == (OrderStatus.CANCELLED, D(0))
    assert trader.fills() == []


def test_taken_size_is_gone_until_the_exchange_restates_the_level(trader: Trader) -> None:
    trader.create("Buy", "0.8")

    second = trader.create("Buy", "0.5")
    trader.market.restate("BTCUSDT", Side.SELL, {"60000.1": "1"})
    third = trader.create("Buy", "0.5")

    assert [(f.price, f.qty) for f in trader.fills(second)] == [
        (D("60000.1"), D("0.2")),
        (D("60000.2"), D("0.3")),
    ]
    assert [(f.price, f.qty) for f in trader.fills(third)] == [(D("60000.1"), D("0.5"))]


def test_a_restatement_of_one_level_gives_back_no_other(trader: Trader) -> None:
    trader.create("Buy", "2")

    trader.market.restate("BTCUSDT", Side.SELL, {"60000.1": "1"})
    order = trader.create("Buy", "2.5")

    assert [(f.price, f.qty) for f in trader.fills(order)] == [
        (D("60000.1"), D(1)),
        (D("60000.2"), D(1)),
        (D("60010"), D("0.5")),
    ]


@pytest.mark.parametrize(
    ("time_in_force", "qty", "status", "filled", "reason"),
    [
        ("GTC", "0.4", OrderStatus.FILLED, "0.4", RejectReason.NONE),
        ("GTC", "1.4", OrderStatus.PARTIALLY_FILLED, "1", RejectReason.NONE),
        ("IOC", "1.4", OrderStatus.CANCELLED, "1", RejectReason.NO_IMMEDIATE_QTY),
        ("FOK", "1.4", OrderStatus.CANCELLED, "0", RejectReason.NOT_ENOUGH_QTY),
        ("FOK", "1", OrderStatus.FILLED, "1", RejectReason.NONE),
        ("PostOnly", "0.4", OrderStatus.CANCELLED, "0", RejectReason.POST_ONLY_TAKES),
    ],
)
def test_a_limit_order_that_crosses_does_what_its_time_in_force_says(
    trader: Trader, time_in_force: str, qty: str, status: OrderStatus, filled: str, reason: RejectReason
) -> None:
    order = trader.create("Buy", qty, "60000.1", timeInForce=time_in_force)

    assert (order.status, order.cum_exec_qty, order.reject_reason) == (status, D(filled), reason)


def test_a_post_only_order_behind_the_best_price_rests(trader: Trader) -> None:
    order = trader.create("Buy", "0.4", "60000", timeInForce="PostOnly")

    assert order.status is OrderStatus.NEW
    assert order.leaves == D("0.4")


# ---- resting


def test_a_resting_order_waits_behind_what_was_displayed_when_it_came(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")

    trader.sell_trade("59999.9", "0.7")
    before = trader.order(order).cum_exec_qty
    trader.sell_trade("59999.9", "0.7")

    assert before == 0
    assert trader.order(order).cum_exec_qty == D("0.4")
    assert trader.order(order).status is OrderStatus.PARTIALLY_FILLED
    (fill,) = trader.fills(order)
    assert (fill.price, fill.is_maker, fill.fee_rate) == (D("59999.9"), True, D("0.0002"))


def test_a_level_restated_smaller_than_the_queue_shortens_it(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")

    trader.market.restate("BTCUSDT", Side.BUY, {"59999.9": "0.2"})
    trader.clock.forward(0.1)
    trader.market.restate("BTCUSDT", Side.BUY, {"59999.9": "0.2"})
    trader.sell_trade("59999.9", "0.3")

    assert trader.order(order).cum_exec_qty == D("0.1")


@pytest.mark.parametrize("book_first", [True, False])
def test_one_trade_works_the_queue_off_once_whether_the_book_or_the_trade_is_told_first(
    trader: Trader, book_first: bool
) -> None:
    order = trader.create("Buy", "0.5", "59999.9")

    if book_first:
        trader.market.restate("BTCUSDT", Side.BUY, {"59999.9": "0.6"})
    trader.sell_trade("59999.9", "0.4")
    if not book_first:
        trader.market.restate("BTCUSDT", Side.BUY, {"59999.9": "0.6"})
    trader.sell_trade("59999.9", "0.6")

    assert trader.order(order).cum_exec_qty == 0
    trader.sell_trade("59999.9", "0.1")
    assert trader.order(order).cum_exec_qty == D("0.1")


def test_a_trade_through_the_price_fills_without_queueing(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")

    trader.sell_trade("59999.8", "0.3")

    assert trader.order(order).cum_exec_qty == D("0.3")
    assert trader.fills(order)[0].price == D("59999.9")


def test_a_trade_on_our_own_side_of_the_book_fills_nothing_at_its_price(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "60000")

    trader.buy_trade("60000", "5")

    assert trader.order(order).cum_exec_qty == 0


def test_one_trade_is_shared_among_our_orders_best_price_first_then_oldest(trader: Trader) -> None:
    far = trader.create("Buy", "0.2", "59999.9")
    old = trader.create("Buy", "0.2", "60000")
    young = trader.create("Buy", "0.2", "60000")

    trader.sell_trade("59999", "0.5")

    assert [trader.order(o).cum_exec_qty for o in (old, young, far)] == [D("0.2"), D("0.2"), D("0.1")]


def test_a_trade_made_before_the_order_came_gives_it_nothing(trader: Trader) -> None:
    trader.clock.forward(1)
    made_ns = trader.clock.now_ns
    trader.clock.forward(0.05)
    order = trader.create("Buy", "0.5", "60000")

    trader.market.trade("BTCUSDT", Side.SELL, "59990", "5", at_ns=made_ns)

    assert trader.order(order).cum_exec_qty == 0


def test_a_book_that_crosses_a_resting_order_fills_it_at_its_own_price_as_maker(trader: Trader) -> None:
    order = trader.create("Buy", "2", "59999.9")

    trader.market.replace("BTCUSDT", {"59990": "1"}, {"59995": "0.5", "59999.9": "1", "60001": "9"})

    assert trader.order(order).cum_exec_qty == D("1.5")
    (fill,) = trader.fills(order)
    assert (fill.price, fill.qty, fill.is_maker) == (D("59999.9"), D("1.5"), True)


def test_size_that_filled_a_crossed_order_is_used_up_too(trader: Trader) -> None:
    order = trader.create("Buy", "2", "59999.9")
    trader.market.restate("BTCUSDT", Side.SELL, {"59999.9": "0.5"})

    trader.market.restate("BTCUSDT", Side.SELL, {"60001": "3"})

    assert trader.order(order).cum_exec_qty == D("0.5")


def test_an_order_outside_the_displayed_window_queues_behind_what_is_first_shown_there(
    trader: Trader,
) -> None:
    order = trader.create("Buy", "0.5", "58000")

    trader.sell_trade("58000", "5")
    unknown = trader.order(order).cum_exec_qty
    trader.market.restate("BTCUSDT", Side.BUY, {"58000": "3"})
    trader.sell_trade("58000", "3.2")

    assert unknown == 0
    assert trader.order(order).cum_exec_qty == D("0.2")


def test_a_level_that_leaves_the_window_keeps_the_orders_place(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "59000")

    trader.market.restate("BTCUSDT", Side.BUY, {"59000": "0"})
    trader.market.restate("BTCUSDT", Side.BUY, {"59000": "20"})
    trader.sell_trade("59000", "9.1")

    assert trader.order(order).cum_exec_qty == D("0.1")


def test_our_own_orders_never_meet_each_other(trader: Trader) -> None:
    bid = trader.create("Buy", "0.5", "60000")

    trader.create("Sell", "0.5", "60000")

    assert trader.order(bid).cum_exec_qty == 0


# ---- reducing


def test_a_reduce_only_order_is_cut_to_the_position(trader: Trader) -> None:
    trader.create("Buy", "0.3")

    order = trader.create("Sell", "5", "60100", reduceOnly=True)

    assert order.qty == D("0.3")


def test_resting_reduce_only_orders_shrink_and_end_with_the_position(trader: Trader) -> None:
    trader.create("Buy", "0.3")
    order = trader.create("Sell", "0.3", "60100", reduceOnly=True)

    trader.create("Sell", "0.1")
    cut = trader.order(order)
    trader.create("Sell", "0.2")

    assert (cut.qty, cut.status) == (D("0.2"), OrderStatus.NEW)
    ended = trader.order(order)
    assert (ended.status, ended.cancel_type) == (OrderStatus.CANCELLED, CancelType.BY_REDUCE_ONLY)


def test_quantity_zero_with_reduce_only_and_close_on_trigger_closes_everything(trader: Trader) -> None:
    trader.create("Buy", "0.3")

    order = trader.create("Sell", "0", reduceOnly=True, closeOnTrigger=True)

    assert (order.status, order.cum_exec_qty) == (OrderStatus.FILLED, D("0.3"))
    assert trader.size() == 0


def test_two_reduce_only_orders_reached_by_one_trade_do_not_flip_the_position(trader: Trader) -> None:
    trader.create("Buy", "0.3")
    first = trader.create("Sell", "0.3", "60000.1", reduceOnly=True)
    second = trader.create("Sell", "0.3", "60000.1", reduceOnly=True)

    trader.buy_trade("60001", "9")

    assert trader.size() == 0
    assert trader.order(first).status is OrderStatus.FILLED
    assert trader.order(second).cancel_type is CancelType.BY_REDUCE_ONLY


# ---- cancel and amend


def test_a_cancelled_order_keeps_its_fills_and_leaves_the_book(trader: Trader) -> None:
    order = trader.create("Buy", "1.4", "60000.1")

    cancelled = trader.exchange.cancel({"category": "linear", "symbol": "BTCUSDT", "orderId": order.order_id})

    assert (cancelled.status, cancelled.cum_exec_qty) == (OrderStatus.CANCELLED, D(1))
    assert (cancelled.cancel_type, cancelled.reject_reason) == (
        CancelType.BY_USER,
        RejectReason.CANCEL_REQUEST,
    )
    trader.sell_trade("59000", "5")
    assert trader.order(order).cum_exec_qty == D(1)


def test_an_amended_price_that_crosses_takes_and_a_smaller_size_keeps_the_queue(trader: Trader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")
    trader.sell_trade("59999.9", "0.9")
    chosen = {"category": "linear", "symbol": "BTCUSDT", "orderId": order.order_id}

    trader.exchange.amend({**chosen, "qty": "0.4"})
    trader.sell_trade("59999.9", "0.2")
    kept = trader.order(order).cum_exec_qty
    trader.exchange.amend({**chosen, "price": "60000.1"})

    assert kept == D("0.1")
    assert trader.order(order).status is OrderStatus.FILLED
    assert [fill.is_maker for fill in trader.fills(order)] == [True, False]
