"""The day's loss of equity, counted from 00:00 UTC."""

from decimal import Decimal

from tradefleet.domain.quantities import MONEY, ZERO, divide

DAY_NS = 86_400_000_000_000


def day_of(now_ns: int) -> int:
    """Days since 1970-01-01 UTC."""
    return now_ns // DAY_NS


def loss_fraction(baseline: Decimal, equity: Decimal) -> Decimal:
    """Loss since the baseline as a fraction of it, zero for a gain.

    A baseline that is not above zero has nothing left to lose and counts as lost whole.
    """
    if baseline <= 0:
        return Decimal(1)
    return max(ZERO, divide(MONEY.subtract(baseline, equity), baseline))
