"""How often the exchange may be called: rolling windows for each endpoint and for the address.

Pure bookkeeping, without a clock: `take` answers 0 and counts the call, or says how long to wait until
it could be counted, exactly. Four lanes share each window, so that the important is never kept waiting
by the plentiful: half of every trading endpoint stays free for what reduces, half of every read for
reconciliation. A request with several orders costs its endpoint as many calls, and the address one. A
bucket that refills would admit twice the limit at once; a rolling window does not.
Source: Bybit V5, "Rate Limit Rules" (2026-07); reference C3.
"""

from bisect import bisect_right
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

SECOND_NS: Final = 1_000_000_000

BAN_NS: Final = 600 * SECOND_NS
"""After HTTP 403 everything rests for ten minutes: the exchange lifts the ban only if it is left alone."""
PROBE_NS: Final = 60 * SECOND_NS
"""Yet what reduces tries once a minute: a ban must not keep a position open."""
LONGEST_BLOCK_NS: Final = 60 * SECOND_NS
"""No reset time is believed beyond this; a rolling second cannot need it."""


class Lane(StrEnum):
    """Who asks."""

    OPENING = "opening"
    REDUCING = "reducing"
    RESOLVING = "resolving"
    """Reconciliation, and questions for one order of ours."""
    POLLING = "polling"


