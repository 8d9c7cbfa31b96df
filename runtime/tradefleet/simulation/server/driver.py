"""The hand that turns the replayed market with the wall clock.

All it does is wait until something is due, advance, and hand the frames on. A process that was
suspended or cannot keep up does not make up for lost time in a burst: the rest of the recording is
put off instead, and the log says by how much.
"""

import asyncio
import time
from typing import Final

import structlog

from tradefleet.simulation.server.hub import PublicHub

log = structlog.get_logger(__name__)

TOO_LATE_NS: Final = 2_000_000_000
"""More than any pause of a healthy event loop, less than a client's patience."""

# Frames that are due within one millisecond leave together: fewer wake-ups, no stamp differs.
_SHORTEST_SLEEP_S: Final = 0.001


async def drive(*hubs: PublicHub) -> None:
    """Advance the hubs' markets for ever, until cancelled."""
    markets = [hub.market for hub in hubs]
    while True:
        now_ns = time.time_ns()
        late_ns = now_ns - min(market.next_due_ns for market in markets)
        if late_ns > TOO_LATE_NS:
            for market in markets:
                market.postpone(late_ns)
            log.warning("replay_postponed", by_ms=late_ns // 1_000_000)
        for hub in hubs:
            hub.publish(hub.market.advance_to(now_ns))
        wait_s = (min(market.next_due_ns for market in markets) - time.time_ns()) / 1e9
        await asyncio.sleep(max(_SHORTEST_SLEEP_S, wait_s))
