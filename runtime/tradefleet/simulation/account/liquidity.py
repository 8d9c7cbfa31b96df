"""What is left of one symbol's displayed book, and where our resting orders queue in it.

Two rules make a replayed book honest to trade against. What our fills have taken from a displayed
level stays taken until the exchange restates that level. And a resting order stands behind all
that was displayed at its price when it arrived: trades at the price work that queue off, a level
that is restated smaller than the queue shortens it, and nothing else does (sizes cancelled out of a
larger level are taken to have stood behind us).
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.orders import Order
from tradefleet.simulation.market_view import BookView, Level


def reaches(side: Side, limit: Decimal, price: Decimal) -> bool:
    """May an order of `side` with this limit trade at `price`?"""
    return price <= limit if side is Side.BUY else price >= limit


class QueueSpot(msgspec.Struct):
    """Where one resting order stands.

    ahead: others' size in front of it at its price; None while the price lies outside the displayed
    window, where it cannot be known: the order then goes behind what is first displayed there.
    since_ns: when it came to rest; older trades do not reach it, though they may be told later.
    counted: by how much the last restatement shortened the queue. The book change of a trade may be
    told before or after the trade itself; `counted` keeps one trade from shortening the queue
    twice, whichever comes first.
    """

    ahead: Decimal | None
    since_ns: int
    counted: Decimal = ZERO

    def restate(self, displayed: Decimal) -> None:
        """The level now shows `displayed`: no more than that can be in front."""
        if self.ahead is None:
            self.ahead = displayed
        cut = max(ZERO, self.ahead - displayed)
        self.ahead -= cut
        self.counted = cut

    def pass_trade(self, qty: Decimal) -> Decimal:
        """A trade of `qty` at the price: works the queue off, returns what comes through to us."""
        if self.ahead is None:
            return ZERO
        seen = min(self.counted, qty)
        self.counted -= seen
        worked_off = min(self.ahead, qty - seen)
        self.ahead -= worked_off
        return qty - seen - worked_off


class Liquidity:
    """One symbol's consumed levels and queue spots; not persisted: a new replay is a new book."""

    def __init__(self) -> None:
        self._consumed: dict[tuple[Side, Decimal], Decimal] = {}
        self._spots: dict[str, QueueSpot] = {}

    def available(self, book: BookView, taker: Side, limit: Decimal) -> Iterator[Level]:
        """(price, size still there) of the levels a taker may reach, best first."""
        for price, displayed in book.levels(taker.opposite):
            if not reaches(taker, limit, price):
                return
            left = displayed - self._consumed.get((taker.opposite, price), ZERO)
            if left > 0:
                yield price, left

    def take(self, book: BookView, taker: Side, limit: Decimal, qty: Decimal) -> list[Level]:
        """Takes up to `qty` within `limit`; returns (price, size) per level, best first."""
        taken: list[Level] = []
        for price, left in self.available(book, taker, limit):
            if qty <= 0:
                break
            size = min(left, qty)
            qty -= size
            key = (taker.opposite, price)
            self._consumed[key] = self._consumed.get(key, ZERO) + size
            taken.append((price, size))
        return taken

    def consumed(self, side: Side, price: Decimal) -> Decimal:
        """What our fills have taken from this displayed level since it was last restated."""
        return self._consumed.get((side, price), ZERO)

    def restate(self, levels: Sequence[tuple[Side, Decimal]], replaced: bool) -> None:
        """The exchange has restated these levels (all of them when `replaced`)."""
        if replaced:
            self._consumed.clear()
            return
        if self._consumed:
            for level in levels:
                self._consumed.pop(level, None)

    def requeue(
        self, book: BookView, orders: Sequence[Order], levels: set[tuple[Side, Decimal]] | None
    ) -> None:
        """Shortens the queues of `orders` whose level was restated (None: every level was)."""
        for order in orders:
            restated = levels is None or (order.side, order.price) in levels
            # A level that leaves the displayed window is told as size 0; its queue lives on.
            if restated and _in_view(book, order):
                self._spots[order.order_id].restate(book.size_at(order.side, order.price))

    def join(self, book: BookView, order: Order, at_ns: int) -> None:
        """The order comes to rest behind everything displayed at its price."""
        ahead = book.size_at(order.side, order.price) if _in_view(book, order) else None
        self._spots[order.order_id] = QueueSpot(ahead, at_ns)

    def leave(self, order_id: str) -> None:
        """The order no longer rests."""
        self._spots.pop(order_id, None)

    def spot(self, order_id: str) -> QueueSpot:
        """The order's place; raises KeyError when it does not rest."""
        return self._spots[order_id]


def _in_view(book: BookView, order: Order) -> bool:
    """Does the displayed window reach down to the order's price?"""
    levels = book.levels(order.side)
    return bool(levels) and reaches(order.side, order.price, levels[-1][0])
