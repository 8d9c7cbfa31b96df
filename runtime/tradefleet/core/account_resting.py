"""Entries that rest at the exchange: watched, moved with the touch, and taken away when they may not stay.

Whether an entry may stay is derived from what is known now and not remembered, so that a new leader decides
the same: its time, its signal, the limits, the right to open. A cancel is repeated, each time as a decision
of its own, until rows or executions say that the order is over; "gone" alone proves nothing about its fills.
A move is desired state (price, size) against what the newest row shows: one request at a time, absolute, and
after one whose effect is not known nothing more until the order has been read again.
"""

from decimal import Decimal
from typing import Final

from tradefleet.core import account_entries, account_protection
from tradefleet.core.account_resting_risk import over_the_limits
from tradefleet.core.account_state import (
    CANCEL_WITHIN_NS,
    MARKET_SILENT_NS,
    SECOND_NS,
    AccountState,
    RestingOrder,
)
from tradefleet.core.actions import AmendOrder, AnyAction, CancelOrder
from tradefleet.core.events import AmendAnswered, CancelAnswered
from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType
from tradefleet.domain.quantities import MONEY, oppose
from tradefleet.orders.intents import IntentState, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.tracked import Tracked
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry_terms import Moved, Resting, entry_terms, followed
from tradefleet.spec.entry import EntryKind

CANCEL_AGAIN_NS: Final = SECOND_NS
READ_BACK_NS: Final = 2 * SECOND_NS
"""The row of a cancel or an amend that was taken should show by then; afterwards the order is asked for."""
PATIENCE_NS: Final = 5 * SECOND_NS
"""What forbids opening may pass (a new leader's first second, a stream that comes back): it takes what rests
away only when it has lasted so long."""
MONEY_PATIENCE_NS: Final = 60 * SECOND_NS
"""Equity or a mark that is not known says nothing against an entry that was judged while it was."""
NOT_KNOWN: Final = frozenset({Reason.EQUITY_UNKNOWN, Reason.MARK_UNKNOWN, Reason.DAY_UNKNOWN})
AT_ONCE: Final = frozenset({Reason.LATCHED, Reason.PAUSED, Reason.FOREIGN_ORDERS})
"""What takes it away without patience: somebody wants it so."""


def drive(state: AccountState, now_ns: int, *, moved: str | None = None) -> list[AnyAction]:
    """What the resting entries need now. moved: the symbol whose price has moved, when nothing else has: what
    rests elsewhere, and the rules of risk, which cost a hundred times a price, wait for the next tick."""
    resting = [tracked for tracked in state.tracked.resting if tracked.intent.leg is Leg.OPEN]
    if not resting:
        # Whether anything may open is asked only while something rests: this runs for every price.
        state.may_not_open_ns = now_ns
        state.resting.clear()
        return []
    refusal = account_entries.why_not_open(state, now_ns)
    if refusal is None or refusal.reason is Reason.PREDECESSOR_MAY_SEND:
        state.may_not_open_ns = now_ns
    if moved is None:
        _forget_the_others(state, resting)
    halted = ""
    if refusal is not None and now_ns - state.may_not_open_ns > _patience_ns(refusal):
        halted = f"nothing may open ({refusal.reason})"
    over = over_the_limits(state, resting) if moved is None else {}
    actions: list[AnyAction] = []
    for tracked in resting:
        if moved is not None and tracked.intent.key.symbol != moved:
            continue
        name = tracked.intent.client_order_id
        order = state.resting.setdefault(name, _new(state))
        _give_up_waiting(order, now_ns)
        order.why_gone = order.why_gone or halted or over.get(name, "") or _why_gone(state, tracked, now_ns)
        actions += (
            _cancel(state, tracked, order, now_ns)
            if order.why_gone
            else _follow(state, tracked, order, now_ns)
        )
    return actions


def _forget_the_others(state: AccountState, resting: list[Tracked]) -> None:
    """Of orders that are over nothing is to be done any more."""
    names = {tracked.intent.client_order_id for tracked in resting}
    for name in [name for name in state.resting if name not in names]:
        del state.resting[name]


def cancel_answered(state: AccountState, event: CancelAnswered) -> list[AnyAction]:
    """Taken, gone, or not known: what it was is said by the order's rows and executions."""
    order = state.resting.get(event.client_order_id)
    if order is not None:
        order.asking = False
        order.not_before_ns = event.now_ns + CANCEL_AGAIN_NS
        if event.outcome is not Outcome.ACCEPTED:
            # No row is to be expected: the order is asked for at once.
            order.answered_ns = event.now_ns - READ_BACK_NS
        elif not order.answered_ns:
            order.answered_ns = event.now_ns
    return []


