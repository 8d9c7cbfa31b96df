"""Orders, executions and positions as the exchange tells them, taken in exactly once."""

from typing import Final

import msgspec

from tradefleet.core import account_charges, account_day, account_evidence, account_parts
from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, KeepExecution, KeepIntent, KeepOrder, KeepPosition
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.quantities import MONEY
from tradefleet.orders.client_order_id import is_ours, is_way_out
from tradefleet.orders.intents import Leg
from tradefleet.orders.reconcile import is_foreign
from tradefleet.orders.tracked import Tracked, is_older, with_fill, with_order
from tradefleet.positions import entries, ledger
from tradefleet.positions.legs import leg_of
from tradefleet.positions.plan import ExitPlan, PositionRecord

ORDERS_REMEMBERED = 2000
"""Of so many orders the leg is known: of all that can be open at once, and of the newest that ended."""

TIMED_EXIT_GRACE_NS = 2 * SECOND_NS
"""The strategy's own flat signal is given so long before the executor closes by itself."""

BY_THE_EXCHANGE: Final = {
    ExecutionType.BUST_TRADE: ("liquidated", "the exchange has taken the position over"),
    ExecutionType.ADL_TRADE: ("deleveraged", "the exchange has closed of the position by itself"),
}
"""What a person must hear of: the exchange acts of itself on a position. Kind and words of the alert."""


def take_order(state: AccountState, order: ExchangeOrder) -> list[AnyAction]:
    """An order row: of an intent, of ours without one, of the exchange, or of somebody else."""
    actions: list[AnyAction] = [KeepOrder(order=order)]
    remember_leg(state, order)
    if order.category == state.spec.exchange.category.value:
        state.standing.take_row(order)
    tracked = state.tracked.get(order.client_order_id)
    if tracked is not None and not is_older(tracked.intent, order.created_ns):
        return actions + replace_tracked(state, tracked, with_order(tracked, order))
    if is_foreign(order) or is_ours(order.client_order_id):
        state.want_reconciliation("an order without an intent")
    return actions


def take_execution(state: AccountState, execution: Execution) -> list[AnyAction]:
    """An execution, counted at most once by its id."""
    if state.counted.is_counted(execution.exec_id, execution.at_ns):
        return []
    state.counted.add(execution.exec_id, execution.at_ns)
    tracked = state.tracked.get(execution.client_order_id)
    if tracked is not None and is_older(tracked.intent, execution.at_ns):
        tracked = None
    meant = None if tracked is None else tracked.intent.key
    key = leg_of(execution, hedged=state.hedged, meant=meant, indices=state.order_indices)
    before = state.position(key)
    told = execution
    execution, alerts = account_charges.charged(state, told)
    if execution.signed_qty != 0 and account_evidence.is_covered(state, before, execution):
        return alerts + _take_covered(state, before, execution, told, tracked)
    after = ledger.apply(before, execution)
    actions: list[AnyAction] = [*alerts, KeepExecution(execution=told)]
    effect = ledger.cash_effect(before, execution)
    actions += account_day.count(state, execution, effect, before, after)
    if execution.signed_qty != 0:
        state.tally.fills += 1
        after = account_parts.counted(before, _planned(after, tracked), tracked, execution.qty)
        after = _with_entries(before, after, tracked)
    state.positions[key] = after
    actions.append(KeepPosition(position=after))
    if execution.signed_qty != 0:
        account_evidence.executed(state, key, execution)
    if execution.exec_type in BY_THE_EXCHANGE:
        actions.append(_by_the_exchange(execution))
    if tracked is not None and execution.signed_qty != 0:
        filled = with_fill(tracked, execution.qty, execution.order_id)
        actions += replace_tracked(state, tracked, _filled_into(before, after, filled))
    elif tracked is None and after.plan is None and after.size != 0:
        if not is_way_out(execution.client_order_id):
            actions.append(
                Alert(
                    kind="unplanned_fill",
                    detail=f"{execution.symbol}: {execution.qty:f} by a foreign order {execution.order_id}",
                )
            )
        state.want_reconciliation("a fill without an intent")
    if after.owed:
        state.want_reconciliation("a leg has closed more than it was seen to open")
    return actions


