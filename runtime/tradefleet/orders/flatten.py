"""The way out, step by step: what stands on the account gives what to do next.

Pure, and without any record of ours: it must work when the journal, the bus and the cluster are gone.
`next_acts` is asked again after every reading until it says nothing; each act only reduces risk, so that
doing one twice does no harm. Entries go first, so that nothing fills behind us; positions are closed while
whatever only reduces still stands. That goes last, by its id, beside a reading of its own symbol that shows
nothing held. A list that cannot be read holds back what needs that list, and a row that is not understood
nothing but itself.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.orders.exchange_view import UnclearRow

AnyOrder = ExchangeOrder | UnclearRow


class CoinStanding(msgspec.Struct, frozen=True, kw_only=True):
    """What one reading has shown of the contracts that settle in one coin.

    orders: those that are not over; positions: those that are not flat; None for a list that could not be
    read, with its trouble. unclear: rows of which not everything is understood. asked_ns: when the reading
    began, by the exchange's clock.
    """

    coin: str
    asked_ns: int
    orders: tuple[ExchangeOrder, ...] | None
    positions: tuple[ExchangePosition, ...] | None
    unclear: tuple[UnclearRow, ...] = ()
    orders_trouble: str = ""
    positions_trouble: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """All that stands at one reading: orders that are not over, positions that are not flat.

    unclear: rows of which not everything is understood. orders_unread, positions_unread: lists that could not
    be read, a sentence each. coins: those whose list of orders was read; () for all.
    """

    orders: tuple[ExchangeOrder, ...]
    positions: tuple[ExchangePosition, ...]
    unclear: tuple[UnclearRow, ...] = ()
    orders_unread: tuple[str, ...] = ()
    positions_unread: tuple[str, ...] = ()
    coins: tuple[str, ...] = ()

    @property
    def all_orders(self) -> tuple[AnyOrder, ...]:
        """Those that are understood, and those that are not."""
        orders: list[AnyOrder] = [*self.orders, *self.unclear_orders]
        return tuple(orders)

    @property
    def unclear_orders(self) -> tuple[UnclearRow, ...]:
        """Orders of which not everything is understood."""
        return tuple(row for row in self.unclear if row.what == "order")

    @property
    def unclear_positions(self) -> tuple[UnclearRow, ...]:
        """Positions of which not everything is understood, those that are surely flat excepted."""
        return tuple(row for row in self.unclear if row.what == "position" and row.size != ZERO)

    @property
    def is_flat(self) -> bool:
        """No position is open: every list of them was read, and none shows a size."""
        known = not self.positions_unread and not self.unclear_positions
        return known and all(position.size == 0 for position in self.positions)

    @property
    def is_clear(self) -> bool:
        """No position and no order."""
        return self.is_flat and not self.orders and not self.unclear_orders and not self.orders_unread


def together(coins: Sequence[CoinStanding]) -> Standing:
    """The readings of all coins as one."""
    unread = tuple(f"orders in {one.coin}: {one.orders_trouble}" for one in coins if one.orders is None)
    return Standing(
        orders=tuple(order for one in coins for order in one.orders or ()),
        positions=tuple(position for one in coins for position in one.positions or ()),
        unclear=tuple(row for one in coins for row in one.unclear),
        orders_unread=unread,
        positions_unread=tuple(
            f"positions in {one.coin}: {one.positions_trouble}" for one in coins if one.positions is None
        ),
        coins=tuple(one.coin for one in coins if one.orders is not None) if unread else (),
    )


class CancelActive(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel every active order, conditional ones excepted. The exchange takes 500 of them at a time. coins:
    of contracts that settle in these; () for all."""

    coins: tuple[str, ...] = ()


