"""The other side after an opposite signal: a flip is a close to flat, then a new intent.

What was asked for is remembered in memory alone, and only until the signal expires: a leader that dies in
between has closed, and does not reverse. When the position is flat and no order of it is unresolved, the
same signal is asked everything again that any entry is asked, at that moment.
"""

from typing import Final

from tradefleet.core.account_entries import entry_intent, may_enter, submit
from tradefleet.core.account_signals import not_ours
from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import AnyAction
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.risk.decisions import Reason, Refusal

WAITS: Final = frozenset(
    {
        Reason.CLOSING_FIRST,
        Reason.NOT_RECONCILED,
        Reason.MARKET_SILENT,
        Reason.PRIVATE_STREAM_DOWN,
        Reason.LEVERAGE_NOT_SET,
        Reason.POSITION_UNPROTECTED,
        Reason.LEFTOVER_ORDERS,
    }
)
"""What may be over before the signal expires; every other refusal ends it."""


def drive(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Open what may be opened, and forget what may not."""
    if not state.reversals:
        return []
    actions: list[AnyAction] = []
    for key, signal in list(state.reversals.items()):
        if now_ns > signal.expires_ns:
            _forget(state, key, Reason.STALE_SIGNAL)
        elif not state.spec.exits.reverse_on_opposite:
            del state.reversals[key]
        elif _is_closed(state, key):
            side = Side.BUY if signal.target is Target.LONG else Side.SELL
            allowed = not_ours(state, signal) or may_enter(state, signal, side, now_ns)
            if not isinstance(allowed, Refusal):
                del state.reversals[key]
                actions.append(submit(state, entry_intent(state, signal, allowed, now_ns)))
            elif allowed.reason not in WAITS:
                _forget(state, key, allowed.reason)
    return actions


def _is_closed(state: AccountState, key: PositionKey) -> bool:
    return state.position(key).size == 0 and not state.tracked.open_of(key)


def _forget(state: AccountState, key: PositionKey, reason: Reason) -> None:
    """Said among the counts of the status: the verdict on the signal stands, since it has closed."""
    del state.reversals[key]
    word = f"not_reversed_{reason.value}"
    state.tally.not_taken[word] = state.tally.not_taken.get(word, 0) + 1
