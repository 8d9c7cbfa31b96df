"""How long a lease is good for, and how long its row has to be waited for. Pure arithmetic of its times.

The holder's right ends earlier than the row can pass on: it is measured from when the last good renewal was
sent, since the row was prolonged some time after that, and less a fifth, so that a request which was signed
at the last moment has left before somebody else leads.
"""

from typing import Final

import msgspec

MARGIN_PARTS: Final = 5
"""A fifth of the time to live is the margin."""


class RowSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What matters of a row that is there. left_s: until it runs out, by the database's clock, below zero
    afterwards. ttl_s: of whoever holds it. other_run: it was written under another run of the server;
    other_timeline: before a standby took over."""

    released: bool
    left_s: float
    ttl_s: float
    other_run: bool
    other_timeline: bool


def right_until_ns(sent_ns: int, ttl_ns: int) -> int:
    """Until when a grant or a renewal gives the right to act, on the clock of sent_ns: when it was sent."""
    return sent_ns + ttl_ns - ttl_ns // MARGIN_PARTS


def needs_a_whole_lease(row: RowSeen) -> bool:
    """Whether renewals of it may have been lost: it may be held although it has run out.

    A restarted server has all that was committed before, so that a released row is one; a standby that took
    over may lack the newest commits, the release's among them or the next grant's.
    """
    return row.other_timeline or (row.other_run and not row.released)


def wait_s(row: RowSeen, ttl_s: float, seen_for_s: float) -> float:
    """Seconds until the row may be taken; not above zero when it may be taken now.

    ttl_s: of the lease that is asked for. seen_for_s: since this run of the server was first seen with it.
    """
    if needs_a_whole_lease(row):
        return max(row.ttl_s, ttl_s) - seen_for_s
    return 0.0 if row.released else row.left_s
