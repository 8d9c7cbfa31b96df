"""Stops that stand and do not work, stops that the exchange refuses, positions that show none.

A stop at the exchange can fail: it does not fire though the mark stands beyond it, or it is refused for as
long as it is asked for. A person is told, and told again with what to do; while a position shows no stop
nothing opens on the account; and what a stop would have closed is closed here. `positions.stop_trouble` says
what is how bad, `core.account_protection` asks for stops.
"""

from decimal import Decimal

import msgspec

from tradefleet.core.account_state import MARKET_SILENT_NS, AccountState, Guard
from tradefleet.core.actions import Alert, AnyAction, KeepPosition
from tradefleet.core.events import ProtectionAnswered
from tradefleet.domain.positions import PositionKey
from tradefleet.positions.plan import ExitPlan, PositionRecord
from tradefleet.positions.protection import is_beyond, tighter
from tradefleet.positions.stop_trouble import (
    BEYOND_FOR_NS,
    CLOSED_AFTER_NS,
    SAID_AGAIN_NS,
    SECOND_NS,
    Trouble,
    is_refusal,
    lasts,
    of_refusals,
)
from tradefleet.risk.decisions import Reason, Refusal


def refused(state: AccountState, guard: Guard, event: ProtectionAnswered) -> list[AnyAction]:
    """A request for a stop was rejected: the first time in a row a person hears of it."""
    state.want_reconciliation("a stop was refused")
    if not is_refusal(event.ret_code, event.message):
        return []
    guard.refusals += 1
    guard.refused_said = event.message or f"code {event.ret_code}"
    if guard.refusals > 1:
        return []
    guard.refused_ns = event.now_ns
    return [Alert(kind="stop_refused", detail=f"{event.key.name}: {guard.refused_said}; asking again")]


def taken(guard: Guard) -> None:
    """A request was taken: what was refused before is over."""
    guard.refusals, guard.refused_ns, guard.refused_told = 0, 0, False


def why_not_open(state: AccountState) -> Refusal | None:
    """What forbids opening anything: a position that shows no stop may lose anything by itself."""
    bare = [key.name for key in state.unprotected if state.position(key).size != 0]
    return Refusal(Reason.POSITION_UNPROTECTED, f"no stop stands at {', '.join(bare)}") if bare else None


def note(state: AccountState, position: PositionRecord, attached_due_ns: int, now_ns: int) -> None:
    """Remember whether the position shows a stop, once an attached one is due to show.

    A row that shows none counts at once. Without any row of it, as after a start, it is given the time in
    which a comparison would bring one.
    """
    key, plan = position.key, position.plan
    guard = state.guard(key)
    if guard.trouble_of != position.generation:
        over(state, key)
        guard.trouble_of = position.generation
    due = plan is None or now_ns - plan.opened_ns >= attached_due_ns
    if guard.stands(position.size) or not due:
        guard.bare_ns, guard.bare_told = 0, False
        state.unprotected.pop(key, None)
        return
    guard.bare_ns = guard.bare_ns or now_ns
    if guard.shows(position.size) or lasts(guard.bare_ns, now_ns, SAID_AGAIN_NS):
        state.unprotected[key] = None


def over(state: AccountState, key: PositionKey) -> None:
    """The position is flat, or another one: what was wrong with the stop of the last one is over."""
    state.unprotected.pop(key, None)
    guard = state.guards.get(key)
    if guard is not None:
        taken(guard)
        guard.bare_ns, guard.bare_told, guard.beyond_ns = 0, False, 0


def fresh_mark(state: AccountState, key: PositionKey, now_ns: int) -> Decimal | None:
    """The mark, while its topic speaks: an old price proves nothing about a stop."""
    market = state.market(key.symbol)
    return market.mark if now_ns - market.heard_ns <= MARKET_SILENT_NS else None


