"""Entries are taken away while a closing latch is engaged: what fills behind us would have to be closed
again.

All active orders go in one request, but only where the list of open orders shows that none of them only
reduces; else, and for those that wait for a price, each entry goes by its id. Without any list the request
for all is made once. Ours that rest are seen to by account_resting, after the request for all or beside the
ids. Each request is a decision of its own that is signed within half a second, or never.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Final

from tradefleet.core.account_state import CANCEL_WITHIN_NS, SECOND_NS, AccountState, CancelTry, KillSwitchRun
from tradefleet.core.actions import AnyAction, CancelFound, CancelOrders
from tradefleet.core.events import FoundCancelled, OrdersCancelled
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.standing import is_active

CANCEL_AGAIN_NS: Final = SECOND_NS
LIST_DUE_NS: Final = 3 * SECOND_NS
"""So long a list is waited for; afterwards entries go without one."""
ANSWER_DUE_NS: Final = 10 * SECOND_NS
LOOK_AGAIN_NS: Final = 5 * SECOND_NS
"""Rows say that cancelled entries are over; those of which none has come are looked for by a comparison."""
LOOK_NS: Final = SECOND_NS // 4
MOST_AT_ONCE: Final = 10
"""Cancels by id whose answer has not come: as many as the exchange takes in a second."""


class Way(StrEnum):
    """How entries are taken away now."""

    WAIT = "wait"
    ALL = "all"
    BY_ID = "by_id"


def way(state: AccountState, run: KillSwitchRun, now_ns: int) -> Way:
    """By what the list of open orders shows; rows keep it current while the private stream is up."""
    standing = state.standing
    if standing.listed_ns and (state.private_up or standing.listed_ns >= run.began_ns):
        return Way.BY_ID if standing.has_targets else Way.ALL
    return Way.ALL if now_ns >= run.began_ns + LIST_DUE_NS else Way.WAIT


def drive(state: AccountState, run: KillSwitchRun, now_ns: int) -> Iterator[AnyAction]:
    """What has to be asked for now. Looked at when an order is new, and four times a second: there may be
    hundreds of entries, and prices come all the time."""
    if run.looked_version == state.standing.version and now_ns < run.look_ns:
        return
    run.looked_version, run.look_ns = state.standing.version, now_ns + LOOK_NS
    chosen = way(state, run, now_ns)
    run.by_id = chosen is Way.BY_ID
    entries = strangers_entries(state)
    run.entries_stand = bool(entries)
    if entries and run.cancelled and now_ns >= run.look_again_ns:
        run.look_again_ns = now_ns + LOOK_AGAIN_NS
        state.want_reconciliation("entries should be gone")
    waits = run.asking and now_ns < run.answer_due_ns
    may_ask = chosen is Way.ALL and not waits and now_ns >= run.not_before_ns
    if may_ask and (not run.cancelled or any(is_active(order) for order in entries)):
        sign_by_ns = now_ns + CANCEL_WITHIN_NS
        run.asking, run.answer_due_ns = True, state.answer_due_ns(sign_by_ns)
        yield CancelOrders(everything=False, sign_by_ns=sign_by_ns)
    if chosen is Way.WAIT:
        return
    for order in entries:
        if chosen is Way.BY_ID or not is_active(order):
            yield from cancel_found(state, order, "entries must go", now_ns)
    for row in state.standing.unclear:
        if row.reduce_only is False:
            yield from cancel_found(state, row, "entries must go", now_ns)


def all_cancelled(state: AccountState, event: OrdersCancelled) -> None:
    """The exchange has answered a cancel of all active orders, or not."""
    run = state.kill_switch
    run.asking = False
    run.cancelled = run.cancelled or event.done
    run.not_before_ns = event.now_ns + CANCEL_AGAIN_NS


def are_gone(state: AccountState, run: KillSwitchRun) -> bool:
    """Whether no entry is known to stand: a list that has just come may show more than were looked at. That
    the request for all was answered is not needed, when a list shows that there is nothing left to cancel."""
    return not run.entries_stand and not strangers_entries(state)


def strangers_entries(state: AccountState) -> list[ExchangeOrder]:
    """Orders that stand and could open, those of our unresolved intents excepted."""
    return [o for o in state.standing.entries if not is_tracked(state, o.client_order_id)]


def is_tracked(state: AccountState, client_order_id: str) -> bool:
    """Whether it is the order of an intent that is not over."""
    tracked = state.tracked.get(client_order_id)
    return tracked is not None and not tracked.is_final


def cancel_found(
    state: AccountState, order: ExchangeOrder | UnclearRow, reason: str, now_ns: int
) -> Iterator[AnyAction]:
    """Ask for one order by its id, unless it is asked for already, or its id cannot be read."""
    if not order.order_id or not order.symbol:
        return
    tries = state.cancel_tries
    known = tries.get(order.order_id)
    if known is not None and now_ns < known.not_before_ns:
        return
    if sum(1 for one in tries.values() if one.asking and now_ns < one.not_before_ns) >= MOST_AT_ONCE:
        return
    tries[order.order_id] = CancelTry(asking=True, not_before_ns=now_ns + ANSWER_DUE_NS)
    yield CancelFound(
        order_id=order.order_id,
        key=PositionKey(state.spec.exchange.category.value, order.symbol, order.position_idx),
        protects=order.reduce_only is not False,
        reason=reason,
        sign_by_ns=now_ns + CANCEL_WITHIN_NS,
    )


def found_cancelled(state: AccountState, event: FoundCancelled) -> list[AnyAction]:
    """The answer for one id. Of one that was taken a row, or a list, says that the order is over."""
    state.cancel_tries[event.order_id] = CancelTry(asking=False, not_before_ns=event.now_ns + CANCEL_AGAIN_NS)
    if event.outcome is Outcome.GONE:
        state.standing.over(event.key.symbol, event.order_id)
    return []


def forget_old_tries(state: AccountState, now_ns: int) -> None:
    """What was tried is remembered as long as it keeps the next try waiting."""
    for order_id, one in list(state.cancel_tries.items()):
        if now_ns >= one.not_before_ns:
            del state.cancel_tries[order_id]
