"""Orders as the exchange sees them, and as we mean them.

The words are the field's and, where it has them, the exchange's own (Bybit V5).
"""

from decimal import Decimal
from enum import IntEnum, StrEnum

import msgspec


class Side(StrEnum):
    """Direction of an order (not of a position)."""

    BUY = "Buy"
    SELL = "Sell"

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1


class OrderType(StrEnum):
    """MARKET is an immediate-or-cancel limit inside the exchange's slippage band."""

    MARKET = "Market"
    LIMIT = "Limit"


class TimeInForce(StrEnum):
    """How long an order rests."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"
    POST_ONLY = "PostOnly"


class PriceKind(StrEnum):
    """Which price a trigger watches."""

    LAST = "LastPrice"
    MARK = "MarkPrice"
    INDEX = "IndexPrice"


class TriggerDirection(IntEnum):
    """From which side the watched price must come: up to the trigger, or down to it."""

    RISE = 1
    FALL = 2


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """When a conditional order wakes. The mark, which no single trade in a thin book can move, is the
    default."""

    price: Decimal
    direction: TriggerDirection
    by: PriceKind = PriceKind.MARK


class OrderStatus(StrEnum):
    """Every status that the exchange documents; any other value stops and is reported."""

    NEW = "New"
    PARTIALLY_FILLED = "PartiallyFilled"
    UNTRIGGERED = "Untriggered"
    TRIGGERED = "Triggered"
    FILLED = "Filled"
    CANCELLED = "Cancelled"
    PARTIALLY_FILLED_CANCELLED = "PartiallyFilledCanceled"
    REJECTED = "Rejected"
    DEACTIVATED = "Deactivated"

    @property
    def is_terminal(self) -> bool:
        """True when the exchange will not execute any more of it."""
        return self in _TERMINAL


_TERMINAL = frozenset(
    {
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.PARTIALLY_FILLED_CANCELLED,
        OrderStatus.REJECTED,
        OrderStatus.DEACTIVATED,
    }
)


class Account(msgspec.Struct, frozen=True, order=True):
    """Whose money: (venue, environment, UID as the exchange reports it)."""

    venue: str
    environment: str
    uid: str

    def __str__(self) -> str:
        return f"{self.venue}/{self.environment}/{self.uid}"


class ExchangeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One order row of the exchange, from the private stream or from REST.

    client_order_id: "" when the exchange made the order (an attached stop or target).
    qty, cum_exec_qty: base currency. avg_price: None before the first fill. stop_order_type: ""
    for plain orders, else "StopLoss", "TakeProfit", ... at_ns: the exchange's updatedTime. by_value: a
    spot market order whose qty is quote currency (what it may spend).
    """

    category: str
    symbol: str
    position_idx: int
    order_id: str
    client_order_id: str
    side: Side
    order_type: OrderType
    time_in_force: TimeInForce
    status: OrderStatus
    reduce_only: bool
    qty: Decimal
    price: Decimal
    cum_exec_qty: Decimal
    avg_price: Decimal | None
    stop_order_type: str
    trigger_price: Decimal | None
    create_type: str
    cancel_type: str
    reject_reason: str
    created_ns: int
    at_ns: int
    by_value: bool = False
