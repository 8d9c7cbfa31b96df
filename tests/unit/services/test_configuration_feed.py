"""What a source of the configuration says, handed on to the epoch that runs and to those after it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from tests.support.configs import make_snapshot

from tradefleet.adapters.config_source import BadSnapshot, BotGone, Change
from tradefleet.core.events import AnyEvent, BotDeleted, ConfigApplied
from tradefleet.services.executor import feeds
from tradefleet.services.executor.status import ExecutorStatus


class Source:
    """Says these once, then nothing more."""

    address, trouble = "test", ""

    def __init__(self, *found: Change) -> None:
        self.found = list(found)

    async def changes(self) -> AsyncIterator[Change]:
        while self.found:
            yield self.found.pop(0)
        await asyncio.Event().wait()


async def heard(source: Source, status: ExecutorStatus) -> list[AnyEvent]:
    """What an epoch is told until the source is silent."""
    told: list[AnyEvent] = []
    ours = make_snapshot().uid
    task = asyncio.create_task(feeds.configuration(source, 1, told.append, status, lambda uid: uid == ours))
    for _ in range(20):
        await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    return told


async def test_newer_generations_of_the_same_bot_are_handed_on() -> None:
    newer = msgspec.structs.replace(make_snapshot(), generation=2)
    other = msgspec.structs.replace(make_snapshot(), generation=3, uid="another")
    status = ExecutorStatus()

    told = await heard(Source(make_snapshot(), newer, other, BadSnapshot("test", "no", 4), newer), status)

    assert told == [ConfigApplied(now_ns=0, config=newer)]
    assert status.errors["bad_snapshot"] == 2


async def test_every_epoch_after_the_bot_was_deleted_is_told_so_first() -> None:
    status = ExecutorStatus()
    source = Source(BotGone())

    told = [await heard(source, status) for _ in range(3)]

    assert told == [[BotDeleted(now_ns=0)]] * 3
