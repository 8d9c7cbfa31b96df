"""The orders that stand at the exchange: its newest list, and what the private stream has told since.

Whoever takes orders away asks here first: what only reduces may protect a position, and goes by its id alone.
A list says of every order that it does not show that it is over; a row that is newer than the list wins. How
many there are is bounded by the exchange's own limits on open orders.
"""

from collections.abc import Iterable
from typing import Final

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, TimeInForce
from tradefleet.orders.exchange_view import UnclearRow

ORDER: Final = "order"
"""`what` of an unclear row that is an order."""
ENDED_REMEMBERED: Final = 1000
"""Ids of orders that have ended: a row or a list that is late does not bring them back."""

_NEVER_RESTS: Final = frozenset({TimeInForce.IOC, TimeInForce.FOK})


class StandingOrders:
    """Open orders by symbol and by the exchange's id. listed_ns: when the newest complete list was asked for,
    0 before one. unclear: orders of that list of which not everything is understood. version: another number
    after each list and each order that was not known."""

    def __init__(self) -> None:
        self._by_symbol: dict[str, dict[str, ExchangeOrder]] = {}
        self._entries: dict[str, ExchangeOrder] = {}
        self._targets: dict[str, ExchangeOrder] = {}
        self._reducing: dict[str, int] = {}
        self.version = 0
        self._ended: dict[str, None] = {}
        self.listed_ns = 0
        self.unclear: tuple[UnclearRow, ...] = ()

    def take_row(self, row: ExchangeOrder) -> None:
        """A row of the stream, or of a question for one order."""
        if row.status.is_terminal:
            self.over(row.symbol, row.order_id)
        elif row.order_id not in self._ended:
            known = self._by_symbol.get(row.symbol, {}).get(row.order_id)
            if known is None or row.at_ns >= known.at_ns:
                self._keep(row)

    def over(self, symbol: str, order_id: str) -> None:
        """This order has ended, whatever is still heard of it."""
        self._drop(symbol, order_id)
        self._ended[order_id] = None
        if len(self._ended) > ENDED_REMEMBERED:
            del self._ended[next(iter(self._ended))]

    def take_list(
        self, rows: Iterable[ExchangeOrder], asked_ns: int, unclear: Iterable[UnclearRow] = ()
    ) -> None:
        """Every open order of the account; a list that was asked for before the newest one is passed over."""
        if asked_ns < self.listed_ns:
            return
        self.listed_ns = asked_ns
        self.version += 1
        listed: dict[str, list[ExchangeOrder]] = {}
        for row in rows:
            listed.setdefault(row.symbol, []).append(row)
        for symbol in [*self._by_symbol, *(symbol for symbol in listed if symbol not in self._by_symbol)]:
            self.take_symbol(symbol, listed.get(symbol, ()), asked_ns)
        self.unclear = tuple(row for row in unclear if row.what == ORDER)

    def take_symbol(
        self,
        symbol: str,
        rows: Iterable[ExchangeOrder],
        asked_ns: int,
        unclear: Iterable[UnclearRow] = (),
    ) -> None:
        """Every open order of one symbol."""
        others = tuple(row for row in self.unclear if row.symbol != symbol)
        self.unclear = (*others, *(row for row in unclear if row.what == ORDER and row.symbol == symbol))
        listed = [row for row in rows if row.symbol == symbol]
        shown = {row.order_id for row in listed}
        for known in self.of(symbol):
            if known.order_id not in shown and known.at_ns < asked_ns:
                self._drop(symbol, known.order_id)
        for row in listed:
            self.take_row(row)

    def of(self, symbol: str) -> tuple[ExchangeOrder, ...]:
        """The open orders of one symbol, in the order in which they were first heard of."""
        return tuple(self._by_symbol.get(symbol, {}).values())

    def symbols(self) -> list[str]:
        """Symbols with an open order, sorted."""
        return sorted(self._by_symbol)

    def reducing_symbols(self) -> list[str]:
        """Symbols in which an order stands that only reduces, sorted."""
        return sorted(self._reducing)

    @property
    def entries(self) -> tuple[ExchangeOrder, ...]:
        """Open orders that could open, or make larger, a position."""
        return tuple(self._entries.values())

    @property
    def has_targets(self) -> bool:
        """Whether a cancel-all of active orders would, or could, take one that only reduces."""
        return bool(self._targets) or any(row.reduce_only is not False for row in self.unclear)

    def _keep(self, row: ExchangeOrder) -> None:
        self.version += not self._drop(row.symbol, row.order_id)
        self._by_symbol.setdefault(row.symbol, {})[row.order_id] = row
        if not row.reduce_only:
            self._entries[row.order_id] = row
            return
        self._reducing[row.symbol] = self._reducing.get(row.symbol, 0) + 1
        if rests_as_target(row):
            self._targets[row.order_id] = row

    def _drop(self, symbol: str, order_id: str) -> bool:
        """Whether it was known."""
        orders = self._by_symbol.get(symbol, {})
        known = orders.pop(order_id, None)
        if known is None:
            return False
        self._entries.pop(order_id, None)
        self._targets.pop(order_id, None)
        if known.reduce_only:
            self._reducing[symbol] -= 1
            if not self._reducing[symbol]:
                del self._reducing[symbol]
        if not orders:
            del self._by_symbol[symbol]
        return True


def is_active(order: ExchangeOrder) -> bool:
    """True of an order that a cancel-all of active orders may take: it does not wait for a price."""
    return order.status is not OrderStatus.UNTRIGGERED


def rests_as_target(order: ExchangeOrder) -> bool:
    """True of an active order that only reduces. One that never rests is none: a close of ours shows for a
    moment."""
    rests = order.order_type is not OrderType.MARKET and order.time_in_force not in _NEVER_RESTS
    return order.reduce_only and is_active(order) and rests
