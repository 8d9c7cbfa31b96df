"""Orders that only reduce, left behind where nothing is held: nothing opens there, and they go.

The exchange takes the stops of a position itself when it is flat; what it leaves (a part's target, an order
of somebody else) would act on the next position. What only reduces may also be all that protects one that we
do not know of yet. So each goes by its id alone, and only when a reading of its own symbol, asked for once
the last close there could do nothing any more, shows it beside size 0 in every position. An order of somebody
else goes only while a closing latch is engaged: without one it is not ours to take.
"""

from collections.abc import Iterator
from typing import Final

from tradefleet.core import account_cancels
from tradefleet.core.account_state import SECOND_NS, AccountState, LeftoverWatch
from tradefleet.core.actions import AnyAction, ReadSymbol
from tradefleet.core.events import SymbolRead
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.reconcile import is_foreign
from tradefleet.risk.decisions import Reason, Refusal

ARRIVED_NS: Final = SECOND_NS
"""So long after its valid_until no close can arrive, whatever the clocks think."""
GOES_ITSELF_NS: Final = 2 * SECOND_NS
"""The exchange takes a position's own stop and target away with the position; the row takes a moment."""
OWN: Final = frozenset({"StopLoss", "TakeProfit", "TrailingStop"})
"""Kinds of orders that the exchange makes of a position's stop, target and trailing stop."""
READ_AGAIN_NS: Final = SECOND_NS
ANSWER_DUE_NS: Final = 15 * SECOND_NS


def of(state: AccountState, symbol: str, now_ns: int) -> list[ExchangeOrder]:
    """What is left behind in a symbol: made before what is held there now, or beside nothing held."""
    return [order for order in state.standing.of(symbol) if _is_left(state, order, now_ns)]


def why_not_open(state: AccountState, symbol: str, now_ns: int) -> Refusal | None:
    """While an order of an earlier position stands in a symbol, it would act on the next one."""
    left = of(state, symbol, now_ns)
    if not left:
        return None
    names = ", ".join(order.order_id for order in left[:5])
    return Refusal(Reason.LEFTOVER_ORDERS, f"{symbol}: orders of an earlier position stand: {names}")


def drive(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Read the symbols in which something is left behind, once nothing is under way there."""
    actions: list[AnyAction] = []
    unclear = {row.symbol for row in state.standing.unclear if row.reduce_only and row.symbol}
    symbols = sorted({*state.standing.reducing_symbols(), *(unclear if state.closing_latches() else ())})
    for symbol in symbols:
        goes = symbol in unclear or _may_go(state, of(state, symbol, now_ns))
        if not goes or _held(state, symbol):
            state.leftovers.pop(symbol, None)
            continue
        watch = state.leftovers.setdefault(symbol, LeftoverWatch())
        waits = watch.asking and now_ns - watch.asked_ns < ANSWER_DUE_NS
        if not waits and now_ns >= watch.not_before_ns and _closes_are_over(state, symbol, now_ns):
            watch.asking, watch.asked_ns = True, now_ns
            actions.append(ReadSymbol(symbol=symbol))
    for symbol in [symbol for symbol in state.leftovers if symbol not in symbols]:
        del state.leftovers[symbol]
    return actions


def symbol_read(state: AccountState, event: SymbolRead) -> list[AnyAction]:
    """A symbol as it is: what it shows beside nothing held may go."""
    symbol = event.symbol
    watch = state.leftovers.get(symbol)
    if watch is not None:
        watch.asking, watch.not_before_ns = False, event.now_ns + READ_AGAIN_NS
    if event.reason:
        return []
    state.standing.take_symbol(symbol, event.orders, event.asked_ns, event.unclear)
    if not _shows_nothing_held(state, event):
        return []
    shown = {order.order_id for order in event.orders}
    left = [order for order in of(state, symbol, event.now_ns) if order.order_id in shown]
    if watch is not None:
        watch.shown = bool(left)
    actions = [a for order in left if _may_go(state, [order]) for a in _remove(state, order, event.now_ns)]
    if state.closing_latches():
        # Whose an order is that is not understood cannot be known.
        unclear = [row for row in event.unclear if row.reduce_only]
        actions += [action for row in unclear for action in _remove(state, row, event.now_ns)]
    return actions


def _shows_nothing_held(state: AccountState, event: SymbolRead) -> bool:
    """Whether the reading proves that nothing is held: a list without a row of the symbol proves nothing."""
    rows = [row for row in event.positions if row.key.symbol == event.symbol]
    if any(row.size != 0 for row in rows):
        if not _held(state, event.symbol):
            state.want_reconciliation(f"{event.symbol} is held, and our executions do not say so")
        return False
    newest_ns = max((state.position(key).at_ns for key in state.keys(event.symbol)), default=0)
    known = bool(rows) and not _held(state, event.symbol) and newest_ns < event.asked_ns
    return known and _closes_are_over(state, event.symbol, event.asked_ns)


def _remove(state: AccountState, order: ExchangeOrder | UnclearRow, now_ns: int) -> Iterator[AnyAction]:
    reason = f"nothing is held in {order.symbol}, and it would act on the next position"
    return account_cancels.cancel_found(state, order, reason, now_ns)


def _is_left(state: AccountState, order: ExchangeOrder, now_ns: int) -> bool:
    if not order.reduce_only or account_cancels.is_tracked(state, order.client_order_id):
        return False
    legs = [state.position(key) for key in state.keys(order.symbol)]
    held = [leg for leg in legs if leg.size != 0 and leg.key.position_idx in (order.position_idx, 0)]
    if held:
        opened_ns = max(leg.at_ns if leg.plan is None else leg.plan.opened_ns for leg in held)
        return order.stop_order_type not in OWN and order.created_ns < opened_ns
    # A stop's first row may come before the executions of the entry that it is attached to.
    since_ns = max(order.created_ns, order.at_ns, *(leg.at_ns for leg in legs))
    return order.stop_order_type not in OWN or now_ns - since_ns > GOES_ITSELF_NS


def _may_go(state: AccountState, orders: list[ExchangeOrder]) -> bool:
    """Whether one of them is ours to take away."""
    return any(state.closing_latches() or not is_foreign(order) for order in orders)


def _held(state: AccountState, symbol: str) -> bool:
    return any(state.position(key).size != 0 for key in state.keys(symbol))


def _closes_are_over(state: AccountState, symbol: str, at_ns: int) -> bool:
    """Whether nothing that closes there can still be taken by the exchange: resolved, or its time over."""
    return all(
        at_ns > tracked.intent.valid_until_ns + ARRIVED_NS
        for tracked in state.open_intents()
        if tracked.intent.key.symbol == symbol and tracked.intent.leg.reduces
    )
