"""Open orders by symbol, those in the book in its order, and what the displayed book gives them.

What contracts and spot pairs have in common: whose money an order moves is the desk's business.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.liquidity import Liquidity
from tradefleet.simulation.account.orders import Order
from tradefleet.simulation.market_view import MarketView


class OpenOrders:
    """Stands on `orders`, the account's own dict by order id, which it changes."""

    def __init__(self, market: MarketView, orders: dict[str, Order]) -> None:
        self.market = market
        self._orders = orders
        self._liquidity = {symbol: Liquidity() for symbol in market.instruments}
        self._open: dict[str, dict[str, None]] = {symbol: {} for symbol in market.instruments}
        for order in orders.values():
            self._open[order.symbol][order.order_id] = None
            if order.is_resting:
                self._liquidity[order.symbol].join(market.book(order.symbol), order, market.now_ns())

    def open_orders(self, symbol: str) -> list[Order]:
        """The symbol's open orders, oldest first."""
        return [self._orders[order_id] for order_id in self._open[symbol]]

    def has_open(self, symbol: str) -> bool:
        """Has the symbol any open order?"""
        return bool(self._open[symbol])

    def resting(self, symbol: str) -> list[Order]:
        """The symbol's orders in the book: best price first, then oldest."""
        orders = [order for order in self.open_orders(symbol) if order.is_resting]
        return sorted(orders, key=lambda order: (-order.side.sign * order.price, order.number))

    def liquidity(self, symbol: str) -> Liquidity:
        """The symbol's consumed levels and queues."""
        return self._liquidity[symbol]

    def shelve(self, order: Order) -> None:
        """The order is now so; an ended one leaves the book."""
        if order.status.is_terminal:
            self._orders.pop(order.order_id, None)
            self._open[order.symbol].pop(order.order_id, None)
            self._liquidity[order.symbol].leave(order.order_id)
        else:
            self._orders[order.order_id] = order
            self._open[order.symbol][order.order_id] = None

    def crossed(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool
    ) -> Iterator[tuple[Order, Decimal]]:
        """Displayed sizes are fresh again: which resting orders the book crosses now, and by how much of
        their size. What a fill changes is seen by the orders after it."""
        liquidity = self.liquidity(symbol)
        liquidity.restate(restated, replaced)
        resting = self.resting(symbol)
        if not resting:
            return
        book = self.market.book(symbol)
        liquidity.requeue(book, resting, None if replaced else set(restated))
        for stale in resting:
            order = self._orders.get(stale.order_id)
            if order is None or not order.is_resting:
                continue
            taken = liquidity.take(book, order.side, order.price, order.leaves)
            qty = sum((size for _, size in taken), ZERO)
            if qty:
                yield order, qty
