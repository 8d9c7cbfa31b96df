"""When a stop does not do its work: the price stands beyond it, or the exchange refuses it.

Pure: times and counts in, one word out; `core.account_stop_trouble` acts. A stop at the exchange goes by the
mark and fires within moments, so that a mark which stays beyond it says that it does not work. A refusal that
a later request would not meet (a rate limit, a settlement) and an answer that was lost count for nothing.
"""

from enum import Enum
from typing import Final

from tradefleet.orders.codes import Reason
from tradefleet.orders.outcome import Operation, classify

SECOND_NS: Final = 1_000_000_000

BEYOND_FOR_NS: Final = 5 * SECOND_NS
"""A stop that works has been executed by then, also in a thin book. The loss grows while we wait."""
SAID_AGAIN_NS: Final = 10 * SECOND_NS
"""Refused, or missing, for so long: a person hears what to do."""
CLOSED_AFTER_NS: Final = 30 * SECOND_NS
"""Refused for so long, and no stop stands: a person had twenty seconds."""
FEWEST_REFUSALS: Final = 5
"""A long wait between two refusals proves nothing: requests are a second apart."""


class Trouble(Enum):
    """What a row of refusals has become."""

    NONE = "none"
    AGAIN = "again"
    """For so long that a person has to know."""
    FOR_LONG = "for long"
    """For so long that the position must not stay as it is."""


def is_refusal(ret_code: int | None, message: str) -> bool:
    """Whether an answer that rejects a stop speaks against the stop itself: waiting does not help, and there
    is a position that it could protect."""
    if ret_code is None:
        return True
    verdict = classify(Operation.TRADING_STOP, ret_code, message)
    return not verdict.again and verdict.reason not in (Reason.NO_POSITION, Reason.REDUCE_ONLY)


def of_refusals(count: int, since_ns: int, now_ns: int) -> Trouble:
    """What `count` refusals in a row are, the first at since_ns (0 before one)."""
    if since_ns == 0 or count < FEWEST_REFUSALS:
        return Trouble.NONE
    lasted_ns = now_ns - since_ns
    if lasted_ns >= CLOSED_AFTER_NS:
        return Trouble.FOR_LONG
    return Trouble.AGAIN if lasted_ns >= SAID_AGAIN_NS else Trouble.NONE


def lasts(since_ns: int, now_ns: int, for_ns: int) -> bool:
    """Whether what began at since_ns (0 when it has not) goes on for so long."""
    return since_ns > 0 and now_ns - since_ns >= for_ns
