"""A signal comes in: whose it is, whether it still counts, and what it means for what is held.

A signal is a wish about a market that moves on. So the first question to every one, of whatever target, is
its expiry. Then signals are compared with signals: of each strategy in each symbol the time of the newest
accepted one is kept for ever, and an older one is superseded, however late it comes. What a signal
opens is in `account_entries`, what it ends in `account_legs`.
"""

from typing import Final

from tradefleet.core import account_legs
from tradefleet.core.account_entries import enabled, entry_intent, is_of_a_strategy, may_enter, submit
from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import Alert, AnyAction, JudgeSignal, KeepSignalMark, Verdict
from tradefleet.core.alert_kinds import AlertKind
from tradefleet.core.events import SignalMark, SignalReceived
from tradefleet.core.signal_marks import is_superseded, marked
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import oppose
from tradefleet.domain.signals import LONGEST_VALID_NS, Signal, Target
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.intents import Leg
from tradefleet.risk.decisions import Reason, Refusal

SEEN_SIGNALS_NS: Final = LONGEST_VALID_NS
"""Ids are remembered for so long; what is older has expired by its own time."""


def take_signal(state: AccountState, event: SignalReceived) -> list[AnyAction]:
    """One signal; a repeat of an id is dropped without a word."""
    signal, now_ns = event.signal, event.now_ns
    if signal.signal_id in state.seen_signals or _was_followed(state, signal):
        return []
    state.seen_signals[signal.signal_id] = now_ns
    state.tally.signals += 1
    refusal = _expired(signal, now_ns) or not_ours(state, signal) or _superseded(state, signal)
    if refusal is not None:
        if refusal.reason is Reason.NOT_OWNER:
            # Of one bar both pods make the same id: a word that does not count must not use it up.
            del state.seen_signals[signal.signal_id]
        alerts = _missed_flat(state, signal) if refusal.reason is Reason.STALE_SIGNAL else []
        return [_refused(state, signal, refusal), *alerts]
    _take_back_reversal(state, signal)
    actions = _flat(state, signal) if signal.target is Target.FLAT else _entry(state, signal, now_ns)
    accepted = any(isinstance(a, JudgeSignal) and a.verdict is Verdict.ACCEPTED for a in actions)
    return [*actions, _keep_mark(state, signal, now_ns)] if accepted else actions


def forget_old_signals(state: AccountState, now_ns: int) -> None:
    """Those whose time is over."""
    state.seen_signals.forget(now_ns - SEEN_SIGNALS_NS + 1)


def not_ours(state: AccountState, signal: Signal) -> Refusal | None:
    """Why a signal is not heard: whose it is, or of what; None when it is."""
    if not state.owners.hears(signal.shard, signal.instance, signal.owner_epoch):
        return Refusal(Reason.NOT_OWNER, f"{signal.instance} under {signal.owner_epoch}")
    if signal.bot_uid != state.config.uid:
        return Refusal(Reason.NOT_OWNER, f"signal of bot {signal.bot_uid}")
    if signal.symbol not in state.instruments or signal.symbol not in state.spec.universe.symbols:
        return Refusal(Reason.UNKNOWN_SYMBOL, signal.symbol)
    if signal.target is not Target.FLAT and not enabled(state, signal.strategy):
        # A flat target of a strategy that was just switched off still ends what it began.
        return Refusal(Reason.STRATEGY_DISABLED, signal.strategy)
    return None


# ---- does it still count


def _was_followed(state: AccountState, signal: Signal) -> bool:
    """The verdict on a signal that reversed may be lost with its leader; its intent is not. And an id may be
    forgotten; the newest one that was accepted is not."""
    mark = _mark(state, signal)
    if mark is not None and mark.signal_id == signal.signal_id:
        return True
    return client_order_id(state.account, signal.signal_id, Leg.OPEN, 0) in state.tracked


def _expired(signal: Signal, now_ns: int) -> Refusal | None:
    if now_ns <= signal.expires_ns:
        return None
    late_ms = (now_ns - signal.expires_ns) // 1_000_000
    return Refusal(Reason.STALE_SIGNAL, f"{late_ms} ms after its time")


def _superseded(state: AccountState, signal: Signal) -> Refusal | None:
    mark = _mark(state, signal)
    if mark is None or not is_superseded(mark, signal):
        return None
    older_ms = (mark.at_ns - signal.at_ns) // 1_000_000
    return Refusal(Reason.SUPERSEDED, f"{older_ms} ms older than {mark.signal_id}, which was followed")


