"""Envelope, headers, wrong paths and the fault hooks, over real HTTP."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

Serve = Callable[..., Awaitable[Any]]


async def ask(served: Any, path: str, method: str = "GET", **body: Any) -> tuple[int, Any, Any]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, served.rest + path, json=body or None) as answer,
    ):
        return answer.status, answer.headers, await answer.json()


async def listen_for_ever(client: ClientConnection) -> None:
    while True:
        await asyncio.wait_for(client.recv(), 10)


async def test_every_answer_has_the_envelope_and_the_limit_headers(serve: Serve) -> None:
    served = await serve()

    status, headers, body = await ask(served, "/v5/market/time")

    assert status == 200
    assert list(body) == ["retCode", "retMsg", "result", "retExtInfo", "time"]
    assert (body["retCode"], body["retMsg"], body["retExtInfo"]) == (0, "OK", {})
    assert abs(body["time"] - time.time() * 1000) < 5000
    assert int(headers["X-Bapi-Limit-Status"]) <= int(headers["X-Bapi-Limit"])
    assert int(headers["X-Bapi-Limit-Reset-Timestamp"]) == body["time"]


async def test_a_wrong_parameter_is_http_200_with_10001(serve: Serve) -> None:
    served = await serve()

    status, headers, body = await ask(served, "/v5/market/kline?category=linear&symbol=NOPEUSDT&interval=1")

    assert (status, body["retCode"], body["result"]) == (200, 10001, {})
    assert "NOPEUSDT" in body["retMsg"]
    assert "X-Bapi-Limit" in headers


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v5/market/nothing"), ("POST", "/v5/market/time"), ("GET", "/")]
)
async def test_an_unknown_path_is_404_with_an_envelope(serve: Serve, method: str, path: str) -> None:
    served = await serve()

    status, _, body = await ask(served, path, method)

    assert (status, body["retCode"]) == (404, 10017)
    assert path in body["retMsg"]


async def test_candles_over_rest_and_over_the_socket_are_the_same(serve: Serve) -> None:
    served = await serve(speed=20.0, history_ns=120_000_000_000)
    async with connect(served.stream) as client:
        await client.send(json.dumps({"op": "subscribe", "args": ["kline.1.SOLUSDT"]}))
        heard = [json.loads(await asyncio.wait_for(client.recv(), 10)) for _ in range(4)]
    _, _, body = await ask(served, "/v5/market/kline?category=linear&symbol=SOLUSDT&interval=1")

    last = heard[-1]["data"][0]  # at a minute's end the closed one: the next is still flat
    row = next(row for row in body["result"]["list"] if row[0] == str(last["start"]))
    assert row[1] == last["open"]
    assert float(row[5]) >= float(last["volume"]) > 0


async def test_a_fault_is_injected_on_the_wire_and_counted(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as client:
        await client.send(json.dumps({"op": "subscribe", "args": ["orderbook.50.SOLUSDT"]}))
        await client.recv()
        last = json.loads(await client.recv())["data"]["u"]
        _, _, body = await ask(
            served, "/simulator/faults/public", "POST", kind="gap", topic="orderbook.50.SOLUSDT", count=1
        )
        jump = 1
        while jump == 1:
            update_id = json.loads(await asyncio.wait_for(client.recv(), 10))["data"]["u"]
            jump, last = update_id - last, update_id

    assert body["retCode"] == 0
    assert jump == 2
    _, _, status = await ask(served, "/simulator/status")
    assert status["result"]["faults"] == {"gap": 1}


async def test_connections_of_a_topic_can_be_cut(serve: Serve) -> None:
    served = await serve()
    async with connect(served.stream) as hit, connect(served.stream) as spared:
        await hit.send(json.dumps({"op": "subscribe", "args": ["tickers.BTCUSDT"]}))
        await spared.send(json.dumps({"op": "subscribe", "args": ["tickers.ETHUSDT"]}))
        assert json.loads(await hit.recv())["success"]
        assert json.loads(await spared.recv())["success"]
        await ask(served, "/simulator/faults/public", "POST", kind="disconnect", topic="tickers.BTCUSDT")

        with pytest.raises(ConnectionClosed):
            await listen_for_ever(hit)
        await asyncio.wait_for(spared.recv(), 10)
    assert hit.close_code == 1006


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"kind": "gap", "topic": "orderbook.50.NOPEUSDT"}, "does not exist"),
        ({"kind": "earthquake"}, "Invalid enum value 'earthquake'"),
        ({"kind": "gap", "tpic": "orderbook.50.BTCUSDT"}, "unknown field `tpic`"),
    ],
)
async def test_a_fault_that_makes_no_sense_is_10001(serve: Serve, fault: dict[str, Any], reason: str) -> None:
    served = await serve()

    status, _, body = await ask(served, "/simulator/faults/public", "POST", **fault)

    assert (status, body["retCode"]) == (200, 10001)
    assert reason in body["retMsg"]
