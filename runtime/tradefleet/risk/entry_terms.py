"""What order an entry is: its type, price, time in force and trigger, by the spec's wish and the prices.

Pure and total: (wish, side, prices, what the strategy saw, instrument) gives the terms, or a refusal with
its figures. Prices are rounded to the grid on the careful side: a resting order never better for the market
than asked, a bound never wider. docs/entries.md shows each kind.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderType, Side, TimeInForce, Trigger, TriggerDirection
from tradefleet.domain.quantities import MONEY, ONE, along, divide
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.spec.entry import EntryKind, EntryOrder, PriceFrom

BPS = Decimal(10_000)
FURTHER_PERCENT = 105
"""An order so much further from its stop keeps its size: a step of the size is coarser than a tick."""


class Quotes(msgspec.Struct, frozen=True, kw_only=True):
    """The executor's own prices of a symbol; None until heard."""

    bid: Decimal | None
    ask: Decimal | None
    mark: Decimal | None

    def own(self, side: Side) -> Decimal | None:
        """The best price of the side on which an order of `side` would rest."""
        return self.bid if side is Side.BUY else self.ask

    def taken(self, side: Side) -> Decimal | None:
        """What an order of `side` would pay at once; the mark while the book is not known."""
        return (self.ask if side is Side.BUY else self.bid) or self.mark


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """How an entry is ordered. reference: the price that it is sized at, and that its stop and target are
    measured from. price: None for a market order. rests: it may stay at the exchange for a while."""

    order_type: OrderType
    time_in_force: TimeInForce
    reference: Decimal
    price: Decimal | None = None
    trigger: Trigger | None = None
    rests: bool = False

    def largest(self, instrument: Instrument) -> Decimal:
        """The most that one order of this type may be, base currency."""
        market = self.order_type is OrderType.MARKET
        return instrument.max_market_qty if market else instrument.max_limit_qty


def entry_terms(
    wish: EntryOrder, side: Side, quotes: Quotes, seen: Decimal, instrument: Instrument
) -> Terms | Refusal:
    """The order that the wish means now. seen: the price that the strategy saw."""
    match wish.kind:
        case EntryKind.MARKET:
            return _at_once(wish, side, quotes, seen, instrument)
        case EntryKind.LIMIT | EntryKind.POST_ONLY:
            return _in_the_book(wish, side, quotes, seen, instrument)
        case EntryKind.CONDITIONAL:
            return _conditional(wish, side, quotes, seen, instrument)


def _at_once(
    wish: EntryOrder, side: Side, quotes: Quotes, seen: Decimal, instrument: Instrument
) -> Terms | Refusal:
    taken = quotes.taken(side)
    if taken is None:
        return _NO_PRICE
    if wish.max_slippage_bps == 0:
        return Terms(order_type=OrderType.MARKET, time_in_force=TimeInForce.IOC, reference=taken)
    base = seen if wish.price_from is PriceFrom.SIGNAL else taken
    bound = _in_band(_worse(base, side, wish.max_slippage_bps, instrument), side, quotes, instrument)
    if along(side.sign, taken, bound) > 0:
        detail = f"{side} would pay {taken:f}, at most {bound:f} is allowed ({wish.max_slippage_bps:f} bps)"
        return Refusal(Reason.MAX_SLIPPAGE, detail)
    return Terms(order_type=OrderType.LIMIT, time_in_force=TimeInForce.IOC, reference=taken, price=bound)


def _in_the_book(
    wish: EntryOrder, side: Side, quotes: Quotes, seen: Decimal, instrument: Instrument
) -> Terms | Refusal:
    own = quotes.own(side)
    if own is None:
        return _NO_PRICE
    base = seen if wish.price_from is PriceFrom.SIGNAL else own
    raw = _further(base, -side.sign, wish.offset_bps)
    price = _outward(raw, side, instrument)
    post_only = wish.kind is EntryKind.POST_ONLY
    price = _not_crossing(price, side, own, quotes, instrument) if post_only else price
    price = _in_band(price, side, quotes, instrument)
    if price <= 0:
        return Refusal(Reason.ENTRY_PRICE, f"{side} at {price:f}")
    return Terms(
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.POST_ONLY if post_only else TimeInForce.GTC,
        reference=price,
        price=price,
        rests=True,
    )


