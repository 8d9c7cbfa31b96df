"""Every position has its stop at the exchange: wished for, written down, asked for, and read back.

A stop is desired state of one position (symbol, positionIdx, generation). What the exchange shows is
compared with it on every row and every reading; what is missing or looser is asked for again, one request
at a time, with absolute prices, so that a repeat does no harm. What is tighter is taken over: a stop never
loosens, whoever moved it. One whose stop the price has already passed is closed. Positions of others are
`account_foreign`'s.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from tradefleet.core import account_foreign, account_marks, account_stop_trouble
from tradefleet.core.account_state import SECOND_NS, AccountState, Guard
from tradefleet.core.actions import AnyAction, KeepPosition, SetProtection
from tradefleet.core.events import ProtectionAnswered
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import MONEY, ZERO, agree, along
from tradefleet.orders.grid import is_as_wished, stop_on, target_on
from tradefleet.orders.intents import Intent, IntentState, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.positions.evidence import same_side
from tradefleet.positions.plan import ExitPlan, PositionRecord
from tradefleet.positions.protection import (
    better,
    first_stop,
    is_looser,
    is_passed,
    tighter,
    trailed,
)

ATTACHED_DUE_NS = SECOND_NS
"""An entry's own stop is given so long to show in a row before it is asked for."""
ASK_AGAIN_NS = SECOND_NS
READ_BACK_NS = 2 * SECOND_NS
"""A stop that was taken and does not show so long after is looked for by a comparison."""
MOVE_AT_LEAST = Decimal("0.0005")
"""A trailing stop moves by at least this fraction of the price: the exchange takes ten requests a second."""


DIFFERS_NS = SECOND_NS
"""A row whose size is not the sum of our executions so long after is looked into: they come in any order."""


def take_position(state: AccountState, row: ExchangePosition) -> None:
    """A position row, from the stream or from a reading; an older one than we know is passed over."""
    guard = state.guard(row.key)
    if row.at_ns < guard.seen_ns:
        return
    guard.seen_ns, guard.seen_size = row.at_ns, row.size
    guard.stop, guard.target = row.stop_loss, row.take_profit
    account_marks.take_row(state, row)


def take_reading(state: AccountState, rows: Iterable[ExchangePosition], asked_ns: int) -> None:
    """All positions that were open when they were asked for: whatever is not among them was flat."""
    open_now = {row.key: row for row in rows}
    for key in sorted(state.guards.keys() | open_now.keys()):
        if key in open_now:
            take_position(state, open_now[key])
        elif state.evidence.proves_absence(key.symbol) and (guard := state.guard(key)).seen_ns < asked_ns:
            guard.seen_size, guard.stop, guard.target = ZERO, None, None


def look_for_differences(state: AccountState, now_ns: int) -> None:
    """A position that somebody else has opened or changed shows by its row, long before the next timer."""
    busy = state.moving_keys()
    for key in sorted(state.guards):
        guard = state.guards[key]
        if key in busy or guard.seen_ns == 0 or guard.seen_size == state.position(key).total:
            guard.differs_ns = 0
        elif guard.differs_ns == 0:
            guard.differs_ns = now_ns
        elif now_ns - guard.differs_ns > DIFFERS_NS:
            # Until the comparison has resolved it, it is asked for no more than once in a while.
            guard.differs_ns = now_ns + 10 * DIFFERS_NS
            state.want_reconciliation("a position row differs from our executions")


def answered(state: AccountState, event: ProtectionAnswered) -> list[AnyAction]:
    """What one request came to. Only reading shows what stands; a refusal may mean that the price, or the
    position, has moved on."""
    guard = state.guard(event.key)
    guard.asking = False
    guard.not_before_ns = event.now_ns + ASK_AGAIN_NS
    if event.outcome in (Outcome.ACCEPTED, Outcome.ALREADY):
        guard.read_back_by_ns = event.now_ns + READ_BACK_NS
        account_stop_trouble.taken(guard)
        return []
    return account_stop_trouble.refused(state, guard, event) if event.outcome is Outcome.REJECTED else []