def drive(state: AccountState, position: PositionRecord, stop: Decimal, now_ns: int) -> list[AnyAction]:
    """What is wrong with the stop of a position that is not to end yet. stop: where it should stand, as it is
    wished; the one that shows may be tighter by less than a tick."""
    key, plan, guard = position.key, position.plan, state.guard(position.key)
    if plan is None or plan.close_signal_id:
        guard.beyond_ns = 0
        return []
    stands = guard.stands(position.size)
    mark = fresh_mark(state, key, now_ns)
    nearest = tighter(position.sign, guard.stop, stop) or stop
    if mark is None or not stands or not is_beyond(position.sign, mark, nearest):
        guard.beyond_ns = 0
    else:
        guard.beyond_ns = guard.beyond_ns or now_ns
    # Measured from price to price: a topic that has fallen silent says nothing of the time since.
    if mark is not None and lasts(guard.beyond_ns, state.market(key.symbol).heard_ns, BEYOND_FOR_NS):
        return _close_beyond(state, position, plan, guard, stop, mark, now_ns)
    match of_refusals(guard.refusals, guard.refused_ns, now_ns):
        case Trouble.FOR_LONG if not plan.is_foreign and not stands:
            said = _refused(key, guard, stop, now_ns)
            return close(state, position, plan, "stop_refused_closing", f"{said}; closing")
        case Trouble.AGAIN | Trouble.FOR_LONG if not guard.refused_told:
            guard.refused_told = True
            detail = _what_to_do(key, guard, stop, stands, plan.is_foreign, now_ns)
            return [Alert(kind="stop_refused_again", detail=detail)]
        case _:
            return [] if stands else _missing(key, guard, stop, now_ns)


def _close_beyond(
    state: AccountState,
    position: PositionRecord,
    plan: ExitPlan,
    guard: Guard,
    stop: Decimal,
    mark: Decimal,
    now_ns: int,
) -> list[AnyAction]:
    sign, lasted = position.sign, (now_ns - guard.beyond_ns) // SECOND_NS
    kind, said = "stop_passed", f"the one at the exchange, {guard.stop}, could not be moved there in time"
    if guard.stop is not None and is_beyond(sign, mark, guard.stop):
        kind, said = "stop_does_not_work", f"the one at the exchange, {guard.stop}, does not work"
    detail = (
        f"{position.key.name}: the mark {mark} stands beyond the stop {stop:f} for {lasted} s, and the "
        f"position is still held: {said}; closing"
    )
    return close(state, position, plan, kind, detail)


def close(
    state: AccountState, position: PositionRecord, plan: ExitPlan, kind: str, detail: str
) -> list[AnyAction]:
    """What the stop would have done, and why."""
    ending = f"stop/{position.key.name}/{position.generation}"
    kept = msgspec.structs.replace(position, plan=msgspec.structs.replace(plan, close_signal_id=ending))
    state.positions[position.key] = kept
    return [Alert(kind=kind, detail=detail), KeepPosition(position=kept)]


def _missing(key: PositionKey, guard: Guard, stop: Decimal, now_ns: int) -> list[AnyAction]:
    if guard.bare_told or guard.refusals or not lasts(guard.bare_ns, now_ns, SAID_AGAIN_NS):
        return []
    guard.bare_told = True
    detail = (
        f"{key.name}: no stop shows for {(now_ns - guard.bare_ns) // SECOND_NS} s, though {stop:f} is asked "
        f"for; nothing opens on this account until one does. Set it at the exchange, or close the position"
    )
    return [Alert(kind="stop_missing", detail=detail)]


def _refused(key: PositionKey, guard: Guard, stop: Decimal, now_ns: int) -> str:
    lasted = (now_ns - guard.refused_ns) // SECOND_NS
    return (
        f"{key.name}: the exchange has refused the stop {stop:f} {guard.refusals} times in {lasted} s "
        f"({guard.refused_said})"
    )


def _what_to_do(
    key: PositionKey, guard: Guard, stop: Decimal, stands: bool, foreign: bool, now_ns: int
) -> str:
    said = _refused(key, guard, stop, now_ns)
    if stands:
        return f"{said}; {guard.stop} still stands there. Move it at the exchange if that is too far away"
    ends = "no signal opened it, so it is not closed here"
    if not foreign:
        ends = f"after {CLOSED_AFTER_NS // SECOND_NS} s it is closed here"
    return (
        f"{said}; no stop stands, and nothing opens on this account until one does. Set it at the exchange, "
        f"or close the position; {ends}"
    )
