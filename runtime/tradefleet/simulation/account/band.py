"""How far from the mark an order may reach.

A market order is an immediate-or-cancel limit at mark * (1 +/- X). A limit price outside the band
is moved to the band's edge, as Bybit's futures do by default since May 2026, so the resting price
may differ from the one asked for. Source: reference D3; Bybit V5, "order-price-limit".
"""

from collections import deque
from decimal import Decimal
from typing import Final

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ONE, ZERO, divide
from tradefleet.simulation.account.orders import Tolerance, ToleranceKind

OUTER_BAND: Final = Decimal(2)
"""Y as a multiple of X: so for 573 of the recording's 800 instruments, among them the replayed."""

PREMIUM_WINDOW_NS: Final = 30_000_000_000
PREMIUM_SAMPLE_NS: Final = 1_000_000_000


class PremiumAverage:
    """Mean of mid - mark over the last 30 s, sampled once a second."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, Decimal]] = deque()

    def is_due(self, at_ns: int) -> bool:
        """True when the last sample is at least a second old."""
        return not self._samples or at_ns - self._samples[-1][0] >= PREMIUM_SAMPLE_NS

    def add(self, premium: Decimal, at_ns: int) -> None:
        """Takes a sample; those older than 30 s are forgotten."""
        self._samples.append((at_ns, premium))
        while at_ns - self._samples[0][0] > PREMIUM_WINDOW_NS:
            self._samples.popleft()

    def mean(self) -> Decimal:
        """The mean, zero without samples."""
        if not self._samples:
            return ZERO
        return divide(sum((premium for _, premium in self._samples), ZERO), Decimal(len(self._samples)))


def market_bound(instrument: Instrument, side: Side, mark: Decimal) -> Decimal:
    """The price up to which a market order may trade, on the tick inside the band."""
    if side is Side.BUY:
        return instrument.price_down(mark * (ONE + instrument.price_limit_ratio))
    return instrument.price_up(mark * (ONE - instrument.price_limit_ratio))


def tolerated(instrument: Instrument, side: Side, best: Decimal, tolerance: Tolerance) -> Decimal:
    """The price up to which a market order with a slippage tolerance may trade.

    best: the best price on the other side. Buy: best + n ticks, or best * (1 + p %); a sell mirrored.
    """
    if tolerance.kind is ToleranceKind.TICKS:
        return best + side.sign * tolerance.value * instrument.tick_size
    reach = best * (ONE + side.sign * divide(tolerance.value, Decimal(100)))
    return instrument.price_down(reach) if side is Side.BUY else instrument.price_up(reach)


def clamp_limit(
    instrument: Instrument, side: Side, price: Decimal, mark: Decimal, index: Decimal, premium: Decimal
) -> Decimal:
    """`price`, or the edge of the band when a buy is above or a sell below it.

    buy:  min(mark (1 + Y), max(index, mark (1 + X) + max(0, premium)))
    sell: max(mark (1 - Y), min(index, mark (1 - X) + min(0, premium)))
    """
    inner = instrument.price_limit_ratio
    outer = inner * OUTER_BAND
    if side is Side.BUY:
        edge = min(mark * (ONE + outer), max(index, mark * (ONE + inner) + max(ZERO, premium)))
        return min(price, instrument.price_down(edge))
    edge = max(mark * (ONE - outer), min(index, mark * (ONE - inner) + min(ZERO, premium)))
    return max(price, instrument.price_up(edge))
