"""Which leg is meant: of an order that opens, and of an execution, whose row does not say it.

In hedge mode a contract has two positions, a long and a short leg, which are opened, closed and protected
apart. Orders and positions name theirs (`positionIdx`); an execution does not, and so is attributed here, by
the best that is known of it. Pure and total: every execution has a leg. A wrong guess changes no order of
anybody: the comparison with the exchange's own sizes finds it.
Source: Bybit V5, "execution", "Create Order" (positionIdx); reference B2, C6.
"""

from collections.abc import Mapping
from typing import Final

from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import LONG_LEG, SHORT_LEG, PositionKey

ONE_WAY: Final = 0

_CLOSING_TYPES: Final = frozenset(
    {ExecutionType.ADL_TRADE, ExecutionType.BUST_TRADE, ExecutionType.DELIVERY, ExecutionType.SETTLE}
)
"""What takes a position away, or settles it; none of them can open one."""

_CLOSING_STOPS: Final = frozenset(
    {"StopLoss", "TakeProfit", "TrailingStop", "PartialStopLoss", "PartialTakeProfit"}
)
"""Attached to a position. A plain `Stop` is anybody's order that waited for a price, and may open."""


def legs_of(category: str, symbol: str, *, hedged: bool) -> tuple[PositionKey, ...]:
    """The positions that a symbol can have in this mode."""
    indices = (LONG_LEG, SHORT_LEG) if hedged else (ONE_WAY,)
    return tuple(PositionKey(category, symbol, index) for index in indices)


def opened_by(category: str, symbol: str, side: Side, *, hedged: bool) -> PositionKey:
    """The position that an order of this side opens or enlarges."""
    if not hedged:
        return PositionKey(category, symbol)
    return PositionKey(category, symbol, LONG_LEG if side is Side.BUY else SHORT_LEG)


def closed_by(category: str, symbol: str, side: Side, *, hedged: bool) -> PositionKey:
    """The position that an order of this side can only make smaller."""
    return opened_by(category, symbol, side.opposite, hedged=hedged)


def leg_of(
    execution: Execution, *, hedged: bool, meant: PositionKey | None, indices: Mapping[str, int]
) -> PositionKey:
    """The position that an execution belongs to.

    meant: of our own intent, None when the execution is of none. indices: positionIdx of orders by order id,
    as far as their rows have been seen: no topic waits for another.
    """
    if meant is not None:
        return meant
    index = indices.get(execution.order_id)
    if index is not None:
        return PositionKey(execution.category, execution.symbol, index)
    which = closed_by if closes(execution) else opened_by
    return which(execution.category, execution.symbol, execution.side, hedged=hedged)


def closes(execution: Execution) -> bool:
    """Whether a leg got smaller by it, as far as the row says. A row that moves no size (funding) has the
    position's own side, like one that opens."""
    if not execution.exec_type.changes_position:
        return False
    return (
        execution.closed_qty > 0
        or execution.exec_type in _CLOSING_TYPES
        or execution.stop_order_type in _CLOSING_STOPS
    )
