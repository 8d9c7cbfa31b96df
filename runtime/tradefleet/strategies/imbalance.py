"""Lasting imbalance of the best levels: follow the heavier side for a few seconds.

The rules, with p for the parameters of `strategies.imbalance`:

1. On each change of the book, I = book_imbalance over `p.levels`. The side is LONG when
   I > p.threshold, SHORT when I < -p.threshold, else none.
2. A side that lasts is held: it began at the first book of an unbroken run of books with that side.
   When it has lasted `p.hold_seconds` of exchange time, the target is that side, with strength |I|.
   Only books count: silence proves nothing, and a stale book breaks the run.
3. `p.flat_after_seconds` after the entry the target is FLAT, by the next book or timer, stale book
   or not. The time is fixed at the entry, since the entry promised it to the executor (`hold_ns`).
   In between the book is not judged: there is no flip.
4. For `p.cooldown_seconds` after FLAT the book is not judged either; then the next run begins.
"""

from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.domain.signals import FLAT_VALID_NS, SignalKind, Target
from tradefleet.features.book import BookView
from tradefleet.market.candles import SECOND_NS
from tradefleet.spec.strategies import Imbalance
from tradefleet.strategies.strategy import SignalDraft, Strategy

ENTRY_EXPIRES_NS: Final = 2 * SECOND_NS
"""The best level lives for tenths of a second; an entry two seconds late is another trade."""


class _Rules(msgspec.Struct, frozen=True):
    """The parameters in the units in which every book is judged."""

    threshold: float
    hold_ns: int
    flat_after_ns: int
    cooldown_ns: int


def _rules(parameters: Imbalance) -> _Rules:
    return _Rules(
        threshold=float(parameters.threshold),
        hold_ns=_ns(parameters.hold_seconds),
        flat_after_ns=_ns(parameters.flat_after_seconds),
        cooldown_ns=_ns(parameters.cooldown_seconds),
    )


class ImbalanceStrategy(Strategy[Imbalance]):
    """One symbol's run, open target and cooldown."""

    name = "imbalance"
    kind = SignalKind.BOOK

    def __init__(self, parameters: Imbalance) -> None:
        super().__init__(parameters)
        self._rules = _rules(parameters)
        self._side: Target | None = None
        self._side_since_ns = 0
        self._flat_due_ns: int | None = None
        self._idle_until_ns = 0
        self._last_mid = ZERO

    @property
    def is_enabled(self) -> bool:
        return self.parameters.enabled

    def configure(self, parameters: Imbalance) -> None:
        """A run measured by other levels or another threshold is no run; all else goes on."""
        before = self.parameters
        if (before.levels, before.threshold) != (parameters.levels, parameters.threshold):
            self._side = None
        super().configure(parameters)
        self._rules = _rules(parameters)

    def on_book(self, view: BookView, now_ns: int) -> SignalDraft | None:
        if self._flat_due_ns is not None:
            self._last_mid = view.mid_money or self._last_mid
            return self.on_timer(now_ns)
        if not self.parameters.enabled or now_ns < self._idle_until_ns:
            self._side = None
            return None
        return self._judge(view, now_ns)

    def on_stale(self, now_ns: int) -> None:
        self._side = None

    def on_timer(self, now_ns: int) -> SignalDraft | None:
        if self._flat_due_ns is None or now_ns < self._flat_due_ns:
            return None
        self._flat_due_ns = None
        self._idle_until_ns = now_ns + self._rules.cooldown_ns
        return SignalDraft(
            target=Target.FLAT,
            strength=1.0,
            price=self._last_mid,
            hold_ns=0,
            reason="imbalance: the time of the entry is over",
            at_ns=now_ns,
            expires_ns=now_ns + FLAT_VALID_NS,
        )

    def _judge(self, view: BookView, now_ns: int) -> SignalDraft | None:
        imbalance = view.imbalance(self.parameters.levels)
        side = _side(imbalance, self._rules.threshold)
        if side is not self._side:
            self._side, self._side_since_ns = side, now_ns
        if side is None or now_ns - self._side_since_ns < self._rules.hold_ns:
            return None
        # A book with one empty side has an imbalance but no price.
        mid = view.mid_money
        return None if mid is None else self._enter(side, imbalance, mid, now_ns)

    def _enter(self, side: Target, imbalance: float, mid: Decimal, now_ns: int) -> SignalDraft:
        held_ns = now_ns - self._side_since_ns
        self._side = None
        self._flat_due_ns = now_ns + self._rules.flat_after_ns
        self._last_mid = mid
        return SignalDraft(
            target=side,
            strength=abs(imbalance),
            price=mid,
            hold_ns=self._rules.flat_after_ns,
            reason=(
                f"imbalance {imbalance:+.3f} of {self.parameters.levels} level(s) beyond "
                f"{self.parameters.threshold} for {held_ns / SECOND_NS:.3f} s"
            ),
            at_ns=now_ns,
            expires_ns=now_ns + ENTRY_EXPIRES_NS,
        )


def _side(imbalance: float, threshold: float) -> Target | None:
    if imbalance > threshold:
        return Target.LONG
    return Target.SHORT if imbalance < -threshold else None


def _ns(seconds: Decimal) -> int:
    return int(MONEY.multiply(seconds, SECOND_NS))
