"""The pool of public sockets against a server that misbehaves on command."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import WSCloseCode, WSMsgType, web

from tradefleet.adapters.bybit.public_stream import PublicStream, StreamSettings

FAST = StreamSettings(silence=0.3, ping=5.0, back_off_first=0.01, back_off_most=0.05)


class Server:
    """Records requests; answers pings unless it plays dead."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.sockets: list[web.WebSocketResponse] = []
        self.is_dead = False
        self.url = ""

    async def serve(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        self.sockets.append(socket)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                body = message.json()
                self.requests.append(body)
                if body["op"] == "ping" and not self.is_dead:
                    await socket.send_str('{"op":"pong"}')
        return socket


class Client:
    """Everything that the callbacks were told."""

    def __init__(self, url: str, settings: StreamSettings = FAST) -> None:
        self.frames: list[bytes] = []
        self.up: list[tuple[str, ...]] = []
        self.lost: list[tuple[tuple[str, ...], str]] = []
        self.stream = PublicStream(
            url,
            lambda raw, seen_ns: self.frames.append(raw),
            lambda topics: self.up.append(tuple(topics)),
            lambda topics, reason: self.lost.append((tuple(topics), reason)),
            settings,
            clock=lambda: 1,
        )

    @contextlib.asynccontextmanager
    async def running(self, *groups: list[str]) -> AsyncIterator[None]:
        task = asyncio.create_task(self.stream.run(groups))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait({task})


async def until(wanted: Any) -> None:
    async with asyncio.timeout(20):
        # What is waited for happens in a server, which tells nobody.
        while not wanted():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    fake = Server()
    app = web.Application()
    app.router.add_get("/public", fake.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    fake.url = f"ws://127.0.0.1:{runner.addresses[0][1]}/public"
    yield fake
    for socket in fake.sockets:
        await socket.close()
    await runner.cleanup()


def subscribed(server: Server) -> list[list[str]]:
    return [request["args"] for request in server.requests if request["op"] == "subscribe"]


async def test_each_group_is_one_request_and_frames_come_as_bytes(server: Server) -> None:
    client = Client(server.url)

    async with client.running(["a", "b"], ["c"]):
        await until(lambda: len(subscribed(server)) == 2)
        await server.sockets[0].send_str('{"topic":"a"}')
        await until(lambda: client.frames)

    assert subscribed(server) == [["a", "b"], ["c"]]
    assert client.up == [("a", "b", "c")]
    assert client.frames == [b'{"topic":"a"}']


async def test_topics_are_spread_over_sockets(server: Server) -> None:
    client = Client(server.url, StreamSettings(topics_per_connection=2))

    async with client.running(["a", "b"], ["c"]):
        await until(lambda: len(server.sockets) == client.stream.connected == 2)

    assert sorted(client.up) == [("a", "b"), ("c",)]


async def test_a_resubscription_is_a_leave_and_a_return(server: Server) -> None:
    client = Client(server.url)

    async with client.running(["a", "b"]):
        await until(lambda: client.up)
        client.stream.resubscribe("b")
        await until(lambda: len(server.requests) == 3)

    assert [(request["op"], request["args"]) for request in server.requests] == [
        ("subscribe", ["a", "b"]),
        ("unsubscribe", ["b"]),
        ("subscribe", ["b"]),
    ]
    assert len({request["req_id"] for request in server.requests}) == 3


async def test_a_quiet_market_is_kept_alive_by_pings(server: Server) -> None:
    client = Client(server.url)

    async with client.running(["a"]):
        await until(lambda: sum(request["op"] == "ping" for request in server.requests) >= 4)

    assert len(server.sockets) == 1
    assert client.lost == []


async def test_a_dead_socket_is_given_up_and_made_again(server: Server) -> None:
    client = Client(server.url)
    server.is_dead = True

    async with client.running(["a"]):
        await until(lambda: client.lost)
        server.is_dead = False
        await until(lambda: len(client.up) > len(client.lost))

    assert client.lost[0][0] == ("a",)
    assert client.lost[0][1].startswith("silent for")
    assert subscribed(server)[:2] == [["a"], ["a"]]


@pytest.mark.parametrize("polite", [True, False])
async def test_a_cut_is_said_and_the_topics_come_back(server: Server, polite: bool) -> None:
    client = Client(server.url)

    async with client.running(["a"]):
        await until(lambda: subscribed(server))
        if polite:
            await server.sockets[0].close(code=WSCloseCode.GOING_AWAY)
        else:
            transport: Any = server.sockets[0]._req.transport  # type: ignore[union-attr]
            transport.abort()
        await until(lambda: len(subscribed(server)) == 2)

    assert len(client.lost) == 1
    assert client.lost[0][0] == ("a",)


async def test_an_address_where_nobody_listens_is_tried_until_somebody_does(server: Server) -> None:
    client = Client(server.url.replace("/public", "/nothing"))

    async with client.running(["a"]):
        await asyncio.sleep(0.1)
        assert client.up == []
        client.stream.url = server.url
        await until(lambda: client.up)

    assert client.lost == []


async def test_what_a_callback_raises_ends_the_stream(server: Server) -> None:
    client = Client(server.url)

    def broken(raw: bytes, seen_ns: int) -> None:
        raise ZeroDivisionError

    client.stream.on_frame = broken
    task = asyncio.create_task(client.stream.run([["a"]]))
    await until(lambda: subscribed(server))
    await server.sockets[0].send_str("{}")

    with pytest.raises(ExceptionGroup) as raised:
        await task
    assert raised.group_contains(ZeroDivisionError)


async def test_a_topic_that_is_added_goes_to_a_connection_with_room_and_survives_its_end(
    server: Server,
) -> None:
    client = Client(server.url, msgspec.structs.replace(FAST, topics_per_connection=2))
    async with client.running(["a"]):
        await until(lambda: client.up)

        client.stream.add(["b"])
        client.stream.add(["b"])
        await until(lambda: subscribed(server) == [["a"], ["b"]])
        await server.sockets[0].close()
        await until(lambda: subscribed(server) == [["a"], ["b"], ["a"], ["b"]])

    assert client.up[-1] == ("a", "b")


async def test_a_topic_beyond_a_connections_room_gets_one_of_its_own(server: Server) -> None:
    client = Client(server.url, msgspec.structs.replace(FAST, topics_per_connection=1))
    async with client.running():
        await asyncio.sleep(0)
        for topic in ("a", "b"):
            client.stream.add([topic])
        await until(lambda: client.stream.connected == 2)
        await until(lambda: sorted(subscribed(server)) == [["a"], ["b"]])


async def test_nothing_is_added_before_the_stream_runs(server: Server) -> None:
    client = Client(server.url)

    client.stream.add(["a"])

    assert client.stream.connected == 0
