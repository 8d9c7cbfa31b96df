"""Bybit's public WebSocket: a pool of connections that hand raw frames on.

Topics are spread over connections; each connection subscribes, pings, notices silence and connects
again by itself, with back-off and jitter. What a frame means is the caller's affair: it gets the
bytes in the middle of the socket's own callback, so nothing queues between the wire and the book.
Source: Bybit V5, "Connect"; picows' listener (measured 3 to 5 times the frames/s of websockets).
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec
import picows
import structlog

from tradefleet.market.bybit_wire import ping, subscribe, unsubscribe

log = structlog.get_logger(__name__)

MOST_ARGS_CHARS: Final = 21_000
"""Text of all topics of one connection that the exchange allows."""

MOST_SPOT_ARGS: Final = 10
"""Topics of one subscribe request that the exchange allows on spot (`args size >10`)."""

_CHARS_BESIDES: Final = 3  # quotes and comma, should they count

OnFrame = Callable[[bytes, int], None]
OnUp = Callable[[Sequence[str]], None]
OnLost = Callable[[Sequence[str], str], None]


class StreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a connection behaves; all times in seconds.

    topics_per_request: the most of one request, None for no bound; on spot MOST_SPOT_ARGS. A larger group
    is asked for in parts. silence: without any frame, the answer to a ping included, the connection is
    given up; half of it without one sends a ping. back_off_first, back_off_most: between two attempts,
    doubling, of which a random half is cut off.
    """

    topics_per_connection: int = 200
    topics_per_request: int | None = None
    ping: float = 20.0
    silence: float = 10.0
    back_off_first: float = 0.5
    back_off_most: float = 30.0
    connect_timeout: float = 5.0


class TooManyTopics(ValueError):
    """One group of topics that no connection can take."""