def _mark(state: AccountState, signal: Signal) -> SignalMark | None:
    return state.signal_marks.get((signal.strategy, signal.symbol))


def _keep_mark(state: AccountState, signal: Signal, now_ns: int) -> KeepSignalMark:
    mark = marked(_mark(state, signal), signal, now_ns)
    state.signal_marks[signal.strategy, signal.symbol] = mark
    return KeepSignalMark(mark=mark)


def _missed_flat(state: AccountState, signal: Signal) -> list[AnyAction]:
    """A FLAT that came too late is not followed, and is not repeated: a person must hear what it leaves."""
    mark = _mark(state, signal)
    newer = mark is None or signal.at_ns > mark.at_ns
    if signal.target is not Target.FLAT or signal.bot_uid != state.config.uid or not newer:
        return []
    left = [
        f"{position.size:f} in {key.name}"
        for key in state.keys(signal.symbol)
        if (position := state.position(key)).size != 0
        and position.plan is not None
        and position.plan.strategy == signal.strategy
        and not position.plan.close_signal_id
    ]
    if not left:
        return []
    detail = f"{signal.strategy}: a FLAT expired before it was read, and leaves {', '.join(left)}"
    return [Alert(kind=AlertKind.FLAT_EXPIRED, detail=detail)]


# ---- what it means


def _flat(state: AccountState, signal: Signal) -> list[AnyAction]:
    """The strategy that opened a position, or is opening one, wants it closed."""
    ends = account_legs.end_own(state, signal, state.keys(signal.symbol))
    if ends is not None:
        return [_accepted(state, signal, ends.detail), *ends.actions]
    state.tally.refused[Reason.NOTHING_TO_CLOSE] = state.tally.refused.get(Reason.NOTHING_TO_CLOSE, 0) + 1
    return [
        JudgeSignal(
            signal=signal,
            verdict=Verdict.NOTHING_TO_DO,
            reason=Reason.NOTHING_TO_CLOSE,
            detail=f"{signal.strategy} holds nothing in {signal.symbol}",
        )
    ]


def _entry(state: AccountState, signal: Signal, now_ns: int) -> list[AnyAction]:
    side = Side.BUY if signal.target is Target.LONG else Side.SELL
    key = state.key(signal.symbol, side)
    if state.hedged:
        other = state.key(signal.symbol, side.opposite)
        ends = account_legs.end_own(state, signal, (other,))
        if ends is not None:
            # Its own other leg goes first; those of other strategies stay.
            if state.spec.exits.reverse_on_opposite:
                state.reversals[other] = signal
            return [_accepted(state, signal, f"other leg: {ends.detail}"), *ends.actions]
    position = state.position(key)
    ended = account_legs.end_resting(state, key, side.opposite, signal.signal_id)
    opposite = oppose(position.size, side.sign) and is_of_a_strategy(position)
    if (opposite or ended) and state.spec.exits.reverse_on_opposite:
        state.reversals[key] = signal
    if opposite:
        # The opposite of what is held: close to flat; then a new intent may open the other side.
        closing = account_legs.ask_to_close(state, key, signal.signal_id)
        return [_accepted(state, signal, "closes the opposite"), *ended, *closing]
    if ended:
        return [_accepted(state, signal, "cancels the opposite, which rests"), *ended]
    allowed = may_enter(state, signal, side, now_ns)
    if isinstance(allowed, Refusal):
        return [_refused(state, signal, allowed)]
    entry, _ = allowed
    detail = f"{side} {entry.qty:f} at {entry.price:f}"
    return [_accepted(state, signal, detail), submit(state, entry_intent(state, signal, allowed, now_ns))]


def _take_back_reversal(state: AccountState, signal: Signal) -> None:
    """A newer word of the same strategy stands in place of the one that waits for a close."""
    for key in state.keys(signal.symbol):
        waiting = state.reversals.get(key)
        if waiting is not None and waiting.strategy == signal.strategy:
            del state.reversals[key]


def _accepted(state: AccountState, signal: Signal, detail: str) -> JudgeSignal:
    state.tally.accepted += 1
    return JudgeSignal(signal=signal, verdict=Verdict.ACCEPTED, reason="", detail=detail)


def _refused(state: AccountState, signal: Signal, refusal: Refusal) -> JudgeSignal:
    state.tally.refused[refusal.reason] = state.tally.refused.get(refusal.reason, 0) + 1
    return JudgeSignal(signal=signal, verdict=Verdict.REFUSED, reason=refusal.reason, detail=refusal.detail)
