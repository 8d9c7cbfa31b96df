"""When the exchange is to be asked what has become of an order, as far as time alone says it.

Pure: one intent as it is known, in; a time, out. An entry that rests with its row known is asked for by what
is being done about it (`core.account_resting`), which is not known here.
"""

from typing import Final

from tradefleet.orders.intents import IntentState
from tradefleet.orders.tracked import Tracked

SECOND_NS: Final = 1_000_000_000
ASK_AGAIN_NS: Final = SECOND_NS
ANSWER_DUE_NS: Final = 30 * SECOND_NS
"""An answer that has not come so long after the question comes no more: it is asked again."""
ROW_DUE_NS: Final = 2 * SECOND_NS
"""An accepted order whose row, or whose executions, have not come so long after is a gap."""


def ask_from_ns(tracked: Tracked) -> int | None:
    """From then on it is to be asked for; None while nothing by itself makes that necessary."""
    if rests_known(tracked):
        return None
    again_ns = may_ask_from_ns(tracked)
    match tracked.record.state:
        case IntentState.AMBIGUOUS:
            return again_ns
        case IntentState.WRITTEN:
            # Restored from a dead leader, or an answer that never came back to us.
            return max(again_ns, tracked.intent.valid_until_ns + 1)
        case IntentState.ACCEPTED:
            sent_ns = max(tracked.sent_ns, tracked.intent.created_ns)
            return max(again_ns, sent_ns + ROW_DUE_NS + 1)
        case _:
            return None


def may_ask_from_ns(tracked: Tracked) -> int:
    """One question at a time: from then on the next one may follow the last."""
    return tracked.asked_ns + (ANSWER_DUE_NS if tracked.asking else ASK_AGAIN_NS)


def rests_known(tracked: Tracked) -> bool:
    """Whether it may rest, was taken, and its row has been seen."""
    accepted = tracked.record.state is IntentState.ACCEPTED
    return accepted and tracked.intent.rest_until_ns > 0 and tracked.order is not None
