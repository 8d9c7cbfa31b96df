"""The public socket over real sockets: acks, snapshots, refusals, pings, cuts."""

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tradefleet.simulation.server.app import DRIVER
from tradefleet.simulation.server.options import ServerOptions

Serve = Callable[..., Awaitable[Any]]


async def say(client: ClientConnection, **request: Any) -> None:
    await client.send(json.dumps(request))


async def hear(client: ClientConnection) -> dict[str, Any]:
    frame: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), 10))
    return frame


async def hear_until(client: ClientConnection, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    while True:
        frame = await hear(client)
        if wanted(frame):
            return frame


async def listen_for_ever(client: ClientConnection) -> None:
    while True:
        await asyncio.wait_for(client.recv(), 20)


async def ended(client: ClientConnection) -> int | None:
    with pytest.raises(ConnectionClosed):
        await listen_for_ever(client)
    return client.close_code


async def test_one_ack_for_a_request_then_snapshots_then_deltas(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        topics = ["orderbook.50.BTCUSDT", "orderbook.50.ETHUSDT", "orderbook.50.SOLUSDT"]
        await say(client, req_id="mine", op="subscribe", args=topics)

        ack = await hear(client)
        snapshots = [await hear(client) for _ in topics]
        deltas = [await hear(client) for _ in range(30)]

    assert ack == {
        "success": True,
        "ret_msg": "",
        "conn_id": ack["conn_id"],
        "req_id": "mine",
        "op": "subscribe",
    }
    assert [(frame["topic"], frame["type"]) for frame in snapshots] == [
        (topic, "snapshot") for topic in topics
    ]
    chains = {frame["topic"]: frame["data"]["u"] for frame in snapshots}
    for frame in deltas:
        assert frame["type"] == "delta"
        assert frame["data"]["u"] == chains[frame["topic"]] + 1
        chains[frame["topic"]] += 1


async def test_a_second_client_gets_its_own_snapshot_and_the_same_bytes(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as first, connect(served.stream) as second:
        for client in (first, second):
            await say(client, op="subscribe", args=["orderbook.200.SOLUSDT"])
        early: dict[int, Any] = {}
        late: dict[int, Any] = {}
        for client, heard in ((first, early), (second, late)):
            assert (await hear(client))["success"]
            assert (await hear(client))["type"] == "snapshot"
            for _ in range(12):
                text = await asyncio.wait_for(client.recv(), 10)
                heard[json.loads(text)["data"]["u"]] = text

    common = early.keys() & late.keys()
    assert len(common) > 5
    assert all(early[update_id] == late[update_id] for update_id in common)


async def test_a_numeric_id_is_echoed_as_text_and_a_missing_one_as_empty(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await say(client, req_id=1, op="subscribe", args=["tickers.BTCUSDT"])
        numbered = await hear(client)
        await say(client, op="unsubscribe", args=["tickers.BTCUSDT"])
        nameless = await hear_until(client, lambda frame: "op" in frame)

    assert numbered["req_id"] == "1"
    assert nameless["req_id"] == ""
    assert nameless["op"] == "unsubscribe"
    assert nameless["success"]


@pytest.mark.parametrize(
    "bad",
    [
        *("orderbook.50.NOPEUSDT", "orderbook.50.btcusdt", "orderbook.500.BTCUSDT", "orderbook.1000.BTCUSDT"),
        *("orderbook.25.BTCUSDT", "kline.2.BTCUSDT", "order", "tickers", "nonsense.BTCUSDT", ""),
    ],
)
async def test_one_topic_that_does_not_exist_refuses_the_whole_request(serve: Serve, bad: str) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await say(client, req_id="e1", op="subscribe", args=["orderbook.50.BTCUSDT", bad])
        refusal = await hear(client)
        await say(client, op="ping")
        following = await hear(client)

    assert not refusal["success"]
    assert refusal["ret_msg"] == f"error:handler not found,topic:{bad}"
    assert refusal["req_id"] == "e1"
    assert following["ret_msg"] == "pong"  # and no frame of the good topic before it


async def test_a_second_subscription_is_refused_and_the_first_keeps_delivering(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await say(client, op="subscribe", args=["orderbook.50.DOGEUSDT"])
        assert (await hear(client))["success"]
        last = (await hear(client))["data"]["u"]
        await say(client, req_id="again", op="subscribe", args=["orderbook.50.DOGEUSDT"])
        refusal = None
        for _ in range(8):
            frame = await hear(client)
            if "topic" not in frame:
                refusal = frame
                continue
            assert frame["data"]["u"] == last + 1
            last += 1

    assert refusal is not None
    assert refusal["ret_msg"] == "error:already subscribed,topic:orderbook.50.DOGEUSDT"


async def test_unsubscribing_and_subscribing_again_is_how_a_client_resynchronises(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await say(client, op="subscribe", args=["orderbook.200.ETHUSDT"])
        await hear(client)
        before = await hear(client)
        await say(client, req_id="off", op="unsubscribe", args=["orderbook.200.ETHUSDT"])
        await hear_until(client, lambda frame: frame.get("req_id") == "off")
        await asyncio.sleep(0.3)
        await say(client, req_id="on", op="subscribe", args=["orderbook.200.ETHUSDT"])
        ack = await hear(client)  # nothing came in between
        again = await hear(client)

    assert ack["req_id"] == "on"
    assert again["type"] == "snapshot"
    assert again["data"]["u"] > before["data"]["u"]


async def test_an_unknown_operation_and_a_text_that_is_no_json_keep_the_socket_open(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await say(client, req_id="q", op="order.create", args=[])
        unknown = await hear(client)
        await client.send("hello")
        plain = await asyncio.wait_for(client.recv(), 10)
        await say(client, req_id="after", op="ping")
        pong = await hear(client)

    assert unknown["ret_msg"] == "error:invalid op"
    assert isinstance(plain, str)
    assert plain.startswith("Failed to decode incoming data:readObjectStart: expect { or n, but found h, ")
    assert pong == {
        "success": True,
        "ret_msg": "pong",
        "conn_id": unknown["conn_id"],
        "req_id": "after",
        "op": "ping",
    }


async def test_a_protocol_ping_is_answered(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        answered = await client.ping()
        assert await asyncio.wait_for(answered, 10) >= 0


async def test_a_socket_that_never_says_anything_is_cut_without_a_goodbye(serve: Serve) -> None:
    served = await serve(ServerOptions(idle_cut_s=0.2))
    async with (
        connect(served.stream) as silent,
        connect(served.stream) as pinging,
        connect(served.stream) as busy,
    ):
        await say(pinging, op="ping")
        await say(busy, op="subscribe", args=["tickers.BTCUSDT"])

        assert await ended(silent) == 1006
        for client in (pinging, busy):
            await say(client, req_id="alive", op="ping")
            await hear_until(client, lambda frame: frame.get("req_id") == "alive")
    assert served.hub.counts["cut: idle"] == 1


async def test_a_client_that_does_not_read_is_cut_and_the_others_go_on(serve: Serve) -> None:
    served = await serve(ServerOptions(max_queued_bytes=1_000_000), speed=50.0, copies=5)
    topics = [f"orderbook.200.{symbol}" for symbol in served.market.symbols]
    lazy_socket = socket.create_connection(served.stream.split("/")[2].split(":"))
    lazy_socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy_socket.setblocking(False)
    lazy = await connect(served.stream, sock=lazy_socket, max_queue=1)
    async with connect(served.stream) as reader:
        await say(reader, op="subscribe", args=["tickers.BTCUSDT"])
        await say(lazy, op="subscribe", args=topics)
        async with asyncio.timeout(60):
            while not served.hub.counts["cut: slow consumer"]:
                await hear(reader)
        for _ in range(20):
            await hear(reader)

        assert len(served.hub.connections) == 1
    lazy.transport.abort()  # reading what the kernel still holds through its tiny window takes 20 s


async def test_more_topics_than_the_documented_length_are_refused(serve: Serve) -> None:
    served = await serve(ServerOptions(max_args_chars=60))
    async with connect(served.stream) as client:
        await say(client, op="subscribe", args=["tickers.BTCUSDT", "tickers.ETHUSDT", "tickers.SOLUSDT"])
        assert (await hear(client))["success"]
        await say(client, req_id="more", op="subscribe", args=["publicTrade.BTCUSDT"])
        refusal = await hear_until(client, lambda frame: frame.get("req_id") == "more")

    assert refusal["ret_msg"] == "error:args size >60"


async def test_every_stream_of_every_symbol_delivers(serve: Serve) -> None:
    served = await serve(speed=20.0)
    streams = ("orderbook.200", "orderbook.50", "orderbook.1", "publicTrade", "tickers", "kline.1", "kline.5")
    wanted = {f"{stream}.{symbol}" for stream in streams for symbol in served.market.symbols}
    async with connect(served.stream) as client:
        await say(client, op="subscribe", args=sorted(wanted))
        async with asyncio.timeout(30):
            while wanted:
                wanted.discard((await hear(client)).get("topic", ""))


async def test_a_stopping_server_says_goodbye(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await say(client, op="subscribe", args=["tickers.BTCUSDT"])
        await hear(client)
        await served.runner.cleanup()

        assert await ended(client) == 1001


async def test_only_the_linear_market_has_a_public_socket(serve: Serve) -> None:
    served = await serve()
    with pytest.raises(InvalidStatus) as refused:
        await connect(served.stream.replace("linear", "spot"))

    assert refused.value.response.status_code == 404


class BrokenListener:
    """An account whose state cannot be written any more."""

    def on_book(self, *_: Any) -> None:
        raise OSError("no space left")

    def on_trade(self, *_: Any) -> None: ...

    def on_mark(self, *_: Any) -> None: ...


async def test_a_simulation_that_broke_ends_its_driver_with_the_reason(serve: Serve) -> None:
    served = await serve()
    driver = served.runner.app[DRIVER]
    served.market.add_listener(BrokenListener())

    await asyncio.wait({driver}, timeout=10)

    assert isinstance(driver.exception(), OSError)
    await served.runner.cleanup()
