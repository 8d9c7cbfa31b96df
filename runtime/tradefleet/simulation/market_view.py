"""The joint between the simulator's market (what is replayed) and its account side (what matches).

The market owns books, marks and trades and tells listeners what changed; the matching engine only
reads. One thread, one event loop: a listener is called after the book has been changed and before
any frame of that change is sent out.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side

Level = tuple[Decimal, Decimal]
"""(price, displayed size in base currency)."""


class Funding(msgspec.Struct, frozen=True):
    """rate: a fraction, above zero longs pay. next_ns: when it is settled next, int64 ns UTC."""

    rate: Decimal
    next_ns: int


class BookView(Protocol):
    """One symbol's displayed book (the recorded 200 levels)."""

    def levels(self, side: Side) -> Sequence[Level]:
        """Resting levels, best first: Side.BUY for bids, Side.SELL for asks."""
        ...

    def size_at(self, side: Side, price: Decimal) -> Decimal:
        """Displayed size at one price; zero when there is none."""
        ...


class MarketListener(Protocol):
    """Who wants to know what the market did."""

    def on_book(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool, at_ns: int
    ) -> None:
        """The exchange has restated these (side, price) levels; `replaced`: the whole book."""
        ...

    def on_trade(self, symbol: str, price: Decimal, qty: Decimal, taker: Side, at_ns: int) -> None:
        """A replayed trade, after the book change that belongs to it."""
        ...

    def on_mark(self, symbol: str, mark: Decimal, index: Decimal, last: Decimal, at_ns: int) -> None:
        """Mark, index or last price changed (ticker topic)."""
        ...


class MarketView(Protocol):
    """What the account side may ask the market."""

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Tradable symbols by name."""
        ...

    def book(self, symbol: str) -> BookView:
        """The displayed book; raises KeyError for an unknown symbol."""
        ...

    def mark_price(self, symbol: str) -> Decimal:
        """Latest mark price."""
        ...

    def index_price(self, symbol: str) -> Decimal:
        """Latest index price."""
        ...

    def last_price(self, symbol: str) -> Decimal:
        """Price of the latest trade."""
        ...

    def funding(self, symbol: str) -> Funding | None:
        """The rate that will be settled next, and when; None for a contract without funding."""
        ...

    def now_ns(self) -> int:
        """The simulator's clock, int64 ns UTC."""
        ...

    def add_listener(self, listener: MarketListener) -> None:
        """Call `listener` at every change from now on."""
        ...
