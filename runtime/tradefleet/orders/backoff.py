"""How long to wait before a call is repeated: exponential with full jitter.

A pure function of the attempt and of one draw, so that a test can say exactly what happens. Full
jitter: many clients that failed together do not come back together.
Source: Brooker, "Exponential Backoff And Jitter", AWS 2015.
"""

from typing import Final

BASE_S: Final = 0.1
LONGEST_S: Final = 5.0
"""An exchange that is back shall be noticed within seconds."""

_MOST_DOUBLINGS: Final = 20
"""Beyond this the longest wait has long been reached, and the power would only grow."""


def wait_s(attempt: int, draw: float, *, base_s: float = BASE_S, longest_s: float = LONGEST_S) -> float:
    """Seconds before attempt + 1. attempt: how many have failed, from 1 on. draw: uniform in [0, 1)."""
    if attempt < 1:
        raise ValueError(f"attempt: {attempt} is below 1; the first failure is attempt 1")
    return draw * min(longest_s, base_s * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))
