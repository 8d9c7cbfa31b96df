"""What follows a change of a position: the orders that may only reduce it, and its protection.

After `settle` resting orders that only reduce fit the position, and a position with a stop or a
target has exactly one waiting order for each; a flat one has none. How Bybit shares a shrinking
position among several reduce-only orders is not documented; here each may be as large as the
position. Source: reference C5 (trading-stop), C6.
"""

from msgspec.structs import replace

from tradefleet.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.desk import Desk
from tradefleet.simulation.account.ledger import Position
from tradefleet.simulation.account.orders import (
    CancelType,
    CreateType,
    Direction,
    Order,
    Protection,
    StopKind,
    Trigger,
)
from tradefleet.simulation.account.state import Step

_CREATED_BY = {StopKind.STOP_LOSS: CreateType.STOP_LOSS, StopKind.TAKE_PROFIT: CreateType.TAKE_PROFIT}


def settle(desk: Desk, step: Step, symbol: str, position_idx: int) -> None:
    """Makes resting reduce-only orders and the protection fit the position again."""
    position = desk.position(symbol, position_idx)
    _cut_reducers(desk, step, position)
    _protect(desk, step, position, StopKind.STOP_LOSS, position.stop_loss)
    _protect(desk, step, position, StopKind.TAKE_PROFIT, position.take_profit)


def _cut_reducers(desk: Desk, step: Step, position: Position) -> None:
    for order in desk.open_orders(position.symbol):
        if not (order.is_resting and order.only_reduces and order.key == position.key):
            continue
        room = abs(position.size) if position.side is order.side.opposite else ZERO
        if room == 0:
            desk.end(step, order, OrderStatus.CANCELLED, cancel=CancelType.BY_REDUCE_ONLY)
        elif order.leaves > room:
            desk.put(step, replace(order, qty=order.cum_exec_qty + room, updated_ns=step.at_ns))


def _protect(desk: Desk, step: Step, position: Position, kind: StopKind, wanted: Protection | None) -> None:
    """Exactly one waiting order of this kind when `wanted`, else none."""
    side = None if position.side is None else position.side.opposite
    kept = None
    for order in desk.open_orders(position.symbol):
        if order.stop_kind is not kind or not order.is_waiting or order.key != position.key:
            continue
        if wanted is None or order.side is not side:
            desk.end(step, order, OrderStatus.DEACTIVATED, cancel=CancelType.BY_CLEAR)
        else:
            kept = order
    if wanted is None or side is None:
        return
    rises = (side is Side.SELL) is (kind is StopKind.TAKE_PROFIT)
    trigger = Trigger(wanted.price, Direction.RISE if rises else Direction.FALL, wanted.by)
    size = abs(position.size)
    if kept is None:
        desk.put(step, _protective_order(desk, step, position, kind, trigger))
    elif kept.trigger != trigger or kept.qty != size:
        armed_ns = kept.armed_ns if kept.trigger == trigger else step.at_ns
        changed = replace(kept, trigger=trigger, armed_ns=armed_ns, qty=size, updated_ns=step.at_ns)
        desk.put(step, changed)


def _protective_order(desk: Desk, step: Step, position: Position, kind: StopKind, trigger: Trigger) -> Order:
    """A market order that closes the whole position when it fires, made by the exchange."""
    assert position.side is not None  # nothing protects a flat position
    number, order_id = desk.next_order()
    return Order(
        number=number,
        order_id=order_id,
        order_link_id="",
        symbol=position.symbol,
        position_idx=position.position_idx,
        side=position.side.opposite,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        qty=abs(position.size),
        price=ZERO,
        status=OrderStatus.UNTRIGGERED,
        created_ns=step.at_ns,
        updated_ns=step.at_ns,
        reduce_only=True,
        close_on_trigger=True,
        create_type=_CREATED_BY[kind],
        stop_kind=kind,
        trigger=trigger,
        armed_ns=step.at_ns,
        last_price_on_created=desk.market.last_price(position.symbol),
    )
