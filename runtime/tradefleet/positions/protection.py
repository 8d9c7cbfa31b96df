"""Where a position's stop belongs: prices that only ever move towards the market.

Pure arithmetic of one position. The prices are wishes, on no grid: `orders.grid` puts them on the contract's
present one when they leave, so that a tick that changes moves none of them. A stop is compared by how much it
protects: for a long position a higher stop is tighter, for a short one a lower. `None` is no stop at all, the
loosest of all.
Source: requirements, "positions"; the ladder's rungs are profit at the best price against distance from it.
"""

from decimal import Decimal

from tradefleet.domain.quantities import MONEY, ONE, along, divide
from tradefleet.spec.trading import Trailing


def tighter(sign: int, one: Decimal | None, other: Decimal | None) -> Decimal | None:
    """Of two stops the one that protects more. sign: +1 for a long position, -1 for a short one."""
    if one is None or other is None:
        return one if other is None else other
    return max(one, other) if sign > 0 else min(one, other)


def is_looser(sign: int, have: Decimal | None, want: Decimal) -> bool:
    """True when `have` protects less than `want`."""
    return have is None or along(sign, want, have) > 0


def is_passed(sign: int, mark: Decimal, stop: Decimal) -> bool:
    """True when the mark has reached the stop: no exchange takes it as a stop any more."""
    return along(sign, mark, stop) <= 0


def is_beyond(sign: int, mark: Decimal, stop: Decimal) -> bool:
    """True when the mark stands on the far side of the stop: one that works has fired."""
    return along(sign, mark, stop) < 0


def first_stop(sign: int, entry: Decimal, mark: Decimal | None, distance: Decimal) -> Decimal:
    """The stop of a position that nobody has given one: `distance` (a fraction) from its entry, or from
    the mark where the mark is already beyond that."""
    stop = _behind(sign, entry, distance)
    return _behind(sign, mark, distance) if mark is not None and is_passed(sign, mark, stop) else stop


def better(sign: int, best: Decimal | None, mark: Decimal) -> Decimal:
    """The best price so far."""
    if best is None:
        return mark
    return max(best, mark) if sign > 0 else min(best, mark)


def trailed(sign: int, entry: Decimal, best: Decimal, trailing: Trailing) -> Decimal | None:
    """Where the ladder puts the stop; None before the first rung, or when it is switched off.

    entry: value-weighted; best: the best mark since the position was opened.
    """
    if not trailing.enabled:
        return None
    profit = divide(along(sign, best, entry), entry)
    rungs = (trailing.first, trailing.second, trailing.third)
    reached = [rung.distance for rung in rungs if profit >= rung.profit]
    if profit < trailing.activation or not reached:
        return None
    # A later rung leaves more room, for a larger move; whoever moves the stop keeps the tighter one.
    return _behind(sign, best, reached[-1])


def _behind(sign: int, price: Decimal, distance: Decimal) -> Decimal:
    """So far from the price, a fraction of it, on the losing side."""
    return MONEY.multiply(price, MONEY.subtract(ONE, MONEY.multiply(distance, Decimal(sign))))
