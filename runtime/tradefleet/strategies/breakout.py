"""Breakout: a close beyond a level that the market has tested, on volume.

The rules, with p for the parameters of `strategies.breakout` and t for `p.price_threshold`. A bar
is judged once, when it closes; the window is the `p.lookback` bars before it.

1. A pivot high is a bar of the window whose high is above the highs of the two bars before it and
   not below those of the two bars after it, all four in the window. A pivot low mirrors it.
2. Each pivot high P proposes a level at its high. Its touches are the pivot highs in [P (1 - t), P],
   itself included. With `p.resistance_strength` touches or more the level is a resistance. A support
   mirrors it: touches in [P, P (1 + t)] of pivot lows.
3. A resistance L is broken by the bar when its close is above L (1 + t) and no close in the window
   since the pivot was: only the first close beyond counts, and a level that broke is a level no
   more. A support breaks below L (1 - t).
4. The bar's volume must be at least `p.volume_multiplier` times the mean volume of the window.
5. Then the target is LONG (SHORT), named after the highest (lowest) broken level. The strength is
   half the volume's multiple of what rule 4 asks for, at most 1. There is no FLAT: stops, targets and
   the opposite signal end the position.

The judged bar takes no part in levels or means, and pivots lie two closed bars back, so nothing
repaints. Every judgement reads the window alone: parameters may change at any bar.
"""

from collections.abc import Sequence
from decimal import Decimal
from operator import itemgetter
from typing import Final

from tradefleet.domain.quantities import MONEY, ONE, ZERO
from tradefleet.domain.signals import SignalKind, Target
from tradefleet.market.candles import SECOND_NS, Candle
from tradefleet.spec.strategies import Breakout
from tradefleet.strategies.strategy import Bars, SignalDraft, Strategy

MINUS_ONE: Final = Decimal(-1)

PIVOT_SPAN: Final = 2
"""Bars on each side that a pivot overtops: the smallest span that is more than a zig-zag."""

EXPIRES_NS: Final = 30 * SECOND_NS
"""A tenth of the default bar: later, the price is no longer the close that was judged."""


class BreakoutStrategy(Strategy[Breakout]):
    """Judges each closed bar from its window; keeps no state."""

    name = "breakout"
    kind = SignalKind.BAR

    @property
    def is_enabled(self) -> bool:
        return self.parameters.enabled

    @property
    def bars(self) -> Bars:
        return Bars(self.parameters.timeframe, self.parameters.lookback + 1)

    def on_bar(self, bars: Sequence[Candle]) -> SignalDraft | None:
        window, bar = bars[:-1], bars[-1]
        p = self.parameters
        total = ZERO
        for candle in window:
            total = MONEY.add(total, candle.volume)
        asked = MONEY.divide(MONEY.multiply(p.volume_multiplier, total), len(window))
        if bar.volume < asked:
            return None
        for target in (Target.LONG, Target.SHORT):
            broken = broken_level(window, bar.close, target, p.resistance_strength, p.price_threshold)
            if broken is not None:
                return _draft(target, broken, bar, asked, p)
        return None


def broken_level(
    window: Sequence[Candle], close: Decimal, target: Target, strength: int, threshold: Decimal
) -> tuple[Decimal, int] | None:
    """The furthest level that `close` breaks (rules 1 to 3), and its touches; None when it breaks none.

    target: LONG for resistances, SHORT for supports. threshold: a fraction of the price.
    """
    rising = target is Target.LONG
    # A support is a resistance of the prices with their signs turned.
    sign = ONE if rising else MINUS_ONE
    factor = MONEY.add(ONE, MONEY.multiply(sign, threshold))
    pivots = pivot_highs([MONEY.multiply(sign, c.high if rising else c.low) for c in window])
    closes = [MONEY.multiply(sign, candle.close) for candle in window]
    now = MONEY.multiply(sign, close)
    for place, level in sorted(pivots, key=itemgetter(1), reverse=True):
        edge = MONEY.multiply(level, factor)
        if now <= edge or max(closes[place + 1 :]) > edge:
            continue
        nearest = MONEY.subtract(level, MONEY.multiply(level.copy_abs(), threshold))
        touches = sum(nearest <= pivot <= level for _, pivot in pivots)
        if touches >= strength:
            return level.copy_abs(), touches
    return None


def pivot_highs(highs: Sequence[Decimal]) -> list[tuple[int, Decimal]]:
    """Places and prices of highs above the PIVOT_SPAN before and not below the PIVOT_SPAN after them."""
    return [
        (i, highs[i])
        for i in range(PIVOT_SPAN, len(highs) - PIVOT_SPAN)
        if highs[i] > max(highs[i - PIVOT_SPAN : i]) and highs[i] >= max(highs[i + 1 : i + 1 + PIVOT_SPAN])
    ]


def _draft(
    target: Target, broken: tuple[Decimal, int], bar: Candle, asked: Decimal, p: Breakout
) -> SignalDraft:
    level, touches = broken
    kind = "resistance" if target is Target.LONG else "support"
    return SignalDraft(
        target=target,
        strength=min(1.0, float(MONEY.divide(bar.volume, MONEY.multiply(2, asked)))) if asked else 1.0,
        price=bar.close,
        hold_ns=0,
        reason=(
            f"breakout: close {bar.close} beyond {kind} {level} ({touches} touches in {p.lookback} bars of "
            f"{p.timeframe.value}), volume {bar.volume} where {float(asked):.6g} was asked"
        ),
        at_ns=bar.end_ns,
        expires_ns=bar.end_ns + EXPIRES_NS,
    )
