"""Which leverage a symbol is to have at the exchange: a limit of the margin, never a size.

Sizes come of equity and stops alone (`risk.sizing`); leverage says how much margin a position binds and
how near its liquidation lies. Source: Bybit V5, "Set Leverage", `leverageFilter` of a contract.
"""

from decimal import Decimal

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import ONE, floor_to
from tradefleet.spec.trading import Leverage


def effective(leverage: Leverage, instrument: Instrument) -> Decimal:
    """The least of what the bot wants, what it may, and what the contract allows, on the contract's step."""
    wanted = min(leverage.default, leverage.maximum, instrument.max_leverage)
    return max(ONE, floor_to(wanted, instrument.leverage_step))
