"""The public WebSockets, /v5/public/linear and /v5/public/spot: subscribe, ping, and the frames themselves.

A request is answered as a whole: one topic that does not exist refuses all of it. The ack goes
first, then a snapshot for each topic that has one, then what happens next; all three are queued in
one go, so no delta can slip between.
"""

import asyncio
import contextlib
from typing import Final

from aiohttp import WSMsgType, web

from tradefleet.simulation.market.listing import SPOT
from tradefleet.simulation.market.topics import Topic
from tradefleet.simulation.server.connection import Connection
from tradefleet.simulation.server.hub import PublicHub
from tradefleet.simulation.server.options import ServerOptions
from tradefleet.simulation.server.requests import Request, Undecodable, ack, parse_request, pong

PATH: Final = "/v5/public/linear"
SPOT_PATH: Final = "/v5/public/spot"

MOST_SPOT_ARGS: Final = 10
"""Topics a subscribe request of spot."""

GOODBYE_S: Final = 2.0
"""How long a closing server waits for a client's own close frame."""


def add_routes(app: web.Application, hub: PublicHub, options: ServerOptions, path: str = PATH) -> None:
    """Serve one category's public socket."""

    async def serve(request: web.Request) -> web.StreamResponse:
        return await _serve(request, hub, options)

    app.router.add_get(path, serve)


async def _serve(request: web.Request, hub: PublicHub, options: ServerOptions) -> web.StreamResponse:
    # No deflate: the exchange negotiates it, but here it would only burn the test machine's cores.
    socket = web.WebSocketResponse(compress=False, timeout=GOODBYE_S)
    await socket.prepare(request)
    connection = Connection(socket, request.transport, options.max_queued_bytes)
    hub.enter(connection)
    writer = asyncio.create_task(connection.write())
    idle = _arm_idle_cut(connection, options.idle_cut_s)
    try:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                # Sequential on purpose: answers keep the order of the requests.
                await asyncio.sleep(options.reply_delay_s)
                answer(message.data, connection, hub, options)
    finally:
        if idle is not None:
            idle.cancel()
        hub.leave(connection)
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer
    return socket


def _arm_idle_cut(connection: Connection, idle_cut_s: float | None) -> asyncio.TimerHandle | None:
    if idle_cut_s is None:
        return None

    def check() -> None:
        if not connection.said_hello:
            connection.cut("idle")

    return asyncio.get_running_loop().call_later(idle_cut_s, check)


def answer(text: str, connection: Connection, hub: PublicHub, options: ServerOptions) -> None:
    """Do what one client frame asks and queue everything it is to be sent for it."""
    spot = hub.market.category == SPOT
    try:
        request = parse_request(text)
    except Undecodable as undecodable:
        connection.send(str(undecodable).encode())
        return
    if request.op == "ping":
        connection.said_hello = True
        connection.send(pong(request, connection.id, spot=spot))
    elif request.op == "subscribe":
        _subscribe(request, connection, hub, options)
    elif request.op == "unsubscribe":
        hub.unsubscribe(connection, request.args)
        connection.send(ack(request, connection.id, spot=spot))
    else:
        connection.send(ack(request, connection.id, "invalid op", spot=spot))


def _subscribe(request: Request, connection: Connection, hub: PublicHub, options: ServerOptions) -> None:
    topics: dict[str, Topic] = {}
    spot = hub.market.category == SPOT
    error = None if request.args else "handler not found,topic:"
    if spot and len(request.args) > MOST_SPOT_ARGS:
        connection.send(ack(request, connection.id, f"args size >{MOST_SPOT_ARGS}", spot=spot))
        return
    for name in request.args:
        topic = hub.market.topic(name)
        if topic is None:
            error = f"handler not found,topic:{name}"
        elif name in connection.topics or name in topics:
            error = f"already subscribed,topic:{name}"
        else:
            topics[name] = topic
        if error is not None:
            break
    if error is None and sum(map(len, (*connection.topics, *topics))) > options.max_args_chars:
        error = f"args size >{options.max_args_chars}"
    if error is not None:
        connection.send(ack(request, connection.id, error, spot=spot))
        return
    connection.said_hello = True
    connection.send(ack(request, connection.id, spot=spot))
    for payload in hub.subscribe(connection, topics.values()):
        connection.send(payload)
