"""Where the account's orders meet the replayed market.

An order arrives and takes or rests; the market moves and fills or triggers. `Matching` reads the
market, is told the time, and writes what happened to a `Step`. The account's own orders never meet
each other.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from tradefleet.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.band import market_bound
from tradefleet.simulation.account.desk import Desk
from tradefleet.simulation.account.liquidity import reaches
from tradefleet.simulation.account.orders import CancelType, Order, RejectReason, StopKind
from tradefleet.simulation.account.protection import settle, trail
from tradefleet.simulation.account.rules import Prices
from tradefleet.simulation.account.state import Step


class Matching(Desk):
    """One account's orders against one market."""

    # ---- an order arrives

    def arrive(self, step: Step, order: Order) -> Order:
        """The order is live: it takes what it may, then rests, ends or is filled."""
        book, liquidity = self.market.book(order.symbol), self.liquidity(order.symbol)
        if order.time_in_force is TimeInForce.POST_ONLY:
            if any(True for _ in liquidity.available(book, order.side, order.price)):
                return self.end(step, order, OrderStatus.CANCELLED, RejectReason.POST_ONLY_TAKES)
            return self._rest(step, order)
        if order.time_in_force is TimeInForce.FOK:
            reachable = sum((size for _, size in liquidity.available(book, order.side, order.price)), ZERO)
            if reachable < order.leaves:
                return self.end(step, order, OrderStatus.CANCELLED, RejectReason.NOT_ENOUGH_QTY)
        seq = self.next_seq()
        for price, size in liquidity.take(book, order.side, order.price, order.leaves):
            order = self.fill(step, order, price, size, is_maker=False, seq=seq)
        if order.leaves == 0:
            order = self.put(step, replace(order, status=OrderStatus.FILLED))
        elif order.time_in_force is TimeInForce.GTC:
            order = self._rest(step, order)
        else:
            order = self.end(step, order, OrderStatus.CANCELLED, RejectReason.NO_IMMEDIATE_QTY)
        settle(self, step, order.symbol, order.position_idx)
        return order

    def _rest(self, step: Step, order: Order) -> Order:
        status = OrderStatus.PARTIALLY_FILLED if order.cum_exec_qty else OrderStatus.NEW
        order = self.put(step, replace(order, status=status))
        self.liquidity(order.symbol).join(self.market.book(order.symbol), order, step.at_ns)
        return order

    # ---- the market moves

    def on_book(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool, at_ns: int
    ) -> Step:
        """Displayed sizes are fresh again; a book that crosses a resting order fills it."""
        step = Step(at_ns)
        for order, qty in self.crossed(symbol, restated, replaced):
            self._fill_resting(step, order, qty)
        return self.finish(step)

    def on_trade(
        self, symbol: str, price: Decimal, qty: Decimal, taker: Side, traded_ns: int, at_ns: int
    ) -> Step:
        """A trade fills whom it reaches, then fires what watches the last price.

        The market tells a trade together with the book that shows it, up to 100 ms after it was
        made (`traded_ns`): an order younger than the trade gets nothing of it.
        """
        step = Step(at_ns)
        if not self.has_open(symbol):
            return step
        used = ZERO
        for stale in self.resting(symbol):
            order = self.state.orders.get(stale.order_id)
            if order is None or not order.is_resting:
                continue
            reached = self._reached(order, price, qty, used, taker)
            if reached > 0 and self.liquidity(symbol).spot(order.order_id).since_ns <= traded_ns:
                size = min(order.leaves, reached)
                used += size
                self._fill_resting(step, order, size)
        market = self.market
        prices = Prices(price, market.mark_price(symbol), market.index_price(symbol))
        self._fire(step, symbol, prices, traded_ns)
        return self.finish(step)

    def _reached(self, order: Order, price: Decimal, qty: Decimal, used: Decimal, taker: Side) -> Decimal:
        """How much of a trade comes through to a resting order.

        Through its price: all that our better orders have left. At its price, against its side:
        what is left behind the queue. used: what the trade has already filled of ours.
        """
        if price == order.price:
            if taker is order.side:
                return ZERO
            return self.liquidity(order.symbol).spot(order.order_id).pass_trade(qty) - used
        return qty - used if reaches(order.side, order.price, price) else ZERO

    def on_mark(self, symbol: str, mark: Decimal, index: Decimal, last: Decimal, at_ns: int) -> Step:
        """Fires what watches these prices; samples the premium for the price band."""
        step = Step(at_ns)
        premium = self.premium(symbol)
        if premium.is_due(at_ns):
            book = self.market.book(symbol)
            bids, asks = book.levels(Side.BUY), book.levels(Side.SELL)
            if bids and asks:
                premium.add((bids[0][0] + asks[0][0]) / 2 - mark, at_ns)
        if self.has_open(symbol):
            self._fire(step, symbol, Prices(last, mark, index), at_ns)
        return self.finish(step)

    def fill_resting(self, order_id: str, at_ns: int) -> Step:
        """All of a resting order is taken at its own price, as if by a trade that reached it."""
        step = Step(at_ns)
        order = self.state.orders.get(order_id)
        if order is not None and order.is_resting:
            self._fill_resting(step, order, order.leaves)
        return self.finish(step)

    def _fill_resting(self, step: Step, order: Order, qty: Decimal) -> None:
        """A resting order is filled at its own price, as maker."""
        order = self.fill(step, order, order.price, qty, is_maker=True, seq=self.next_seq())
        status = OrderStatus.PARTIALLY_FILLED if order.leaves else OrderStatus.FILLED
        self.put(step, replace(order, status=status))
        settle(self, step, order.symbol, order.position_idx)

    # ---- triggers

    def _fire(self, step: Step, symbol: str, prices: Prices, as_of_ns: int) -> None:
        """Fires every waiting order whose trigger is reached: stops first, then by age.

        Prices older than a trigger do not fire it.
        """
        waiting = [order for order in self.open_orders(symbol) if order.is_waiting]
        waiting.sort(key=lambda order: (order.stop_kind is not StopKind.STOP_LOSS, order.number))
        for stale in waiting:
            order = self.state.orders.get(stale.order_id)
            if order is None or not order.is_waiting or order.armed_ns > as_of_ns:
                continue
            if order.stop_kind is StopKind.TRAILING:
                fires = trail(self, step, order, prices.last, as_of_ns)
            else:
                fires = order.trigger is not None and order.trigger.fires(prices.of(order.trigger.by))
            if fires:
                self._trigger(step, order)

    def _trigger(self, step: Step, order: Order) -> None:
        """A waiting order comes alive."""
        instrument = self.market.instruments[order.symbol]
        order = self.put(step, replace(order, status=OrderStatus.TRIGGERED, updated_ns=step.at_ns))
        if order.is_protective:
            self.set_protection(step, self.position_of(order), order.stop_kind, None)
        if order.order_type is OrderType.MARKET:
            mark = self.market.mark_price(order.symbol)
            order = replace(order, price=market_bound(instrument, order.side, mark))
        if order.only_reduces:
            position = self.position_of(order)
            size = abs(position.size) if position.side is order.side.opposite else ZERO
            if size == 0:
                self.end(step, order, OrderStatus.CANCELLED, cancel=CancelType.BY_REDUCE_ONLY)
                return
            order = replace(order, qty=min(order.qty, size) if order.qty else size)
        elif not self.affords(order):
            self.end(step, order, OrderStatus.REJECTED, RejectReason.OTHERS)
            return
        self.arrive(step, order)
