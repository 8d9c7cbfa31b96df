"""What becomes of an intent after it was decided: written, sent, answered, asked for, resolved."""

import msgspec

from tradefleet.core import account_parts, account_resting
from tradefleet.core.account_fills import replace_tracked, take_execution, take_order
from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, AskForOrder, KeepIntent
from tradefleet.core.events import IntentNotWritten, OrderQueried, QueryAnswer, SendFinished
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.orders.asking import may_ask_from_ns, rests_known
from tradefleet.orders.intents import IntentState
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.reconcile import ABSENCE_GRACE_NS
from tradefleet.orders.tracked import Tracked, is_older, with_outcome

POSITION_IS_ZERO = 110017
DUPLICATE = 110072
ID_WAS_USED = "id_was_used"
"""Why an intent was not taken: an older order has its id, of which the journal has lost the rows."""

REMEMBERED_NS = 3600 * SECOND_NS


def not_written(state: AccountState, event: IntentNotWritten) -> list[AnyAction]:
    """It was never sent and never will be; the journal may or may not know it, so nothing is kept."""
    tracked = state.tracked.get(event.client_order_id)
    if tracked is None:
        return []
    record = msgspec.structs.replace(tracked.record, state=IntentState.REJECTED, reason=event.reason)
    state.tracked[event.client_order_id] = msgspec.structs.replace(tracked, record=record)
    return []


def send_finished(state: AccountState, event: SendFinished) -> list[AnyAction]:
    """The one attempt to send has come to something."""
    tracked = state.tracked.get(event.client_order_id)
    if tracked is None:
        return []
    reason = "" if event.outcome is Outcome.ACCEPTED else event.reason or event.message
    after = with_outcome(tracked, event.outcome, event.order_id, event.ret_code, reason, event.now_ns)
    if after.record.state is IntentState.REJECTED:
        count = state.tally.not_taken.get(reason, 0)
        state.tally.not_taken[reason] = count + 1
    actions = [*replace_tracked(state, tracked, after), *account_parts.refused(state, after)]
    if event.outcome is Outcome.AMBIGUOUS and after.record.state is IntentState.AMBIGUOUS:
        actions.append(
            Alert(kind="ambiguous_send", detail=f"{event.client_order_id}: {event.message}; asking for it")
        )
    if event.ret_code == POSITION_IS_ZERO:
        state.want_reconciliation("the exchange says the position is zero")
    return actions


def ask_for_unresolved(state: AccountState, now_ns: int, *, moved: str | None = None) -> list[AnyAction]:
    """Ask for every intent whose fate is overdue, one question at a time each. moved: as `account_resting`
    has it."""
    actions: list[AnyAction] = []
    for tracked in _overdue(state, now_ns, moved):
        name = tracked.intent.client_order_id
        state.tracked[name] = msgspec.structs.replace(tracked, asking=True, asked_ns=now_ns)
        actions.append(
            AskForOrder(
                client_order_id=name,
                symbol=tracked.intent.key.symbol,
                created_ns=tracked.intent.created_ns,
            )
        )
    return actions


def _overdue(state: AccountState, now_ns: int, moved: str | None) -> list[Tracked]:
    """By time, and those at rest about which something is under way; in order of arrival."""
    by_time = state.tracked.overdue(now_ns)
    at_rest = [
        tracked
        for tracked in state.tracked.resting
        if moved in (None, tracked.intent.key.symbol)
        and rests_known(tracked)
        and now_ns >= may_ask_from_ns(tracked)
        and account_resting.overdue(state, tracked, now_ns)
    ]
    return state.tracked.in_order([*by_time, *at_rest]) if by_time and at_rest else by_time or at_rest


def order_queried(state: AccountState, event: OrderQueried) -> list[AnyAction]:
    """The exchange's answer for one id; absence counts only after the intent's time is over."""
    if event.answer is not QueryAnswer.UNKNOWN:
        state.exchange_answered_ns = event.now_ns
    tracked = state.tracked.get(event.client_order_id)
    if tracked is None:
        return []
    tracked = msgspec.structs.replace(tracked, asking=False)
    state.tracked[event.client_order_id] = tracked
    actions: list[AnyAction] = []
    for execution in event.executions:
        actions += take_execution(state, execution)
    if event.order is not None:
        actions += take_order(state, event.order)
        actions += resolve_older(state, event.order, event.asked_ns)
    account_resting.order_read(state, event.client_order_id, event.asked_ns, event.order is not None)
    tracked = state.tracked[event.client_order_id]
    over = event.asked_ns > tracked.intent.valid_until_ns + ABSENCE_GRACE_NS
    if event.answer is QueryAnswer.ABSENT and over and not tracked.is_final and tracked.order is None:
        actions += absent(state, tracked)
    return actions


def resolve_older(state: AccountState, order: ExchangeOrder, asked_ns: int) -> list[AnyAction]:
    """The order that stands under an intent's id is older than the intent: its rows were lost from the
    journal, and the exchange takes no second order under that id. So the intent was not taken, once its own
    send was refused as a duplicate, or can have arrived no more. A close is made again under the next id."""
    tracked = state.tracked.get(order.client_order_id)
    if tracked is None or tracked.is_final or not is_older(tracked.intent, order.created_ns):
        return []
    refused = tracked.record.ret_code == DUPLICATE
    if not refused and asked_ns <= tracked.intent.valid_until_ns + ABSENCE_GRACE_NS:
        return []
    record = msgspec.structs.replace(tracked.record, state=IntentState.REJECTED, reason=ID_WAS_USED)
    state.tracked[order.client_order_id] = msgspec.structs.replace(tracked, record=record)
    detail = f"{order.client_order_id} is order {order.order_id}, which is older than its intent"
    return [KeepIntent(record=record), Alert(kind="id_was_used", detail=detail)]


def absent(state: AccountState, tracked: Tracked) -> list[AnyAction]:
    """The exchange provably does not know it: abandoned, never sent again."""
    record = msgspec.structs.replace(tracked.record, state=IntentState.ABSENT, reason="not at the exchange")
    state.tracked[tracked.intent.client_order_id] = msgspec.structs.replace(tracked, record=record)
    return [KeepIntent(record=record)]


def forget_final(state: AccountState, now_ns: int) -> None:
    """Final intents are remembered for an hour, so that late repeats of their rows find them."""
    state.tracked.forget(now_ns - REMEMBERED_NS)