def unsettled(state: AccountState, key: PositionKey, now_ns: int) -> bool:
    """True while a request could still change the stop of whatever stands at this key."""
    guard = state.guards.get(key)
    return guard is not None and (guard.waits(now_ns) or now_ns < guard.valid_until_ns)


def held_stop(state: AccountState, key: PositionKey, side: Side) -> Decimal | None:
    """The tightest stop that a further entry of this side would replace: the position's, as it is wished and
    as it shows, and those of entries that are on their way; None when there is none."""
    sign, position = side.sign, state.position(key)
    stop: Decimal | None = None
    if agree(position.size, sign):
        guard = state.guards.get(key)
        stop = guard.stop if guard is not None and guard.shows(position.size) else None
        stop = tighter(sign, stop, None if position.plan is None else position.plan.stop_loss)
    for tracked in state.tracked.open_of(key):
        intent = tracked.intent
        if intent.leg is Leg.OPEN and intent.side is side and not tracked.is_at_rest:
            stop = tighter(sign, stop, intent.stop_loss)
    return stop


def loosens(state: AccountState, intent: Intent) -> bool:
    """Whether an entry, once it fills, would put a looser stop in the place of the position's."""
    sign, position = intent.side.sign, state.position(intent.key)
    instrument = state.instruments.get(intent.key.symbol)
    wish = None if position.plan is None else position.plan.stop_loss
    if not agree(position.size, sign) or wish is None or instrument is None:
        return False
    leaves = stop_on(sign, wish, state.market(intent.key.symbol).mark, instrument)
    return leaves is not None and is_looser(sign, intent.stop_loss, leaves)


def watch_mark(state: AccountState, key: PositionKey, mark: Decimal) -> None:
    """The best price so far, for the stop that follows it."""
    position = state.positions.get(key)
    if position is None or position.size == 0:
        return
    guard = state.guard(key)
    sign = position.sign
    known = guard.best if guard.best_of == position.generation else _kept_best(position)
    guard.best, guard.best_of = better(sign, known, mark), position.generation


def drive(state: AccountState, keys: Iterable[PositionKey], now_ns: int) -> list[AnyAction]:
    """What the positions of these keys need now. Nothing before a list, or the position's own row, was read:
    what the journal holds may be over already. Nor where the exchange shows something else."""
    actions: list[AnyAction] = []
    for key in keys:
        position = state.positions.get(key)
        if position is None or position.size == 0:
            account_stop_trouble.over(state, key)
        elif key.symbol in state.instruments and _is_there(state, key, position):
            actions += _protect(state, key, position, now_ns)
    return actions


def _is_there(state: AccountState, key: PositionKey, position: PositionRecord) -> bool:
    """Whether a list, or the position's own row, has been read, and shows nothing else."""
    seen = state.evidence.listed_ns > 0 or state.guard(key).seen_ns > 0
    return seen and same_side(position.size, state.evidence.size(key))


def _protect(state: AccountState, key: PositionKey, position: PositionRecord, now_ns: int) -> list[AnyAction]:
    guard = state.guard(key)
    actions: list[AnyAction] = []
    if account_foreign.is_foreign(position):
        if account_foreign.is_observed(state):
            account_stop_trouble.over(state, key)
            return [*account_foreign.named(state, position)]
        planned = account_foreign.planned(state, position, ATTACHED_DUE_NS, now_ns)
    else:
        planned = _planned(state, key, position, guard)
    if planned is not position:
        state.positions[key] = planned
        actions.append(KeepPosition(position=planned))
    plan = planned.plan
    account_stop_trouble.note(state, planned, ATTACHED_DUE_NS, now_ns)
    if plan is None or plan.stop_loss is None:
        return actions
    trouble = account_stop_trouble.drive(state, planned, plan.stop_loss, now_ns)
    if trouble:
        return actions + trouble
    leaves = _leaving(state, key, plan, guard, position.sign)
    if guard.shows(position.size) and _is_as_wished(guard, leaves, position.sign):
        guard.read_back_by_ns = 0
        return actions
    return actions + _ask(state, key, planned, plan, guard, leaves, now_ns)


class _Leaving(NamedTuple):
    """Stop and target as they would leave on today's grid; None for what cannot be set, or is not wanted."""

    stop: Decimal | None
    target: Decimal | None


