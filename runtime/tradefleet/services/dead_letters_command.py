"""What a person types and reads of `tradefleet dlq`: dead letters, one of them, and putting one back."""

import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec

from tradefleet.adapters.redis.dead_letters import (
    CannotBePutBack,
    DeadLetterBox,
    Kept,
    NoSuchLetter,
    bots_with_letters,
)
from tradefleet.adapters.redis.executor_bus import NO_TEXT
from tradefleet.adapters.redis.messages import SIGNAL_FIELD, BusDown
from tradefleet.domain.signals import Signal
from tradefleet.orders.audit_story import clock
from tradefleet.services.fleet import embedded_valkey
from tradefleet.services.fleet.data_folder import DataFolder
from tradefleet.services.fleet.problems import FleetFailed


class Place(msgspec.Struct, frozen=True):
    """Whose letters, and where."""

    redis: str
    bot_uid: str


async def place_of(redis: str | None, data: Path | None, bot: str | None) -> Place:
    """The server and the bot that are meant; raises FleetFailed naming what is missing."""
    if redis is None:
        if data is None:
            raise FleetFailed("dlq: name the fleet's folder with --data, or its Redis with --redis")
        state = DataFolder(data).existing_state()
        if state is None or not state.valkey_port:
            raise FleetFailed(f"data folder {data}: no fleet has run on it; name another with --data")
        return Place(embedded_valkey.address(state.valkey_port), bot or state.uid)
    if bot is not None:
        return Place(redis, bot)
    with _refusals():
        bots = await bots_with_letters(redis)
    if len(bots) > 1:
        raise FleetFailed(f"dlq: name one bot with --bot; this Redis has letters of {', '.join(bots)}")
    return Place(redis, bots[0] if bots else "")


async def listed(place: Place, most: int) -> list[str]:
    """A line for each of the newest letters, oldest first."""
    async with _box(place) as box:
        return [
            f"{kept.number}  {clock(kept.letter.at_ns)}  {kept.letter.place}  {kept.letter.error}"
            for kept in await box.newest(most)
        ]


async def shown(place: Place, number: str) -> list[str]:
    """One letter, whole."""
    async with _box(place) as box:
        kept = await box.get(number)
    dead = kept.letter
    cut = f" ({len(dead.raw)} of {dead.size} bytes)" if dead.size > len(dead.raw) else ""
    return [
        f"letter   {kept.number}",
        f"at       {clock(dead.at_ns)}",
        f"from     {dead.place} {dead.entry_id}".rstrip(),
        f"error    {dead.error}",
        f"message  {dead.raw.decode(errors='backslashreplace')}{cut}",
    ]


async def replay(place: Place, number: str) -> list[str]:
    """Put one back; what happened, and what is going to."""
    async with _box(place) as box:
        kept = await box.get(number)
        entry_id = await box.put_back(kept)
    return [f"letter {number} is in {kept.letter.place} again, as {entry_id}", *_foreseen(kept)]


def _foreseen(kept: Kept) -> list[str]:
    """What the executor is going to do with a signal; the command line changes nothing of that."""
    if kept.letter.field != SIGNAL_FIELD.decode():
        return []
    try:
        signal = msgspec.json.decode(kept.letter.raw, type=Signal)
        readable = NO_TEXT not in kept.letter.raw
    except (msgspec.DecodeError, UnicodeDecodeError):
        readable = False
    if not readable:
        return ["this release cannot read it either: it will be a dead letter again"]
    late_s = (time.time_ns() - signal.expires_ns) / 1e9
    if late_s > 0:
        return [f"it expired {late_s:.0f} s ago: an entry on it is refused as stale, and that is right"]
    return []


@contextlib.asynccontextmanager
async def _box(place: Place) -> AsyncIterator[DeadLetterBox]:
    box = DeadLetterBox(place.redis, place.bot_uid)
    with _refusals():
        try:
            yield box
        finally:
            with contextlib.suppress(BusDown):
                await box.close()


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """What Redis or the box says, as one line for a person."""
    try:
        yield
    except (NoSuchLetter, CannotBePutBack) as error:
        raise FleetFailed(str(error)) from error
    except (BusDown, ValueError) as error:
        raise FleetFailed(f"redis: does not answer ({error}); is the fleet running?") from error
