"""The private WebSocket, /v5/private: auth, subscribe, ping, and the account's rows as they happen.

Nothing is sent after a subscription until something happens (no snapshot), nothing is repeated
after a reconnect, and every authorised connection gets everything it has subscribed to. One frame a
topic and step. Source: reference A3, B1 to B3; the texts of refused auth are ours.
"""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from aiohttp import WSMsgType, web

from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.account.faults import FaultKind
from tradefleet.simulation.account.rows import Row
from tradefleet.simulation.server.connection import Connection
from tradefleet.simulation.server.envelope import MILLISECOND_NS
from tradefleet.simulation.server.options import ServerOptions
from tradefleet.simulation.server.requests import Undecodable, parse_request
from tradefleet.simulation.server.row_faults import struck
from tradefleet.simulation.server.signing import auth_error

PATH: Final = "/v5/private"

IDLE_CUT_S: Final = 600.0
"""A private socket without a ping and without data is cut after ten minutes."""

GOODBYE_S: Final = 2.0

_CATEGORIES: Final = ("linear", "spot", "inverse", "option")
_CATEGORISED: Final = ("order", "execution", "execution.fast", "position")
TOPICS: Final[Mapping[str, tuple[str, str]]] = {
    **{topic: (topic, "") for topic in (*_CATEGORISED, "wallet")},
    # Inverse and option exist and stay silent: this account never holds anything there.
    **{f"{topic}.{category}": (topic, category) for topic in _CATEGORISED for category in _CATEGORIES},
}
"""Subscribable name -> (the rows that it carries, of which category; all when "")."""


class PrivateRequest(msgspec.Struct, frozen=True):
    """A client's frame; args are topics, or key, expiry and signature."""

    op: str = ""
    req_id: str | int | None = None
    args: list[Any] | None = None


class PrivateHub:
    """The private connections of one account, and the way of a publication to them."""

    def __init__(self, exchange: SimulatedExchange) -> None:
        self._exchange = exchange
        self.connected: dict[Connection, None] = {}
        self._outbox: deque[Publication] = deque()
        self._unsubscribe = exchange.subscribe(self.publish)
        exchange.faults.cutters.append(self.cut)

    def publish(self, publication: Publication) -> None:
        """Send the rows a little later, or as an ordered fault has it."""
        loop, rows_s = asyncio.get_running_loop(), self._exchange.timing.rows_ms / 1e3
        for part in struck(publication, self._exchange.faults, rows_s):
            if part.late_s is not None:
                loop.call_later(part.late_s, self._send, part.publication)
                continue
            # Each timer sends the oldest: rows leave in the order of the steps, whatever timers do.
            self._outbox.append(part.publication)
            loop.call_later(rows_s, lambda: self._send(self._outbox.popleft()))

    def cut(self) -> None:
        """End every connection without a close frame."""
        for connection in tuple(self.connected):
            connection.cut("ordered fault")

    def _send(self, publication: Publication) -> None:
        if self._exchange.faults.holding(FaultKind.SILENT_SOCKET):
            return
        for topic, every_row in publication.rows.items():
            for name, (carried, category) in TOPICS.items():
                subscribers = [c for c in self.connected if name in c.topics] if carried == topic else []
                if not subscribers:
                    continue
                rows = [row for row in every_row if not category or row["category"] == category]
                if rows:
                    payload = _frame(name, rows, publication.at_ns)
                    for connection in subscribers:
                        connection.send(payload)

    async def close(self) -> None:
        """The server is going away."""
        self._unsubscribe()
        self._exchange.faults.cutters.remove(self.cut)
        await asyncio.gather(*(connection.close() for connection in self.connected))


def _frame(topic: str, rows: Iterable[Row], at_ns: int) -> bytes:
    body: dict[str, Any] = {
        "id": secrets.token_hex(16),
        "topic": topic,
        "creationTime": at_ns // MILLISECOND_NS,
        "data": rows,
    }
    if topic.startswith("execution.fast"):
        del body["id"]  # the fast topic carries none
    return msgspec.json.encode(body)


def add_routes(
    app: web.Application, exchange: SimulatedExchange, options: ServerOptions | None = None
) -> None:
    """Serve the private socket."""
    options = options or ServerOptions()
    hub = PrivateHub(exchange)

    async def serve(request: web.Request) -> web.StreamResponse:
        return await _serve(request, hub, exchange, options)

    async def close(_: web.Application) -> None:
        await hub.close()

    app.router.add_get(PATH, serve)
    app.on_shutdown.append(close)


