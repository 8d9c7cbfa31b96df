"""Money and sizes as exact numbers.

Prices are whole ticks and sizes whole steps in the hot path; at the exchange's edge both are
`Decimal`. Every conversion goes through this module with an explicit context, so that no ambient
Decimal context can change an order.
"""

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from typing import NewType

Ticks = NewType("Ticks", int)
"""A price as a whole number of the instrument's tick size."""

Steps = NewType("Steps", int)
"""A size as a whole number of the instrument's quantity step."""

MONEY = Context(prec=34, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
"""The one context in which money is divided: 34 digits, ties to even, invalid results raise."""

ZERO = Decimal(0)
ONE = Decimal(1)


class NotAMultiple(ValueError):
    """A price or size does not lie on the instrument's grid."""


def to_units(value: Decimal, unit: Decimal) -> int:
    """`value` as a whole number of `unit`s; raises NotAMultiple when it is not one.

    value, unit: finite; unit > 0.
    """
    units = MONEY.divide(value, unit)
    whole = int(units)
    if units != whole:
        raise NotAMultiple(f"{value} is not a multiple of {unit}")
    return whole


def floor_to(value: Decimal, unit: Decimal) -> Decimal:
    """The largest multiple of `unit` that is at most `value`."""
    whole = MONEY.divide(value, unit).to_integral_value(rounding=ROUND_FLOOR, context=MONEY)
    return MONEY.multiply(whole, unit)


def ceil_to(value: Decimal, unit: Decimal) -> Decimal:
    """The smallest multiple of `unit` that is at least `value`."""
    whole = MONEY.divide(value, unit).to_integral_value(rounding=ROUND_CEILING, context=MONEY)
    return MONEY.multiply(whole, unit)


def divide(numerator: Decimal, denominator: Decimal) -> Decimal:
    """Quotient in the money context (34 digits)."""
    return MONEY.divide(numerator, denominator)


def total(values: Iterable[Decimal]) -> Decimal:
    """Their sum in the money context; zero of none."""
    found = ZERO
    for value in values:
        found = MONEY.add(found, value)
    return found


def agree(one: Decimal, other: Decimal | int) -> bool:
    """Whether both are above zero, or both below."""
    return (one > 0 and other > 0) or (one < 0 and other < 0)


def oppose(one: Decimal, other: Decimal | int) -> bool:
    """Whether one is above zero and the other below."""
    return (one > 0 and other < 0) or (one < 0 and other > 0)


def along(sign: int, one: Decimal, other: Decimal) -> Decimal:
    """How far `one` is beyond `other` in the direction of sign (+1 up, -1 down); below zero before it."""
    return MONEY.multiply(MONEY.subtract(one, other), sign)


def plain(value: Decimal) -> str:
    """`value` as the exchange wants it: no exponent, no trailing zeros after the point.

    >>> plain(Decimal("1E+3")), plain(Decimal("0.10")), plain(Decimal("60000"))
    ('1000', '0.1', '60000')
    """
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
