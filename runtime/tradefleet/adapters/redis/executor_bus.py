"""The executor's end of the bus: signals and announcements come in, owners go out.

Both streams are read by plain XREAD from a position that the journal keeps. A position holds for
one run of the server only: a server that was started again may have other entry ids. Its announcements are
read from now, and its signals from where none that has not expired can be missed: found from the newest entry
backwards, by what signals say of themselves, since a server's own clock may have moved while it was away.
Repeats, and what has expired all the same, are the core's to drop.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec

from tradefleet.adapters.redis.connection import MOST_BLOCK_MS, answered, connect
from tradefleet.adapters.redis.dead_letters import DeadLetters
from tradefleet.adapters.redis.messages import (
    ANNOUNCEMENT_FIELD,
    SIGNAL_FIELD,
    BadMessage,
    BusKeys,
    ShardAnnouncement,
    StreamPosition,
)
from tradefleet.core.events import ShardOwner
from tradefleet.domain.signals import LONGEST_VALID_NS, Signal

Message = Signal | ShardAnnouncement | BadMessage

ENTRIES_AT_ONCE = 500

NO_TEXT: Final = b"\\u0000"
"""How JSON writes the one character that Postgres has no place for."""


class ExecutorBus:
    """One bot's streams, for reading."""

    def __init__(self, url: str, bot_uid: str, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._keys = BusKeys(bot_uid)
        self._redis = connect(url)
        self._now_ns = now_ns
        self.letters = DeadLetters(self._redis, self._keys.dead_letters)

    async def run_id(self) -> str:
        """The server's run id. Raises BusDown."""
        return _run_id(await answered("run_id", self._redis.info("server")))

    async def read(self, position: StreamPosition, block_ms: int) -> tuple[list[Message], StreamPosition]:
        """What came after `position`, at most 500 entries a stream, and the position behind them.

        Waits up to block_ms (1 to 2000) for the first. A position of another run of the server gives
        nothing but the position to go on from. Raises BusDown.
        """
        streams: dict[Any, Any] = {
            self._keys.signals: position.signals_id,
            self._keys.announcements: position.announcements_id,
        }
        return await answered("read", self._read(streams, position, block_ms))

    async def publish_owners(self, owners: Iterable[ShardOwner]) -> None:
        """Say who owns which shard. Raises BusDown."""
        values: dict[Any, Any] = {str(owner.shard): msgspec.json.encode(owner) for owner in owners}
        if values:
            await answered("publish_owners", self._set_owners(values))

    async def close(self) -> None:
        """Let go of the connections, after the last dead letters. Raises BusDown."""
        await self.letters.last()
        await answered("close", self._redis.aclose())

    async def _set_owners(self, values: dict[Any, Any]) -> None:
        await self._redis.hset(self._keys.owners, mapping=values)

    async def _read(
        self, streams: dict[Any, Any], position: StreamPosition, block_ms: int
    ) -> tuple[list[Message], StreamPosition]:
        # The run id over the same connection and in the same breath: a client that silently
        # connected to a new run would else wait for ids that never come.
        async with self._redis.pipeline(transaction=False) as pipeline:
            pipeline.info("server")
            pipeline.xread(streams, count=ENTRIES_AT_ONCE, block=max(1, min(block_ms, MOST_BLOCK_MS)))
            info, found = await pipeline.execute()
        run_id = _run_id(info)
        if run_id != position.run_id:
            return [], await self._beginning(run_id)
        return _decode(_streams(found), self._keys, position)

    async def _beginning(self, run_id: str) -> StreamPosition:
        newest = await self._redis.xrevrange(self._keys.announcements, count=1)
        announcements_id = _text(newest[0][0] or b"0-0") if newest else "0-0"
        signals_id = await self._behind_the_expired()
        return StreamPosition(run_id=run_id, signals_id=signals_id, announcements_id=announcements_id)

    async def _behind_the_expired(self) -> str:
        """The newest entry of the signals stream that has expired with all before it.

        A shard publishes nothing that has expired. So a signal that expired LONGEST_VALID_NS ago was
        published before that, and all in front of it too: they have expired by now. One entry proves nothing,
        since a person may have put a dead letter back behind younger ones; a full page of them does.
        """
        before = "+"
        while page := await self._page(before):
            over = {self._is_long_over(fields) for _, fields in page}
            if len(page) == ENTRIES_AT_ONCE and True in over and False not in over:
                return _text(page[0][0])
            before = f"({_text(page[-1][0])}"
        return "0-0"

    async def _page(self, before: str) -> list[tuple[Any, Mapping[bytes, bytes]]]:
        page: Any = await self._redis.xrevrange(self._keys.signals, max=before, count=ENTRIES_AT_ONCE)
        return list(page)

    def _is_long_over(self, fields: Mapping[bytes, bytes]) -> bool | None:
        """None of an entry that cannot be read."""
        try:
            signal = msgspec.json.decode(fields.get(SIGNAL_FIELD, b""), type=Signal)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return signal.expires_ns + LONGEST_VALID_NS < self._now_ns()


def _run_id(info: Mapping[str, Any]) -> str:
    return str(info["run_id"])


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _streams(found: Any) -> Iterable[tuple[str, list[tuple[Any, Mapping[bytes, bytes]]]]]:
    """XREAD's answer, a mapping in RESP3 and a list of pairs in RESP2, as (stream, entries)."""
    for stream, entries in found.items() if isinstance(found, Mapping) else found or ():
        # RESP3 wraps a stream's entries in one more list.
        flat = entries[0] if entries and isinstance(entries[0], list) else entries
        yield _text(stream), flat


def _decode(
    streams: Iterable[tuple[str, list[tuple[Any, Mapping[bytes, bytes]]]]],
    keys: BusKeys,
    position: StreamPosition,
) -> tuple[list[Message], StreamPosition]:
    signals_id, announcements_id = position.signals_id, position.announcements_id
    messages: list[Message] = []
    for stream, entries in streams:
        for raw_id, fields in entries:
            entry_id = _text(raw_id)
            if stream == keys.signals:
                signals_id = entry_id
                messages.append(_message(stream, entry_id, fields, SIGNAL_FIELD, Signal))
            else:
                announcements_id = entry_id
                messages.append(_message(stream, entry_id, fields, ANNOUNCEMENT_FIELD, ShardAnnouncement))
    return messages, StreamPosition(
        run_id=position.run_id, signals_id=signals_id, announcements_id=announcements_id
    )


def _message(
    stream: str,
    entry_id: str,
    fields: Mapping[bytes, bytes],
    field: bytes,
    kind: type[Signal] | type[ShardAnnouncement],
) -> Message:
    raw = fields.get(field, b"")
    try:
        if NO_TEXT in raw:
            raise msgspec.DecodeError("it holds U+0000, which the journal cannot keep")
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        name = field.decode()
        if not raw and fields:
            # An entry without our field: what is there is what a person wants to see.
            name, raw = "", repr(dict(fields)).encode()
        return BadMessage(stream=stream, entry_id=entry_id, field=name, raw=raw, error=str(error))
