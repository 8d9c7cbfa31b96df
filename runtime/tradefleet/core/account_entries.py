"""An entry: what it would be, whether it may be, and the intent that it becomes.

The checks stand in the order in which they are cheapest to explain: what is held there, the market, may
anything be opened at all, then the limits of risk. Which signal gets here is `account_signals`.
"""

from decimal import Decimal

from tradefleet.core import (
    account_day,
    account_leftovers,
    account_leverage,
    account_marks,
    account_protection,
    account_stop_trouble,
)
from tradefleet.core.account_state import MARKET_SILENT_NS, SECOND_NS, AccountState
from tradefleet.core.actions import Submit
from tradefleet.core.evidence import sentence
from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import OrderType, Side, TimeInForce
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import ZERO
from tradefleet.domain.signals import Signal
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.intents import Intent, IntentRecord, IntentState, Leg
from tradefleet.orders.quotas import no_place
from tradefleet.orders.tracked import Tracked
from tradefleet.positions.plan import ExitPlan, PositionRecord
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import AccountView, Entry, Reduction
from tradefleet.risk.entry_terms import Quotes, Terms, entry_terms
from tradefleet.risk.held_stop import with_held_stop
from tradefleet.risk.rules import judge
from tradefleet.risk.sizing import plan_entry


def why_not_open(state: AccountState, now_ns: int) -> Refusal | None:
    """What forbids opening anything on this account now; None when nothing does."""
    if state.deleted:
        return Refusal(Reason.BOT_DELETED, "nothing opens after the bot was deleted")
    if not state.right_to_open:
        return Refusal(Reason.NO_RIGHT_TO_OPEN, state.right_reason)
    if state.latches:
        return Refusal(Reason.LATCHED, ", ".join(sorted(state.latches)))
    if state.spec.paused:
        return Refusal(Reason.PAUSED, "spec.paused is true")
    if not state.private_up:
        return Refusal(Reason.PRIVATE_STREAM_DOWN, "fills could not be seen")
    halts = state.evidence.halts
    if halts is not None:
        return Refusal(Reason.ROW_NOT_UNDERSTOOD, sentence(halts))
    if not state.reconciliation.done:
        return Refusal(Reason.NOT_RECONCILED, state.reconciliation.wanted or "being compared")
    if now_ns < state.quiet_until_ns:
        return Refusal(Reason.PREDECESSOR_MAY_SEND, f"until {state.quiet_until_ns}")
    if state.foreign_orders:
        return Refusal(Reason.FOREIGN_ORDERS, ", ".join(state.foreign_orders[:5]))
    refusal = account_stop_trouble.why_not_open(state) or account_marks.why_not_open(state, now_ns)
    return refusal or account_day.why_not_open(state)


def enabled(state: AccountState, strategy: str) -> bool:
    section = getattr(state.spec.strategies, strategy, None)
    return bool(getattr(section, "enabled", False))


def may_enter(state: AccountState, signal: Signal, side: Side, now_ns: int) -> tuple[Entry, Terms] | Refusal:
    """The entry of a signal as everything that limits it allows at this moment, and how it is ordered."""
    key = state.key(signal.symbol, side)
    position = state.position(key)
    if position.size != 0 and not is_of_a_strategy(position):
        # Somebody's own: protected by us, and neither closed nor enlarged by a strategy.
        return Refusal(Reason.ADOPTED_POSITION, f"{position.size:f} is held that no signal has opened")
    instrument = state.instruments[signal.symbol]
    unknown = _unknown(state, signal.symbol)
    if unknown is not None:
        return unknown
    # Asked first: whatever else forbids it now, a symbol that is wanted is seen to before the others.
    unset = account_leverage.why_not_open(state, signal.symbol, now_ns)
    refusal = (
        _too_late(state, signal, key, instrument, now_ns)
        or why_not_open(state, now_ns)
        or account_leftovers.why_not_open(state, signal.symbol, now_ns)
    )
    if refusal is not None:
        return refusal
    terms = _terms(state, signal, side, instrument)
    if isinstance(terms, Refusal):
        return terms
    entry = _allowed(state, instrument, side, terms)
    return entry if isinstance(entry, Refusal) else unset or (entry, terms)


