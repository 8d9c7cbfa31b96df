"""What a strategy is.

A strategy sees books and bars and says which position it would like; it never sees what is held. It
is pure: the same calls in the same order give the same drafts. The pipeline calls its hooks, puts an
id on each draft and hands it on, or only counts it while the process is in shadow. A strategy is one
file here, one line in `registry`, and one section of the spec.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Generic, TypeVar

import msgspec

from tradefleet.domain.signals import SignalKind, Target
from tradefleet.features.book import BookView
from tradefleet.market.candles import Candle
from tradefleet.spec.strategies import Timeframe


class SignalDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A wish, before it has an id and an owner. The fields mean what they mean in `Signal`."""

    target: Target
    strength: float
    price: Decimal
    hold_ns: int
    reason: str
    at_ns: int
    expires_ns: int


class Bars(msgspec.Struct, frozen=True):
    """Which closed bars a strategy wants to see: `count` of one timeframe, the newest included."""

    timeframe: Timeframe
    count: int


P = TypeVar("P")
"""The strategy's section of the spec."""


class Strategy(Generic[P]):
    """The hooks, of which a strategy overrides those it needs. Each returns a draft or None.

    now_ns is exchange time: of the frame, or our clock corrected to it for the timer.
    """

    name: ClassVar[str]
    kind: ClassVar[SignalKind]

    def __init__(self, parameters: P) -> None:
        self.parameters = parameters

    def configure(self, parameters: P) -> None:
        """Go on with other parameters; state that still makes sense under them is kept."""
        self.parameters = parameters

    @property
    def is_enabled(self) -> bool:
        """False when it may begin nothing new (it may still end what it began)."""
        raise NotImplementedError

    @property
    def bars(self) -> Bars | None:
        """The bars it wants; None for a strategy of the book."""
        return None

    def on_book(self, view: BookView, now_ns: int) -> SignalDraft | None:
        """The book has changed and is not stale."""
        return None

    def on_stale(self, now_ns: int) -> None:
        """The book has become stale: nothing that was seen goes on."""

    def on_bar(self, bars: Sequence[Candle]) -> SignalDraft | None:
        """A bar has closed, the last of `bars`. They are `bars.count`, complete and contiguous."""
        return None

    def on_timer(self, now_ns: int) -> SignalDraft | None:
        """Time has passed, whatever the market does."""
        return None
