"""The day's result, counted from 00:00 UTC by what was traded.

Fees, funding and open profit are in it; deposits and withdrawals are not, since it is the sum of what our
executions did to the money and of what the marks did to the positions, and not a difference of two wallets.
"""

from decimal import Decimal

from tradefleet.domain.quantities import MONEY, ZERO, divide

DAY_NS = 86_400_000_000_000


def day_of(now_ns: int) -> int:
    """Days since 1970-01-01 UTC."""
    return now_ns // DAY_NS


def traded(cash: Decimal, unrealised: Decimal, unrealised_before: Decimal) -> Decimal:
    """The day's result: what was realised less costs, and what open profit has become since."""
    return MONEY.add(cash, MONEY.subtract(unrealised, unrealised_before))


def unexplained(wallet: Decimal, wallet_before: Decimal, cash: Decimal, transfers: Decimal) -> Decimal:
    """What the balance has changed by beyond executions and transfers; zero when all is accounted for."""
    return MONEY.subtract(wallet, MONEY.add(wallet_before, MONEY.add(cash, transfers)))


def loss_fraction(baseline: Decimal, result: Decimal) -> Decimal:
    """A result as a loss, a fraction of the equity that the day began with; zero for a gain.

    A baseline that is not above zero has nothing left to lose and counts as lost whole.
    """
    if baseline <= 0:
        return Decimal(1)
    return max(ZERO, divide(-result, baseline))
