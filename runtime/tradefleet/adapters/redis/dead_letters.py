"""Dead letters: commands and private events that could not be processed, kept with the error.

They lie in a stream of the bot's, bounded, which the executor does not need to be read. `DeadLetters` is the
executor's end and never makes it wait: while Redis is away letters wait in memory, the oldest are
given up and counted when they become too many. `DeadLetterBox` is the person's end: look, and put back.
"""

import asyncio
import re
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec
import redis.asyncio
import structlog

from tradefleet.adapters.redis.connection import answered, connect
from tradefleet.adapters.redis.messages import MOST_DEAD_LETTERS, MOST_SIGNALS, BusDown, BusKeys

log = structlog.get_logger(__name__)

PRIVATE: Final = "private"
"""Prefix of the place of what came by the exchange's private stream; it cannot be put back there."""

MOST_WAITING: Final = 1_000
LONGEST: Final = 65_536
"""Of a longer message so many bytes are kept; it can be looked at and not put back."""
MOST_TEXT: Final = 2_000
RETRY_S: Final = 1.0
LAST_S: Final = 1.0
"""How long the end of the process waits for letters that are not written yet."""

_PATTERN: Final = "tradefleet:*:dead-letters"


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be processed.

    place: the stream's key, or "private:" and the topic. entry_id, field: where in the stream; "" for
    private. raw: the message as it came. size: its length, more than raw's when it was cut. at_ns: our
    clock when it was given up.
    """

    place: str
    entry_id: str = ""
    field: str = ""
    raw: bytes
    size: int
    error: str
    at_ns: int

    @property
    def can_be_put_back(self) -> bool:
        """Whether it came by a stream of ours, in the field that it belongs in, and is whole."""
        return bool(self.field) and self.size == len(self.raw)


class Kept(msgspec.Struct, frozen=True):
    """A letter in the box, under its number there."""

    number: str
    letter: DeadLetter


class NoSuchLetter(Exception):
    """The box has no letter of this number (any more)."""


class CannotBePutBack(Exception):
    """The letter cannot go where it came from; the text says why."""


def letter(
    place: str, raw: bytes, error: str, at_ns: int, *, entry_id: str = "", field: str = ""
) -> DeadLetter:
    """A letter of bounded size."""
    return DeadLetter(
        place=place,
        entry_id=entry_id,
        field=field,
        raw=raw[:LONGEST],
        size=len(raw),
        error=error[:MOST_TEXT],
        at_ns=at_ns,
    )


class DeadLetters:
    """The executor's end. Made by the bus; `keep` must run."""

    def __init__(self, client: redis.asyncio.Redis, key: str) -> None:
        self._redis = client
        self._key = key
        self._waiting: deque[DeadLetter] = deque()
        self._more = asyncio.Event()
        self._counts: Counter[str] = Counter()
        self._down = False

    def bury(self, dead: DeadLetter) -> None:
        """Keep it soon; never waits."""
        log.error("dead_letter", kind="dead_letter", place=dead.place, entry=dead.entry_id, detail=dead.error)
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self._counts["lost"] += 1
        self._waiting.append(dead)
        self._more.set()

    def counts(self) -> Mapping[str, int]:
        """kept: in Redis since the start; lost: given up, as too many waited; waiting: not written yet."""
        return {
            "kept": self._counts["kept"],
            "lost": self._counts["lost"],
            "waiting": len(self._waiting),
        }

    async def keep(self) -> None:
        """Write what is buried, for ever."""
        while True:
            await self._more.wait()
            if await self._written():
                self._more.clear()
            else:
                await asyncio.sleep(RETRY_S)

    async def last(self) -> None:
        """At the end of the process: try once more, within a second."""
        try:
            async with asyncio.timeout(LAST_S):
                await self._written()
        except TimeoutError:
            log.warning("dead_letters_left", waiting=len(self._waiting))

    async def _written(self) -> bool:
        """False while Redis is away; said once each time."""
        while self._waiting:
            dead = self._waiting[0]
            try:
                await answered("bury", self._add(dead))
            except BusDown as error:
                if not self._down:
                    log.warning("dead_letters_wait", detail=str(error), waiting=len(self._waiting))
                self._down = True
                return False
            self._down = False
            self._counts["kept"] += 1
            if self._waiting and self._waiting[0] is dead:
                self._waiting.popleft()
        return True

    async def _add(self, dead: DeadLetter) -> None:
        entry: dict[Any, Any] = {
            "place": dead.place,
            "entry": dead.entry_id,
            "field": dead.field,
            "raw": dead.raw,
            "size": dead.size,
            "error": dead.error,
            "at_ns": dead.at_ns,
        }
        await self._redis.xadd(self._key, entry, maxlen=MOST_DEAD_LETTERS, approximate=True)


