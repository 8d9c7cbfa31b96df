"""Every symbol has its leverage at the exchange before anything opens there: wished for, asked for, known.

Leverage is desired state of a symbol, as a stop is of a position. A position's row shows it; of a symbol
that is flat no list tells it, so it is set once an epoch, and "not modified" is as good an answer as any.
What is known is only in memory: the next leader asks again, and changes nothing by that.

Until it is known to be as wished an entry in the symbol is refused, and the symbol goes to the front. While
something is held or may be filled there it is never raised, and what is lower than wished will do; it is
lowered when the exchange takes that. A request whose answer was lost may still arrive: until its time is
over neither another value is asked for nor, unless it is what is wished, anything opened.
What a former leader has asked for could arrive as late; the row then shows it, and it is put right.
"""

from collections.abc import Iterator
from decimal import Decimal

from tradefleet.core.account_state import ANSWER_LATE_NS, SECOND_NS, AccountState, LeverageWatch
from tradefleet.core.actions import Alert, AnyAction, SetLeverage
from tradefleet.core.events import (
    AnyEvent,
    ConfigApplied,
    ExchangeRead,
    LeverageAnswered,
    SignalReceived,
    Ticked,
)
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.outcome import Outcome
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.leverage import effective
from tradefleet.spec.market import Category

AT_ONCE = 5
"""Requests under way: the exchange takes ten a second, and a symbol that is wanted now should not have to
wait behind more of them than half a second's."""
SIGN_WITHIN_NS = 2 * SECOND_NS
"""A request may wait so long for its turn in the exchange's limit, which is this call's own."""
ASK_AGAIN_NS = SECOND_NS
REFUSED_AGAIN_NS = 60 * SECOND_NS
"""What was refused for a reason of the account's or the contract's is hardly taken a second later."""


def take_row(state: AccountState, row: ExchangePosition, read_ns: int = 0) -> None:
    """A position row, of the stream or, with read_ns, of a reading that was asked for then."""
    watch = state.leverage(row.key.symbol)
    at_ns = max(row.at_ns, read_ns)
    if row.leverage is not None and at_ns >= watch.known_ns:
        watch.known, watch.known_ns = row.leverage, at_ns


def why_not_open(state: AccountState, symbol: str, now_ns: int) -> Refusal | None:
    """What forbids an entry in this symbol; then it is the next one to be seen to."""
    watch = state.leverage(symbol)
    wish = _wish(state, symbol, watch)
    if wish is None or _is_settled(state, symbol, watch, wish, now_ns):
        return None
    state.leverage_first[symbol] = None
    known = "not known" if watch.known is None else f"{watch.known:f}"
    said = f"; refused: {watch.refused}" if watch.refused else ""
    return Refusal(Reason.LEVERAGE_NOT_SET, f"{symbol} is to have {wish:f}; it is {known}{said}")


def why_nothing(state: AccountState, now_ns: int) -> Refusal | None:
    """What forbids an entry in any symbol: for the status, which says whether anything may be opened."""
    counts = status(state, now_ns)
    if counts["set"] or not (counts["waiting"] or counts["refused"]):
        return None
    return Refusal(Reason.LEVERAGE_NOT_SET, "in no symbol yet")


def answered(state: AccountState, event: LeverageAnswered) -> list[AnyAction]:
    """What one request came to."""
    watch = state.leverage(event.symbol)
    watch.asking = False
    watch.not_before_ns = event.now_ns + ASK_AGAIN_NS
    if event.outcome in (Outcome.ACCEPTED, Outcome.ALREADY):
        watch.refused = ""
        if watch.known_ns <= watch.asked_ns:
            # Unless a row has told since then: it may have been changed again.
            watch.known, watch.known_ns = event.leverage, watch.asked_ns
    elif event.outcome is Outcome.AMBIGUOUS:
        _doubt(state, event.symbol, watch, event.leverage)
    elif event.outcome is Outcome.REJECTED and not event.again:
        return _refused(watch, event)
    return []


def _doubt(state: AccountState, symbol: str, watch: LeverageWatch, asked: Decimal | None) -> None:
    """What it was before may be no more: only a row, or another answer, can tell."""
    watch.doubt, watch.doubt_until_ns = asked, watch.valid_until_ns
    if watch.known_ns <= watch.asked_ns and watch.known != asked:
        watch.known = None
        if _is_held(state, symbol):
            state.want_reconciliation("an answer about leverage was lost")


def give_up_waiting(state: AccountState, now_ns: int) -> None:
    """An answer that never came is as good as one that proves nothing."""
    for symbol, watch in state.leverages.items():
        if watch.asking and now_ns >= watch.valid_until_ns + ANSWER_LATE_NS:
            watch.asking = False
            _doubt(state, symbol, watch, watch.asked)


