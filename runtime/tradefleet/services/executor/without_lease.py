"""Closes under a right without the lease, until that right ends (`orders.lone_right`).

Each round reads both lists of every coin and, once nothing of ours can arrive any more, which intents' orders
the exchange shows; then entries that were known go by their ids and what is covered is closed, reduce-only.
No stop is set, moved or removed. The reading says whether somebody leads by now, and then nothing more is
done.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Final

import structlog

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.way_out import lone_way_out
from tradefleet.adapters.bybit.way_out_reads import WayOutReads
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.orders.flatten import together
from tradefleet.orders.lone_right import LoneRight
from tradefleet.services.flatten import ROUND_S, Settings
from tradefleet.services.way_out_rounds import Doer, Largest, describe

log = structlog.get_logger(__name__)

ENDED_EVERY_S: Final = 1.0
"""Between two looks at orders that have ended: a leader of the account is seen so soon."""


class _Spoken:
    """What is done is said by the Doer; the spool has it."""

    async def note(self, subject: str, words: str, what: object) -> None:
        """Said already."""


async def close_without_lease(
    settings: Settings, right: LoneRight, may: Callable[[], bool], say: Callable[[str], None]
) -> float | None:
    """Close what the right covers until it ends, or may says no. Seconds until all of it was flat, None when
    it was not."""
    began, flat_at, told = time.monotonic(), None, ""
    governor = Governor()
    async with (
        WayOutReads(settings.rest, settings.key, settings.secret, governor=governor) as reads,
        lone_way_out(settings.rest, settings.key, settings.secret, governor) as way_out,
    ):
        doer, largest = Doer(way_out, _Spoken(), say), Largest(settings.rest)
        intents = _Intents(reads, right)
        while may() and not right.ended:
            coins = await reads.coins(time.time_ns())
            right.look(coins, await intents.shown())
            flat_at = (flat_at or time.monotonic()) if right.flat_ns is not None else None
            text = describe(together(coins))
            if text != told:
                say(text)
                told = text
            if may() and not right.ended:
                await doer.do(right.acts(coins, await largest.of(together(coins)), doer.whole))
            await asyncio.sleep(ROUND_S)
    return None if flat_at is None else flat_at - began


class _Intents:
    """Orders that ended, made after every one of ours had to have arrived."""

    def __init__(self, reads: WayOutReads, right: LoneRight) -> None:
        self._reads = reads
        self._right = right
        self._not_before = 0.0

    async def shown(self) -> tuple[ExchangeOrder, ...]:
        """Those that the exchange shows now; () while there can be none, and when they cannot be read."""
        now = time.monotonic()
        if time.time_ns() <= self._right.led_after_ns or now < self._not_before:
            return ()
        self._not_before = now + ENDED_EVERY_S
        try:
            return await self._reads.ended_since(self._right.led_after_ns)
        except Unreadable as error:
            log.info("ended_orders_unread", detail=str(error))
            return ()