def amend_answered(state: AccountState, event: AmendAnswered) -> list[AnyAction]:
    """Only reading shows how the order stands now; a request that never left leaves it as it was."""
    order = state.resting.get(event.client_order_id)
    if order is not None:
        order.asking = False
        if event.outcome is Outcome.NOT_SENT and not order.lost:
            # One whose answer was given up may answer late, while a later one is under way.
            order.doubt_from_ns, order.wished = 0, None
        elif event.outcome not in (Outcome.AMBIGUOUS, Outcome.NOT_SENT):
            # Answered: whatever it did is done, and a row that is read from now on shows it.
            order.doubt_from_ns = event.now_ns
    return []


def _give_up_waiting(order: RestingOrder, now_ns: int) -> None:
    """An answer that never came is as good as one that proves nothing: the order is asked for at once."""
    if order.asking and now_ns >= order.answer_due_ns:
        order.asking, order.lost = False, order.lost + 1
        if order.why_gone:
            order.answered_ns = now_ns - READ_BACK_NS - 1


def overdue(state: AccountState, tracked: Tracked, now_ns: int) -> bool:
    """Whether an order whose row is known has to be asked for: one that rests in peace has not."""
    row, order = tracked.order, state.resting.get(tracked.intent.client_order_id)
    if row is None or order is None:
        return True
    if order.answered_ns and now_ns - order.answered_ns > READ_BACK_NS:
        return True
    if order.doubt_from_ns and now_ns > order.doubt_from_ns + READ_BACK_NS:
        return True
    return not tracked.is_at_rest and now_ns - row.at_ns > READ_BACK_NS


def order_read(state: AccountState, name: str, asked_ns: int, found: bool) -> None:
    """The order was read: what an amend did that could act until then is known now."""
    order = state.resting.get(name)
    if order is None:
        return
    if found and order.doubt_from_ns and asked_ns > order.doubt_from_ns:
        order.doubt_from_ns, order.wished = 0, None
    if found and order.answered_ns:
        # Still open after a cancel that was taken: it is asked for again, and cancelled again.
        order.answered_ns = asked_ns


def status(state: AccountState) -> list[dict[str, str]]:
    """The entries that rest, for the status of the process."""
    return [
        {
            "client_order_id": tracked.intent.client_order_id,
            "symbol": tracked.intent.key.symbol,
            "side": tracked.intent.side.value,
            "price": f"{_price_of(tracked):f}",
            "left": f"{MONEY.subtract(_qty_of(tracked), tracked.record.filled):f}",
            "until_ns": str(tracked.intent.rest_until_ns),
        }
        for tracked in state.tracked.resting
    ]


def _qty_of(tracked: Tracked) -> Decimal:
    return tracked.intent.qty if tracked.order is None else tracked.order.qty


def _price_of(tracked: Tracked) -> Decimal:
    row, intent = tracked.order, tracked.intent
    if intent.trigger is not None:
        return intent.trigger.price
    return intent.reference_price if row is None else row.price


def _patience_ns(refusal: Refusal) -> int:
    if refusal.reason in AT_ONCE:
        return -1
    return MONEY_PATIENCE_NS if refusal.reason in NOT_KNOWN else PATIENCE_NS


def _new(state: AccountState) -> RestingOrder:
    # An amend of the leader before may still be on its way: none of ours may meet it.
    first_ns = state.restored_ns + state.sign_within_ns + state.receive_window_ns
    return RestingOrder(amend_not_before_ns=first_ns)


# ---- may it stay


def _why_gone(state: AccountState, tracked: Tracked, now_ns: int) -> str:
    intent = tracked.intent
    if now_ns >= intent.rest_until_ns:
        return "its time is over"
    if tracked.record.close_signal_id:
        return f"the signal {tracked.record.close_signal_id} has ended it"
    if state.deleted:
        return "the bot was deleted"
    if not account_entries.enabled(state, intent.strategy):
        return f"the strategy {intent.strategy} is off"
    if intent.key.symbol not in state.spec.universe.symbols:
        return f"{intent.key.symbol} is not the bot's any more"
    heard_ns = max(state.market(intent.key.symbol).heard_ns, state.restored_ns)
    if now_ns - heard_ns > MARKET_SILENT_NS:
        return f"no ticker of {intent.key.symbol} for 5 s"
    left = state.leftovers.get(intent.key.symbol)
    if left is not None and left.shown:
        return "an order of an earlier position stands, and would act on what it opens"
    return _position_forbids(state, tracked)