def _unknown(state: AccountState, symbol: str) -> Refusal | None:
    """Why nobody knows what is held in a symbol, None when it is known."""
    for row in state.evidence.unclear:
        if row.symbol == symbol:
            return Refusal(Reason.ROW_NOT_UNDERSTOOD, sentence(row))
    for key in state.keys(symbol):
        shown = state.evidence.size(key)
        if shown is not None:
            return Refusal(Reason.NOT_RECONCILED, f"{key.name}: the exchange shows {shown:f}")
    return None


def is_of_a_strategy(position: PositionRecord) -> bool:
    return position.plan is not None and not position.plan.is_foreign


def entry_intent(state: AccountState, signal: Signal, allowed: tuple[Entry, Terms], now_ns: int) -> Intent:
    """The one intent with which a signal opens."""
    entry, terms = allowed
    return make_intent(
        state,
        signal.signal_id,
        Leg.OPEN,
        0,
        key=state.key(signal.symbol, entry.side),
        strategy=signal.strategy,
        side=entry.side,
        entry=entry,
        hold_ns=signal.hold_ns,
        now_ns=now_ns,
        terms=terms,
    )


def _too_late(
    state: AccountState, signal: Signal, key: PositionKey, instrument: Instrument, now_ns: int
) -> Refusal | None:
    if now_ns > signal.expires_ns:
        late_ms = (now_ns - signal.expires_ns) // 1_000_000
        return Refusal(Reason.STALE_SIGNAL, f"{late_ms} ms after its time")
    if instrument.status is not InstrumentStatus.TRADING:
        return Refusal(Reason.NOT_TRADING, instrument.status)
    market = state.market(signal.symbol)
    if now_ns - market.heard_ns > MARKET_SILENT_NS:
        return Refusal(Reason.MARKET_SILENT, f"no ticker of {signal.symbol} for 5 s")
    if state.closing(key):
        return Refusal(Reason.CLOSING_FIRST, f"{key.name} is being closed")
    if state.position(key).size == 0 and account_protection.unsettled(state, key, now_ns):
        # A stop of the position before that comes late would stand at the new one.
        return Refusal(Reason.CLOSING_FIRST, f"a stop of the last position in {key.name} is under way")
    return None


def _terms(state: AccountState, signal: Signal, side: Side, instrument: Instrument) -> Terms | Refusal:
    """What order the entry is, while there is a place for one more of its kind."""
    wish = state.spec.execution.entry
    terms = entry_terms(wish, side, quotes(state, instrument.symbol), signal.price, instrument)
    if isinstance(terms, Refusal) or not terms.rests:
        return terms
    conditional = terms.trigger is not None
    return no_place(instrument.symbol, conditional, state.open_intents(), state.not_ours_open) or terms


def quotes(state: AccountState, symbol: str) -> Quotes:
    """The executor's own prices of a symbol."""
    market = state.market(symbol)
    return Quotes(bid=market.bid, ask=market.ask, mark=market.mark)


def _allowed(state: AccountState, instrument: Instrument, side: Side, terms: Terms) -> Entry | Refusal:
    equity = state.equity()
    if equity is None:
        return Refusal(Reason.EQUITY_UNKNOWN, "no wallet has been heard yet")
    view = AccountView(
        equity=equity,
        exposed=state.exposed_symbols(),
        entries=sum(state.entries(key) for key in state.keys(instrument.symbol)),
        taker_fee=state.taker_fee,
    )
    planned = plan_entry(
        instrument,
        side,
        terms.reference,
        equity,
        state.spec.sizing,
        state.spec.exits,
        largest=terms.largest(instrument),
    )
    held = account_protection.held_stop(state, state.key(instrument.symbol, side), side)
    attached = with_held_stop(planned, held, state.market(instrument.symbol).mark)
    return attached if isinstance(attached, Refusal) else judge(attached, view, state.spec)


