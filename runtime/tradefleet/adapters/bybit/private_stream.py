"""The private stream: orders, executions, positions and the wallet as they happen.

Nothing is replayed after a reconnect and no topic begins with a snapshot, so every time the stream
comes up the account must be read over REST; `on_up` says when. The topics are not ordered among
each other. A row that cannot be understood is counted and reported as a loss (`on_down`, `on_up`):
what it said is then learned by reconciling. Source: Bybit V5, "ws/connect", "private"; reference B.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Final

import msgspec
import structlog
import websockets
from websockets.asyncio.client import ClientConnection, connect

from tradefleet.adapters.bybit.clock import Clock
from tradefleet.adapters.bybit.errors import BadRow, ClockNotMeasured
from tradefleet.adapters.bybit.rows import MILLISECOND_NS, execution_of, order_of, position_of, wallet_of
from tradefleet.adapters.bybit.signing import auth_request
from tradefleet.adapters.failpoints import failpoint
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.exchange_view import Wallet

log = structlog.get_logger(__name__)

PrivateValue = ExchangeOrder | Execution | ExchangePosition | Wallet

LINEAR: Final = "linear"
SPOT: Final = "spot"


def topics_of(categories: Sequence[str]) -> tuple[str, ...]:
    """What is subscribed to: by category, so that rows of others are not even sent."""
    rows = [f"{topic}.{category}" for category in categories for topic in ("order", "execution")]
    return (*rows, *(["position.linear"] if LINEAR in categories else []), "wallet")


class PrivateStreamSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Waits in seconds. silence_s: without any frame, answers to pings included, it is dead.

    first_retry_s, longest_retry_s: the back-off doubles between them, each wait is drawn from its
    upper half. auth_expires_s: how far ahead the signature is dated. answer_s: for auth and subscribe.
    """

    ping_s: float = 20.0
    silence_s: float = 45.0
    answer_s: float = 10.0
    auth_expires_s: float = 10.0
    first_retry_s: float = 0.25
    longest_retry_s: float = 15.0

    @classmethod
    def silent_for(cls, silence_s: float) -> "PrivateStreamSettings":
        """With this limit, and a ping early enough that two of them must be lost before it is reached."""
        return cls(silence_s=silence_s, ping_s=min(cls().ping_s, silence_s / 2.25))


class StreamLost(Exception):
    """The connection is of no use any more; the text says why."""


class _Frame(msgspec.Struct):
    op: str = ""
    success: bool = True
    ret_msg: str = ""
    topic: str = ""
    creationTime: int = 0  # noqa: N815 - the exchange's name
    data: list[dict[str, Any]] = []