def _position_forbids(state: AccountState, tracked: Tracked) -> str:
    intent = tracked.intent
    position = state.position(intent.key)
    if position.size == 0:
        # Its stop, or a person, has closed what it had filled: the rest would open it again.
        return "what it had filled is closed" if tracked.record.filled > 0 else ""
    if oppose(position.size, intent.side.sign):
        return "the position is on the other side"
    if position.plan is not None and position.plan.close_signal_id:
        return "the position is being closed"
    if position.plan is not None and position.plan.is_foreign:
        return "the position is not of a signal of ours"
    if account_protection.loosens(state, intent):
        return "its stop is looser than the position's, and would replace it"
    return ""


# ---- it goes


def _cancel(state: AccountState, tracked: Tracked, order: RestingOrder, now_ns: int) -> list[AnyAction]:
    if order.asking or now_ns < order.not_before_ns or tracked.record.state is IntentState.WRITTEN:
        # Written, and not known to have left: a cancel that overtakes the create would find nothing.
        return []
    run = state.kill_switch
    all_go = bool(state.closing_latches()) and not run.by_id
    # An answer to the request for all may never come: it does not keep an entry there for ever.
    not_yet_ns = run.not_before_ns if run.cancelled else state.answer_due_ns(run.began_ns + CANCEL_WITHIN_NS)
    if all_go and tracked.intent.trigger is None and now_ns < not_yet_ns:
        return []  # cancel-all takes what is in the book, in one request
    sign_by_ns = now_ns + CANCEL_WITHIN_NS
    order.asking, order.answer_due_ns = True, state.answer_due_ns(sign_by_ns)
    return [
        CancelOrder(
            client_order_id=tracked.intent.client_order_id,
            key=tracked.intent.key,
            reason=order.why_gone,
            sign_by_ns=sign_by_ns,
        )
    ]


# ---- it moves


def _follow(state: AccountState, tracked: Tracked, order: RestingOrder, now_ns: int) -> list[AnyAction]:
    """Amend it towards the touch, when it is known how it stands and nothing is under way."""
    wish, row = state.spec.execution.entry, tracked.order
    if row is not None and order.wished is not None and row.price == order.wished:
        order.doubt_from_ns, order.wished = 0, None
    waits = order.asking or order.doubt_from_ns > 0 or now_ns < order.amend_not_before_ns
    follows = wish.follow_bps > 0 and wish.kind in (EntryKind.LIMIT, EntryKind.POST_ONLY)
    if not follows or waits or row is None or not tracked.is_at_rest or order.amends >= wish.max_amends:
        return []
    instrument = state.instruments.get(tracked.intent.key.symbol)
    moved = None if instrument is None else _wanted(state, tracked, row, instrument)
    if moved is None or account_entries.why_not_open(state, now_ns) is not None:
        return []
    sign_by_ns = now_ns + state.sign_within_ns
    order.asking, order.wished = True, moved.price
    order.amends += 1
    order.amend_not_before_ns = now_ns + int(MONEY.multiply(wish.amend_every_seconds, SECOND_NS))
    order.doubt_from_ns = sign_by_ns + state.receive_window_ns
    order.answer_due_ns = state.answer_due_ns(sign_by_ns)
    return [
        AmendOrder(
            client_order_id=tracked.intent.client_order_id,
            key=tracked.intent.key,
            price=moved.price,
            qty=moved.qty,
            sign_by_ns=sign_by_ns,
            valid_until_ns=order.doubt_from_ns,
        )
    ]


def _wanted(
    state: AccountState, tracked: Tracked, row: ExchangeOrder, instrument: Instrument
) -> Moved | None:
    intent, wish = tracked.intent, state.spec.execution.entry
    if intent.order_type is not OrderType.LIMIT or intent.trigger is not None:
        return None
    if row.status is OrderStatus.UNTRIGGERED or intent.price is None or intent.stop_loss is None:
        return None
    quotes = account_entries.quotes(state, intent.key.symbol)
    terms = entry_terms(wish, intent.side, quotes, intent.reference_price, instrument)
    target = getattr(terms, "price", None)
    if target is None:
        return None
    resting = Resting(
        side=intent.side,
        price=row.price,
        qty=row.qty,
        filled=tracked.record.filled,
        first_price=intent.price,
        first_qty=intent.qty,
        stop_loss=intent.stop_loss,
        take_profit=intent.take_profit,
    )
    costs = MONEY.add(MONEY.multiply(state.taker_fee, 2), state.spec.exits.min_profit)
    return followed(resting, target, wish, instrument, costs)
