"""The day's loss, counted from 00:00 UTC by what was traded.

Fees, funding and open profit are in it; deposits and withdrawals are not, since it is the sum of what our
executions did to the money and of what the marks did to the positions, and not a difference of two wallets.
"""

from decimal import Decimal

from tradefleet.domain.quantities import MONEY, ZERO, divide

DAY_NS = 86_400_000_000_000


def day_of(now_ns: int) -> int:
    """Days since 1970-01-01 UTC."""
    return now_ns // DAY_NS


def unexplained(wallet: Decimal, wallet_before: Decimal, cash: Decimal, transfers: Decimal) -> Decimal:
    """What the balance has changed by beyond executions and transfers; zero when all is accounted for."""
    return MONEY.subtract(wallet, MONEY.add(wallet_before, MONEY.add(cash, transfers)))


def loss_fraction(divisor: Decimal, result: Decimal) -> Decimal | None:
    """A result as a loss, a fraction of what it is held against; zero for a gain.

    None when the divisor is not above zero: then no fraction says anything. Nothing may be opened, and
    nothing is to be closed because of it.
    """
    if divisor <= 0:
        return None
    return max(ZERO, divide(MONEY.minus(result), divisor))