def _conditional(
    wish: EntryOrder, side: Side, quotes: Quotes, seen: Decimal, instrument: Instrument
) -> Terms | Refusal:
    mark = quotes.mark
    if mark is None:
        return _NO_PRICE
    base = seen if wish.price_from is PriceFrom.SIGNAL else mark
    raw = _further(base, side.sign, wish.offset_bps)
    price = instrument.price_up(raw) if side is Side.BUY else instrument.price_down(raw)
    if along(side.sign, price, mark) <= 0 or price <= 0:
        return Refusal(Reason.ENTRY_PRICE, f"the mark {mark:f} has passed the trigger {price:f} already")
    rising = TriggerDirection.RISE if side is Side.BUY else TriggerDirection.FALL
    bound = None
    if wish.max_slippage_bps > 0:
        bound = _worse(price, side, wish.max_slippage_bps, instrument)
    return Terms(
        order_type=OrderType.MARKET if bound is None else OrderType.LIMIT,
        time_in_force=TimeInForce.IOC,
        reference=price,
        price=bound,
        trigger=Trigger(price=price, direction=rising),
        rests=True,
    )


def _further(price: Decimal, sign: int, bps: Decimal) -> Decimal:
    """So many basis points from the price, up for sign +1 and down for -1."""
    return MONEY.multiply(price, MONEY.add(ONE, MONEY.multiply(divide(bps, BPS), sign)))


def _worse(price: Decimal, side: Side, bps: Decimal, instrument: Instrument) -> Decimal:
    """So much worse for us, rounded back towards the price; never better than the price itself."""
    raw = _further(price, side.sign, bps)
    if side is Side.BUY:
        return max(instrument.price_down(raw), instrument.price_down(price))
    return min(instrument.price_up(raw), instrument.price_up(price))


def _outward(price: Decimal, side: Side, instrument: Instrument) -> Decimal:
    """On the grid, away from the market."""
    return instrument.price_down(price) if side is Side.BUY else instrument.price_up(price)


def _not_crossing(
    price: Decimal, side: Side, own: Decimal, quotes: Quotes, instrument: Instrument
) -> Decimal:
    """A post-only order that would take is cancelled by the exchange: it rests at the touch instead."""
    tick, other = instrument.tick_size, quotes.own(side.opposite)
    if side is Side.BUY:
        return min(price, own) if other is None else min(price, own, MONEY.subtract(other, tick))
    return max(price, own) if other is None else max(price, own, MONEY.add(other, tick))


def _in_band(price: Decimal, side: Side, quotes: Quotes, instrument: Instrument) -> Decimal:
    """Not beyond the exchange's band around the mark, where it would be refused or moved."""
    if quotes.mark is None:
        return price
    ratio = instrument.price_limit_ratio
    if side is Side.BUY:
        return min(price, instrument.price_down(MONEY.multiply(quotes.mark, MONEY.add(ONE, ratio))))
    return max(price, instrument.price_up(MONEY.multiply(quotes.mark, MONEY.subtract(ONE, ratio))))


_NO_PRICE = Refusal(Reason.NO_PRICE, "no price of this symbol has been heard yet")


class Moved(msgspec.Struct, frozen=True):
    """How a resting order shall be: price, and size in all (what is filled included)."""

    price: Decimal
    qty: Decimal


class Resting(msgspec.Struct, frozen=True, kw_only=True):
    """A resting entry. price, qty: as its newest row shows it. first_price, first_qty: as it was judged.
    stop_loss, take_profit: attached; an amend leaves them where they are."""

    side: Side
    price: Decimal
    qty: Decimal
    filled: Decimal
    first_price: Decimal
    first_qty: Decimal
    stop_loss: Decimal
    take_profit: Decimal | None


def followed(
    order: Resting, target: Decimal, wish: EntryOrder, instrument: Instrument, least_gain: Decimal
) -> Moved | None:
    """Where the order is to be moved; None when it stays.

    target: its price by the touch now. Not moved when that is less than `follow_bps` away; when it would
    come nearer to its stop than half the distance at which it was judged; when its target would leave
    less than `least_gain` (a fraction). Further from its stop it becomes smaller, so that it loses no more
    there than was judged, five percent aside; it never becomes larger.
    """
    away = MONEY.subtract(target, order.price).copy_abs()
    if MONEY.multiply(away, BPS) < MONEY.multiply(wish.follow_bps, order.price):
        return None
    sign = order.side.sign
    judged = along(sign, order.first_price, order.stop_loss)
    distance = along(sign, target, order.stop_loss)
    if judged <= 0 or MONEY.multiply(distance, 2) < judged:
        return None
    if order.take_profit is not None:
        gain = along(sign, order.take_profit, target)
        if gain < MONEY.multiply(least_gain, target):
            return None
    # An amend names the size again, and the step may have grown since.
    qty = instrument.size_down(order.qty)
    if MONEY.multiply(distance, 100) > MONEY.multiply(judged, FURTHER_PERCENT):
        scaled = instrument.size_down(divide(MONEY.multiply(order.first_qty, judged), distance))
        qty = min(qty, scaled)
    too_small = qty <= order.filled or MONEY.multiply(qty, target) < instrument.min_notional
    return None if too_small or qty < instrument.min_qty else Moved(target, qty)
