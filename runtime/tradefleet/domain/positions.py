"""Positions: as the exchange reports them, and as the sum of our executions."""

from decimal import Decimal
from typing import Final

import msgspec

LONG_LEG: Final = 1
SHORT_LEG: Final = 2


class PositionKey(msgspec.Struct, frozen=True, order=True):
    """One leg of one contract: one-way mode has index 0; hedge mode 1 (long leg) and 2 (short leg)."""

    category: str
    symbol: str
    position_idx: int = 0

    @property
    def leg_sign(self) -> int:
        """Which sign the size of a leg has: +1 of the long leg, -1 of the short one; 0 where both may be."""
        return {LONG_LEG: 1, SHORT_LEG: -1}.get(self.position_idx, 0)

    @property
    def name(self) -> str:
        """For ids and for people: the symbol in one-way mode, symbol/1 and symbol/2 in hedge mode."""
        return f"{self.symbol}/{self.position_idx}" if self.position_idx else self.symbol


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
