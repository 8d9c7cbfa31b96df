"""Order rows of nobody's intent, as the lists of the exchange show them."""

from decimal import Decimal
from typing import Any

from tests.support.account_harness import SYMBOL

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, Side, TimeInForce


def order_row(order_id: str, **fields: Any) -> ExchangeOrder:
    """A resting buy that opens, made by the exchange itself a long time ago."""
    values: dict[str, Any] = {
        "category": "linear",
        "symbol": SYMBOL,
        "position_idx": 0,
        "order_id": order_id,
        "client_order_id": "",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "status": OrderStatus.NEW,
        "reduce_only": False,
        "qty": Decimal(1),
        "price": Decimal(90),
        "cum_exec_qty": Decimal(0),
        "avg_price": None,
        "stop_order_type": "",
        "trigger_price": None,
        "create_type": "CreateByPartialTakeProfit",
        "cancel_type": "",
        "reject_reason": "",
        "created_ns": 0,
        "at_ns": 0,
    }
    return ExchangeOrder(**(values | fields))


def target_row(order_id: str, **fields: Any) -> ExchangeOrder:
    """A target that rests in the book."""
    return order_row(order_id, **({"side": Side.SELL, "reduce_only": True} | fields))


def stop_row(order_id: str, **fields: Any) -> ExchangeOrder:
    """A conditional order that only reduces."""
    values = {
        "status": OrderStatus.UNTRIGGERED,
        "stop_order_type": "PartialStopLoss",
        "trigger_price": Decimal(80),
    }
    return target_row(order_id, **(values | fields))


def conditional_row(order_id: str, **fields: Any) -> ExchangeOrder:
    """An entry that waits for a price."""
    values = {
        "status": OrderStatus.UNTRIGGERED,
        "stop_order_type": "Stop",
        "trigger_price": Decimal(120),
    }
    return order_row(order_id, **(values | fields))
