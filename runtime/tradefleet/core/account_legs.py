"""What a strategy's wish ends: its own position, in hedge mode its own leg.

A signal is a target: a strategy wants to be long, short or flat. A position belongs to the strategy that
opened it; in hedge mode the other leg may be another strategy's, and stays. One that is only being opened
ends as soon as it fills.
"""

from collections.abc import Iterable

import msgspec

from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import AnyAction, KeepPosition
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Signal
from tradefleet.orders.intents import Leg


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
        opening = _end_what_opens(state, signal.strategy, key, close_id)
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


def _end_what_opens(state: AccountState, strategy: str, key: PositionKey, close_id: str) -> bool:
    """Not resolved yet: should it still fill, the position is born with its end."""
    opening = [
        tracked
        for tracked in state.open_intents()
        if tracked.intent.key == key
        and tracked.intent.leg is Leg.OPEN
        and tracked.intent.strategy == strategy
    ]
    for tracked in opening:
        ended = msgspec.structs.replace(tracked, close_signal_id=close_id)
        state.tracked[tracked.intent.client_order_id] = ended
    return bool(opening)
