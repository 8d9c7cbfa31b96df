"""What can be traded, and on which grid of prices and sizes.

Source: Bybit V5, GET /v5/market/instruments-info (categories linear and spot).
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.domain.quantities import MONEY, ONE, ZERO, Steps, Ticks, ceil_to, floor_to, to_units


class InstrumentStatus(StrEnum):
    """May it be traded: only `TRADING` instruments are opened; the others may be reduced."""

    PRE_LAUNCH = "PreLaunch"
    TRADING = "Trading"
    DELIVERING = "Delivering"
    CLOSED = "Closed"
    UNKNOWN = "unknown"
    """The exchange says a word that we do not know, or not all that opening needs."""


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One contract's rules.

    tick_size: quote currency a tick. qty_step, min_qty, max_market_qty, max_limit_qty: base
    currency. min_notional: quote currency; orders that only reduce are exempt. max_leverage: a
    factor, of which the leverage moves in steps. price_limit_ratio: how far from the mark a market order may
    reach, a fraction. quote_step: grid of amounts in quote currency, spot only (a market buy may name what it
    spends). A spot pair has no leverage (1), is settled in its quote coin, and its mark is the last price.
    """

    venue: str
    category: str
    symbol: str
    status: InstrumentStatus
    base_coin: str
    quote_coin: str
    settle_coin: str
    tick_size: Decimal
    qty_step: Decimal
    min_qty: Decimal
    max_market_qty: Decimal
    max_limit_qty: Decimal
    min_notional: Decimal
    max_leverage: Decimal
    price_limit_ratio: Decimal
    leverage_step: Decimal = Decimal("0.01")
    quote_step: Decimal = ZERO

    def ticks(self, price: Decimal) -> Ticks:
        """The price in ticks; raises NotAMultiple off the grid."""
        return Ticks(to_units(price, self.tick_size))

    def steps(self, size: Decimal) -> Steps:
        """The size in steps; raises NotAMultiple off the grid."""
        return Steps(to_units(size, self.qty_step))

    def price(self, ticks: Ticks) -> Decimal:
        """The price in quote currency."""
        return MONEY.multiply(self.tick_size, ticks)

    def size(self, steps: Steps) -> Decimal:
        """The size in base currency."""
        return MONEY.multiply(self.qty_step, steps)

    def price_down(self, price: Decimal) -> Decimal:
        """The nearest price on the grid that is not above `price`."""
        return floor_to(price, self.tick_size)

    def price_up(self, price: Decimal) -> Decimal:
        """The nearest price on the grid that is not below `price`."""
        return ceil_to(price, self.tick_size)

    def band(self, around: Decimal) -> tuple[Decimal, Decimal]:
        """(lowest price of a sell, highest of a buy) that may stray so far from `around`, on the grid. Spot
        refuses what lies beyond it, counted from the last price."""
        lowest = self.price_up(MONEY.multiply(around, MONEY.subtract(ONE, self.price_limit_ratio)))
        return lowest, self.price_down(MONEY.multiply(around, MONEY.add(ONE, self.price_limit_ratio)))

    def size_down(self, size: Decimal) -> Decimal:
        """The largest size on the grid that is not above `size`."""
        return floor_to(size, self.qty_step)
