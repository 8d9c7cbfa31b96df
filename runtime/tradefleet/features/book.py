"""Features of one state of the order book.

Each kernel is a plain function over sizes or prices, best level first, in any one unit (ticks and
steps, or quote and base currency); its docstring is its specification. NaN stands for "there is no
value", never 0. `BookView` is how strategies see a book: numbers only, NaN while it is stale.
Conflation: the exchange pushes 50 levels each 20 ms and 200 each 100 ms, so changes in between are
seen as their sum; retail (RPI) liquidity is in no book.
"""

from collections.abc import Sequence
from decimal import Decimal
from math import nan
from typing import Protocol

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import MONEY
from tradefleet.market.book import BookPort


def book_imbalance(bid_sizes: Sequence[int], ask_sizes: Sequence[int], levels: int) -> float:
    """Signed share of resting size on the bid side over the best `levels` levels.

    (sum B - sum A) / (sum B + sum A), dimensionless, in [-1, 1]; NaN when both sides are empty.
    bid_sizes, ask_sizes: (L,) sizes in one unit, best first. levels: 1 or more; of a side with fewer
    levels, all count. The quotient of whole numbers is rounded once, to the nearest float.
    Source: Cartea, Donnelly, Jaimungal 2018.
    """
    bid, ask = sum(bid_sizes[:levels]), sum(ask_sizes[:levels])
    total = bid + ask
    return (bid - ask) / total if total else nan


def mid_price(best_bid: float, best_ask: float) -> float:
    """(b1 + a1) / 2, in the unit of the prices; NaN when either is NaN.

    Source: Hasbrouck 2007.
    """
    return (best_bid + best_ask) / 2


def quoted_spread(best_bid: float, best_ask: float) -> float:
    """a1 - b1, in the unit of the prices, above 0 for an uncrossed book; NaN when either is NaN.

    Source: Hasbrouck 2007.
    """
    return best_ask - best_bid


def weighted_mid(best_bid: float, bid_size: float, best_ask: float, ask_size: float) -> float:
    """Mid weighted by the opposite sizes: (a1 B1 + b1 A1) / (A1 + B1), in [b1, a1].

    In the unit of the prices; NaN when both sizes are 0 or a value is NaN.
    Source: Stoikov 2018, section 2.
    """
    total = bid_size + ask_size
    return (best_ask * bid_size + best_bid * ask_size) / total if total else nan


class BookView(Protocol):
    """What a strategy may know of a book. Prices in ticks, exact; NaN while the book is stale."""

    @property
    def is_stale(self) -> bool:
        """True when nothing may be concluded from the book."""
        ...

    @property
    def mid(self) -> float:
        """Mid price in ticks, a multiple of one half."""
        ...

    @property
    def spread(self) -> float:
        """Quoted spread in ticks."""
        ...

    @property
    def mid_money(self) -> Decimal | None:
        """Mid price in quote currency; None where `mid` is NaN."""
        ...

    def imbalance(self, levels: int) -> float:
        """`book_imbalance` over the best `levels`."""
        ...


class PlainBookView:
    """BookView over any BookPort, computed when asked."""

    def __init__(self, book: BookPort, instrument: Instrument) -> None:
        self._book = book
        self._half_tick = MONEY.divide(instrument.tick_size, Decimal(2))

    @property
    def is_stale(self) -> bool:
        return self._book.is_stale

    @property
    def mid(self) -> float:
        best = self._book.best()
        return nan if best is None else mid_price(*best)

    @property
    def spread(self) -> float:
        best = self._book.best()
        return nan if best is None else quoted_spread(*best)

    @property
    def mid_money(self) -> Decimal | None:
        best = self._book.best()
        return None if best is None else MONEY.multiply(self._half_tick, sum(best))

    def imbalance(self, levels: int) -> float:
        """NaN when the book is stale or both sides are empty."""
        bids, asks = self._book.sizes(levels)
        return book_imbalance(bids, asks, levels)
