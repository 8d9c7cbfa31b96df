"""What may enter: the exchange's checks on a new order, each with its code and its words.

Pure functions over plain values; each raises `Refused` or returns. Texts marked [R] were recorded
from the exchange, [D] stand in its documentation, the rest are ours in its manner.
Source: reference D1, D3, D4 and `data/bybit-payloads` (real_error_*).
"""

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import OrderType, Side
from tradefleet.domain.quantities import NotAMultiple, plain
from tradefleet.simulation.account.ledger import Position
from tradefleet.simulation.account.orders import (
    Direction,
    OrderRequest,
    PriceKind,
    Protection,
    Refused,
    Tolerance,
    ToleranceKind,
    Trigger,
)
from tradefleet.simulation.account.wire import bad, not_simulated

SETTLE_COIN: Final = "USDT"

MAX_ACTIVE: Final = 500
MAX_CONDITIONAL: Final = 10

PRICE_INVALID: Final = 110003
NO_FUNDS: Final = 110007
TOO_MANY_CONDITIONAL: Final = 110009
REDUCE_ONLY: Final = 110017
TOO_MANY_ACTIVE: Final = 110020
DUPLICATE_LINK: Final = 110072
NOT_LIVE: Final = 110074
WOULD_RISE: Final = 110092
WOULD_FALL: Final = 110093
BELOW_NOTIONAL: Final = 110094
TOLERANCE_TICKS: Final = 110108
TOLERANCE_PERCENT: Final = 110109

DUPLICATE_TEXT: Final = "OrderLinkedID is duplicate"  # [D]
NO_FUNDS_TEXT: Final = "ab not enough for new order"  # [R]


class Prices(msgspec.Struct, frozen=True):
    """The three prices a trigger may watch, at one moment."""

    last: Decimal
    mark: Decimal
    index: Decimal

    def of(self, kind: PriceKind) -> Decimal:
        """The price of this kind."""
        return {PriceKind.LAST: self.last, PriceKind.MARK: self.mark, PriceKind.INDEX: self.index}[kind]


def known(instruments: Mapping[str, Instrument], symbol: str) -> Instrument:
    """The instrument; 10001 when there is none of that name."""
    instrument = instruments.get(symbol)
    if instrument is None:
        raise bad(f"params error: symbol invalid {symbol}")
    return instrument


def check_position_idx(position_idx: int, known_indices: Collection[int]) -> None:
    """One-way mode knows index 0 only, hedge mode 1 and 2 [R]."""
    if position_idx not in known_indices:
        raise bad("position idx not match position mode")


def check_settle_coin(instrument: Instrument) -> None:
    """The account has one coin; a contract settled in another cannot be traded."""
    if instrument.settle_coin != SETTLE_COIN:
        raise not_simulated(f"contracts settled in {instrument.settle_coin}")


def check_live(instrument: Instrument, only_reduces: bool) -> None:
    """A contract that is not trading may only be reduced."""
    if instrument.status is not InstrumentStatus.TRADING and not only_reduces:
        raise Refused(NOT_LIVE, "This contract is not live")


def check_step(instrument: Instrument, qty: Decimal) -> None:
    """A size off the step is `Qty invalid` [R]; too small has its own text, sic [R]."""
    try:
        instrument.steps(qty)
    except NotAMultiple:
        raise bad("Qty invalid") from None
    if qty < instrument.min_qty:
        raise bad("The number of contracts exceeds minimum limit allowed")


def max_qty(instrument: Instrument, order_type: OrderType) -> Decimal:
    """The most that one order may be, base currency."""
    return instrument.max_market_qty if order_type is OrderType.MARKET else instrument.max_limit_qty


def check_max(instrument: Instrument, order_type: OrderType, qty: Decimal) -> None:
    """One order is at most so large."""
    if qty > max_qty(instrument, order_type):
        raise bad("The number of contracts exceeds maximum limit allowed: too large")


def check_price(instrument: Instrument, price: Decimal) -> None:
    """On the tick and above zero [R]."""
    try:
        on_grid = instrument.ticks(price) > 0
    except NotAMultiple:
        on_grid = False
    if not on_grid:
        raise Refused(PRICE_INVALID, "price is invalid")


def check_notional(instrument: Instrument, qty: Decimal, price: Decimal) -> None:
    """Value of an opening order at least the minimum [R]; orders that only reduce are exempt."""
    if qty * price < instrument.min_notional:
        least = f"{plain(instrument.min_notional)}{instrument.quote_coin}"
        raise Refused(BELOW_NOTIONAL, f"Order does not meet minimum order value {least}")