class DeadLetterBox:
    """The person's end: one bot's dead letters."""

    def __init__(self, url: str, bot_uid: str) -> None:
        self._key = BusKeys(bot_uid).dead_letters
        self._redis = connect(url)

    async def newest(self, most: int) -> list[Kept]:
        """The newest ones, oldest first. Raises BusDown."""
        found: Any = await answered("dead letters", self._redis.xrevrange(self._key, count=most))
        return [_kept(number, fields) for number, fields in reversed(found)]

    async def get(self, number: str) -> Kept:
        """One letter. Raises NoSuchLetter, BusDown."""
        if not re.fullmatch(r"\d+-\d+", number):
            raise NoSuchLetter(f"{number!r} is no number of a dead letter; see: tradefleet dlq list")
        found: Any = await answered("dead letter", self._redis.xrange(self._key, number, number))
        if not found:
            raise NoSuchLetter(f"no dead letter {number}; see: tradefleet dlq list")
        return _kept(*found[0])

    async def put_back(self, kept: Kept) -> str:
        """Append the message to its stream again, and take the letter out of the box, both or none.

        The entry's id in the stream. Raises CannotBePutBack, BusDown.
        """
        dead = kept.letter
        if dead.place.startswith(PRIVATE):
            raise CannotBePutBack(
                f"letter {kept.number} came by the exchange's private stream, which nobody can write to; the "
                "account was compared with the exchange instead"
            )
        if not dead.can_be_put_back:
            raise CannotBePutBack(
                f"letter {kept.number} is not as it came: {len(dead.raw)} of {dead.size} bytes were kept, in "
                f"the field {dead.field!r}"
            )
        return await answered("put back", self._put_back(kept))

    async def close(self) -> None:
        """Let go of the connection. Raises BusDown."""
        await answered("close", self._redis.aclose())

    async def _put_back(self, kept: Kept) -> str:
        entry: dict[Any, Any] = {kept.letter.field: kept.letter.raw}
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xadd(kept.letter.place, entry, maxlen=MOST_SIGNALS, approximate=True)
            pipeline.xdel(self._key, kept.number)
            added, _ = await pipeline.execute()
        return _text(added)


async def bots_with_letters(url: str) -> list[str]:
    """Uids of the bots that have any, by the keys of this server. Raises BusDown."""
    client = connect(url)
    try:
        return sorted(await answered("bots", _uids(client)))
    finally:
        await answered("close", client.aclose())


async def _uids(client: redis.asyncio.Redis) -> list[str]:
    return [_text(key).split(":")[1] async for key in client.scan_iter(match=_PATTERN)]


def _kept(number: Any, fields: Mapping[bytes, bytes]) -> Kept:
    def text(name: bytes) -> str:
        return fields.get(name, b"").decode(errors="replace")

    raw = fields.get(b"raw", b"")
    dead = DeadLetter(
        place=text(b"place"),
        entry_id=text(b"entry"),
        field=text(b"field"),
        raw=raw,
        size=int(text(b"size") or len(raw)),
        error=text(b"error"),
        at_ns=int(text(b"at_ns") or 0),
    )
    return Kept(_text(number), dead)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