def _leaving(state: AccountState, key: PositionKey, plan: ExitPlan, guard: Guard, sign: int) -> _Leaving:
    mark, instrument = state.market(key.symbol).mark, state.instruments[key.symbol]
    stop = None if plan.stop_loss is None else stop_on(sign, plan.stop_loss, mark, instrument)
    target = _wanted_target(state, key, plan, guard, sign)
    return _Leaving(stop, None if target is None else target_on(sign, target, mark, instrument))


def _is_as_wished(guard: Guard, leaves: _Leaving, sign: int) -> bool:
    """Whether what shows protects as much as what would leave: else it would be asked for without end."""
    stop_stands = leaves.stop is None or not is_looser(sign, guard.stop, leaves.stop)
    return stop_stands and (leaves.target is None or guard.target is not None)


def _ask(
    state: AccountState,
    key: PositionKey,
    position: PositionRecord,
    plan: ExitPlan,
    guard: Guard,
    leaves: _Leaving,
    now_ns: int,
) -> list[AnyAction]:
    """Ask for the plan's stop and target, or close what they can no longer protect."""
    sign, stop = position.sign, plan.stop_loss
    shows = guard.shows(position.size)
    if not shows and (plan.is_foreign or now_ns - plan.opened_ns < ATTACHED_DUE_NS):
        # It may come with the stop of whoever opened it; an entry of ours comes with its own.
        return []
    if guard.read_back_by_ns and now_ns > guard.read_back_by_ns:
        guard.read_back_by_ns = 0
        state.want_reconciliation("a stop was not read back")
    if guard.waits(now_ns) or now_ns < guard.not_before_ns or now_ns < guard.read_back_by_ns:
        return []
    if stop is None or leaves.stop is None:
        return []
    if _is_passed(state, key, guard, sign, stop, now_ns):
        return _close_instead(state, key, position, plan, guard)
    if guard.stands(position.size) and _entry_under_way(state, key, now_ns):
        # It brings the stop that the position had when it was decided, and would loosen what is set now.
        return []
    return [
        *(account_foreign.named(state, position) if plan.is_foreign else ()),
        *_sent(state, position, plan, leaves.stop),
        request(state, position, leaves.stop, leaves.target, now_ns),
    ]


def request(
    state: AccountState, position: PositionRecord, stop: Decimal, target: Decimal | None, now_ns: int
) -> SetProtection:
    """The one request that is under way from now on. stop, target: on today's grid."""
    guard = state.guard(position.key)
    guard.asking = True
    sign_by_ns = now_ns + state.sign_within_ns
    guard.valid_until_ns = sign_by_ns + state.receive_window_ns
    return SetProtection(
        key=position.key,
        generation=position.generation,
        stop_loss=stop,
        take_profit=target,
        sign_by_ns=sign_by_ns,
        valid_until_ns=guard.valid_until_ns,
    )


def _sent(state: AccountState, position: PositionRecord, plan: ExitPlan, stop: Decimal) -> list[AnyAction]:
    """Remember what leaves in place of the wish: once it shows on another grid it is still nobody else's."""
    sent = None if stop == plan.stop_loss else stop
    if sent is None or sent == plan.stop_sent:
        return []
    kept = msgspec.structs.replace(position, plan=msgspec.structs.replace(plan, stop_sent=sent))
    state.positions[position.key] = kept
    return [KeepPosition(position=kept)]


def _close_instead(
    state: AccountState, key: PositionKey, position: PositionRecord, plan: ExitPlan, guard: Guard
) -> list[AnyAction]:
    """The mark is beyond the stop and the exchange has none there: what the stop would have done. One that
    stands further away has its time (`account_stop_trouble`)."""
    if plan.close_signal_id or guard.stands(position.size):
        return []
    detail = f"{key.name}: the mark has passed {plan.stop_loss}, and no stop stands there; closing"
    return account_stop_trouble.close(state, position, plan, "stop_passed", detail)


