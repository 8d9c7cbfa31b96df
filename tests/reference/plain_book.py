"""A slow and obvious order book, to hold ours against. Imports nothing of tradefleet, on purpose.

json.loads and Decimal, one dict a side, everything sorted again for each question.
"""

import json
from decimal import Decimal
from fractions import Fraction


class ReferenceBook:
    """One symbol's book from raw frames; believed from a snapshot to the first missing update."""

    def __init__(self) -> None:
        self.update_id: int | None = None
        self._bids: dict[Decimal, Decimal] = {}
        self._asks: dict[Decimal, Decimal] = {}

    @property
    def is_stale(self) -> bool:
        return self.update_id is None

    def apply(self, raw: bytes) -> None:
        frame = json.loads(raw)
        data = frame["data"]
        whole = frame["type"] == "snapshot" or data["u"] == 1
        if not whole and self.update_id is not None and data["u"] <= self.update_id:
            return
        if whole:
            self._bids, self._asks = {}, {}
        elif self.update_id is None or data["u"] != self.update_id + 1:
            self.update_id = None
            return
        self.update_id = data["u"]
        for side, rows in ((self._bids, data["b"]), (self._asks, data["a"])):
            for price, size in rows:
                if Decimal(size) == 0:
                    side.pop(Decimal(price), None)
                else:
                    side[Decimal(price)] = Decimal(size)

    def bids(self) -> list[tuple[Decimal, Decimal]]:
        """Best first; nothing when stale."""
        return [] if self.is_stale else sorted(self._bids.items(), reverse=True)

    def asks(self) -> list[tuple[Decimal, Decimal]]:
        """Best first; nothing when stale."""
        return [] if self.is_stale else sorted(self._asks.items())

    def mid(self) -> Decimal | None:
        bids, asks = self.bids(), self.asks()
        return (bids[0][0] + asks[0][0]) / 2 if bids and asks else None

    def spread(self) -> Decimal | None:
        bids, asks = self.bids(), self.asks()
        return asks[0][0] - bids[0][0] if bids and asks else None

    def imbalance(self, levels: int) -> Fraction | None:
        bid = sum((Fraction(size) for _, size in self.bids()[:levels]), Fraction(0))
        ask = sum((Fraction(size) for _, size in self.asks()[:levels]), Fraction(0))
        return (bid - ask) / (bid + ask) if bid + ask else None
