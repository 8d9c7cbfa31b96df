"""The transaction log: what moved the balance, and whether that was trading.

Three kinds of rows. Trading of contracts is what executions tell as well. Everything else that we know by
its type (deposits, conversions, Earn, bonuses, interest, loans, and trading of spot, options and inverse
contracts, which no strategy of ours does) is money that came or went, like a transfer. A type that we do not
know is handed on by name: neither a loss nor an excuse for one. A spot trade is no loss of a contract, so it
counts with the second kind. Source: Bybit V5, "Get Transaction Log", enum `type(uta-translog)`.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.adapters.bybit.bodies import LINEAR
from tradefleet.adapters.bybit.errors import BadRow
from tradefleet.adapters.bybit.rows import MILLISECOND_NS, Row
from tradefleet.core.events import UnknownMove
from tradefleet.domain.quantities import MONEY, ZERO

_TRADING = """
TRADE SETTLEMENT DELIVERY LIQUIDATION PART_LIQUIDATION ADL CLOSEPNL POSITION_TAKE_OVER PERP_SYMBOL_SETTLE
SPREAD_FEE_OUT
"""
TRADING: Final = frozenset(_TRADING.split())
"""Of contracts these are executions too; of any other category they are not ours."""

# Between accounts, and what the exchange gives, takes back or refunds.
_GIVEN = """
TRANSFER_IN TRANSFER_OUT INSURANCE_FUND FEE_REFUND INTEREST FIXED_INTEREST FIXED_INTEREST_REFUND BONUS
BONUS_RECOLLECT BONUS_TRANSFER_IN BONUS_TRANSFER_OUT AIRDROP AIRDROP_OUT AIRDROP_EFTD AIRDROP_OUT_EFTD
AIRDROP_FIAT AIRDROP_OUT_FIAT AUTO_DEDUCTION
"""
# One coin into another.
_EXCHANGED = """
OTC_TRADE CURRENCY_BUY CURRENCY_SELL CURRENCY_BUY_MANUEL CURRENCY_SELL_MANUEL SPOT_REPAYMENT_BUY
SPOT_REPAYMENT_SELL TOKENS_SUBSCRIPTION TOKENS_REDEMPTION
"""
# Loans.
_LENT = """
MANUAL_LOANS_BORROW MANUAL_LOANS_REPAY AUTO_LOANS_BORROW AUTO_LOANS_REPAY LOANS_ASSET_REDEMPTION
LOANS_PLEDGE_ASSET LOANS_BORROW_FUNDS LOANS_REPAY_FUNDS BORROWED_AMOUNT_INS_LOAN
PRINCIPLE_REPAYMENT_INS_LOAN INTEREST_REPAYMENT_INS_LOAN AUTO_SOLD_COLLATERAL_INS_LOAN
AUTO_BUY_LIABILITY_INS_LOAN AUTO_PRINCIPLE_REPAYMENT_INS_LOAN AUTO_INTEREST_REPAYMENT_INS_LOAN
TRANSFER_IN_INS_LOAN TRANSFER_OUT_INS_LOAN INSTITUTION_LOAN_IN INSTITUTION_PAYBACK_PRINCIPAL_OUT
INSTITUTION_PAYBACK_INTEREST_OUT INSTITUTION_EXCHANGE_SELL INSTITUTION_EXCHANGE_BUY
INSTITUTION_LIQ_PRINCIPAL_OUT INSTITUTION_LIQ_INTEREST_OUT INSTITUTION_LOAN_TRANSFER_IN
INSTITUTION_LOAN_TRANSFER_OUT INSTITUTION_LOAN_WITHOUT_WITHDRAW INSTITUTION_LOAN_RESERVE_IN
INSTITUTION_LOAN_RESERVE_OUT
"""
# Earn and other products.
_INVESTED = """
FLEXIBLE_STAKING_SUBSCRIPTION FLEXIBLE_STAKING_REDEMPTION FLEXIBLE_STAKING_REFUND
FIXED_STAKING_SUBSCRIPTION FIXED_STAKING_REFUND ONCHAINEARN_SUBSCRIPTION ONCHAINEARN_REFUND
ONCHAINEARN_REDEMPTION ONCHAINEARN_REDEMPTION_PRINCIPAL ONCHAINEARN_LST DEFI_INVESTMENT_SUBSCRIPTION
DEFI_INVESTMENT_REFUND DEFI_INVESTMENT_REDEMPTION STRUCTURE_PRODUCT_SUBSCRIPTION
STRUCTURE_PRODUCT_REFUND CLASSIC_WEALTH_MANAGEMENT_SUBSCRIPTION PREMIUM_WEALTH_MANAGEMENT_SUBSCRIPTION
PREMIUM_WEALTH_MANAGEMENT_REFUND PREMIMUM_WEALTH_MANAGEMENT_SUBSCRIPTION
PREMIMUM_WEALTH_MANAGEMENT_REFUND LIQUIDITY_MINING_SUBSCRIPTION LIQUIDITY_MINING_REFUND
PWM_SUBSCRIPTION PWM_REFUND PEF_TRANSFER_IN PEF_TRANSFER_OUT PEF_PROFIT_SHARE
PLATFORM_TOKEN_MNT_LIQRECALLEDMMNT PLATFORM_TOKEN_MNT_LIQRETURNEDMNT
"""
# Before a listing, and custody.
_SET_ASIDE = """
PREMARKET_TRANSFER_IN PREMARKET_TRANSFER_OUT PREMARKET_DELIVERY_SELL_NEW_COIN
PREMARKET_DELIVERY_BUY_NEW_COIN PREMARKET_DELIVERY_PLEDGE_PAY_SELLER PREMARKET_DELIVERY_PLEDGE_BACK
PREMARKET_ROLLBACK_PLEDGE_BACK PREMARKET_ROLLBACK_PLEDGE_PENALTY_TO_BUYER CUSTODY_LOCK CUSTODY_UNLOCK
CUSTODY_UNLOCK_REFUND CUSTODY_NETWORK_FEE CUSTODY_SETTLE_FEE
"""
TRANSFERS: Final = frozenset(f"{_GIVEN} {_EXCHANGED} {_LENT} {_INVESTED} {_SET_ASIDE}".split())
"""What comes and goes without trading."""


class MoneyMoved(msgspec.Struct, frozen=True, kw_only=True):
    """What the log tells of one coin. transfers: all since from_ns; before: those of them before first_ns;
    earlier: what trading of contracts brought before from_ns; unknown: of types that we do not know, since
    from_ns."""

    transfers: Decimal = ZERO
    before: Decimal = ZERO
    earlier: Decimal = ZERO
    unknown: tuple[UnknownMove, ...] = ()


def moved(rows: Iterable[Row], from_ns: int, first_ns: int = 0) -> MoneyMoved:
    """The sums of these rows, each counted once by its id; raises BadRow."""
    transfers = before = earlier = ZERO
    unknown: list[UnknownMove] = []
    for row in {row.get("id"): row for row in rows}.values():
        kind, at_ns, change = str(row.get("type") or ""), _at_ns(row), _change(row)
        if kind in TRADING and row.get("category") in (LINEAR, ""):
            earlier = MONEY.add(earlier, change) if at_ns < from_ns else earlier
        elif at_ns < from_ns:
            continue
        elif kind in TRADING or kind in TRANSFERS:
            transfers = MONEY.add(transfers, change)
            before = MONEY.add(before, change) if at_ns < first_ns else before
        else:
            unknown.append(
                UnknownMove(
                    move_id=str(row.get("id") or ""),
                    kind=kind,
                    currency=str(row.get("currency") or ""),
                    change=change,
                    at_ns=at_ns,
                )
            )
    return MoneyMoved(transfers=transfers, before=before, earlier=earlier, unknown=tuple(unknown))


def _change(row: Row) -> Decimal:
    """By how much the balance changed: the exchange's `change` has the sign of the balance."""
    try:
        change = Decimal(str(row["change"]))
    except (KeyError, ArithmeticError):
        raise BadRow("change", row.get("change"), "an amount") from None
    if not change.is_finite():
        raise BadRow("change", row.get("change"), "an amount")
    return change


def _at_ns(row: Row) -> int:
    try:
        return int(row["transactionTime"]) * MILLISECOND_NS
    except (KeyError, TypeError, ValueError):
        raise BadRow("transactionTime", row.get("transactionTime"), "milliseconds") from None
