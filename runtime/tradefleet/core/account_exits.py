"""Positions that are to end: closed by reduce-only orders until they are flat.

A close is the one order that may be repeated, each time under a new attempt; reduce-only keeps a repeat
from ever opening the other side. One whose answer was lost does not hold the next one up: proving that it
never arrived takes seconds in which the position would stay open. Nothing opens there until all are resolved.
"""

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from tradefleet.core import account_evidence
from tradefleet.core.account_entries import reducing_intent, submit
from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, KeepPosition
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import agree
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.grid import refused_for_size, whole_close
from tradefleet.orders.intents import Intent, IntentState, Leg
from tradefleet.orders.tracked import Tracked
from tradefleet.positions.evidence import Basis, to_close
from tradefleet.positions.plan import ExitPlan, PositionRecord

CLOSE_AGAIN_NS = SECOND_NS
"""Between two attempts to close: long enough for the book to fill up again."""
MOST_DOUBLINGS = 4
"""Of that, while the exchange is silent: sixteen seconds. Its first answer to any question ends the wait."""


def drive_exits(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Close what is due and has no closing order under way."""
    if account_evidence.closing_basis(state, now_ns) is Basis.WAIT:
        # What the journal holds may be over already; the first list takes a moment.
        return []
    actions: list[AnyAction] = []
    for key in state.positions.ending(now_ns):
        position = state.positions[key]
        plan = position.plan
        if position.size == 0 or plan is None or not _due(plan, now_ns):
            continue
        held = to_close(position.size, state.evidence.size(key))
        if agree(held, position.size) and may_try(state, key, plan.close_attempt, now_ns):
            actions += _close(state, key, position, plan, held, now_ns)
    return actions


def may_try(state: AccountState, key: PositionKey, attempts: int, now_ns: int) -> bool:
    """Whether the next close of a position may be made now. Without a list only when nothing of the one
    before is in doubt: in sum no more may be closed than is held."""
    if account_evidence.closing_basis(state, now_ns) is Basis.JOURNAL:
        doubtful = any(True for _ in _closes(state, key))
    else:
        doubtful = _under_way(state, key, now_ns)
    return not doubtful and not _waits(state, key, attempts, now_ns)


def _waits(state: AccountState, key: PositionKey, attempts: int, now_ns: int) -> bool:
    """Whether the next attempt has to wait. While the exchange answers nothing, ever longer: each attempt in
    doubt has to be asked for afterwards, and hundreds of questions would keep the account from being read."""
    tried_ns = state.close_tried_ns.get(key, 0)
    if attempts == 0 or tried_ns == 0:
        return False
    doubts = sum(1 for tracked in _closes(state, key) if tracked.record.state is IntentState.AMBIGUOUS)
    silent = state.exchange_answered_ns <= tried_ns
    doublings = min(max(0, doubts - 1), MOST_DOUBLINGS) if silent else 0
    return now_ns < tried_ns + (CLOSE_AGAIN_NS << doublings)


def _closes(state: AccountState, key: PositionKey) -> Iterator[Tracked]:
    """Whole closes of a position that are not resolved. The close of a part never does the work of a whole
    one."""
    for tracked in state.tracked.open_of(key):
        leg = tracked.intent.leg
        if leg.reduces and not leg.is_part:
            yield tracked


def _under_way(state: AccountState, key: PositionKey, now_ns: int) -> bool:
    """True while a close may still do its work: not resolved, and not doubtful for a second already."""
    return any(
        tracked.record.state is not IntentState.AMBIGUOUS
        or now_ns - tracked.intent.created_ns <= CLOSE_AGAIN_NS
        for tracked in _closes(state, key)
    )


def _due(plan: ExitPlan, now_ns: int) -> bool:
    return bool(plan.close_signal_id) or 0 < plan.flat_by_ns <= now_ns


def _close(
    state: AccountState,
    key: PositionKey,
    position: PositionRecord,
    plan: ExitPlan,
    held: Decimal,
    now_ns: int,
) -> list[AnyAction]:
    intent, alerts = closing_intent(
        state,
        position,
        plan,
        Leg.CLOSE if plan.close_signal_id else Leg.TIMED_EXIT,
        signal_id=plan.close_signal_id or plan.signal_id,
        attempts=plan.close_attempt,
        held=held,
        now_ns=now_ns,
    )
    tried = msgspec.structs.replace(plan, close_attempt=intent.attempt + 1)
    kept = msgspec.structs.replace(position, plan=tried)
    state.positions[key] = kept
    state.close_tried_ns[key] = now_ns
    return [*alerts, KeepPosition(position=kept), submit(state, intent)]


def closing_intent(
    state: AccountState,
    position: PositionRecord,
    plan: ExitPlan,
    leg: Leg,
    *,
    signal_id: str,
    attempts: int,
    held: Decimal,
    now_ns: int,
) -> tuple[Intent, list[Alert]]:
    """The next order that closes a position whole: of whole steps of today; or, when the one before was
    refused for its size, of all that is there, whatever the steps are. Never the latter without a list: by
    the journal alone no more is closed than it holds."""
    instrument, size = state.instruments.get(position.key.symbol), held.copy_abs()
    before = None
    if attempts:
        name = client_order_id(state.account, signal_id, leg, attempts - 1)
        before = state.tracked.get(name)
    listed = account_evidence.closing_basis(state, now_ns) is Basis.LISTED
    everything = listed and before is not None and _closes_all_next(state, before)
    intent = reducing_intent(
        state,
        position,
        plan,
        leg,
        signal_id=signal_id,
        planned_attempt=attempts,
        qty=size if everything or instrument is None else whole_close(size, instrument),
        now_ns=now_ns,
    )
    if not everything or before is None:
        return intent, []
    intent = msgspec.structs.replace(intent, close_on_trigger=True)
    if before.intent.close_on_trigger:
        return intent, []
    detail = (
        f"{position.key.name}: a close of {before.intent.qty:f} was refused for its size; "
        "closing all that is there instead"
    )
    return intent, [Alert(kind="close_all", detail=detail)]


def _closes_all_next(state: AccountState, before: Tracked) -> bool:
    """Whether the next close takes all that is there: this one was refused for its size, or took all itself
    and has not been refused. By its steps an exchange could never be rid of the rest."""
    if before.intent.close_on_trigger:
        return before.record.state is not IntentState.REJECTED
    return refused_for_size(before.record, state.instruments.get(before.intent.key.symbol))
