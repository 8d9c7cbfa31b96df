"""Holds every call back until the exchange's limits have room for it, and learns from the answers.

The thin shell around `orders.budget`: it reads the monotonic clock and waits. One of these for each
account and address; calls of the event loop and of the reads' thread share it. Callers of one lane and
endpoint are served in the order in which they came.
"""

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

from tradefleet.adapters.bybit.errors import CREDENTIAL_CODES, UNAUTHORISED
from tradefleet.adapters.bybit.quotas import default_budgets
from tradefleet.orders.budget import Budgets, Lane

TOO_MANY_VISITS: Final = 10006
FORBIDDEN: Final = 403

_MILLISECOND_NS: Final = 1_000_000
_S: Final = 1e9


class Governor:
    """Whether, and when, a call may go."""

    def __init__(
        self, budgets: Budgets | None = None, *, monotonic_ns: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self._budgets = budgets or default_budgets()
        self._now_ns = monotonic_ns
        self._lock = threading.Lock()
        self.key_refusals = 0
        """Answers that did not take the key; one alone may be the exchange's own trouble."""
        self._turns: defaultdict[tuple[str, Lane], asyncio.Lock] = defaultdict(asyncio.Lock)

    def try_now(self, path: str, lane: Lane, orders: int = 1) -> float:
        """0.0: go, it is counted. Else seconds until it could go; nothing is counted."""
        with self._lock:
            return self._budgets.take(path, lane, self._now_ns(), orders) / _S

    def room(self, path: str, lane: Lane) -> int:
        """How many orders one request could carry now; nothing is counted."""
        with self._lock:
            return self._budgets.room(path, lane, self._now_ns())

    async def admitted(self, path: str, lane: Lane, patience_s: float, orders: int = 1) -> bool:
        """Wait for room; False as soon as it is known that there will be none within the patience."""
        deadline_ns = self._now_ns() + int(patience_s * _S)
        # Whoever waits here also keeps those behind in line; what they wait for is the same.
        async with self._turns[path, lane]:
            while wait_s := self.try_now(path, lane, orders):
                if self._now_ns() + int(wait_s * _S) > deadline_ns:
                    return False
                await asyncio.sleep(wait_s)
            return True

    def admitted_blocking(self, path: str, lane: Lane, patience_s: float) -> bool:
        """The same in a thread of its own."""
        deadline_ns = self._now_ns() + int(patience_s * _S)
        while wait_s := self.try_now(path, lane):
            if self._now_ns() + int(wait_s * _S) > deadline_ns:
                return False
            time.sleep(wait_s)
        return True

    def answered(
        self,
        path: str,
        *,
        sent_ns: int,
        status: int,
        headers: Mapping[str, str],
        ret_code: int | None,
        server_ms: int,
    ) -> None:
        """Learn from an answer. sent_ns: monotonic; server_ms: the envelope's `time`, 0 when unknown."""
        limit = _whole(headers.get("X-Bapi-Limit"))
        remaining = _whole(headers.get("X-Bapi-Limit-Status"))
        with self._lock:
            now_ns = self._now_ns()
            self.key_refusals += ret_code in CREDENTIAL_CODES or status == UNAUTHORISED
            if status == FORBIDDEN:
                self._budgets.banned(now_ns)
            if status == 200:
                self._budgets.answered(sent_ns)
            if ret_code == TOO_MANY_VISITS:
                reset_ms = _whole(headers.get("X-Bapi-Limit-Reset-Timestamp")) or 0
                self._budgets.refused(path, (reset_ms - server_ms) * _MILLISECOND_NS, now_ns)
            # Refusals before the account is known (clock, key) come with headers of something else.
            if ret_code == 0 and limit is not None and remaining is not None:
                self._budgets.told(path, limit, remaining, sent_ns=sent_ns, now_ns=now_ns)

    def rests(self, path: str) -> None:
        """Orders of a batch were refused for the limit: the endpoint rests for a window."""
        with self._lock:
            self._budgets.refused(path, 0, self._now_ns())

    def banned_for_s(self) -> float:
        """How long the address still has to keep quiet after HTTP 403; 0.0 for not at all."""
        with self._lock:
            return self._budgets.banned_for_ns(self._now_ns()) / _S


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
