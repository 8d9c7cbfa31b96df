"""Numbers on the wire, as whole ticks and steps.

The exchange writes prices and sizes as decimal text. `Units` turns one instrument's text into whole
numbers of its unit, exactly: no float, no rounding, and text off the grid is an error. Prices repeat
from frame to frame, and small sizes too, so every text seen is remembered and most conversions are
one look-up in a dict.
"""

from decimal import Decimal
from typing import Final

from tradefleet.domain.quantities import MONEY
from tradefleet.market.faults import BadValue, Fault

MAX_UNITS: Final = 10**15
"""More steps (or ticks) than this in one level is absurd.

No instrument comes near: the largest order that any of the 800 recorded instruments accepts is
2.15e8 steps, the highest price 2e7 ticks. And it keeps two promises of the fast book: a sum over
1,000 levels fits an int64, and every value and mid is exact in a float64 (2^53 is 9.0e15).
"""

MAX_TEXT: Final = 40
"""Longer text is refused unread: int() of a long text takes quadratic time."""

_REMEMBERED: Final = 4096
"""Texts kept per side of an instrument, about 0.5 MB; then the memory starts afresh. A side of 200
levels shows a few hundred prices in a minute; sizes repeat less and fill it first."""


class Units(dict[str, int]):
    """Whole units by text: `units["65114.20"]` with unit 0.10 is 651142; raises BadValue.

    unit: above 0. negative: the fault of a number below zero. absurd: the fault of one that is fewer
    than `least` units or more than MAX_UNITS.
    """

    def __init__(self, unit: Decimal, *, least: int, negative: Fault, absurd: Fault) -> None:
        super().__init__()
        parts = unit.normalize(context=MONEY).as_tuple()
        if not isinstance(parts.exponent, int) or unit <= 0:
            raise ValueError(f"unit: {unit} is not a number above 0")
        # The unit is `_multiple` times 10 to the minus `_places`: 0.10 is 1e-1, 10 is 10e0, 0.05 is 5e-2.
        self._places = max(0, -parts.exponent)
        self._multiple: int = int("".join(map(str, parts.digits))) * 10 ** max(0, parts.exponent)
        self._least = least
        self._negative = negative
        self._absurd = absurd

    def __missing__(self, text: str) -> int:
        units = self._read(text)
        if len(self) >= _REMEMBERED:
            self.clear()
        self[text] = units
        return units

    def _read(self, text: str) -> int:
        if len(text) > MAX_TEXT:
            raise BadValue(self._absurd, text)
        whole, dot, fraction = text.partition(".")
        if not _digits(whole) or (dot and not _digits(fraction)):
            negative = text.startswith("-") and _digits(text[1:].replace(".", "", 1))
            raise BadValue(self._negative if negative else Fault.UNEXPECTED_SHAPE, text)
        if fraction[self._places :].strip("0"):
            raise BadValue(Fault.OFF_GRID, text)
        units, rest = divmod(int(whole + fraction[: self._places].ljust(self._places, "0")), self._multiple)
        if rest:
            raise BadValue(Fault.OFF_GRID, text)
        if not self._least <= units <= MAX_UNITS:
            raise BadValue(self._absurd, text)
        return units


def _digits(text: str) -> bool:
    # isdigit alone accepts other scripts' digits and superscripts.
    return text.isascii() and text.isdigit()


def price_units(tick_size: Decimal) -> Units:
    """Prices in ticks; zero is no price."""
    return Units(tick_size, least=1, negative=Fault.ABSURD_PRICE, absurd=Fault.ABSURD_PRICE)


def size_units(qty_step: Decimal) -> Units:
    """Sizes in steps; zero deletes a level."""
    return Units(qty_step, least=0, negative=Fault.NEGATIVE_SIZE, absurd=Fault.ABSURD_SIZE)


def plain_decimal(text: str) -> Decimal:
    """The decimal that a text writes without exponent, sign allowed; raises BadValue.

    For fields that lie on no instrument's grid: mark prices, funding rates, turnovers.
    """
    digits = text[1:] if text.startswith("-") else text
    whole, dot, fraction = digits.partition(".")
    if len(text) > MAX_TEXT or not _digits(whole) or (dot and not _digits(fraction)):
        raise BadValue(Fault.UNEXPECTED_SHAPE, text)
    return Decimal(text)
