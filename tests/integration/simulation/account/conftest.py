"""The simulator's account on a real port of the loopback, in the test's own event loop.

`hand` serves it on a market that only the test moves; `replay` on the recorded market.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.support.simulated_account import BTC
from yarl import URL

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording
from tradefleet.simulation.server import account_rest, private_stream
from tradefleet.simulation.server.app import build_app
from tradefleet.simulation.server.envelope import refusals_in_envelopes
from tradefleet.simulation.server.signing import sign

KEY, SECRET = "key", "secret"
PATIENCE_S = 20.0


class Client:
    """A hand-made client: signs as Bybit asks, keeps answers raw."""

    def __init__(self, address: str, http: aiohttp.ClientSession) -> None:
        self.rest = f"http://{address}"
        self.stream = f"ws://{address}/v5/private"
        self.http = http

    def headers(self, payload: str, secret: str = SECRET, stamp_ms: int | None = None) -> dict[str, str]:
        stamp = str(time.time_ns() // 1_000_000 if stamp_ms is None else stamp_ms)
        return {
            "X-BAPI-API-KEY": KEY,
            "X-BAPI-TIMESTAMP": stamp,
            "X-BAPI-RECV-WINDOW": "5000",
            "X-BAPI-SIGN": sign(secret, f"{stamp}{KEY}5000{payload}"),
            "Content-Type": "application/json",
        }

    async def answer(self, method: str, path: str, payload: str, **how: Any) -> tuple[Any, Any]:
        """(headers, body) of a signed request."""
        query, data = (f"?{payload}", None) if method == "GET" else ("", payload)
        url = URL(f"{self.rest}{path}{query}", encoded=True)  # what is signed is what is sent
        async with self.http.request(
            method, url, data=data, headers=self.headers(payload, **how)
        ) as response:
            return response.headers, await response.json()

    async def get(self, path: str, payload: str = "category=linear") -> Any:
        return (await self.answer("GET", path, payload))[1]

    async def post(self, path: str, **body: Any) -> Any:
        return (await self.answer("POST", path, json.dumps({"category": "linear", **body})))[1]

    async def create(self, qty: str = "0.1", price: str | None = None, **body: Any) -> Any:
        asked = {"symbol": "BTCUSDT", "side": "Buy", "qty": qty, "orderType": "Market", **body}
        if price is not None:
            asked |= {"orderType": "Limit", "price": price}
        return await self.post("/v5/order/create", **asked)

    async def order(self, link_id: str) -> Any:
        found = await self.get("/v5/order/realtime", f"category=linear&symbol=BTCUSDT&orderLinkId={link_id}")
        return found["result"]["list"]

    async def fault(self, **fault: Any) -> Any:
        async with self.http.post(f"{self.rest}/simulator/faults/account", json=fault) as response:
            return await response.json()


class Listener:
    """One private socket: frames as they come."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, **frame: Any) -> Any:
        """Send a frame, return the next one that comes."""
        await self.socket.send_json(frame)
        return await self.hear()

    async def hear(self) -> Any:
        return await self.socket.receive_json(timeout=PATIENCE_S)

    async def authorise(self, expires: object = None, secret: str = SECRET) -> Any:
        expires = int(time.time() * 1000) + 10_000 if expires is None else expires
        return await self.say(op="auth", args=[KEY, expires, sign(secret, f"GET/realtime{expires}")])

    async def until(self, topic: str) -> Any:
        """The next frame of this topic."""
        while True:
            frame = await self.hear()
            if frame.get("topic") == topic:
                return frame

    async def silent(self) -> bool:
        """Nothing has been sent before this ping's answer."""
        return bool((await self.say(op="ping"))["op"] == "pong")


class Simulator:
    """A served exchange with ways in."""

    def __init__(
        self, exchange: SimulatedExchange, market: Any, address: str, http: aiohttp.ClientSession
    ) -> None:
        self.exchange = exchange
        self.market = market
        self.client = Client(address, http)

    async def listen(self, *topics: str) -> Listener:
        """An authorised private socket with these topics."""
        listener = Listener(await self.client.http.ws_connect(self.client.stream))
        if topics:
            assert (await listener.authorise())["success"]
            assert (await listener.say(op="subscribe", args=list(topics)))["success"]
        return listener


Serve = Callable[..., Awaitable[Simulator]]


async def _started(app: web.Application) -> tuple[web.AppRunner, str]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    return runner, f"{host}:{port}"


@pytest.fixture
async def hand(tmp_path: Path) -> AsyncIterator[Serve]:
    """Serve an account on a market moved by hand, with these options of the exchange."""
    ends: list[Callable[[], Awaitable[None]]] = []

    async def serve(**options: Any) -> Simulator:
        market = HandMarket([BTC], time.time_ns)
        market.mark("BTCUSDT", "60000")
        market.replace("BTCUSDT", {"59999.9": "1"}, {"60000.1": "1", "60000.2": "5"})
        exchange = SimulatedExchange(market, tmp_path / "state", api_key=KEY, api_secret=SECRET, **options)
        app = web.Application(middlewares=[refusals_in_envelopes(market.now_ns)])
        account_rest.add_routes(app, exchange)
        private_stream.add_routes(app, exchange)
        return await _opened(app, exchange, market, ends)

    yield serve
    for end in reversed(ends):
        await end()


async def _opened(
    app: web.Application, exchange: SimulatedExchange, market: Any, ends: list[Any]
) -> Simulator:
    runner, address = await _started(app)
    http = aiohttp.ClientSession()

    async def end() -> None:
        await http.close()
        await runner.cleanup()
        exchange.close()

    ends.append(end)
    return Simulator(exchange, market, address, http)


@pytest.fixture(scope="session")
def recording() -> Recording:
    return load_recording()


@pytest.fixture
async def replay(tmp_path: Path, recording: Recording) -> AsyncIterator[Serve]:
    """Serve an account on the recorded market."""
    ends: list[Callable[[], Awaitable[None]]] = []

    async def serve(**options: Any) -> Simulator:
        market = ReplayMarket(recording, start_ns=time.time_ns(), clock=time.time_ns)
        exchange = SimulatedExchange(market, tmp_path / "state", api_key=KEY, api_secret=SECRET, **options)
        return await _opened(build_app(market, exchange), exchange, market, ends)

    yield serve
    for end in reversed(ends):
        await end()


async def eventually(check: Callable[[], Any]) -> Any:
    """The first true value of `check`, asked again and again."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        value = check()
        if value:
            return value
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.01)
