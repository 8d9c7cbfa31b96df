"""The account as the exchange reports it, taken in: every difference resolved or reserved.

An unexplained position size must be seen twice before it is believed, since the lists of one read
are not of one instant; then the exchange is right, and a latch keeps us from opening until a person
has looked.
"""

from decimal import Decimal

import msgspec

from tradefleet.core import account_protection, account_safety
from tradefleet.core.account_fills import take_execution, take_order
from tradefleet.core.account_safety import take_wallet
from tradefleet.core.account_sends import absent
from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, KeepOrder, KeepPosition
from tradefleet.core.events import ExchangeRead, ExchangeUnread, LatchRecord
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import ZERO
from tradefleet.orders.reconcile import Mismatch, compare, mismatches
from tradefleet.orders.tracked import Tracked

RECONCILE_EVERY_NS = 60 * SECOND_NS
LOOK_AGAIN_NS = 2 * SECOND_NS
ANSWER_DUE_NS = 60 * SECOND_NS
FILL_DUE_NS = 10 * SECOND_NS
"""A fill of an entry that rests may show in the position so long before any row or list tells it."""
SHOWN_FOR_NS = 3600 * SECOND_NS
"""The exchange shows an order that ended without a fill for a day; an hour is well within it."""


def exchange_read(state: AccountState, event: ExchangeRead) -> list[AnyAction]:
    """A complete view: take in what we missed, then compare what is left."""
    progress = state.reconciliation
    asked_ns, wanted_since = progress.asked_ns, progress.wanted
    progress.asking = False
    records = {name: tracked.record for name, tracked in state.tracked.items()}
    findings = compare(records, state.counted, event.view)
    actions: list[AnyAction] = []
    for execution in findings.executions:
        actions += take_execution(state, execution)
    for order in findings.orders:
        actions += take_order(state, order)
    for name in findings.absent:
        if not state.tracked[name].is_final and _may_be_absent(state.tracked[name], event.view.asked_ns):
            actions += absent(state, state.tracked[name])
    for order in (*findings.adopted, *findings.foreign):
        actions.append(KeepOrder(order=order))
    state.not_ours_open = (*findings.adopted, *findings.foreign)
    actions += _strangers(state, tuple(o.order_id for o in (*findings.adopted, *findings.foreign)))
    account_protection.take_reading(state, event.view.positions, event.view.asked_ns)
    actions += take_wallet(state, event.view.wallet, event.now_ns)
    # Taking in what was missed may itself have asked for a comparison: this is that comparison. What
    # was asked for while the answer was under way still stands.
    progress.wanted = wanted_since
    return actions + _sizes(state, event, asked_ns)


def exchange_unread(state: AccountState, event: ExchangeUnread) -> list[AnyAction]:
    """Nothing is known: nothing changes, nothing opens, and it is tried again."""
    state.reconciliation.asking = False
    state.want_reconciliation("the account could not be read", event.now_ns + SECOND_NS)
    return [Alert(kind="exchange_unread", detail=event.reason)]


def reconcile_when_due(state: AccountState, now_ns: int) -> None:
    """A comparison each minute, whatever happens; it does not stop opening meanwhile."""
    progress = state.reconciliation
    if progress.asking and now_ns - progress.asked_ns > ANSWER_DUE_NS:
        progress.asking = False
        state.want_reconciliation("the answer did not come")
    if progress.done and not progress.wanted and now_ns - progress.finished_ns > RECONCILE_EVERY_NS:
        progress.wanted = "timer"


def _strangers(state: AccountState, order_ids: tuple[str, ...]) -> list[AnyAction]:
    new = [order_id for order_id in order_ids if order_id not in state.foreign_orders]
    state.foreign_orders = order_ids
    return [
        Alert(kind="foreign_order", detail=f"order {order_id} has no intent of ours; opening is halted")
        for order_id in new
    ]


def _sizes(state: AccountState, event: ExchangeRead, asked_ns: int) -> list[AnyAction]:
    progress = state.reconciliation
    ours = {key: position.size for key, position in state.positions.items()}
    busy = state.moving_keys()
    busy |= {key for key, position in state.positions.items() if position.at_ns >= asked_ns}
    found = mismatches(ours, event.view, busy)
    actions: list[AnyAction] = []
    suspects: dict[PositionKey, tuple[Decimal, Decimal]] = {}
    since: dict[PositionKey, int] = {}
    for mismatch in found:
        key, sizes = mismatch.key, (mismatch.ours, ZERO if mismatch.theirs is None else mismatch.theirs.size)
        again = progress.suspects.get(key) == sizes
        since_ns = progress.suspect_since_ns.get(key, event.now_ns) if again else event.now_ns
        if again and (event.now_ns - since_ns > FILL_DUE_NS or not _may_be_a_fill(state, mismatch)):
            actions += _believe(state, mismatch, event.now_ns)
        else:
            suspects[key] = sizes
            since[key] = since_ns
    progress.suspects, progress.suspect_since_ns = suspects, since
    if suspects:
        state.want_reconciliation("a position differs", event.now_ns + LOOK_AGAIN_NS)
        return actions
    progress.done = not progress.wanted
    progress.finished_ns = event.now_ns
    return actions


def _may_be_a_fill(state: AccountState, mismatch: Mismatch) -> bool:
    """Whether entries that rest explain the difference: their rows and executions may be on their way."""
    theirs = ZERO if mismatch.theirs is None else mismatch.theirs.size
    change = theirs - mismatch.ours
    left = sum(
        (
            tracked.intent.qty - tracked.record.filled
            for tracked in state.open_intents()
            if tracked.intent.key == mismatch.key and tracked.intent.side.sign * change > 0
        ),
        ZERO,
    )
    return abs(change) <= left


def _may_be_absent(tracked: Tracked, asked_ns: int) -> bool:
    """An order whose row we have is not absent because a list does not show it; but one that has ended long
    ago without a fill is shown no more."""
    if tracked.order is None:
        return True
    return asked_ns - max(tracked.order.at_ns, tracked.intent.rest_until_ns) > SHOWN_FOR_NS


def _believe(state: AccountState, mismatch: Mismatch, now_ns: int) -> list[AnyAction]:
    """Take the exchange's size as ours, say so, and stop opening."""
    theirs = mismatch.theirs
    size = ZERO if theirs is None else theirs.size
    old = state.position(mismatch.key)
    adopted = msgspec.structs.replace(
        old,
        size=size,
        entry_price=None if theirs is None else theirs.entry_price,
        generation=old.generation + 1,
        plan=old.plan if size * old.size > 0 else None,
        at_ns=now_ns,
    )
    state.positions[mismatch.key] = adopted
    symbol = mismatch.key.symbol
    detail = f"{symbol}: the exchange holds {size:f}, our executions sum to {mismatch.ours:f}"
    latch = LatchRecord(
        latch_id=f"position-{symbol.lower()}-{now_ns // SECOND_NS}",
        kind="position_mismatch",
        reason=detail,
        actor="reconciliation",
        engaged_ns=now_ns,
    )
    return [
        KeepPosition(position=adopted, adopted=detail),
        *account_safety.adopted(state, old, adopted),
        state.engage(latch),
        Alert(kind="position_mismatch", detail=detail),
    ]
