"""The way out, step by step: what stands on the account gives what to do next.

Pure, and without any record of ours: it must work when the journal, the bus and the cluster are gone.
`next_acts` is asked again after every reading until it says nothing; each act only reduces risk, so that
doing one twice does no harm. Entries go first, so that nothing fills behind us; positions are closed while
their stops still stand; what protected them goes last.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal

import msgspec

from tradefleet.domain.orders import ExchangeOrder, Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import ZERO


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that stands at one reading: orders that are not over, positions that are not flat."""

    orders: tuple[ExchangeOrder, ...]
    positions: tuple[ExchangePosition, ...]

    @property
    def is_flat(self) -> bool:
        """No position is open."""
        return all(position.size == 0 for position in self.positions)

    @property
    def is_clear(self) -> bool:
        """No position and no order."""
        return self.is_flat and not self.orders


class CancelActive(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel every active order, conditional ones excepted. The exchange takes 500 of them at a time."""


class CancelOne(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one conditional entry."""

    symbol: str
    order_id: str


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """A market order that only reduces. qty: base currency, no more than one order may have."""

    key: PositionKey
    side: Side
    qty: Decimal


class CancelRest(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel everything: nothing is left to protect."""


Act = CancelActive | CancelOne | Close | CancelRest


def next_acts(standing: Standing, largest_market_qty: Mapping[str, Decimal]) -> tuple[Act, ...]:
    """What to do about this reading, in this order; nothing when the account is clear.

    largest_market_qty: by symbol, base currency; a symbol that is missing is closed in one order.
    """
    if standing.is_flat:
        return (CancelRest(),) if standing.orders else ()
    entries = [order for order in standing.orders if not protects(order)]
    active = (CancelActive(),) if any(not is_conditional(order) for order in entries) else ()
    conditional = (
        CancelOne(symbol=order.symbol, order_id=order.order_id) for order in entries if is_conditional(order)
    )
    closes = (
        close
        for position in standing.positions
        for close in _closes(position, largest_market_qty.get(position.key.symbol))
    )
    return (*active, *conditional, *closes)


def protects(order: ExchangeOrder) -> bool:
    """True of an order that can only reduce: stops, targets, and whatever is marked so."""
    return order.reduce_only


def is_conditional(order: ExchangeOrder) -> bool:
    """True of an order that waits for a price. The exchange names the kind, or has a trigger price."""
    return order.stop_order_type != "" or order.trigger_price is not None


def _closes(position: ExchangePosition, largest: Decimal | None) -> Iterator[Close]:
    left = abs(position.size)
    side = Side.SELL if position.size > 0 else Side.BUY
    while left > ZERO:
        qty = left if largest is None or largest <= ZERO else min(left, largest)
        yield Close(key=position.key, side=side, qty=qty)
        left -= qty
