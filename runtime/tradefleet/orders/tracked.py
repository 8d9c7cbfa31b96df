"""One intent and all that is known of it; merged so that any order of events ends the same.

An order row never goes back: the larger executed size wins, a terminal status absorbs. An intent is
DONE only when its order is terminal *and* every execution of it has been counted; until then it
counts against every limit.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.domain.quantities import MONEY
from tradefleet.orders.intents import Intent, IntentRecord, IntentState
from tradefleet.orders.outcome import Outcome

LATE_NS = 60_000_000_000
"""A cancel that was asked for may come so long after the end of an order's rest."""

OLDER_BY_NS = 1_000_000_000
"""An order that is older than an intent by more than this, the clock's error and more, is not of it."""

_AT_REST = frozenset({OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.UNTRIGGERED})


class Tracked(msgspec.Struct, frozen=True, kw_only=True):
    """sent_ns: when the send's answer was known, 0 before. asked_ns: when the exchange was last asked
    for it. asking: an answer is outstanding."""

    record: IntentRecord
    order: ExchangeOrder | None = None
    sent_ns: int = 0
    asked_ns: int = 0
    asking: bool = False

    @property
    def intent(self) -> Intent:
        """What was meant."""
        return self.record.intent

    @property
    def is_final(self) -> bool:
        """Nothing about it can change exposure any more."""
        return self.record.state.is_final

    @property
    def is_at_rest(self) -> bool:
        """Its newest row shows it waiting at the exchange, and everything that it has filled is counted:
        nothing about it is under way."""
        order = self.order
        return (
            self.intent.rest_until_ns > 0
            and not self.is_final
            and order is not None
            and order.status in _AT_REST
            and order.cum_exec_qty == self.record.filled
        )

    @property
    def over_ns(self) -> int:
        """After this it can have executed nothing more, as far as is known: its end when its row shows one,
        the end of its rest and a minute, or when it was decided."""
        if self.order is not None and self.order.status.is_terminal:
            return max(self.order.at_ns, self.intent.created_ns)
        rest_until_ns = self.intent.rest_until_ns
        return rest_until_ns + LATE_NS if rest_until_ns else self.intent.created_ns


def is_older(intent: Intent, at_ns: int) -> bool:
    """Whether an order, or an execution, of this time was made before the intent: under the same id, since
    rows of the journal were lost, and not of it. 0 for a time that is not known."""
    return 0 < at_ns < intent.created_ns - OLDER_BY_NS


def newer(known: ExchangeOrder | None, seen: ExchangeOrder) -> ExchangeOrder:
    """The row that says more; equal rows keep the known one."""
    if known is None:
        return seen
    rank_known = (known.status.is_terminal, known.cum_exec_qty, known.at_ns)
    rank_seen = (seen.status.is_terminal, seen.cum_exec_qty, seen.at_ns)
    return seen if rank_seen > rank_known else known


def with_order(tracked: Tracked, seen: ExchangeOrder) -> Tracked:
    """After an order row, from wherever it came."""
    order = newer(tracked.order, seen)
    state = tracked.record.state
    if state is not IntentState.DONE:
        state = IntentState.ACCEPTED
    record = msgspec.structs.replace(tracked.record, state=state, order_id=order.order_id)
    return settled(msgspec.structs.replace(tracked, record=record, order=order))


def with_fill(tracked: Tracked, qty: Decimal, order_id: str) -> Tracked:
    """After an execution of it has been counted (once)."""
    state = tracked.record.state
    if state is not IntentState.DONE:
        state = IntentState.ACCEPTED
    filled = MONEY.add(tracked.record.filled, qty)
    record = msgspec.structs.replace(tracked.record, state=state, filled=filled, order_id=order_id)
    return settled(msgspec.structs.replace(tracked, record=record))


def settled(tracked: Tracked) -> Tracked:
    """DONE when the order is terminal and every execution that its row knows has been counted."""
    order = tracked.order
    filled = tracked.record.filled
    over = order is not None and order.status.is_terminal and filled >= order.cum_exec_qty
    if over or filled >= tracked.intent.qty:
        reason = tracked.record.reason
        if order is not None and order.reject_reason not in ("", "EC_NoError"):
            reason = order.reject_reason
        record = msgspec.structs.replace(tracked.record, state=IntentState.DONE, reason=reason)
        return msgspec.structs.replace(tracked, record=record)
    return tracked


def with_outcome(
    tracked: Tracked, outcome: Outcome, order_id: str, ret_code: int | None, reason: str, now_ns: int
) -> Tracked:
    """After the answer to the one send. What the streams have already proven is not unlearned."""
    state = tracked.record.state
    if state is IntentState.WRITTEN:
        state = {
            Outcome.ACCEPTED: IntentState.ACCEPTED,
            Outcome.REJECTED: IntentState.REJECTED,
            Outcome.NOT_SENT: IntentState.REJECTED,
            Outcome.AMBIGUOUS: IntentState.AMBIGUOUS,
        }[outcome]
    record = msgspec.structs.replace(
        tracked.record,
        state=state,
        order_id=order_id or tracked.record.order_id,
        reason=tracked.record.reason or reason,
        ret_code=ret_code,
    )
    return msgspec.structs.replace(tracked, record=record, sent_ns=now_ns)
