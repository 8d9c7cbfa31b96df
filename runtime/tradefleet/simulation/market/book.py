"""A displayed book: sorted levels with the text they came in, and windows of its top.

`LevelBook` serves three readers: the matching engine (`levels`, `size_at`, as `BookView`), REST and
snapshots (`top`, in the recorded text form: '1922.40' keeps its zero), and the making of the
narrower topics (`window_change`).
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.market_view import Level

Row = tuple[str, str]
"""(price, size) as text, as on the wire."""


class LevelChange(msgspec.Struct, frozen=True):
    """One level restated: `size` is absolute, zero takes the level away. row: the recorded text."""

    side: Side
    price: Decimal
    size: Decimal
    row: Row


def level_change(side: Side, row: Row) -> LevelChange:
    """Decode one `[price, size]` of a frame; raises ValueError when it is no pair of numbers."""
    try:
        return LevelChange(side, Decimal(row[0]), Decimal(row[1]), row)
    except ArithmeticError as error:
        raise ValueError(f"not a price and a size: {row}") from error


class _HalfBook:
    """One side, best first when read."""

    __slots__ = ("_best_last", "_by_price", "_levels", "_prices")

    def __init__(self, side: Side) -> None:
        self._best_last = side is Side.BUY
        self._by_price: dict[Decimal, LevelChange] = {}
        self._prices: list[Decimal] = []
        self._levels: Sequence[Level] | None = None

    def clear(self) -> None:
        self._by_price.clear()
        self._prices.clear()
        self._levels = None

    def apply(self, change: LevelChange) -> None:
        self._levels = None
        known = change.price in self._by_price
        if change.size:
            self._by_price[change.price] = change
            if not known:
                insort(self._prices, change.price)
        elif known:
            del self._by_price[change.price]
            del self._prices[bisect_left(self._prices, change.price)]

    def levels(self) -> Sequence[Level]:
        if self._levels is None:
            self._levels = tuple((price, self._by_price[price].size) for price in self._best_first(None))
        return self._levels

    def top(self, depth: int | None) -> list[Row]:
        return [self._by_price[price].row for price in self._best_first(depth)]

    def size_at(self, price: Decimal) -> Decimal:
        change = self._by_price.get(price)
        return ZERO if change is None else change.size

    def _best_first(self, depth: int | None) -> Iterable[Decimal]:
        if not self._best_last:
            return self._prices[:depth]
        return reversed(self._prices if depth is None else self._prices[-depth:])


class LevelBook:
    """One symbol's displayed book; implements `market_view.BookView`."""

    def __init__(self) -> None:
        self._sides = {Side.BUY: _HalfBook(Side.BUY), Side.SELL: _HalfBook(Side.SELL)}

    def apply(self, changes: Iterable[LevelChange], *, replaces: bool) -> None:
        """Apply one frame; `replaces`: it is a snapshot."""
        if replaces:
            for half in self._sides.values():
                half.clear()
        for change in changes:
            self._sides[change.side].apply(change)

    def levels(self, side: Side) -> Sequence[Level]:
        """Resting levels, best first."""
        return self._sides[side].levels()

    def size_at(self, side: Side, price: Decimal) -> Decimal:
        """Displayed size at one price; zero when there is none."""
        return self._sides[side].size_at(price)

    def top(self, side: Side, depth: int | None = None) -> list[Row]:
        """The best `depth` levels as text, best first; all of them when None."""
        return self._sides[side].top(depth)


def window_change(side: Side, before: Iterable[Row], after: Iterable[Row]) -> list[Row]:
    """What turns one side's window into the next: restated, entering, and leaving as size '0'.

    Sorted best first, as the exchange sorts its deltas.
    """
    old = dict(before)
    new = dict(after)
    change = [row for row in new.items() if old.get(row[0]) != row[1]]
    change += [(price, "0") for price in old if price not in new]
    return sorted(change, key=_price_of, reverse=side is Side.BUY)


def _price_of(row: Row) -> Decimal:
    return Decimal(row[0])