async def _serve(
    request: web.Request, hub: PrivateHub, exchange: SimulatedExchange, options: ServerOptions
) -> web.StreamResponse:
    socket = web.WebSocketResponse(compress=False, timeout=GOODBYE_S)
    await socket.prepare(request)
    connection = Connection(socket, request.transport, options.max_queued_bytes)
    conversation = Conversation(exchange, connection)
    hub.connected[connection] = None
    writer = asyncio.create_task(connection.write())
    idle_s = idle_cut_s(request.query.get("max_active_time", ""))
    try:
        while True:
            async with asyncio.timeout(idle_s):
                message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                # Sequential on purpose: pybit subscribes without waiting for the answer to its auth.
                await asyncio.sleep(options.reply_delay_s)
                answer = conversation.answer(message.data)
                if not exchange.faults.holding(FaultKind.SILENT_SOCKET):
                    connection.send(answer)
            elif message.type is not WSMsgType.BINARY:
                break
    except TimeoutError:
        connection.cut("idle")
    finally:
        hub.connected.pop(connection, None)
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
    return socket


def idle_cut_s(asked: str) -> float:
    """`max_active_time`, 30s to 600s or in minutes, as in `?max_active_time=1m`; else ten minutes."""
    unit = {"s": 1.0, "m": 60.0}.get(asked[-1:])
    if unit is None or not asked[:-1].isdigit():
        return IDLE_CUT_S
    return min(max(int(asked[:-1]) * unit, 30.0), IDLE_CUT_S)


class Conversation:
    """One client's requests and their answers; no socket in here."""

    def __init__(self, exchange: SimulatedExchange, connection: Connection) -> None:
        self._exchange = exchange
        self._connection = connection
        self._authorised = False

    def answer(self, text: str) -> bytes:
        """Does what a frame asks and returns the answer."""
        try:
            request = msgspec.json.decode(text, type=PrivateRequest)
        except msgspec.DecodeError as error:
            return self._undecodable(text, error)
        match request.op:
            case "ping":
                return self._pong(request)
            case "auth":
                return self._auth(request)
            case "subscribe":
                return self._subscribe(request)
            case "unsubscribe":
                for name in _names(request):
                    self._connection.topics.pop(name, None)
                return self._ack(request)
            case _:
                return self._ack(request, "error:invalid op")

    @staticmethod
    def _undecodable(text: str, error: msgspec.DecodeError) -> bytes:
        try:
            parse_request(text)
        except Undecodable as undecodable:
            return str(undecodable).encode()
        return f"Failed to decode incoming data:{error}".encode()

    def _ack(self, request: PrivateRequest, error: str = "") -> bytes:
        body: dict[str, Any] = {
            "success": not error,
            "ret_msg": error,
            "op": request.op,
            "conn_id": self._connection.id,
        }
        if request.req_id is not None:
            body["req_id"] = str(request.req_id)
        return msgspec.json.encode(body)

    def _pong(self, request: PrivateRequest) -> bytes:
        now_ms = self._exchange.server_ms()
        body: dict[str, Any] = {"op": "pong", "args": [str(now_ms)], "conn_id": self._connection.id}
        if request.req_id is not None:
            body["req_id"] = str(request.req_id)
        return msgspec.json.encode(body)

    def _auth(self, request: PrivateRequest) -> bytes:
        error = auth_error(
            request.args or [],
            now_ms=self._exchange.server_ms(),
            api_key=self._exchange.api_key,
            api_secret=self._exchange.api_secret,
        )
        if error is None:
            self._authorised = True
        return self._ack(request, error or "")

    def _subscribe(self, request: PrivateRequest) -> bytes:
        """All of the topics or none: one that does not exist refuses the request."""
        if not self._authorised:
            return self._ack(request, "Request not authorized")
        names = _names(request)
        for name in names:
            if name not in TOPICS:
                return self._ack(request, f"error:handler not found,topic:{name}")
            if name in self._connection.topics:
                return self._ack(request, f"error:already subscribed,topic:{name}")
            if name in _CATEGORISED and any(f"{name}.{category}" in names for category in _CATEGORIES):
                return self._ack(request, f"error:all-in-one and categorised in one request,topic:{name}")
        self._connection.topics.update(dict.fromkeys(names))
        return self._ack(request)


def _names(request: PrivateRequest) -> list[str]:
    return [str(arg) for arg in request.args or ()]
