"""How large an entry is, and where its stop and target stand."""

from decimal import Decimal

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import MONEY, ONE, divide
from tradefleet.risk.entry import Entry
from tradefleet.spec.trading import Exits, Sizing


def plan_entry(
    instrument: Instrument,
    side: Side,
    price: Decimal,
    equity: Decimal,
    sizing: Sizing,
    exits: Exits,
    *,
    largest: Decimal | None = None,
) -> Entry:
    """An entry of `equityFraction` of equity as notional, with stop and target at their fractions.

    price: what the entry would pay. largest: base currency that one order may be, that of a market order
    when None. The size is rounded down to the instrument's step and may
    be zero; the stop is rounded towards the price (never looser than asked), the target too.
    """
    notional = MONEY.multiply(equity, sizing.equity_fraction)
    most = instrument.max_market_qty if largest is None else largest
    qty = min(instrument.size_down(divide(notional, price)), instrument.size_down(most))
    down, up = instrument.price_down, instrument.price_up
    if side is Side.BUY:
        stop = up(MONEY.multiply(price, MONEY.subtract(ONE, exits.stop_loss)))
        target = down(MONEY.multiply(price, MONEY.add(ONE, exits.take_profit)))
    else:
        stop = down(MONEY.multiply(price, MONEY.add(ONE, exits.stop_loss)))
        target = up(MONEY.multiply(price, MONEY.subtract(ONE, exits.take_profit)))
    return Entry(instrument=instrument, side=side, qty=qty, price=price, stop_loss=stop, take_profit=target)