def _entry_under_way(state: AccountState, key: PositionKey, now_ns: int) -> bool:
    """Whether an entry may still reach the exchange; one whose answer was lost, for as long as it can."""
    return any(
        tracked.intent.leg is Leg.OPEN
        and tracked.record.state in (IntentState.WRITTEN, IntentState.AMBIGUOUS)
        and now_ns <= tracked.intent.valid_until_ns
        for tracked in state.tracked.open_of(key)
    )


def _is_passed(
    state: AccountState, key: PositionKey, guard: Guard, sign: int, stop: Decimal, now_ns: int
) -> bool:
    """Whether the price is beyond the stop. An old mark alone proves nothing: the exchange is asked for the
    stop, and refuses it when it is so."""
    mark = state.market(key.symbol).mark
    if mark is None or not is_passed(sign, mark, stop):
        return False
    return guard.refusals > 0 or account_stop_trouble.fresh_mark(state, key, now_ns) is not None


def _wanted_target(
    state: AccountState, key: PositionKey, plan: ExitPlan, guard: Guard, sign: int
) -> Decimal | None:
    """The plan's target, where the exchange could still take it. One that somebody has moved is left
    where it is; and after a refusal the stop goes alone, as it must not fail for the target's sake."""
    target, mark = plan.take_profit, state.market(key.symbol).mark
    if target is None or guard.refusals:
        return None
    if guard.target is not None and not is_as_wished(guard.target, target, state.instruments[key.symbol]):
        return None
    return None if mark is None or is_passed(-sign, mark, target) else target


def _planned(state: AccountState, key: PositionKey, position: PositionRecord, guard: Guard) -> PositionRecord:
    """The position with the stop that it should have by now; the same object when nothing changes."""
    sign = position.sign
    plan = position.plan
    if plan is None or plan.stop_loss is None:
        return _first(state, key, position, plan, guard)
    stop = plan.stop_loss
    if (
        guard.shows(position.size)
        and guard.stop is not None
        and _is_moved(state, plan, guard.stop, key, sign)
    ):
        stop = tighter(sign, stop, guard.stop) or stop
    if state.spec.exits.partial_close.break_even and plan.parts_closed > 0 and position.entry_price:
        # There it ends with neither profit nor loss, fees aside.
        stop = tighter(sign, stop, position.entry_price) or stop
    moved = _trailed(state, key, position, plan, guard)
    if moved is not None and along(sign, moved, stop) >= MONEY.multiply(moved, MOVE_AT_LEAST):
        stop = moved
    if stop == plan.stop_loss:
        return position
    best = guard.best if guard.best_of == position.generation else plan.best_price
    return msgspec.structs.replace(
        position, plan=msgspec.structs.replace(plan, stop_loss=stop, best_price=best)
    )


def _is_moved(state: AccountState, plan: ExitPlan, shown: Decimal, key: PositionKey, sign: int) -> bool:
    """Whether somebody else has set the stop that shows: it protects more than what we wish and have sent,
    and is not our wish as today's grid rounds it."""
    wish = plan.stop_loss
    if wish is None:
        return False
    ours = tighter(sign, wish, plan.stop_sent)
    return is_looser(sign, ours, shown) and not is_as_wished(shown, wish, state.instruments[key.symbol])


def _trailed(
    state: AccountState, key: PositionKey, position: PositionRecord, plan: ExitPlan, guard: Guard
) -> Decimal | None:
    if guard.best is None or guard.best_of != position.generation or position.entry_price is None:
        return None
    return trailed(position.sign, position.entry_price, guard.best, state.spec.exits.trailing)


def _first(
    state: AccountState, key: PositionKey, position: PositionRecord, plan: ExitPlan | None, guard: Guard
) -> PositionRecord:
    """A position of ours whose plan has no stop gets one: the exchange's, when that protects more."""
    mark = state.market(key.symbol).mark
    entry = position.entry_price or mark
    if plan is None or entry is None:
        return position
    sign = position.sign
    stop: Decimal | None = first_stop(sign, entry, mark, state.spec.exits.stop_loss)
    if guard.shows(position.size):
        stop = tighter(sign, stop, guard.stop)
    return msgspec.structs.replace(position, plan=msgspec.structs.replace(plan, stop_loss=stop))


def _kept_best(position: PositionRecord) -> Decimal | None:
    return None if position.plan is None else position.plan.best_price
