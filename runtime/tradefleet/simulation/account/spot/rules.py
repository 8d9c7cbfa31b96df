"""What may enter a spot book: the checks on a new order, each with spot's own code.

Pure; each raises `Refused` or returns. The codes are documented, of the texts those of 170124,
170131, 170134, 170136, 170137, 170140, 170141 and 170213 in substance only: none was recorded.
Source: Bybit V5, "Error Codes" (spot), "create-order"; reference C3, D3, D4.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import OrderType, Side
from tradefleet.domain.quantities import NotAMultiple, plain
from tradefleet.simulation.account.orders import MarketUnit, Order, Refused, StopKind
from tradefleet.simulation.account.spot.wire import SpotRequest, invalid

MAX_ORDERS: Final = 500
MAX_TPSL: Final = 30
MAX_CONDITIONAL: Final = 30

SYMBOL: Final = 170121
TOO_LARGE: Final = 170124
NO_FUNDS: Final = 170131
PRICE_DECIMALS: Final = 170134
TOO_SMALL: Final = 170136
QTY_DECIMALS: Final = 170137
BELOW_VALUE: Final = 170140
DUPLICATE_LINK: Final = 170141
NOT_OPEN: Final = 170157
BUY_ABOVE: Final = 170193
SELL_BELOW: Final = 170194
NOT_FOUND: Final = 170213
TOO_MANY: Final = 170810

NO_FUNDS_TEXT: Final = "Insufficient balance."
DUPLICATE_TEXT: Final = "Duplicate clientOrderId."
NOT_FOUND_TEXT: Final = "Order does not exist."

OCCUPYING: Final = frozenset({StopKind.TPSL, StopKind.BIDIRECTIONAL})
"""Conditional orders whose coins are held back while they wait."""


def known(instruments: Mapping[str, Instrument], symbol: str) -> Instrument:
    """The pair, open for trading."""
    instrument = instruments.get(symbol)
    if instrument is None:
        raise Refused(SYMBOL, "Invalid symbol.")
    if instrument.status is not InstrumentStatus.TRADING:
        raise Refused(NOT_OPEN, "The trading pair is not open for api trading.")
    return instrument


def check_price(instrument: Instrument, price: Decimal) -> None:
    """On the tick."""
    try:
        instrument.ticks(price)
    except NotAMultiple:
        raise Refused(PRICE_DECIMALS, "Order price decimal too long.") from None


def check_qty(instrument: Instrument, order_type: OrderType, unit: MarketUnit, qty: Decimal) -> None:
    """On its grid and within the largest order; a market buy by value has the quote coin's grid."""
    grid = instrument.quote_step if unit is MarketUnit.QUOTE else instrument.qty_step
    if qty % grid:
        raise Refused(QTY_DECIMALS, "Order volume decimal too long.")
    if unit is MarketUnit.QUOTE:
        return
    if qty < instrument.min_qty:
        raise Refused(TOO_SMALL, "Order quantity exceeded lower limit.")
    most = instrument.max_market_qty if order_type is OrderType.MARKET else instrument.max_limit_qty
    if qty > most:
        raise Refused(TOO_LARGE, "Order amount too large.")


def check_value(instrument: Instrument, value: Decimal) -> None:
    """At least the smallest value. value: quote currency."""
    if value < instrument.min_notional:
        raise Refused(BELOW_VALUE, "Order value exceeded lower limit.")


def check_band(instrument: Instrument, side: Side, price: Decimal, last: Decimal) -> None:
    """A buy too far above the last price, or a sell too far below it, is refused, not moved."""
    lowest, highest = instrument.band(last)
    if side is Side.BUY and price > highest:
        raise Refused(BUY_ABOVE, f"Buy order price cannot be higher than {plain(highest)}.")
    if side is Side.SELL and price < lowest:
        raise Refused(SELL_BELOW, f"Sell order price cannot be lower than {plain(lowest)}.")


def check_attached(request: SpotRequest, price: Decimal) -> None:
    """Stop and target of a limit order lie on their sides of its price."""
    sign = request.side.sign
    if request.take_profit is not None and (request.take_profit - price) * sign <= 0:
        raise invalid("takeProfit")
    if request.stop_loss is not None and (price - request.stop_loss) * sign <= 0:
        raise invalid("stopLoss")


def check_counts(orders: Iterable[Order], request: SpotRequest) -> None:
    """At most 500 orders a pair, of them 30 that occupy coins and 30 that do not while they wait."""
    everything = list(orders)
    waiting = [order.stop_kind for order in everything if order.is_waiting]
    occupying = sum(kind in OCCUPYING for kind in waiting)
    conditional = len(waiting) - occupying
    full = len(everything) >= MAX_ORDERS
    if request.trigger is not None:
        full = full or (occupying >= MAX_TPSL if request.occupies else conditional >= MAX_CONDITIONAL)
    if full:
        raise Refused(
            TOO_MANY, f"Cannot exceed maximum of {MAX_ORDERS} conditional, TP/SL and active orders."
        )
