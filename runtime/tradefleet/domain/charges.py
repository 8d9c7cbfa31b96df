"""What an execution cost, in the settle currency of the account.

A row names its charges each in a coin of its own: the fee, taxes on it, the other leg's fee of a spread. One
in another coin counts at the US dollars that the wallet says the coin is worth. A coin of unknown worth
counts one to one when it is a cost, which may be far from true and is therefore told, and not at all when it
is a rebate. Source: Bybit V5, "execution" (`execFee`, `execFeeV2`, `extraFees`).
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.quantities import MONEY, ONE, ZERO


class Cost(msgspec.Struct, frozen=True):
    """In the settle currency, and the coins whose worth was not known."""

    amount: Decimal
    unknown: tuple[str, ...] = ()


def cost_of(execution: Execution, settle_coin: str, usd: Mapping[str, Decimal]) -> Cost:
    """All that a row charges. settle_coin: what the account counts in. usd: US dollars a coin is worth."""
    if not execution.charges and execution.fee_coin == settle_coin:
        return Cost(execution.fee)
    charged = [(execution.fee_coin, execution.fee), *((one.coin, one.amount) for one in execution.charges)]
    total, unknown = ZERO, []
    for coin, amount in charged:
        worth = _worth(coin, settle_coin, usd)
        if worth is None and amount != 0:
            unknown.append(coin)
            amount = max(ZERO, amount)
        total = MONEY.add(total, MONEY.multiply(amount, ONE if worth is None else worth))
    return Cost(total, tuple(dict.fromkeys(unknown)))


def _worth(coin: str, settle_coin: str, usd: Mapping[str, Decimal]) -> Decimal | None:
    """How much of the settle coin one of this coin is worth."""
    if coin == settle_coin:
        return ONE
    of, by = usd.get(coin), usd.get(settle_coin, ONE)
    return None if of is None or of <= 0 or by <= 0 else MONEY.divide(of, by)
