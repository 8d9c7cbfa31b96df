"""What a strategy's wish ends: its own position, in hedge mode its own leg.

A signal is a target: a strategy wants to be long, short or flat. A position belongs to the strategy that
opened it; in hedge mode the other leg may be another strategy's, and stays. One that is only being opened
ends as soon as it fills.
"""

from collections.abc import Callable, Iterable

import msgspec

from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import AnyAction, KeepIntent, KeepPosition
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Signal
from tradefleet.orders.intents import Intent, Leg


class Ends(msgspec.Struct, frozen=True):
    """What was asked to end, in words and in rows."""

    detail: str
    actions: list[AnyAction]


def end_own(state: AccountState, signal: Signal, keys: Iterable[PositionKey]) -> Ends | None:
    """Ask for the end of what the signal's strategy holds or is opening in these positions; None when that
    is nothing."""
    actions: list[AnyAction] = []
    details: list[str] = []
    for key in keys:
        # Two closes of one signal are two intents: the id of the second says which leg it is of.
        close_id = f"{signal.signal_id}/{key.position_idx}" if details else signal.signal_id
        opening = _end(state, key, close_id, lambda intent: intent.strategy == signal.strategy)
        actions += opening
        position = state.position(key)
        if position.size == 0 and opening:
            details.append("closes what the entry fills")
        elif position.size != 0 and position.plan is not None and position.plan.strategy == signal.strategy:
            details.append("closes")
            actions += ask_to_close(state, key, close_id)
    return Ends(", ".join(details), actions) if details else None


def ask_to_close(state: AccountState, key: PositionKey, signal_id: str) -> list[AnyAction]:
    """The position is to end; nothing changes when that was asked for already."""
    position = state.position(key)
    if position.plan is None or position.plan.close_signal_id:
        return []
    plan = msgspec.structs.replace(position.plan, close_signal_id=signal_id, close_attempt=0)
    state.positions[key] = msgspec.structs.replace(position, plan=plan)
    return [KeepPosition(position=state.positions[key])]


def end_resting(state: AccountState, key: PositionKey, side: Side, close_id: str) -> list[AnyAction]:
    """Entries on this side that rest are to go, whoever's they are: empty when there are none."""
    return _end(state, key, close_id, lambda intent: intent.side is side and intent.rest_until_ns > 0)


def _end(
    state: AccountState, key: PositionKey, close_id: str, meant: Callable[[Intent], bool]
) -> list[AnyAction]:
    """Entries that are not resolved yet are to go: what rests of them is cancelled, and should one still
    fill, the position is born with its end. Recorded, so that a new leader knows it too."""
    actions: list[AnyAction] = []
    for tracked in state.tracked.open_of(key):
        intent = tracked.intent
        if intent.leg is not Leg.OPEN or not meant(intent):
            continue
        record = tracked.record
        if not record.close_signal_id:
            record = msgspec.structs.replace(record, close_signal_id=close_id)
            state.tracked[intent.client_order_id] = msgspec.structs.replace(tracked, record=record)
        actions.append(KeepIntent(record=record))
    return actions
