"""What follows a change of a position: the orders that may only reduce it, and its protection.

After `settle` resting orders that only reduce fit the position, and a position with a stop, a target
or a trailing stop has exactly one waiting order for each; a flat one has none. Partial stops and
targets keep their size, and go when the position does. How Bybit shares a shrinking
position among several reduce-only orders is not documented; here each may be as large as the
position. Source: reference C5 (trading-stop), C6.
"""

from decimal import Decimal

from msgspec.structs import replace

from tradefleet.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.desk import Desk
from tradefleet.simulation.account.ledger import Position, Trailing
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

_CREATED_BY = {
    StopKind.STOP_LOSS: CreateType.STOP_LOSS,
    StopKind.TAKE_PROFIT: CreateType.TAKE_PROFIT,
    StopKind.TRAILING: CreateType.TRAILING,
    StopKind.PARTIAL_STOP_LOSS: CreateType.PARTIAL_STOP_LOSS,
    StopKind.PARTIAL_TAKE_PROFIT: CreateType.PARTIAL_TAKE_PROFIT,
}
_TARGETS = (StopKind.TAKE_PROFIT, StopKind.PARTIAL_TAKE_PROFIT)


def settle(desk: Desk, step: Step, symbol: str, position_idx: int) -> None:
    """Makes resting reduce-only orders and the protection fit the position again."""
    position = desk.position(symbol, position_idx)
    _cut_reducers(desk, step, position)
    _clear_others(desk, step, position)
    for kind, wanted in (
        (StopKind.STOP_LOSS, position.stop_loss),
        (StopKind.TAKE_PROFIT, position.take_profit),
    ):
        if wanted is not None:
            _protect(desk, step, position, kind, trigger_of(position, kind, wanted))
    if position.trailing is not None:
        _protect(desk, step, position, StopKind.TRAILING, None)


def _clear_others(desk: Desk, step: Step, position: Position) -> None:
    """Waiting orders of a protection that the position has not (any more) are taken away."""
    has = {
        StopKind.STOP_LOSS: position.stop_loss is not None,
        StopKind.TAKE_PROFIT: position.take_profit is not None,
        StopKind.TRAILING: position.trailing is not None,
    }
    for order in desk.open_orders(position.symbol):
        if not order.is_waiting or order.key != position.key:
            continue
        stale = order.is_partial or (order.is_protective and has[order.stop_kind])
        turned = position.side is not order.side.opposite
        if (stale and turned) or (order.is_protective and not has[order.stop_kind]):
            desk.end(step, order, OrderStatus.DEACTIVATED, cancel=CancelType.BY_CLEAR)


def _cut_reducers(desk: Desk, step: Step, position: Position) -> None:
    for order in desk.open_orders(position.symbol):
        if not (order.is_resting and order.only_reduces and order.key == position.key):
            continue
        room = abs(position.size) if position.side is order.side.opposite else ZERO
        if room == 0:
            desk.end(step, order, OrderStatus.CANCELLED, cancel=CancelType.BY_REDUCE_ONLY)
        elif order.leaves > room:
            desk.put(step, replace(order, qty=order.cum_exec_qty + room, updated_ns=step.at_ns))


def _protect(desk: Desk, step: Step, position: Position, kind: StopKind, trigger: Trigger | None) -> None:
    """Exactly one waiting order of this kind, as large as the position.

    trigger: what it waits for; None for a trailing stop, which moves its own.
    """
    size = abs(position.size)
    for order in desk.open_orders(position.symbol):
        if order.stop_kind is not kind or not order.is_waiting or order.key != position.key:
            continue
        wanted = order.trigger if trigger is None else trigger
        if order.trigger != wanted or order.qty != size:
            armed_ns = order.armed_ns if order.trigger == wanted else step.at_ns
            changed = replace(order, trigger=wanted, armed_ns=armed_ns, qty=size, updated_ns=step.at_ns)
            desk.put(step, changed)
        return
    if trigger is None:
        assert position.trailing is not None  # the one kind without a trigger of its own
        trigger = trailing_trigger(position, position.trailing, desk.market.last_price(position.symbol))
    desk.put(step, protective_order(desk, step, position, kind, trigger))


def trigger_of(position: Position, kind: StopKind, wanted: Protection) -> Trigger:
    """When a position's stop or target fires."""
    rises = (position.side is Side.BUY) is (kind in _TARGETS)
    return Trigger(wanted.price, Direction.RISE if rises else Direction.FALL, wanted.by)


# ---- trailing stops


def trailing_trigger(position: Position, trailing: Trailing, last: Decimal) -> Trigger:
    """What a trailing stop's order waits for at the last price `last`.

    Until it follows: its activation price, on the side of gain. Then: the distance behind.
    """
    long = position.side is Side.BUY
    if trailing.active_price is not None:
        return Trigger(trailing.active_price, Direction.RISE if long else Direction.FALL)
    behind = last - trailing.distance if long else last + trailing.distance
    return Trigger(behind, Direction.FALL if long else Direction.RISE)


def trail(desk: Desk, step: Step, order: Order, last: Decimal, as_of_ns: int) -> bool:
    """Lets a waiting trailing stop see the last price; True when it has to fire.

    It begins to follow, or moves, without a row: Bybit does not push each move.
    """
    position = desk.position_of(order)
    trailing, trigger = position.trailing, order.trigger
    if trailing is None or trigger is None:
        return False
    if trailing.active_price is not None:
        if trigger.fires(last):
            following = replace(trailing, active_price=None)
            moved = replace(order, trigger=trailing_trigger(position, following, last), armed_ns=as_of_ns)
            desk.keep(step, moved, replace(position, trailing=following))
        return False
    closer = trailing_trigger(position, trailing, last)
    gained = closer.price - trigger.price
    if (gained if position.side is Side.BUY else -gained) > 0:
        desk.keep(step, replace(order, trigger=closer, armed_ns=as_of_ns))
        return False
    return trigger.fires(last)


def protective_order(desk: Desk, step: Step, position: Position, kind: StopKind, trigger: Trigger) -> Order:
    """A waiting market order that closes the whole position when it fires, made by the exchange."""
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
