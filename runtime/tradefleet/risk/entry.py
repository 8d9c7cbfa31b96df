"""An entry before it is an intent: what the rules of risk look at."""

from decimal import Decimal

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One order that would open. qty: base currency; prices: quote currency."""

    instrument: Instrument
    side: Side
    qty: Decimal
    price: Decimal
    stop_loss: Decimal
    take_profit: Decimal


class Reduction(msgspec.Struct, frozen=True, kw_only=True):
    """One order that only reduces: no rule judges it. price: 0 when none is known."""

    qty: Decimal
    price: Decimal


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules may know of the account. Unresolved orders count as if they were filled.

    equity: settle currency. exposed: symbols with a position or an unresolved opening order.
    entries: how many of those the entry's own symbol has. taker_fee: a fraction of the value.
    """

    equity: Decimal
    exposed: frozenset[str]
    entries: int
    taker_fee: Decimal
