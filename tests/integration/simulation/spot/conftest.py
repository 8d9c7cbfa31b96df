"""The simulator with its spot market on a real port of the loopback, in the test's own event loop."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from aiohttp import web

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording, load_spot_recording
from tradefleet.simulation.server.app import build_app


class Served:
    """Where it is, and what is behind it."""

    def __init__(self, exchange: SimulatedExchange, address: str) -> None:
        self.exchange = exchange
        self.rest = f"http://{address}"
        self.public = f"ws://{address}/v5/public/spot"
        self.private = f"ws://{address}/v5/private"


@pytest.fixture(scope="session")
def recordings() -> tuple[Recording, Recording]:
    return load_recording(), load_spot_recording()


@pytest.fixture
async def served(tmp_path: Path, recordings: tuple[Recording, Recording]) -> AsyncIterator[Served]:
    """The recorded markets and an account with 10,000 USDT and 1 BTC."""
    linear, spot = (
        ReplayMarket(recording, start_ns=time.time_ns(), clock=time.time_ns) for recording in recordings
    )
    exchange = SimulatedExchange(linear, tmp_path / "state", api_key="key", api_secret="secret", spot=spot)
    exchange.transfer(Decimal(1), "BTC")
    runner = web.AppRunner(build_app(linear, exchange, spot=spot), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield Served(exchange, f"{host}:{port}")
    await runner.cleanup()
    exchange.close()