class CancelOne(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one entry by its id."""

    symbol: str
    order_id: str


class CancelLeftover(msgspec.Struct, frozen=True, kw_only=True):
    """Cancel one order that only reduces, in a symbol that was read by itself and is flat."""

    symbol: str
    order_id: str


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """A market order that only reduces. qty: base currency, no more than one order may have; zero for all
    that is there."""

    key: PositionKey
    side: Side
    qty: Decimal


Act = CancelActive | CancelOne | CancelLeftover | Close


def next_acts(
    standing: Standing,
    largest_market_qty: Mapping[str, Decimal],
    whole: Collection[PositionKey] = (),
) -> tuple[Act, ...]:
    """What to do about this reading, in this order; nothing when the account is clear.

    largest_market_qty: by symbol, base currency; a symbol that is missing is closed in one order. whole:
    positions of which the exchange has refused an order for its size; they are closed without one.
    """
    entries = [order for order in standing.all_orders if is_entry(order)]
    in_one = not any(_may_be_target(order) for order in standing.all_orders)
    one_by_one = [order for order in entries if not in_one or is_conditional(order)]
    active = in_one and any(not is_conditional(order) for order in entries)
    return (
        *((CancelActive(coins=standing.coins),) if active else ()),
        *_by_id(one_by_one),
        *closes(held(standing.positions, standing.unclear), largest_market_qty, whole),
    )


def leftovers(standing: Standing, left_over: Collection[str]) -> tuple[CancelLeftover, ...]:
    """What only reduces and is left. left_over: ids of orders that a reading of their own symbol has shown
    beside nothing held."""
    return tuple(
        CancelLeftover(symbol=order.symbol, order_id=order.order_id)
        for order in standing.all_orders
        if order.order_id in left_over and order.reduce_only
    )


def flat_symbols_with_orders(standing: Standing) -> tuple[str, ...]:
    """Symbols in which orders stand that only reduce, and the lists show nothing held: each is to be read by
    itself, sorted."""
    held = {position.key.symbol for position in standing.positions if position.size}
    held |= {row.symbol for row in standing.unclear_positions}
    orders = standing.all_orders
    return tuple(sorted({o.symbol for o in orders if o.reduce_only and o.symbol and o.symbol not in held}))


def left_over(orders: Iterable[AnyOrder], positions: Sequence[ExchangePosition]) -> frozenset[str]:
    """Ids of the orders that only reduce, of a reading of their symbol: all of them when each of its
    positions is flat; none when one is not, or none was shown."""
    if not positions or any(position.size != 0 for position in positions):
        return frozenset()
    return frozenset(order.order_id for order in orders if order.reduce_only and order.order_id)


def closes(
    sizes: Iterable[tuple[PositionKey, Decimal]],
    largest: Mapping[str, Decimal],
    whole: Collection[PositionKey] = (),
) -> Iterator[Close]:
    """Of every position with its size."""
    for key, size in sizes:
        if key in whole:
            yield Close(key=key, side=Side.SELL if size > 0 else Side.BUY, qty=ZERO)
        else:
            yield from _parts(key, size, largest.get(key.symbol))


def held(
    positions: Iterable[ExchangePosition], unclear: Iterable[UnclearRow]
) -> Iterator[tuple[PositionKey, Decimal]]:
    """What is held, with its sign; of rows that are not understood those whose size and side could be
    read."""
    for position in positions:
        if position.size:
            yield position.key, position.size
    for row in unclear:
        if row.what == "position" and row.symbol and row.size and row.side is not None:
            yield PositionKey("linear", row.symbol, row.position_idx), row.size


def protects(order: ExchangeOrder) -> bool:
    """True of an order that can only reduce: stops, targets, and whatever is marked so."""
    return order.reduce_only


def is_entry(order: AnyOrder) -> bool:
    """True of an order that could open. One of which that cannot be read may be what protects."""
    return order.reduce_only is False


def is_conditional(order: AnyOrder) -> bool:
    """True of an order that waits for a price, or may. The exchange names the kind, or has a trigger
    price."""
    if isinstance(order, UnclearRow):
        return True
    return order.stop_order_type != "" or order.trigger_price is not None


def _may_be_target(order: AnyOrder) -> bool:
    """Whether a cancel of all active orders could take it, and it only reduces, or may."""
    if isinstance(order, UnclearRow):
        return order.reduce_only is not False
    return order.reduce_only and order.status is not OrderStatus.UNTRIGGERED


def _by_id(orders: Iterable[AnyOrder]) -> Iterator[CancelOne]:
    for order in orders:
        if order.symbol and order.order_id:
            yield CancelOne(symbol=order.symbol, order_id=order.order_id)


def _parts(key: PositionKey, size: Decimal, largest: Decimal | None) -> Iterator[Close]:
    """A position in orders that are no larger than one may be."""
    left = size.copy_abs()
    side = Side.SELL if size > 0 else Side.BUY
    while left > ZERO:
        qty = left if largest is None or largest <= ZERO else min(left, largest)
        yield Close(key=key, side=side, qty=qty)
        left = MONEY.subtract(left, qty)
