"""Section `exits.partialClose`: which shares of a position are closed at which profit."""

from decimal import Decimal
from typing import Annotated

from tradefleet.spec.fields import OF_PRICE, number, plain
from tradefleet.spec.market import Section

_PROFIT = number("Profit at the mark at which it is taken.", "0", "5", unit=OF_PRICE)
_SHARE = number(
    "Share of all that was entered which is closed there; 0 for no such part.",
    "0",
    "1",
    unit="a fraction of the position at its largest (0.3 for 30 %)",
)


class FirstPart(Section, frozen=True):
    """The nearest."""

    profit: Annotated[Decimal, _PROFIT] = Decimal("0.01")
    share: Annotated[Decimal, _SHARE] = Decimal("0.3")


class SecondPart(Section, frozen=True):
    """For a larger move."""

    profit: Annotated[Decimal, _PROFIT] = Decimal("0.02")
    share: Annotated[Decimal, _SHARE] = Decimal("0.3")


class ThirdPart(Section, frozen=True):
    """For the largest."""

    profit: Annotated[Decimal, _PROFIT] = Decimal("0.03")
    share: Annotated[Decimal, _SHARE] = Decimal("0.2")


Part = FirstPart | SecondPart | ThirdPart


class PartialClose(Section, frozen=True):
    """Parts of a position that are closed on the way; the rest is left to stop, target and strategy."""

    enabled: Annotated[bool, plain("Close parts at their profits.")] = False
    first: Annotated[FirstPart, plain("The nearest part.")] = FirstPart()
    second: Annotated[SecondPart, plain("The part of a larger move.")] = SecondPart()
    third: Annotated[ThirdPart, plain("The part of the largest move.")] = ThirdPart()
    break_even: Annotated[
        bool, plain("Move the stop to the entry price once anything of a part is closed.")
    ] = False

    @property
    def parts(self) -> tuple[Part, ...]:
        """In order of profit; one without a share is no part."""
        return (self.first, self.second, self.third)
