"""How much of a position its parts close: absolute targets, from which what is still missing follows.

Pure arithmetic of one position. A part never says "sell three": it says how much all parts up to it shall
have closed, and so how large the position may still be. What was closed by anything else (a stop, the
exchange, a person) therefore counts, and a repeat closes nothing more.
"""

from collections.abc import Sequence
from decimal import Decimal

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import MONEY, ONE, ZERO, divide, total
from tradefleet.spec.partial_close import Part


def reached(sign: int, entry: Decimal, mark: Decimal, parts: Sequence[Part]) -> int:
    """The number (from 1) of the farthest part whose profit the mark shows; 0 for none.

    sign: +1 for a long position, -1 for a short one. entry: value-weighted.
    """
    profit = divide(MONEY.multiply(MONEY.subtract(mark, entry), Decimal(sign)), entry)
    found = [number for number, part in enumerate(parts, 1) if part.share > 0 and profit >= part.profit]
    return max(found, default=0)


def due(entered: Decimal, parts: Sequence[Part], number: int, instrument: Instrument) -> Decimal:
    """How much the first `number` parts shall have closed of all that was entered, in whole steps down."""
    share = min(ONE, total(part.share for part in parts[:number]))
    return instrument.size_down(MONEY.multiply(entered, share))


def missing(
    size: Decimal, entered: Decimal, shall: Decimal, closed: Decimal, instrument: Instrument
) -> Decimal:
    """What is still to be closed so that the position is no larger than `entered` less `shall`; zero when
    that is nothing, or too little for an order.

    size: of the position, above zero. shall: what the parts reached shall have closed. closed: what orders
    of parts have closed, whatever the size says: executions come in any order.
    """
    rest = MONEY.subtract(entered, shall)
    if rest > 0:
        # Less than that could not be closed by an order of its own.
        rest = max(rest, instrument.min_qty)
    qty = min(MONEY.subtract(size, rest), MONEY.subtract(shall, closed), instrument.max_market_qty)
    qty = instrument.size_down(max(ZERO, qty))
    return qty if qty >= instrument.min_qty else ZERO
