"""Spot orders as they are asked for, and spot rows as they are read."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.simulated_account import intent

from tradefleet.adapters.bybit.bodies import (
    OrderFilter,
    OrderName,
    Protection,
    Scope,
    cancel_all_body,
    cancel_body,
    close_body,
    contradiction,
    create_body,
    trading_stop_body,
)
from tradefleet.adapters.bybit.errors import BadRow
from tradefleet.adapters.bybit.private_stream import _Frame, _values, topics_of
from tradefleet.adapters.bybit.public_stream import MOST_SPOT_ARGS, in_parts
from tradefleet.adapters.bybit.quotas import default_budgets, pool
from tradefleet.adapters.bybit.rows import coins_of, execution_of, order_of
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import OrderType, PriceKind, Side, TimeInForce, Trigger, TriggerDirection
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.budget import Lane
from tradefleet.orders.intents import Intent, Leg

RECORDED = Path(__file__).parents[2] / "fixtures" / "bybit-payloads" / "account"
SPOT = PositionKey("spot", "BTCUSDT")


def spot_intent(**changes: Any) -> Intent:
    plain = {"key": SPOT, "stop_loss": None, "take_profit": None, "reduce_only": False}
    return intent(**(plain | changes))


def trigger(by: PriceKind = PriceKind.LAST) -> Trigger:
    return Trigger(price=Decimal(58000), direction=TriggerDirection.FALL, by=by)


def test_a_spot_market_order_names_its_size_in_the_base_coin() -> None:
    entry = spot_intent()

    assert contradiction(entry) == ""
    assert create_body(entry) == {
        "category": "spot",
        "symbol": "BTCUSDT",
        "side": "Buy",
        "orderType": "Market",
        "qty": "0.1",
        "timeInForce": "IOC",
        "orderLinkId": entry.client_order_id,
        "isLeverage": 0,
        "marketUnit": "baseCoin",
    }


def test_a_spot_limit_order_takes_its_stop_and_target_along() -> None:
    entry = spot_intent(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.POST_ONLY,
        price=Decimal("59000"),
        stop_loss=Decimal("58000"),
        take_profit=Decimal("61000"),
    )

    body = create_body(entry)

    assert contradiction(entry) == ""
    assert {name: body[name] for name in ("price", "timeInForce", "takeProfit", "stopLoss")} == {
        "price": "59000",
        "timeInForce": "PostOnly",
        "takeProfit": "61000",
        "stopLoss": "58000",
    }
    assert not body.keys() & {"positionIdx", "reduceOnly", "tpslMode", "marketUnit", "slTriggerBy"}


@pytest.mark.parametrize(("leg", "kind"), [(Leg.OPEN, "StopOrder"), (Leg.CLOSE, "tpslOrder")])
def test_what_gives_coins_back_holds_them_while_it_waits(leg: Leg, kind: str) -> None:
    waiting = spot_intent(leg=leg, trigger=trigger(), reduce_only=False)

    body = create_body(waiting)

    assert (body["orderFilter"], body["triggerPrice"]) == (kind, "58000")
    assert not body.keys() & {"triggerDirection", "triggerBy"}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"reduce_only": True}, "reduce-only"),
        ({"close_on_trigger": True}, "reduce-only"),
        ({"key": PositionKey("spot", "BTCUSDT", 1)}, "no legs"),
        ({"stop_loss": Decimal(1)}, "limit order only"),
        ({"qty": Decimal(0)}, "not above zero"),
        ({"order_type": OrderType.LIMIT}, "limit order with the price None"),
        ({"time_in_force": TimeInForce.POST_ONLY}, "post-only"),
        ({"trigger": trigger(PriceKind.MARK)}, "last price only"),
    ],
)
def test_what_spot_has_not_is_named_before_anything_is_sent(changes: dict[str, Any], why: str) -> None:
    assert why in contradiction(spot_intent(**changes))


def test_a_cancel_on_spot_names_what_kind_of_order_it_means() -> None:
    name = OrderName(symbol="BTCUSDT", order_id="1", category="spot", orders=OrderFilter.TPSL)

    assert cancel_body(name) == {
        "category": "spot",
        "symbol": "BTCUSDT",
        "orderId": "1",
        "orderFilter": "tpslOrder",
    }


def test_a_cancel_all_on_spot_needs_no_scope_and_has_no_settle_coin() -> None:
    assert cancel_all_body(Scope(category="spot")) == {"category": "spot"}
    assert cancel_all_body(Scope(category="spot", symbol="BTCUSDT")) == {
        "category": "spot",
        "symbol": "BTCUSDT",
    }
    with pytest.raises(ValueError, match="spot settles in none"):
        Scope(category="spot", settle_coin="USDT")


def test_a_recorded_spot_execution_is_read_with_the_coin_of_its_fee() -> None:
    answer = json.loads((RECORDED / "real_2024_execution_list_spot_market.json").read_text())["result"]
    (row,) = answer["list"]

    execution = execution_of({"category": answer["category"], **row})

    assert (execution.category, execution.side, execution.qty) == ("spot", Side.BUY, Decimal("0.001"))
    assert (execution.fee, execution.fee_coin) == (Decimal("0.000001"), "ETH")


def test_a_recorded_spot_order_is_read() -> None:
    answer = json.loads((RECORDED / "ccxt_fetch_order.json").read_text())["result"]
    (row,) = answer["list"]

    order = order_of({"category": answer["category"], **row})

    assert (order.category, order.position_idx, order.stop_order_type) == ("spot", 0, "tpslOrder")


def test_every_coin_of_a_wallet_is_read() -> None:
    row = {
        "coin": [
            {"coin": "USDT", "walletBalance": "10", "equity": "11", "locked": "3"},
            {"coin": "BTC", "walletBalance": "1", "equity": "1", "locked": ""},
        ]
    }

    coins = {held.coin: (held.wallet_balance, held.locked) for held in coins_of(row, 1)}

    assert coins == {"USDT": (10, 3), "BTC": (1, 0)}


def test_the_private_topics_are_those_of_the_categories() -> None:
    assert topics_of(["linear"]) == ("order.linear", "execution.linear", "position.linear", "wallet")
    assert topics_of(["linear", "spot"]) == (
        "order.linear",
        "execution.linear",
        "order.spot",
        "execution.spot",
        "position.linear",
        "wallet",
    )


def test_a_row_of_another_category_than_its_topic_is_told_by_name() -> None:
    (row,) = json.loads((RECORDED / "real_2024_execution_list_spot_market.json").read_text())["result"][
        "list"
    ]

    (value,) = _values(_Frame(topic="execution.spot"), row)
    assert isinstance(value, Execution)
    assert value.category == "spot"
    with pytest.raises(BadRow, match="category"):
        list(_values(_Frame(topic="execution.linear"), {**row, "category": "spot"}))


def test_spot_has_budgets_of_its_own() -> None:
    budgets = default_budgets()
    for _ in range(5):
        assert budgets.take("/v5/order/create", Lane.OPENING, 0) == 0

    assert budgets.take("/v5/order/create", Lane.OPENING, 0) > 0
    assert budgets.take(pool("/v5/order/create", "spot"), Lane.OPENING, 0) == 0
    assert pool("/v5/account/wallet-balance", "spot") == "/v5/account/wallet-balance"


def test_topics_are_asked_for_ten_at_a_time_on_spot() -> None:
    topics = [f"tickers.{number}" for number in range(23)]

    assert [len(part) for part in in_parts(topics, MOST_SPOT_ARGS)] == [10, 10, 3]
    assert in_parts(topics, None) == [topics]


def test_nothing_of_spot_is_closed_or_protected_like_a_position() -> None:
    with pytest.raises(ValueError, match="has no position"):
        close_body(SPOT, Side.SELL, Decimal(1), "name")
    with pytest.raises(ValueError, match="has no position"):
        trading_stop_body(SPOT, Protection(stop_loss=Decimal(1)))
