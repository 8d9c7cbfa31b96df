"""Positions that the exchange shows and our executions do not: protected at once, closed under a latch.

Nobody knows yet whose they are, and the next comparison takes two readings to take one over. Until then it
gets a stop where none shows, as far from its entry as any; while a closing latch is engaged it is closed by
the size that the list shows. Neither is written as a plan: a new leader finds the same list. A position that
we hold ourselves, on the same side, is seen to by account_protection and account_exits.
"""

from collections.abc import Iterator

import msgspec

from tradefleet.core import (
    account_entries,
    account_evidence,
    account_exits,
    account_foreign,
    account_protection,
)
from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import Alert, AnyAction
from tradefleet.core.evidence import Shown
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import agree
from tradefleet.orders.grid import stop_on
from tradefleet.orders.intents import Leg
from tradefleet.positions.evidence import Basis
from tradefleet.positions.plan import KILL_SWITCH, ExitPlan
from tradefleet.positions.protection import first_stop


def drive(state: AccountState, now_ns: int) -> list[AnyAction]:
    """What they need now."""
    evidence = state.evidence
    if not evidence.shown:
        return []
    moving = state.moving_keys()
    latch = account_evidence.closing_latch(state)
    actions: list[AnyAction] = []
    for key in sorted(evidence.shown):
        shown = evidence.shown[key]
        if shown.size == 0 or agree(state.position(key).size, shown.size):
            continue
        if shown.certain and key not in moving:
            actions += _protect(state, key, shown, now_ns)
        if latch is not None:
            actions += _close(state, key, evidence.shown[key], latch, now_ns)
    return actions


def _protect(state: AccountState, key: PositionKey, shown: Shown, now_ns: int) -> Iterator[AnyAction]:
    """A stop where none shows, after an alert that names the position."""
    guard, instrument = state.guard(key), state.instruments.get(key.symbol)
    if not shown.told:
        state.evidence.shown[key] = msgspec.structs.replace(shown, told=True)
        detail = f"{key.name}: the exchange holds {shown.size:f}, and no execution that we know explains it"
        yield Alert(kind="unexplained_position", detail=detail)
    if instrument is None or not guard.shows(shown.size) or guard.stop is not None:
        return
    if account_foreign.is_observed(state):
        return
    mark = state.market(key.symbol).mark
    entry = shown.entry_price or mark
    if entry is None or guard.waits(now_ns) or now_ns < guard.not_before_ns or now_ns < guard.read_back_by_ns:
        return
    sign = 1 if shown.size > 0 else -1
    wish = first_stop(sign, entry, mark, state.spec.exits.stop_loss)
    stop = stop_on(sign, wish, mark, instrument)
    if stop is not None:
        held = state.position(key)
        seen = msgspec.structs.replace(held, size=shown.size, generation=held.generation + 1)
        yield account_protection.request(state, seen, stop, None, now_ns)


def _close(
    state: AccountState, key: PositionKey, shown: Shown, latch: str, now_ns: int
) -> Iterator[AnyAction]:
    """An order of the size that the exchange shows, under a name that no order has had."""
    if account_evidence.closing_basis(state, now_ns) is not Basis.LISTED:
        return
    if not account_exits.may_try(state, key, shown.attempts, now_ns):
        return
    signal_id = f"{latch}/{key.name}/{shown.since_ns}"
    held = msgspec.structs.replace(state.position(key), size=shown.size, entry_price=shown.entry_price)
    plan = ExitPlan(
        strategy=KILL_SWITCH,
        signal_id=signal_id,
        opened_ns=shown.since_ns,
        stop_loss=None,
        take_profit=None,
        flat_by_ns=0,
        close_signal_id=signal_id,
    )
    intent, alerts = account_exits.closing_intent(
        state,
        held,
        plan,
        Leg.CLOSE,
        signal_id=signal_id,
        attempts=shown.attempts,
        held=shown.size,
        now_ns=now_ns,
    )
    yield from alerts
    state.close_tried_ns[key] = now_ns
    state.evidence.shown[key] = msgspec.structs.replace(shown, attempts=intent.attempt + 1)
    yield account_entries.submit(state, intent)
