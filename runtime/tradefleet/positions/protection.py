"""Where a position's stop belongs: prices that only ever move towards the market.

Pure arithmetic of one position. A stop is compared by how much it protects: for a long position a higher
stop is tighter, for a short one a lower. `None` is no stop at all, the loosest of all.
Source: requirements, "positions"; the ladder's rungs are profit at the best price against distance from it.
"""

from decimal import Decimal

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import MONEY, ONE, ZERO, divide
from tradefleet.spec.trading import Trailing


def tighter(sign: int, one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Of two stops the one that protects more. sign: +1 for a long position, -1 for a short one."""
    if one is None or other is None:
        return one if other is None else other
    return max(one, other) if sign > 0 else min(one, other)


def is_looser(sign: int, have: Decimal | None, want: Decimal) -> bool:
    """True when `have` protects less than `want`."""
    return have is None or (want - have) * sign > 0


def is_passed(sign: int, mark: Decimal, stop: Decimal) -> bool:
    """True when the mark has reached the stop: no exchange takes it as a stop any more."""
    return (mark - stop) * sign <= 0


def is_beyond(sign: int, mark: Decimal, stop: Decimal) -> bool:
    """True when the mark stands on the far side of the stop: one that works has fired."""
    return (mark - stop) * sign < 0


def first_stop(
    sign: int, entry: Decimal, mark: Decimal | None, distance: Decimal, instrument: Instrument
) -> Decimal:
    """The stop of a position that nobody has given one: `distance` (a fraction) from its entry, or from
    the mark where the mark is already beyond that."""
    stop = _at(sign, entry, distance, instrument)
    if mark is not None and is_passed(sign, mark, stop):
        return _at(sign, mark, distance, instrument)
    return stop


def break_even(sign: int, entry: Decimal, instrument: Instrument) -> Decimal:
    """The stop at which a position ends with neither profit nor loss, fees aside."""
    return _at(sign, entry, ZERO, instrument)


def better(sign: int, best: Decimal | None, mark: Decimal) -> Decimal:
    """The best price so far."""
    if best is None:
        return mark
    return max(best, mark) if sign > 0 else min(best, mark)


def trailed(
    sign: int, entry: Decimal, best: Decimal, trailing: Trailing, instrument: Instrument
) -> Decimal | None:
    """Where the ladder puts the stop; None before the first rung, or when it is switched off.

    entry: value-weighted; best: the best mark since the position was opened.
    """
    if not trailing.enabled:
        return None
    profit = divide(MONEY.multiply(best - entry, Decimal(sign)), entry)
    rungs = (trailing.first, trailing.second, trailing.third)
    reached = [rung.distance for rung in rungs if profit >= rung.profit]
    if profit < trailing.activation or not reached:
        return None
    # A later rung leaves more room, for a larger move; whoever moves the stop keeps the tighter one.
    return _at(sign, best, reached[-1], instrument)


def _at(sign: int, price: Decimal, distance: Decimal, instrument: Instrument) -> Decimal:
    """`distance` behind the price, rounded towards it: never looser than asked."""
    raw = MONEY.multiply(price, ONE - distance * sign)
    return instrument.price_up(raw) if sign > 0 else instrument.price_down(raw)
