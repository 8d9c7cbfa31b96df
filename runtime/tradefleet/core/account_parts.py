"""Parts of a position that are closed at their profits, on the way to its end.

A part that the mark has reached stays reached: the plan then says how much the parts shall have closed in
all, and an order is for what is missing to that. While any order of the position is unresolved, and does not
just rest, nothing is decided: of a part whose answer was lost nobody knows yet whether it has closed, so
that, unlike a whole close, it is not repeated before that is known. A position that is to end whole has no
parts any more.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from tradefleet.core.account_entries import reducing_intent, submit
from tradefleet.core.account_state import MARKET_SILENT_NS, SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, KeepPosition
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO, agree, total
from tradefleet.orders.grid import refused_for_size
from tradefleet.orders.intents import Leg
from tradefleet.orders.tracked import Tracked
from tradefleet.positions.parts import due, missing, reached
from tradefleet.positions.plan import ExitPlan, PositionRecord

LEGS = (Leg.PART_1, Leg.PART_2, Leg.PART_3)

PART_TOO_SMALL = "part_too_small"
"""Why an order of a part was not made, among the counts of the status."""

LONGEST_WAIT = 6
"""A part that is refused is tried again after 1, 2, 4 and at most 64 seconds: nothing waits for it."""


def drive(state: AccountState, keys: Iterable[PositionKey], now_ns: int) -> list[AnyAction]:
    """What the positions of these keys have reached now."""
    known = state.evidence.listed_ns > 0 and state.private_up
    if not state.spec.exits.partial_close.enabled or not known:
        return []
    actions: list[AnyAction] = []
    for key in keys:
        position = state.positions.get(key)
        if position is None or position.size == 0 or key in state.evidence.shown:
            continue
        if key.symbol in state.instruments:
            actions += _parts(state, position, now_ns)
    return actions


def counted(
    before: PositionRecord, after: PositionRecord, tracked: Tracked | None, qty: Decimal
) -> PositionRecord:
    """The position after an execution of `qty`, with what was entered, and what parts have closed.

    Both are sums, so that they come out the same in whatever order executions are counted.
    """
    plan = after.plan
    if plan is None:
        return after
    base = before.size.copy_abs() if agree(before.size, after.size) else ZERO
    grown = max(ZERO, MONEY.subtract(after.size.copy_abs(), base))
    closed = qty if tracked is not None and _is_part_of(plan, tracked) else ZERO
    plan = msgspec.structs.replace(
        plan,
        entered=MONEY.add(max(plan.entered, base), grown),
        parts_closed=MONEY.add(plan.parts_closed, closed),
    )
    return msgspec.structs.replace(after, plan=plan)


def _parts(state: AccountState, position: PositionRecord, now_ns: int) -> list[AnyAction]:
    plan, key = position.plan, position.key
    if plan is None or plan.is_foreign or _ends(plan, now_ns):
        return []
    fresh = now_ns - state.market(key.symbol).heard_ns <= MARKET_SILENT_NS
    number = _reached(state, position) if fresh else 0
    if number <= plan.parts_taken and plan.parts_closed >= plan.parts_due:
        return []
    if state.tracked.is_moving(key):
        return []
    actions: list[AnyAction] = []
    entered = max(plan.entered, position.size.copy_abs())
    if number > plan.parts_taken:
        parts = state.spec.exits.partial_close.parts
        shall = max(plan.parts_due, due(entered, parts, number, state.instruments[key.symbol]))
        plan = msgspec.structs.replace(plan, parts_taken=number, parts_due=shall)
        position = _kept(state, position, plan)
        actions = [KeepPosition(position=position)]
    qty = missing(
        position.size.copy_abs(),
        entered,
        plan.parts_due,
        _closed(state, plan),
        state.instruments[key.symbol],
    )
    if qty == 0 and actions:
        actions += _skipped(state, position, plan)
    if qty == 0 or _given_up(state, plan):
        return actions
    return actions if _too_soon(state, plan, now_ns) else _send(state, position, plan, qty, now_ns)


def _send(
    state: AccountState, position: PositionRecord, plan: ExitPlan, qty: Decimal, now_ns: int
) -> list[AnyAction]:
    intent = reducing_intent(
        state,
        position,
        plan,
        LEGS[plan.parts_taken - 1],
        signal_id=plan.signal_id,
        planned_attempt=plan.part_attempt,
        qty=qty,
        now_ns=now_ns,
    )
    kept = _kept(state, position, msgspec.structs.replace(plan, part_attempt=intent.attempt + 1))
    return [KeepPosition(position=kept), submit(state, intent)]


def _kept(state: AccountState, position: PositionRecord, plan: ExitPlan) -> PositionRecord:
    kept = msgspec.structs.replace(position, plan=plan)
    state.positions[position.key] = kept
    return kept


def _reached(state: AccountState, position: PositionRecord) -> int:
    mark = state.market(position.key.symbol).mark
    if mark is None or position.entry_price is None:
        return 0
    return reached(position.sign, position.entry_price, mark, state.spec.exits.partial_close.parts)


def _ends(plan: ExitPlan, now_ns: int) -> bool:
    return bool(plan.close_signal_id) or 0 < plan.flat_by_ns <= now_ns


def _closed(state: AccountState, plan: ExitPlan) -> Decimal:
    """By orders of parts. A plan that was made anew, since executions came in a strange order, does not
    know of all; an intent that was forgotten after an hour is in the plan."""
    filled = total(tracked.record.filled for tracked in _tried(state, plan))
    return max(plan.parts_closed, filled)


def _tried(state: AccountState, plan: ExitPlan) -> list[Tracked]:
    return [tracked for leg in LEGS for tracked in state.tracked.of_leg(plan.signal_id, leg)]


def _is_part_of(plan: ExitPlan, tracked: Tracked) -> bool:
    return tracked.intent.leg.is_part and tracked.intent.signal_id == plan.signal_id


def _too_soon(state: AccountState, plan: ExitPlan, now_ns: int) -> bool:
    """After one that did not do its work; the first order of a part waits for nothing."""
    same = [t.intent.created_ns for t in _tried(state, plan) if t.intent.leg is LEGS[plan.parts_taken - 1]]
    return bool(same) and now_ns < max(same) + (SECOND_NS << min(len(same) - 1, LONGEST_WAIT))


def _given_up(state: AccountState, plan: ExitPlan) -> bool:
    """Whether the exchange has refused the size of this part: no repeat does better, the next part takes it
    along."""
    tried = [t for t in _tried(state, plan) if t.intent.leg is LEGS[plan.parts_taken - 1]]
    return any(refused_for_size(t.record, state.instruments.get(t.intent.key.symbol)) for t in tried)


def refused(state: AccountState, tracked: Tracked) -> list[AnyAction]:
    """What is said when an order was refused: of a part, that it is given up when its size was the reason."""
    intent = tracked.intent
    instrument = state.instruments.get(intent.key.symbol)
    if not intent.leg.is_part or not refused_for_size(tracked.record, instrument):
        return []
    detail = (
        f"{intent.key.name}: {intent.leg} of {intent.qty:f} was refused for its size and is given up; "
        "the next part takes it along"
    )
    return [Alert(kind="part_given_up", detail=detail)]


def _skipped(state: AccountState, position: PositionRecord, plan: ExitPlan) -> list[AnyAction]:
    """A part that was just reached and is too little for an order: the next one takes it along."""
    if plan.parts_due and position.size.copy_abs() <= MONEY.subtract(plan.entered, plan.parts_due):
        return []
    state.tally.not_taken[PART_TOO_SMALL] = state.tally.not_taken.get(PART_TOO_SMALL, 0) + 1
    size = position.size.copy_abs()
    detail = (
        f"{position.key.name}: part {plan.parts_taken} of a position of {size:f} is too little "
        "for an order and is given up; the next part takes it along"
    )
    return [Alert(kind="part_given_up", detail=detail)]