def _take_covered(
    state: AccountState,
    before: PositionRecord,
    execution: Execution,
    told: Execution,
    tracked: Tracked | None,
) -> list[AnyAction]:
    """One that is part of a size that was taken over from the exchange: recorded, and it cost its fee; what
    it had won or lost was in the open profit that was taken over with the size."""
    after = account_evidence.with_covered(state, before, execution)
    state.positions[before.key] = after
    actions: list[AnyAction] = [KeepExecution(execution=told)]
    actions += account_day.count(state, execution, MONEY.minus(execution.fee), before, before)
    actions.append(KeepPosition(position=after))
    if tracked is not None:
        actions += replace_tracked(state, tracked, with_fill(tracked, execution.qty, execution.order_id))
    return actions


def remember_leg(state: AccountState, order: ExchangeOrder) -> None:
    """Which position an order is of: its executions do not say it."""
    state.order_indices[order.order_id] = order.position_idx
    if len(state.order_indices) > ORDERS_REMEMBERED:
        del state.order_indices[next(iter(state.order_indices))]


def _by_the_exchange(execution: Execution) -> Alert:
    kind, words = BY_THE_EXCHANGE[execution.exec_type]
    side = "sold" if execution.signed_qty < 0 else "bought"
    detail = f"{execution.symbol}: {words}: {execution.qty:f} {side} at {execution.price:f}"
    return Alert(kind=kind, detail=detail)


def _planned(after: PositionRecord, tracked: Tracked | None) -> PositionRecord:
    """The position with the plan of the entry that has opened it."""
    if after.size == 0 or after.plan is not None or tracked is None or tracked.intent.leg is not Leg.OPEN:
        return after
    intent = tracked.intent
    plan = ExitPlan(
        strategy=intent.strategy,
        signal_id=intent.signal_id,
        # One that has rested has opened nothing before it filled.
        opened_ns=max(intent.created_ns, after.at_ns) if intent.rest_until_ns else intent.created_ns,
        stop_loss=intent.stop_loss,
        take_profit=intent.take_profit,
        flat_by_ns=0 if intent.hold_ns == 0 else intent.created_ns + intent.hold_ns + TIMED_EXIT_GRACE_NS,
        close_signal_id=tracked.record.close_signal_id,
    )
    return msgspec.structs.replace(after, plan=plan)


def _is_entry(tracked: Tracked | None) -> bool:
    return tracked is not None and tracked.intent.leg is Leg.OPEN


def _with_entries(before: PositionRecord, after: PositionRecord, tracked: Tracked | None) -> PositionRecord:
    """The position with the number of entries that are in it now."""
    filled_into = None if tracked is None else tracked.record.filled_into
    number = entries.counted(before, after, entry=_is_entry(tracked), filled_into=filled_into)
    return msgspec.structs.replace(after, entries=number)


def _filled_into(before: PositionRecord, after: PositionRecord, tracked: Tracked) -> Tracked:
    """An entry remembers which position it has become part of, so that its rest is no second one."""
    grown = after.generation != before.generation or after.size.copy_abs() > before.size.copy_abs()
    if not _is_entry(tracked) or not grown:
        return tracked
    record = msgspec.structs.replace(tracked.record, filled_into=after.generation)
    return msgspec.structs.replace(tracked, record=record)


def replace_tracked(state: AccountState, old: Tracked, new: Tracked) -> list[AnyAction]:
    """Remember what is known of an intent now; recorded when its record has changed."""
    state.tracked[new.intent.client_order_id] = new
    return [KeepIntent(record=new.record)] if new.record != old.record else []
