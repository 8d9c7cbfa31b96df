"""An order row of the exchange with every field, for tests that care about one or two of them."""

from decimal import Decimal
from typing import Any

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, Side, TimeInForce


def resting_order(order_id: str, **fields: Any) -> ExchangeOrder:
    """A resting limit buy of one BTCUSDT that opens; fields replaces any of it."""
    values: dict[str, Any] = {
        "category": "linear",
        "symbol": "BTCUSDT",
        "position_idx": 0,
        "order_id": order_id,
        "client_order_id": "",
        "side": Side.BUY,
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "status": OrderStatus.NEW,
        "reduce_only": False,
        "qty": Decimal(1),
        "price": Decimal(60000),
        "cum_exec_qty": Decimal(0),
        "avg_price": None,
        "stop_order_type": "",
        "trigger_price": None,
        "create_type": "",
        "cancel_type": "",
        "reject_reason": "",
        "created_ns": 0,
        "at_ns": 0,
    }
    return ExchangeOrder(**(values | fields))
