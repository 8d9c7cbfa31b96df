"""Positions: as the exchange reports them, and as the sum of our executions."""

from decimal import Decimal

import msgspec


class PositionKey(msgspec.Struct, frozen=True, order=True):
    """One leg of one contract: one-way mode has index 0; hedge mode 1 (long leg) and 2 (short leg)."""

    category: str
    symbol: str
    position_idx: int = 0


class ExchangePosition(msgspec.Struct, frozen=True, kw_only=True):
    """A position row of the exchange.

    size: base currency, signed (long above zero, short below). entry_price: None when flat.
    stop_loss, take_profit: the attached prices, None when not set. at_ns: updatedTime.
    """

    key: PositionKey
    size: Decimal
    entry_price: Decimal | None
    mark_price: Decimal | None
    stop_loss: Decimal | None
    take_profit: Decimal | None
    leverage: Decimal | None
    seq: int
    at_ns: int
