"""Executions: what changed the account, each with an id that is counted once.

Not every execution is a fill: a Funding row looks like one (whole position, mark price) and moves
money but no size. Source: Bybit V5, "execution".
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.domain.orders import Side


class ExecutionType(StrEnum):
    """Every type that the exchange documents; any other value stops and is reported."""

    TRADE = "Trade"
    ADL_TRADE = "AdlTrade"
    FUNDING = "Funding"
    BUST_TRADE = "BustTrade"
    DELIVERY = "Delivery"
    SETTLE = "Settle"
    BLOCK_TRADE = "BlockTrade"
    MOVE_POSITION = "MovePosition"
    FUTURE_SPREAD = "FutureSpread"
    CORPORATE_ACTION = "CorporateAction"

    @property
    def changes_position(self) -> bool:
        """True when the execution moves size, not only money."""
        return self in _MOVES_SIZE


_MOVES_SIZE = frozenset(
    {
        ExecutionType.TRADE,
        ExecutionType.ADL_TRADE,
        ExecutionType.BUST_TRADE,
        ExecutionType.DELIVERY,
        ExecutionType.SETTLE,
        ExecutionType.BLOCK_TRADE,
        ExecutionType.MOVE_POSITION,
        ExecutionType.FUTURE_SPREAD,
    }
)


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """One amount that a row names as charged, in its own coin; above zero is a cost."""

    coin: str
    amount: Decimal


class Execution(msgspec.Struct, frozen=True, kw_only=True):
    """One execution row.

    price: quote per base; qty, closed_qty: base; fee: in fee_coin, above zero is a cost. fee_coin: the
    settle coin, on spot the coin that was received.
    exec_id: the key by which repeats are dropped. seq: the exchange's cross sequence (order among
    rows of one symbol). at_ns: exchange time. charges: what the row names as charged beside the fee.
    unread_fees: fields that say fee in their name, and that we do not know or could not read.
    """

    category: str
    symbol: str
    exec_id: str
    order_id: str
    client_order_id: str
    side: Side
    exec_type: ExecutionType
    price: Decimal
    qty: Decimal
    fee: Decimal
    is_maker: bool
    closed_qty: Decimal
    stop_order_type: str
    create_type: str
    seq: int
    at_ns: int
    fee_coin: str = "USDT"
    charges: tuple[Charge, ...] = ()
    unread_fees: tuple[str, ...] = ()

    @property
    def signed_qty(self) -> Decimal:
        """Change of the position in base currency; zero for rows that move only money."""
        if not self.exec_type.changes_position:
            return Decimal(0)
        return self.qty if self.side is Side.BUY else self.qty.copy_negate()