class Share(msgspec.Struct, frozen=True):
    """part / whole of a limit."""

    part: int
    whole: int

    def of(self, limit: int) -> int:
        """Calls, at least one."""
        return max(1, limit * self.part // self.whole)


Shares = Mapping[Lane, Share]

TRADING_SHARES: Final[Shares] = {Lane.OPENING: Share(1, 2)}
READING_SHARES: Final[Shares] = {Lane.POLLING: Share(1, 2)}
# Together below the whole: what reduces finds room whatever the other three do.
ADDRESS_SHARES: Final[Shares] = {
    Lane.OPENING: Share(1, 6),
    Lane.RESOLVING: Share(1, 3),
    Lane.POLLING: Share(1, 3),
}


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """At most `limit` calls in any window_ns, of which a lane has at most its share (all when unnamed)."""

    limit: int
    window_ns: int = SECOND_NS
    shares: Shares = {}

    def cap(self, lane: Lane) -> int:
        """Calls that this lane may have in a window."""
        share = self.shares.get(lane)
        return self.limit if share is None else share.of(self.limit)


class Window:
    """The calls of one endpoint (or of the address) that still count."""

    def __init__(self, quota: Quota) -> None:
        if quota.limit < 1 or quota.window_ns < 1:
            raise ValueError(f"quota: limit {quota.limit} in {quota.window_ns} ns; both must be 1 or more")
        self.quota = quota
        self._calls: dict[Lane, list[int]] = {lane: [] for lane in Lane}
        """When each lane's calls went, in order."""
        self._others = 0
        self._others_until_ns = 0
        self._blocked_until_ns = 0
        self._told_ns = 0

    def wait_ns(self, lane: Lane, now_ns: int, calls: int = 1) -> int:
        """0 when these calls of this lane may go now, else how long until they may, if nothing else goes.

        Raises ValueError for more than a window can ever hold.
        """
        if calls > (most := min(self.quota.cap(lane), self.quota.limit)):
            raise ValueError(f"{calls} calls at once: the lane {lane} has {most} in a window")
        self._forget(now_ns)
        if self._room(lane, now_ns) >= calls:
            return 0
        ends = {at_ns + self.quota.window_ns for went in self._calls.values() for at_ns in went}
        ends |= {self._others_until_ns, self._blocked_until_ns}
        return next(end for end in sorted(ends) if end > now_ns and self._room(lane, end) >= calls) - now_ns

    def room(self, lane: Lane, now_ns: int) -> int:
        """How many calls of this lane may go now."""
        self._forget(now_ns)
        return self._room(lane, now_ns)

    def count(self, lane: Lane, now_ns: int, calls: int = 1) -> None:
        """These calls go now."""
        self._calls[lane] += [now_ns] * calls

    def block(self, until_ns: int) -> None:
        """Nothing goes before that."""
        self._blocked_until_ns = max(self._blocked_until_ns, until_ns)

    def told(self, limit: int, remaining: int, *, sent_ns: int, now_ns: int) -> None:
        """An answer's headers. Calls that are not ours (another program with this account) are counted
        for one window; our own in flight are left out, whether or not they had arrived."""
        if sent_ns < self._told_ns:
            return
        self._told_ns = sent_ns
        if limit >= 1 and limit != self.quota.limit:
            self.quota = msgspec.structs.replace(self.quota, limit=limit)
        ours = sum(self._since(who, sent_ns - self.quota.window_ns) for who in Lane)
        self._others = max(0, self.quota.limit - remaining - ours)
        self._others_until_ns = now_ns + self.quota.window_ns if self._others else 0

    def _room(self, lane: Lane, at_ns: int) -> int:
        if at_ns < self._blocked_until_ns:
            return 0
        begin_ns = at_ns - self.quota.window_ns
        others = self._others if at_ns < self._others_until_ns else 0
        ours = sum(self._since(who, begin_ns) for who in Lane)
        of_lane = self.quota.cap(lane) - self._since(lane, begin_ns)
        return max(0, min(of_lane, self.quota.limit - others - ours))

    def _since(self, lane: Lane, begin_ns: int) -> int:
        """How many calls of the lane went after this moment."""
        went = self._calls[lane]
        return len(went) - bisect_right(went, begin_ns)

    def _forget(self, now_ns: int) -> None:
        # Kept for a second window: an answer tells of the time at which its request left.
        old_ns = now_ns - 2 * self.quota.window_ns
        for went in self._calls.values():
            if went and went[0] <= old_ns:
                del went[: bisect_right(went, old_ns)]


class Budgets:
    """Every window of one account and address. All times int64 ns of one monotonic clock."""

    def __init__(self, endpoints: Mapping[str, Quota], address: Quota) -> None:
        self._windows = {path: Window(quota) for path, quota in endpoints.items()}
        self._address = Window(address)
        self._banned_ns: int | None = None
        self._reducing_free = True
        self._last_probe_ns = 0

    def take(self, path: str, lane: Lane, now_ns: int, orders: int = 1) -> int:
        """0: go, it is counted. Else ns until it could go. Raises ValueError for an unknown path.

        orders: in this one request; to its endpoint each is a call.
        """
        windows = [(self._address, 1)]
        if not path.startswith("/v5/market/"):  # public reads know only the address's limit
            windows.append((self._window(path), orders))
        waits = (window.wait_ns(lane, now_ns, calls) for window, calls in windows)
        wait_ns = max(self._ban_wait_ns(lane, now_ns), *waits)
        if wait_ns:
            return wait_ns
        for window, calls in windows:
            window.count(lane, now_ns, calls)
        if self._banned_ns is not None and not self._reducing_free:
            self._last_probe_ns = now_ns
        return 0

    def room(self, path: str, lane: Lane, now_ns: int) -> int:
        """How many orders one request could carry now; nothing is counted."""
        if self._ban_wait_ns(lane, now_ns) or not self._address.room(lane, now_ns):
            return 0
        return self._window(path).room(lane, now_ns)

    def told(self, path: str, limit: int, remaining: int, *, sent_ns: int, now_ns: int) -> None:
        """The headers X-Bapi-Limit and X-Bapi-Limit-Status of an answer."""
        self._window(path).told(limit, remaining, sent_ns=sent_ns, now_ns=now_ns)

    def refused(self, path: str, reset_in_ns: int, now_ns: int) -> None:
        """10006: this endpoint rests until its reset; a reset that lies behind counts as one window."""
        window = self._window(path)
        rest_ns = reset_in_ns if reset_in_ns > 0 else window.quota.window_ns
        window.block(now_ns + min(rest_ns, LONGEST_BLOCK_NS))

    def banned(self, now_ns: int) -> None:
        """HTTP 403: too many calls from this address."""
        self._banned_ns, self._last_probe_ns, self._reducing_free = now_ns, now_ns, False

    def answered(self, sent_ns: int) -> None:
        """HTTP 200: when the request left after the ban, what reduces is free again."""
        if self._banned_ns is not None and sent_ns > self._banned_ns:
            self._reducing_free = True

    def banned_for_ns(self, now_ns: int) -> int:
        """How long everything but reducing still rests; 0 for not at all."""
        return 0 if self._banned_ns is None else max(0, self._banned_ns + BAN_NS - now_ns)

    def _ban_wait_ns(self, lane: Lane, now_ns: int) -> int:
        rest_ns = self.banned_for_ns(now_ns)
        if not rest_ns:
            self._banned_ns, self._reducing_free = None, True
            return 0
        if lane is not Lane.REDUCING:
            return rest_ns
        return 0 if self._reducing_free else min(rest_ns, max(0, self._last_probe_ns + PROBE_NS - now_ns))

    def _window(self, path: str) -> Window:
        window = self._windows.get(path)
        if window is None:
            # An endpoint without a budget must not be an endpoint without a limit.
            raise ValueError(f"path: {path!r} has no quota; add it to the table of quotas")
        return window