def reducible(request: OrderRequest, position: Position) -> Decimal:
    """How much an order that only reduces may be, cut to the position.

    110017 without a position or in its own direction [R]. Quantity zero (with reduceOnly and
    closeOnTrigger) means all of it.
    """
    if position.side is None:
        raise Refused(REDUCE_ONLY, "current position is zero, cannot fix reduce-only order qty")
    if position.side is request.side:
        raise Refused(REDUCE_ONLY, "reduce-only order has same side with current position")
    size = abs(position.size)
    return min(request.qty, size) if request.qty else size


def pieces(instrument: Instrument, request: OrderRequest, qty: Decimal) -> list[Decimal]:
    """The sizes of the orders that a request becomes: one, or several when a close is too large [D]."""
    most = max_qty(instrument, request.order_type)
    if not request.only_reduces or request.trigger is not None or qty <= most:
        return [qty]
    whole = int(qty // most)
    rest = qty - whole * most
    return [most] * whole + ([rest] if rest else [])


def check_tolerance(tolerance: Tolerance) -> None:
    """1 to 10000 ticks, 0.01 to 10 percent [D]."""
    if tolerance.kind is ToleranceKind.TICKS:
        whole = tolerance.value == tolerance.value.to_integral_value()
        if not (whole and 1 <= tolerance.value <= 10_000):
            raise Refused(TOLERANCE_TICKS, "Allowed range: 1 to 10000 tick size")
    elif not Decimal("0.01") <= tolerance.value <= 10:
        raise Refused(TOLERANCE_PERCENT, "Allowed range: 0.01% to 10%")


def check_counts(active: int, conditional: int, is_conditional: bool) -> None:
    """At most 500 active and 10 conditional orders a symbol [D]."""
    if is_conditional and conditional >= MAX_CONDITIONAL:
        raise Refused(TOO_MANY_CONDITIONAL, "The number of stop orders exceeds the maximum allowable limit")
    if not is_conditional and active >= MAX_ACTIVE:
        raise Refused(TOO_MANY_ACTIVE, f"Not allowed to have more than {MAX_ACTIVE} active orders")


def check_trigger(instrument: Instrument, trigger: Trigger, prices: Prices) -> None:
    """A trigger must lie ahead of the price it watches [R]."""
    check_price(instrument, trigger.price)
    current = prices.of(trigger.by)
    if not trigger.fires(current):
        return
    asked, now = scaled(instrument, trigger.price), scaled(instrument, current)
    if trigger.direction is Direction.RISE:
        raise Refused(
            WOULD_RISE, f"expect Rising, but trigger_price[{asked}] <= current[{now}]??{trigger.by}"
        )
    raise Refused(WOULD_FALL, f"expect Falling, but trigger_price[{asked}] >= current[{now}]??{trigger.by}")


def check_stop(instrument: Instrument, side: Side, stop: Protection, base: Decimal) -> None:
    """A long's stop lies below the base price, a short's above [R]."""
    check_price(instrument, stop.price)
    asked, now = scaled(instrument, stop.price), scaled(instrument, base)
    if side is Side.BUY and stop.price >= base:
        raise bad(f"StopLoss:{asked} set for Buy position should lower than base_price:{now}??{stop.by}")
    if side is Side.SELL and stop.price <= base:
        raise bad(f"StopLoss:{asked} set for Sell position should greater base_price:{now}??{stop.by}")


def check_target(instrument: Instrument, side: Side, target: Protection, base: Decimal) -> None:
    """A long's target lies above the base price, a short's below."""
    check_price(instrument, target.price)
    asked, now = scaled(instrument, target.price), scaled(instrument, base)
    if side is Side.BUY and target.price <= base:
        raise bad(
            f"TakeProfit:{asked} set for Buy position should be higher than base_price:{now}??{target.by}"
        )
    if side is Side.SELL and target.price >= base:
        raise bad(
            f"TakeProfit:{asked} set for Sell position should be lower than base_price:{now}??{target.by}"
        )


def scaled(instrument: Instrument, price: Decimal) -> str:
    """A price as the exchange's error texts write it: x 1e4 for coarse ticks, x 1e8 for fine ones.

    Seen [R]: BTC 62734.3 as 627343000 with tick 0.1, 3.24 as 324000000 with tick 0.001.
    """
    factor = Decimal("1e4") if instrument.tick_size >= Decimal("0.01") else Decimal("1e8")
    return str(int(price * factor))
