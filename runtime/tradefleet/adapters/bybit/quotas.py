"""How often each endpoint of Bybit may be called: the default tier of an account, linear and spot.

A VIP account is told its higher limits by the headers of its first answers.
Source: Bybit V5, "Rate Limit Rules" (2026-07); reference C3.
"""

from collections.abc import Mapping
from typing import Final

from tradefleet.orders.budget import (
    ADDRESS_SHARES,
    READING_SHARES,
    SECOND_NS,
    TRADING_SHARES,
    Budgets,
    Quota,
    Shares,
)

JITTER_NS: Final = 100_000_000
"""Added to each window: two requests that leave a second apart can arrive closer together. 50 ms were too
few on a loaded machine (2 of 14 cancels met a 10006); what a wider window costs is a tenth of the rate."""


def _a_second(limit: int, shares: Shares) -> Quota:
    return Quota(limit=limit, window_ns=SECOND_NS + JITTER_NS, shares=shares)


QUOTAS: Final[Mapping[str, Quota]] = {
    "/v5/order/create": _a_second(10, TRADING_SHARES),
    "/v5/order/create-batch": _a_second(10, TRADING_SHARES),
    "/v5/order/amend": _a_second(10, TRADING_SHARES),
    "/v5/order/cancel": _a_second(10, TRADING_SHARES),
    "/v5/order/cancel-all": _a_second(10, TRADING_SHARES),
    "/v5/position/trading-stop": _a_second(10, TRADING_SHARES),
    # Nothing that reduces is called here: no half of it has to stay free.
    "/v5/position/set-leverage": _a_second(10, {}),
    "/v5/position/switch-mode": _a_second(10, TRADING_SHARES),
    "/v5/order/realtime": _a_second(50, READING_SHARES),
    "/v5/order/history": _a_second(50, READING_SHARES),
    "/v5/execution/list": _a_second(50, READING_SHARES),
    "/v5/position/list": _a_second(50, READING_SHARES),
    "/v5/account/wallet-balance": _a_second(50, READING_SHARES),
    "/v5/account/info": _a_second(50, READING_SHARES),
    "/v5/account/fee-rate": _a_second(5, READING_SHARES),
    "/v5/account/transaction-log": _a_second(25, READING_SHARES),
    # Not in the reference; assumed as the simulator assumes it.
    "/v5/user/query-api": _a_second(10, READING_SHARES),
}

_SPOT: Final[Mapping[str, Quota]] = {
    "/v5/order/create": _a_second(20, TRADING_SHARES),
    "/v5/order/amend": _a_second(10, TRADING_SHARES),
    "/v5/order/cancel": _a_second(20, TRADING_SHARES),
    "/v5/order/cancel-all": _a_second(20, TRADING_SHARES),
    "/v5/order/realtime": _a_second(50, READING_SHARES),
    "/v5/order/history": _a_second(50, READING_SHARES),
    "/v5/execution/list": _a_second(50, READING_SHARES),
}
"""The exchange counts spot apart from contracts."""


def pool(path: str, category: str) -> str:
    """The name of the budget that a call to `path` spends: spot has some of its own."""
    return f"spot:{path}" if category == "spot" and path in _SPOT else path


ADDRESS_QUOTA: Final = Quota(limit=600, window_ns=5 * SECOND_NS + JITTER_NS, shares=ADDRESS_SHARES)
"""600 in 5 s of one address, all hosts together; beyond it comes HTTP 403."""


def default_budgets() -> Budgets:
    """Fresh budgets: one of these for each account and address."""
    of_spot = {pool(path, "spot"): quota for path, quota in _SPOT.items()}
    return Budgets({**QUOTAS, **of_spot}, ADDRESS_QUOTA)