class PublicStream:
    """The pool. Callbacks run in the event loop and must not block."""

    def __init__(
        self,
        url: str,
        on_frame: OnFrame,
        on_up: OnUp,
        on_lost: OnLost,
        settings: StreamSettings,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """on_frame: raw bytes and `clock()` when they arrived, ns UTC. on_up: these topics have been
        asked for. on_lost: frames of these topics may have been missed, and why."""
        self.url = url
        self.on_frame = on_frame
        self.on_up = on_up
        self.on_lost = on_lost
        self.settings = settings
        self.clock = clock
        self._by_topic: dict[str, _Connection] = {}
        self._tasks: asyncio.TaskGroup | None = None

    async def run(self, groups: Iterable[Sequence[str]]) -> None:
        """Carry these topics until cancelled. A group is one subscribe request (one topic that is
        refused refuses its whole group) and stays on one connection. Raises TooManyTopics."""
        plan = spread(groups, self.settings.topics_per_connection)
        async with asyncio.TaskGroup() as self._tasks:
            for part in plan:
                self._begin(part, self._tasks)
            await asyncio.Event().wait()  # connections end by being cancelled only; and more may come

    def add(self, group: Sequence[str]) -> None:
        """Carry one more group from now on: on a connection that has room, else on a new one. Nothing
        before `run`, and for topics that are carried already. Raises TooManyTopics."""
        if self._tasks is None or all(topic in self._by_topic for topic in group):
            return
        for connection in dict.fromkeys(self._by_topic.values()):
            if len(spread([*connection.groups, group], self.settings.topics_per_connection)) == 1:
                connection.add(group)
                self._by_topic |= dict.fromkeys(group, connection)
                return
        self._begin([group], self._tasks)

    def _begin(self, groups: Sequence[Sequence[str]], tasks: asyncio.TaskGroup) -> None:
        connection = _Connection(self, groups)
        self._by_topic |= dict.fromkeys(connection.topics, connection)
        tasks.create_task(connection.run())

    def resubscribe(self, topic: str) -> None:
        """Ask for a new snapshot of a topic; nothing while its connection is down, since connecting
        subscribes anyway. Raises KeyError for a topic that is not carried."""
        self._by_topic[topic].resubscribe(topic)

    def configure(self, settings: StreamSettings) -> None:
        """Go on with other times; the spread over connections stays."""
        self.settings = settings

    @property
    def connected(self) -> int:
        """Connections that are up."""
        return sum(one.is_up for one in set(self._by_topic.values()))


def spread(groups: Iterable[Sequence[str]], most_topics: int) -> list[list[Sequence[str]]]:
    """Groups of topics by connection, filled in order; raises TooManyTopics."""
    plan: list[list[Sequence[str]]] = []
    topics = chars = 0
    for group in groups:
        size = sum(len(topic) + _CHARS_BESIDES for topic in group)
        if size > MOST_ARGS_CHARS:
            raise TooManyTopics(
                f"{len(group)} topics in one request are {size} characters of {MOST_ARGS_CHARS}"
            )
        if not plan or topics + len(group) > most_topics or chars + size > MOST_ARGS_CHARS:
            plan.append([])
            topics = chars = 0
        plan[-1].append(group)
        topics += len(group)
        chars += size
    return plan


def in_parts(group: Sequence[str], most: int | None) -> list[Sequence[str]]:
    """A group of topics as requests of at most so many."""
    size = most or max(1, len(group))
    return [group[start : start + size] for start in range(0, len(group), size)]


class _Listener(picows.WSListener):
    """One socket's callbacks."""

    def __init__(self, stream: PublicStream) -> None:
        self.frames = 0
        self._on_frame = stream.on_frame
        self._clock = stream.clock
        self._parts = b""

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        self.frames += 1
        kind = frame.msg_type
        if kind == picows.WSMsgType.TEXT and frame.fin:
            self._on_frame(frame.get_payload_as_bytes(), self._clock())
        elif kind in (picows.WSMsgType.TEXT, picows.WSMsgType.BINARY, picows.WSMsgType.CONTINUATION):
            self._parts += frame.get_payload_as_bytes()
            if frame.fin:
                whole, self._parts = self._parts, b""
                self._on_frame(whole, self._clock())
        elif kind == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()


class _Connection:
    """One socket after another for the same topics."""

    def __init__(self, stream: PublicStream, groups: Sequence[Sequence[str]]) -> None:
        self._stream = stream
        self.groups = list(groups)
        self._transport: picows.WSTransport | None = None
        self._requests = 0

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(topic for group in self.groups for topic in group)

    @property
    def is_up(self) -> bool:
        return self._transport is not None

    async def run(self) -> None:
        """Connect, listen, connect again; until cancelled."""
        failures = 0
        while True:
            listener = _Listener(self._stream)
            try:
                transport = await self._connect(listener)
            except (OSError, picows.WSError, TimeoutError) as error:
                failures += 1
                if failures == 1:
                    log.warning("public_stream_unreachable", url=self._stream.url, reason=_said(error))
            else:
                reason = await self._listen(transport, listener)
                # A server that accepts and cuts at once is not a server that works.
                failures = 1 if listener.frames else failures + 1
                log.warning("public_stream_lost", reason=reason, topics=len(self.topics))
            await asyncio.sleep(self._back_off(failures))

    def add(self, group: Sequence[str]) -> None:
        """One more group: asked for at once when there is a socket, else when there is one again."""
        self.groups.append(group)
        if self._transport is not None:
            self._subscribe(group)
            self._stream.on_up(group)

    def _subscribe(self, group: Sequence[str]) -> None:
        for part in in_parts(group, self._stream.settings.topics_per_request):
            self._send(subscribe(part, self._next_id()))

    def resubscribe(self, topic: str) -> None:
        """Ask for a new snapshot, when there is a socket."""
        if self._transport is not None:
            self._send(unsubscribe([topic], self._next_id()))
            self._send(subscribe([topic], self._next_id()))

    async def _connect(self, listener: _Listener) -> picows.WSTransport:
        transport, _ = await picows.ws_connect(
            lambda: listener,
            self._stream.url,
            websocket_handshake_timeout=self._stream.settings.connect_timeout,
        )
        return transport

    async def _listen(self, transport: picows.WSTransport, listener: _Listener) -> str:
        """Serve one socket to its end; why it ended."""
        self._transport = transport
        for group in self.groups:
            self._subscribe(group)
        self._stream.on_up(self.topics)
        log.info("public_stream_up", topics=len(self.topics))
        watch = asyncio.create_task(self._watch(listener))
        gone = asyncio.create_task(transport.wait_disconnected())
        try:
            await asyncio.wait({watch, gone}, return_when=asyncio.FIRST_COMPLETED)
            reason = watch.result() if watch.done() else _how_it_ended(gone)
        finally:
            self._transport = None
            watch.cancel()
            transport.disconnect(graceful=False)
            await asyncio.wait({watch, gone}, timeout=1.0)
            if not gone.cancel() and not gone.cancelled():
                gone.exception()  # looked at, so that nobody complains of an exception unseen
        self._stream.on_lost(self.topics, reason)
        return reason

    async def _watch(self, listener: _Listener) -> str:
        """Ping when it is time; the end of it is silence."""
        now = asyncio.get_running_loop().time
        seen, seen_at, pinged_at = listener.frames, now(), now()
        while True:
            settings = self._stream.settings
            await asyncio.sleep(min(settings.silence, settings.ping) / 8)
            if listener.frames != seen:
                seen, seen_at = listener.frames, now()
            quiet = now() - seen_at
            if quiet >= settings.silence:
                return f"silent for {quiet:.1f} s"
            # A thin market may be quiet for longer: the answer to a ping tells it from a dead socket.
            due = min(settings.ping, settings.silence / 2) if quiet >= settings.silence / 2 else settings.ping
            if now() - pinged_at >= due:
                pinged_at = now()
                self._send(ping(self._next_id()))

    def _send(self, request: bytes) -> None:
        if self._transport is not None:
            self._transport.send(picows.WSMsgType.TEXT, request)

    def _next_id(self) -> str:
        self._requests += 1
        return str(self._requests)

    def _back_off(self, failures: int) -> float:
        settings = self._stream.settings
        wait = min(settings.back_off_most, settings.back_off_first * 2.0 ** min(failures - 1, 20))
        return wait * random.uniform(0.5, 1.0)


def _how_it_ended(gone: asyncio.Task[None]) -> str:
    """Why a socket is gone; raises what a callback of ours raised."""
    try:
        gone.result()
    except (OSError, picows.WSError) as error:
        return _said(error)
    return "disconnected"


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
