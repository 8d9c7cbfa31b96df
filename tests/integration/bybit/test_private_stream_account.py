"""The private stream against the simulator: what it delivers, and when it says that it may have missed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from aiohttp import web
from tests.support.simulated_account import (
    KEY,
    SECRET,
    SimulatedAccount,
    WallClock,
    intent,
)

from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.adapters.bybit.private_stream import PrivateStream, PrivateStreamSettings
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.exchange_view import Wallet

PATIENCE_S = 20.0
QUICK = PrivateStreamSettings(ping_s=0.1, silence_s=0.5, answer_s=0.5, first_retry_s=0.02)


class Follower:
    """A running stream and all that it said, in order: values, "up" and ("down", reason)."""

    def __init__(self, url: str, secret: str = SECRET) -> None:
        self.said: list[Any] = []
        self.bad: list[tuple[str, bytes, str]] = []
        self.stream = PrivateStream(
            url,
            KEY,
            secret,
            WallClock(),
            self.said.append,
            lambda: self.said.append("up"),
            lambda reason: self.said.append(("down", reason)),
            QUICK,
            on_bad=lambda topic, raw, error: self.bad.append((topic, raw, error)),
        )

    def of(self, kind: type) -> list[Any]:
        return [value for value in self.said if isinstance(value, kind)]

    @property
    def ups(self) -> int:
        return self.said.count("up")

    @property
    def downs(self) -> list[str]:
        return [value[1] for value in self.said if isinstance(value, tuple)]


@contextlib.asynccontextmanager
async def following(url: str, secret: str = SECRET) -> AsyncIterator[Follower]:
    follower = Follower(url, secret)
    task = asyncio.create_task(follower.stream.run())
    try:
        yield follower
        assert not task.done()
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], Any]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        if holds():
            return
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)


async def buy(served: SimulatedAccount, signal_id: str) -> str:
    entry = intent(signal_id)
    async with OrderClient(served.rest, KEY, SECRET, WallClock()) as client:
        await client.create(entry, lambda _: None)
    return entry.client_order_id


async def test_a_create_brings_its_order_execution_position_and_wallet(served: SimulatedAccount) -> None:
    async with following(served.stream) as follower:
        await until(lambda: follower.ups)

        ours = await buy(served, "one")
        kinds = (ExchangeOrder, Execution, ExchangePosition, Wallet)
        await until(lambda: all(follower.of(kind) for kind in kinds))

        orders = [o for o in follower.of(ExchangeOrder) if o.client_order_id == ours]
        assert orders[-1].status is OrderStatus.FILLED
        assert sum(e.signed_qty for e in follower.of(Execution)) == orders[-1].cum_exec_qty
        assert follower.of(ExchangePosition)[-1].size == orders[-1].cum_exec_qty
        assert follower.of(Wallet)[-1].wallet_balance == served.exchange.engine.figures().wallet.balance
        assert follower.downs == []


async def test_a_connection_that_the_server_cuts_is_made_again(served: SimulatedAccount) -> None:
    async with following(served.stream) as follower:
        await until(lambda: follower.ups == 1)

        served.cut_private_streams()
        await until(lambda: follower.ups == 2)
        ours = await buy(served, "after")
        await until(lambda: any(o.client_order_id == ours for o in follower.of(ExchangeOrder)))

        assert [entry for entry in follower.said if entry == "up" or isinstance(entry, tuple)] == [
            "up",
            ("down", follower.downs[0]),
            "up",
        ]


async def test_pings_keep_a_silent_account_connected(served: SimulatedAccount) -> None:
    async with following(served.stream) as follower:
        await until(lambda: follower.ups)

        await asyncio.sleep(3 * QUICK.silence_s)

        assert (follower.stream.up, follower.stream.connections) == (True, 1)


async def test_a_wrong_secret_never_comes_up_and_never_gives_up(served: SimulatedAccount) -> None:
    async with following(served.stream, secret="wrong") as follower:
        await until(lambda: follower.stream.connections >= 3)

        assert follower.said == []


class Scripted:
    """A private socket that agrees to everything, sends the script's frames, then is silent."""

    def __init__(self) -> None:
        self.script: list[str] = []

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            op = message.json()["op"]
            if op in ("auth", "subscribe"):
                await socket.send_json({"op": op, "success": True, "ret_msg": ""})
            if op == "subscribe":
                for frame in self.script:
                    await socket.send_str(frame)
                self.script = []
        return socket


@pytest.fixture
async def scripted() -> AsyncIterator[tuple[Scripted, str]]:
    server = Scripted()
    app = web.Application()
    app.router.add_get("/v5/private", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield server, f"ws://{host}:{port}/v5/private"
    await runner.cleanup()


async def test_a_row_that_is_not_understood_is_a_loss_and_the_next_ones_still_count(
    scripted: tuple[Scripted, str],
) -> None:
    server, url = scripted
    good = (
        '{"symbol":"BTCUSDT","positionIdx":0,"side":"Buy","size":"1","entryPrice":"1","markPrice":"1",'
        '"leverage":"1","seq":1,"updatedTime":"1","category":"linear"}'
    )
    bad = good.replace("Buy", "Sideways")
    server.script = [f'{{"topic":"position.linear","creationTime":1,"data":[{bad},{good}]}}']

    async with following(url) as follower:
        await until(lambda: follower.of(ExchangePosition))

        assert follower.stream.bad_rows == 1
        assert follower.said[:3] == ["up", ("down", follower.downs[0]), "up"]
        assert "side: 'Sideways'" in follower.downs[0]
        ((topic, raw, error),) = follower.bad
        assert topic == "position.linear"
        assert raw.decode() == bad
        assert "side: 'Sideways'" in error


@pytest.mark.parametrize("frames", [[], ["{not json"]])
async def test_silence_and_nonsense_end_the_connection(
    scripted: tuple[Scripted, str], frames: list[str]
) -> None:
    server, url = scripted
    server.script = frames

    async with following(url) as follower:
        await until(lambda: follower.stream.connections >= 2)

        assert len(follower.downs) >= 1
        assert [raw for _, raw, _ in follower.bad[:1]] == [frame.encode() for frame in frames]
