"""Section of a TradingBot about entries: at once, or an order that rests until the market comes to it.

One section holds for every strategy. What the combinations mean is docs/entries.md; which of them
contradict each other is said in `spec.rules`.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from tradefleet.spec.fields import IN_SECONDS, number, plain
from tradefleet.spec.market import Section

IN_BPS = "in basis points (10 for 0.1 %)"


class EntryKind(StrEnum):
    """How an entry meets the market."""

    MARKET = "market"
    """At once, at what the book has."""
    LIMIT = "limit"
    """Rests in the book at its price; takes what is there already at that price or a better one."""
    POST_ONLY = "postOnly"
    """Rests in the book and never takes: the maker's fee, or no entry."""
    CONDITIONAL = "conditional"
    """Waits ahead of the price and goes at market once the mark has come to it (a stop entry)."""

    @property
    def rests(self) -> bool:
        """True of an order that stays at the exchange for a while."""
        return self is not EntryKind.MARKET


class PriceFrom(StrEnum):
    """What an entry's price is measured from."""

    TOUCH = "touch"
    """The best price on the entry's own side of the book (the bid for a buy); what a market entry would
    pay; the mark for a conditional one, since the mark triggers it."""
    SIGNAL = "signal"
    """What the strategy saw."""


class EntryOrder(Section, frozen=True):
    """How entries are ordered."""

    kind: Annotated[
        EntryKind,
        plain("`market` at once, `limit` and `postOnly` rest in the book, `conditional` waits for a price."),
    ] = EntryKind.MARKET
    price_from: Annotated[
        PriceFrom,
        plain(
            "What its price is measured from: `touch` is the best price on the entry's own side of the book "
            "(for `market` the side that it takes, for `conditional` the mark), `signal` what the strategy "
            "saw."
        ),
    ] = PriceFrom.TOUCH
    offset_bps: Annotated[
        Decimal,
        number(
            "Distance from there: `limit` and `postOnly` rest so much better, `conditional` waits so much "
            "ahead.",
            "0",
            "1000",
            unit=IN_BPS,
        ),
    ] = Decimal(0)
    max_slippage_bps: Annotated[
        Decimal,
        number(
            "`market` and `conditional` pay at most so much more than where their price is measured from; "
            "0 for no bound but the exchange's own band.",
            "0",
            "1000",
            unit=IN_BPS,
        ),
    ] = Decimal(0)
    rest_seconds: Annotated[
        int,
        number(
            "It rests at most so long, and never longer than the strategy means to hold; what is not filled "
            "by then is cancelled.",
            "1",
            "21600",
            unit=IN_SECONDS,
        ),
    ] = 30
    follow_bps: Annotated[
        Decimal,
        number(
            "A resting `limit` or `postOnly` is moved when its price at the touch would differ by so much; "
            "0 for never.",
            "0",
            "1000",
            unit=IN_BPS,
        ),
    ] = Decimal(0)
    amend_every_seconds: Annotated[
        Decimal, number("Between two moves of one order.", "0.2", "60", unit=IN_SECONDS)
    ] = Decimal(1)
    max_amends: Annotated[int, number("Moves of one order; then it stays where it is.", "1", "1000")] = 20