def make_intent(
    state: AccountState,
    signal_id: str,
    leg: Leg,
    attempt: int,
    *,
    key: PositionKey,
    strategy: str,
    side: Side,
    entry: Entry | Reduction,
    hold_ns: int,
    now_ns: int,
    terms: Terms | None = None,
) -> Intent:
    """An order for `entry`, at market when no terms say otherwise; only an opening leg carries the stop and
    the target."""
    opens = leg is Leg.OPEN
    sign_by_ns = now_ns + state.sign_within_ns
    return Intent(
        account=state.account,
        bot_uid=state.config.uid,
        epoch=state.epoch,
        signal_id=signal_id,
        leg=leg,
        attempt=attempt,
        client_order_id=client_order_id(state.account, signal_id, leg, attempt),
        strategy=strategy,
        key=key,
        side=side,
        order_type=OrderType.MARKET if terms is None else terms.order_type,
        time_in_force=TimeInForce.IOC if terms is None else terms.time_in_force,
        qty=entry.qty,
        price=None if terms is None else terms.price,
        reduce_only=not opens,
        stop_loss=entry.stop_loss if isinstance(entry, Entry) else None,
        take_profit=entry.take_profit if isinstance(entry, Entry) else None,
        reference_price=entry.price,
        hold_ns=hold_ns,
        created_ns=now_ns,
        sign_by_ns=sign_by_ns,
        valid_until_ns=sign_by_ns + state.receive_window_ns,
        trigger=None if terms is None else terms.trigger,
        rest_until_ns=_rest_until(state, hold_ns, now_ns) if terms is not None and terms.rests else 0,
    )


def reducing_intent(
    state: AccountState,
    position: PositionRecord,
    plan: ExitPlan,
    leg: Leg,
    *,
    signal_id: str,
    planned_attempt: int,
    qty: Decimal,
    now_ns: int,
) -> Intent:
    """A market order that takes `qty` off a position, under an attempt that was never made. It needs neither
    rules nor a price, which is 0 where none is known: closing waits for neither."""
    price = state.market(position.key.symbol).mark or position.entry_price or ZERO
    side = Side.SELL if position.size > 0 else Side.BUY
    return make_intent(
        state,
        signal_id,
        leg,
        next_attempt(state, signal_id, leg, planned_attempt),
        key=position.key,
        strategy=plan.strategy,
        side=side,
        entry=Reduction(qty=qty, price=price),
        hold_ns=0,
        now_ns=now_ns,
    )


def next_attempt(state: AccountState, signal_id: str, leg: Leg, planned: int) -> int:
    """The first attempt from the planned one on that was never made.

    A leader that dies between an intent and its plan leaves an intent that the plan does not count: it may
    have been sent, and is still to be resolved under its own id. And a plan counts from zero when what it
    closed opens again, by an entry that fills late: the name would be of an order that is over, and what is
    still heard of that one would be taken for news of this.
    """
    return max(planned, state.tracked.next_attempt(signal_id, leg))


def _rest_until(state: AccountState, hold_ns: int, now_ns: int) -> int:
    """An entry that fills when its strategy means to be flat already would only pay fees."""
    rest_ns = state.spec.execution.entry.rest_seconds * SECOND_NS
    return now_ns + (min(rest_ns, hold_ns) if hold_ns else rest_ns)


def submit(state: AccountState, intent: Intent) -> Submit:
    """Count the intent against every limit from now on, and ask for it to be written and sent."""
    state.tracked[intent.client_order_id] = Tracked(
        record=IntentRecord(intent=intent, state=IntentState.WRITTEN)
    )
    state.tally.submitted += 1
    return Submit(intent=intent)
