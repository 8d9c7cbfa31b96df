"""The circuit breaker: while the way to the exchange is broken, nothing opens.

Pure: the caller says what it saw and when. It counts only what says that the way is broken (no answer,
HTTP 5xx, codes of an overloaded or restarting exchange), never that an order was refused; and it never
blocks what reduces. Failures count within a sliding window, so one failure a day opens nothing. When
its time is over it lets one opening order try; any answer of the exchange then closes it.

    closed --failures within the window--> open --its time is over--> half open
    half open --an answer--> closed         half open --another failure--> open
"""

from collections import deque
from enum import StrEnum
from typing import Final

import msgspec


class Seen(StrEnum):
    """What one call says about the way to the exchange."""

    ANSWERED = "answered"
    BROKEN = "broken"
    NOTHING = "nothing"
    """Never sent, or an answer that says nothing either way (HTTP 400, 401, 403, 404)."""


class State(StrEnum):
    """Where the breaker stands."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """failures within window_ns open it for open_ns."""

    failures: int = 5
    window_ns: int = 30_000_000_000
    open_ns: int = 60_000_000_000


BROKEN_CODES: Final = frozenset({429, 5004, 10000, 10006, 10016, 10429})
"""Overloaded, timed out inside, restarting, too many visits: the exchange, not the order."""


def seen(status: int | None, ret_code: int | None) -> Seen:
    """status: of HTTP, None when no answer came. ret_code: None when the answer is no envelope."""
    if status is None or status >= 500 or status == 429:
        return Seen.BROKEN
    if status != 200:
        return Seen.NOTHING
    return Seen.BROKEN if ret_code is None or ret_code in BROKEN_CODES else Seen.ANSWERED


class Breaker:
    """One account's breaker. All times int64 ns of one monotonic clock."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        """May be replaced at any time; what has been counted stays counted."""
        self._failures: deque[int] = deque()
        self._opened_ns: int | None = None
        self._probe_ns: int | None = None

    def state(self, now_ns: int) -> State:
        """Where it stands now."""
        if self._opened_ns is None:
            return State.CLOSED
        return State.OPEN if now_ns < self._opened_ns + self.limits.open_ns else State.HALF_OPEN

    def allows(self, opens: bool, now_ns: int) -> bool:
        """May this call be made? While half open, True takes the one probe: tell `saw` what became
        of it, NOTHING when it was not sent after all."""
        state = self.state(now_ns)
        if not opens or state is State.CLOSED:
            return True
        if state is State.OPEN:
            return False
        # A probe of which nothing was ever heard must not keep the breaker half open for ever.
        if self._probe_ns is not None and now_ns - self._probe_ns < self.limits.open_ns:
            return False
        self._probe_ns = now_ns
        return True

    def saw(self, result: Seen, now_ns: int) -> None:
        """What a call came to: any call, also one that reduces or only asks."""
        match self.state(now_ns), result:
            case State.CLOSED, Seen.BROKEN:
                self._count(now_ns)
            case State.HALF_OPEN, Seen.BROKEN:
                self._opened_ns, self._probe_ns = now_ns, None
            case State.HALF_OPEN, Seen.ANSWERED:
                self._opened_ns, self._probe_ns = None, None
                self._failures.clear()
            case State.HALF_OPEN, Seen.NOTHING:
                self._probe_ns = None
            case _:
                pass  # Open: what comes in now was sent before, or reduces; its time is not over.

    def _count(self, now_ns: int) -> None:
        self._failures.append(now_ns)
        while self._failures and now_ns - self._failures[0] >= self.limits.window_ns:
            self._failures.popleft()
        if len(self._failures) >= self.limits.failures:
            self._opened_ns, self._probe_ns = now_ns, None
            self._failures.clear()