def drive(state: AccountState, event: AnyEvent) -> list[AnyAction]:
    """Ask for what is not as wished, symbols in which something was to be opened first.

    Nothing before the first comparison, since what is held must be known; nor while everything is closed.
    """
    match event:
        case Ticked() | LeverageAnswered() | ConfigApplied() | ExchangeRead():
            pass
        case SignalReceived() if state.leverage_first:
            pass
        case _:
            return []
    if not state.right_to_open or not state.reconciliation.finished_ns or state.kill_switch.began_ns:
        return []
    room = AT_ONCE - sum(watch.asking for watch in state.leverages.values())
    actions: list[AnyAction] = []
    for symbol in _in_turn(state) if room > 0 else ():
        action = _ask(state, symbol, event.now_ns)
        if action is not None:
            actions.append(action)
            if len(actions) == room:
                break
    return actions


def status(state: AccountState, now_ns: int) -> dict[str, object]:
    """For the status of the process: symbols whose leverage is as it should be, how many are not yet, and
    of which the exchange has refused it."""
    counted = {True: 0, False: 0}
    refused: dict[str, str] = {}
    for symbol in state.spec.universe.symbols:
        watch = state.leverage(symbol)
        wish = _wish(state, symbol, watch)
        if wish is None:
            continue
        settled = _is_settled(state, symbol, watch, wish, now_ns)
        counted[settled or bool(watch.refused)] += 1
        if watch.refused and not settled:
            refused[symbol] = watch.refused
    return {"set": counted[True] - len(refused), "waiting": counted[False], "refused": refused}


def _wish(state: AccountState, symbol: str, watch: LeverageWatch) -> Decimal | None:
    """What it is to be; None where there is no leverage, or no contract."""
    instrument = state.instruments.get(symbol)
    if instrument is None or state.spec.exchange.category is not Category.LINEAR:
        return None
    if watch.wish is None or watch.wish_of != (state.config, instrument):
        watch.wish, watch.wish_of = effective(state.spec.leverage, instrument), (state.config, instrument)
    return watch.wish


def _is_settled(state: AccountState, symbol: str, watch: LeverageWatch, wish: Decimal, now_ns: int) -> bool:
    """Whether it is as wished, or lower where it may not be raised, and nothing under way can change it."""
    if watch.asking or watch.known is None:
        return False
    if now_ns <= watch.doubt_until_ns and not (watch.doubt == wish == watch.known):
        return False
    return watch.known == wish or (watch.known < wish and _is_held(state, symbol))


def _is_held(state: AccountState, symbol: str) -> bool:
    """Whether something is open there, or may be. An order that is not ours could be anywhere."""
    return (
        bool(state.foreign_orders)
        or state.positions.is_held_in(symbol)
        or state.tracked.is_open_in(symbol)
        or any(key.symbol == symbol and guard.seen_size != 0 for key, guard in state.guards.items())
    )


def _in_turn(state: AccountState) -> Iterator[str]:
    yield from tuple(state.leverage_first)
    yield from (symbol for symbol in state.spec.universe.symbols if symbol not in state.leverage_first)


def _ask(state: AccountState, symbol: str, now_ns: int) -> AnyAction | None:
    """The request that this symbol needs now, if any."""
    watch = state.leverage(symbol)
    wish = _wish(state, symbol, watch)
    if wish is None or _is_settled(state, symbol, watch, wish, now_ns):
        state.leverage_first.pop(symbol, None)
        return None
    waits = now_ns < watch.not_before_ns and watch.asked == wish
    doubtful = now_ns <= watch.doubt_until_ns and watch.doubt != wish
    raises = watch.known is None or watch.known < wish
    if watch.asking or waits or doubtful or (raises and _is_held(state, symbol)):
        return None
    if watch.asked != wish:
        watch.refused = ""
    watch.asking, watch.asked, watch.asked_ns = True, wish, now_ns
    sign_by_ns = now_ns + SIGN_WITHIN_NS
    watch.valid_until_ns = sign_by_ns + state.receive_window_ns
    return SetLeverage(
        symbol=symbol, leverage=wish, sign_by_ns=sign_by_ns, valid_until_ns=watch.valid_until_ns
    )


def _refused(watch: LeverageWatch, event: LeverageAnswered) -> list[AnyAction]:
    """Told once for each wish, tried again seldom."""
    told = bool(watch.refused)
    watch.not_before_ns = event.now_ns + REFUSED_AGAIN_NS
    watch.refused = f"{event.reason} {event.ret_code} {event.message}"
    if told:
        return []
    detail = f"{event.symbol}: a leverage of {event.leverage:f} was refused: {watch.refused}"
    return [Alert(kind="leverage_refused", detail=detail)]