class PrivateStream:
    """One connection, renewed for ever. `run()` ends only by being cancelled.

    on_event: each understood row, in the order of arrival. on_up: subscribed, from now on nothing is
    missed. on_down: why something may have been missed. on_bad: topic ("" when not even that is known),
    what came, and why it was not understood. All are called in the event loop.
    """

    def __init__(
        self,
        url: str,
        key: str,
        secret: str,
        clock: Clock,
        on_event: Callable[[PrivateValue], None],
        on_up: Callable[[], None],
        on_down: Callable[[str], None],
        settings: PrivateStreamSettings | None = None,
        on_bad: Callable[[str, bytes, str], None] = lambda _topic, _raw, _error: None,
        categories: Sequence[str] = (LINEAR,),
        on_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """url: such as wss://stream.bybit.com/v5/private. categories: linear, spot or both; each value
        says of which it is. on_refused: the exchange does not take our authentication."""
        self._topics = topics_of(categories)
        self._url = url
        self._key = key
        self._secret = secret
        self._clock = clock
        self._on_event = on_event
        self._on_up = on_up
        self._on_down = on_down
        self._on_bad = on_bad
        self._on_refused = on_refused
        self._settings = settings or PrivateStreamSettings()
        self._up = False
        self._up_since_s = 0.0
        self.bad_rows = 0
        self.connections = 0

    @property
    def up(self) -> bool:
        """True between on_up and on_down."""
        return self._up

    async def run(self) -> None:
        """Connect, follow, and connect again."""
        loop = asyncio.get_running_loop()
        retry_s = self._settings.first_retry_s
        while True:
            try:
                await self._connection()
            except (
                StreamLost,
                ClockNotMeasured,
                OSError,
                TimeoutError,
                websockets.WebSocketException,
            ) as error:
                reason = f"{type(error).__name__}: {error}"
            if self._up and loop.time() - self._up_since_s > self._settings.longest_retry_s:
                # Only a connection that has held: one that falls at once must not be hammered.
                retry_s = self._settings.first_retry_s
            self._lost(reason)
            # Jitter: after an outage not every client of the exchange comes back at once.
            await asyncio.sleep(retry_s * random.uniform(0.5, 1.0))
            retry_s = min(retry_s * 2, self._settings.longest_retry_s)

    async def _connection(self) -> None:
        """One connection from its opening to its loss, which it raises."""
        async with connect(
            self._url,
            ping_interval=None,  # Bybit's own ping is the heartbeat
            open_timeout=self._settings.answer_s,
            close_timeout=1.0,
            compression=None,
            proxy=None,
            max_size=None,  # a wallet of many coins is long
        ) as socket:
            self.connections += 1
            await self._authorise(socket)
            await self._subscribe(socket)
            self._up, self._up_since_s = True, asyncio.get_running_loop().time()
            self._on_up()
            async with _pinging(socket, self._settings.ping_s):
                while True:
                    self._take(await self._receive(socket, self._settings.silence_s))

    async def _authorise(self, socket: ClientConnection) -> None:
        ahead_ms = int(self._settings.auth_expires_s * 1000)
        expires_ms = self._clock.now_ns() // MILLISECOND_NS + ahead_ms
        await _say(socket, auth_request(self._key, self._secret, expires_ms=expires_ms))
        await self._agreed(socket, "auth")

    async def _subscribe(self, socket: ClientConnection) -> None:
        await _say(socket, {"op": "subscribe", "args": list(self._topics)})
        await self._agreed(socket, "subscribe")

    async def _agreed(self, socket: ClientConnection, op: str) -> None:
        """Wait for the answer to `op`; rows that come before it are handed on as usual."""
        async with asyncio.timeout(self._settings.answer_s):
            while True:
                frame = await self._receive(socket, self._settings.answer_s)
                if frame.op == op:
                    break
                self._take(frame)
        if not frame.success:
            if op == "auth":
                self._on_refused()
            raise StreamLost(f"{op} refused: {frame.ret_msg}")

    async def _receive(self, socket: ClientConnection, patience_s: float) -> _Frame:
        try:
            async with asyncio.timeout(patience_s):
                payload = await socket.recv()
        except TimeoutError:
            raise StreamLost(f"silent for {patience_s} s") from None
        try:
            return msgspec.json.decode(payload, type=_Frame)
        except msgspec.DecodeError as error:
            self._on_bad("", payload.encode() if isinstance(payload, str) else payload, str(error))
            raise StreamLost(f"a frame is not what Bybit sends: {error}") from error

    def _take(self, frame: _Frame) -> None:
        if not frame.topic:
            return
        for row in frame.data:
            try:
                values = list(_values(frame, row))
            except BadRow as error:
                self._on_bad(frame.topic, msgspec.json.encode(row), str(error))
                self._bad(frame.topic, error)
                continue
            for value in values:
                if isinstance(value, Execution):
                    failpoint("execution.received")
                self._on_event(value)

    def _bad(self, topic: str, error: BadRow) -> None:
        self.bad_rows += 1
        log.error("private_row_not_understood", kind="bad_row", topic=topic, detail=str(error))
        self._on_down(f"{topic}: {error}")
        if self._up:
            self._on_up()

    def _lost(self, reason: str) -> None:
        log.warning("private_stream_down", kind="private_stream", was_up=self._up, detail=reason)
        if self._up:
            self._up = False
            self._on_down(reason)


def _values(frame: _Frame, row: dict[str, Any]) -> Iterator[PrivateValue]:
    """The row's value; none for a topic or a coin that is not ours. Raises BadRow."""
    topic, _, category = frame.topic.partition(".")
    if category:
        row = _of_category(row, category)
    match topic:
        case "order":
            yield order_of(row)
        case "execution":
            yield execution_of(row)
        case "position":
            yield position_of(row)
        case "wallet":
            wallet = wallet_of(row, frame.creationTime * MILLISECOND_NS)
            if wallet is not None:
                yield wallet


def _of_category(row: dict[str, Any], category: str) -> dict[str, Any]:
    """The row with its topic's category; raises BadRow for a row that says another: a spot row among
    contracts would be taken for one of a position."""
    said = row.get("category", category)
    if said != category:
        raise BadRow("category", said, f"{category}, as its topic's name says")
    return {**row, "category": category}


async def _say(socket: ClientConnection, request: dict[str, Any]) -> None:
    await socket.send(msgspec.json.encode(request).decode())


@contextlib.asynccontextmanager
async def _pinging(socket: ClientConnection, period_s: float) -> AsyncIterator[None]:
    """Ping until left. A ping that cannot be sent ends the task; the reader finds the loss itself."""

    async def ping() -> None:
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await asyncio.sleep(period_s)
                await _say(socket, {"op": "ping"})

    task = asyncio.create_task(ping())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
