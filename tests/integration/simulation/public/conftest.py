"""The simulator's market on a real port of the loopback, in the test's own event loop."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording
from tradefleet.simulation.server.app import HUB, build_public_app
from tradefleet.simulation.server.hub import PublicHub
from tradefleet.simulation.server.options import ServerOptions


class Served(NamedTuple):
    """A running simulator. rest: its base address; stream: of the public socket."""

    rest: str
    stream: str
    market: ReplayMarket
    hub: PublicHub
    runner: web.AppRunner


Serve = Callable[..., Awaitable[Served]]


@pytest.fixture(scope="session")
def recording() -> Recording:
    return load_recording()


@pytest.fixture
async def serve(recording: Recording) -> AsyncIterator[Serve]:
    """Start a simulator with these options of the market and the server."""
    runners: list[web.AppRunner] = []

    async def start(options: ServerOptions | None = None, **market_options: Any) -> Served:
        market = ReplayMarket(recording, start_ns=time.time_ns(), clock=time.time_ns, **market_options)
        app = build_public_app(market, options)
        runner = web.AppRunner(app, access_log=None)
        runners.append(runner)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        address = f"{host}:{port}"
        return Served(f"http://{address}", f"ws://{address}/v5/public/linear", market, app[HUB], runner)

    yield start
    for runner in runners:
        await runner.cleanup()
