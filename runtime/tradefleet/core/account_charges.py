"""What executions cost, in the currency that the account counts in, and what of it a person must hear."""

import msgspec

from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import Alert, AnyAction
from tradefleet.domain.charges import cost_of
from tradefleet.domain.fills import Execution

SETTLE_COIN = "USDT"
"""Of the account, while no wallet has been heard."""
NAMES_REMEMBERED = 100


def charged(state: AccountState, execution: Execution) -> tuple[Execution, list[AnyAction]]:
    """The execution with all that it cost as its fee, in the account's currency, and alerts: each once."""
    wallet = state.wallet
    coin, usd = (SETTLE_COIN, {}) if wallet is None else (wallet.coin, wallet.usd)
    cost = cost_of(execution, coin, usd)
    found = [
        Alert(kind="fee_unread", detail=f"{execution.symbol}: `{name}` says fee and is not understood")
        for name in _new(state, execution.unread_fees)
    ]
    found += [
        Alert(
            kind="fee_coin_unknown",
            detail=f"{execution.symbol}: a charge in {name}, whose worth is not known, counts one to one",
        )
        for name in _new(state, cost.unknown)
    ]
    if cost.amount == execution.fee and execution.fee_coin == coin:
        return execution, [*found]
    return msgspec.structs.replace(execution, fee=cost.amount, fee_coin=coin), [*found]


def _new(state: AccountState, names: tuple[str, ...]) -> list[str]:
    known = state.money.fees_named
    new = [name for name in names if name not in known and len(known) < NAMES_REMEMBERED]
    known |= set(new)
    return new
