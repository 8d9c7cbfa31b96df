"""How often each endpoint may be called: a rolling second for the account, as Bybit counts.

Pure; the clock is passed in. Source: Bybit V5, "Rate Limit Rules" (2026-07); reference C3.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final

from tradefleet.simulation.server.envelope import MILLISECOND_NS, RateLimit

WINDOW_NS: Final = 1_000_000_000

RESET_MARGIN_MS: Final = 20
"""Added to the reset time of a refusal: pybit sleeps until then and fails when it is already past."""

PER_SECOND: Final[Mapping[str, int]] = {
    "/v5/order/create": 10,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 10,
    "/v5/order/cancel-all": 10,
    "/v5/order/realtime": 50,
    "/v5/order/history": 50,
    "/v5/execution/list": 50,
    "/v5/position/list": 50,
    "/v5/position/set-leverage": 10,
    "/v5/position/switch-mode": 10,
    "/v5/position/trading-stop": 10,
    "/v5/account/wallet-balance": 50,
    "/v5/account/info": 50,
    "/v5/account/fee-rate": 5,
    "/v5/account/transaction-log": 25,
    "/v5/account/set-margin-mode": 5,
    "/v5/order/create-batch": 10,
    "/v5/order/amend-batch": 10,
    "/v5/order/cancel-batch": 10,
    "/v5/user/query-api": 10,
    "/v5/asset/coin/query-info": 5,
}
"""Calls a second, linear, default tier; the last two are not in the reference and are assumed."""

SPOT_PER_SECOND: Final[Mapping[str, int]] = {
    "/v5/order/create": 20,
    "/v5/order/amend": 10,
    "/v5/order/cancel": 20,
    "/v5/order/cancel-all": 20,
    "/v5/order/create-batch": 20,
    "/v5/order/amend-batch": 20,
    "/v5/order/cancel-batch": 20,
    "/v5/order/realtime": 50,
    "/v5/order/history": 50,
    "/v5/execution/list": 50,
}
"""The same of spot, counted apart from linear."""


def spot_pool(path: str) -> str:
    """The name of the quota that a spot request to `path` counts against."""
    return f"spot:{path}" if path in SPOT_PER_SECOND else path


_EVERY_POOL: Final[Mapping[str, int]] = {spot_pool(path): limit for path, limit in SPOT_PER_SECOND.items()}


class RollingLimits:
    """The account's calls of the last second, by endpoint."""

    def __init__(self, per_second: Mapping[str, int] = PER_SECOND) -> None:
        self._per_second = {**_EVERY_POOL, **per_second}
        self._calls: dict[str, deque[int]] = {path: deque() for path in self._per_second}

    def take(self, path: str, now_ns: int) -> tuple[bool, RateLimit]:
        """(allowed, what the headers say); a refused call does not count."""
        granted, rate = self.take_some(path, now_ns, 1)
        return granted == 1, rate

    def take_some(self, path: str, now_ns: int, wanted: int) -> tuple[int, RateLimit]:
        """(how many of `wanted` orders of a batch are allowed, what the headers say)."""
        limit, calls = self._per_second[path], self._calls[path]
        while calls and now_ns - calls[0] >= WINDOW_NS:
            calls.popleft()
        granted = min(wanted, limit - len(calls))
        calls.extend([now_ns] * granted)
        if granted == wanted:
            return granted, RateLimit(limit=limit, remaining=limit - len(calls))
        reset_ms = (calls[0] + WINDOW_NS) // MILLISECOND_NS + RESET_MARGIN_MS
        return granted, RateLimit(limit=limit, remaining=0, reset_ms=reset_ms)
