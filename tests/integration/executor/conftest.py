"""An executor between a real Postgres, a real Valkey and the simulator's server: see `World`."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from tests.chaos.scenes import fleet, stores
from tests.support.executor_world import KEY, SECRET, World
from tests.support.postgres_server import RunningPostgres, running_postgres
from tests.support.valkey_server import running_valkey

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import Recording, load_recording
from tradefleet.simulation.server.app import build_app

__all__ = ["fleet", "stores"]


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def recording() -> Recording:
    return load_recording()


@pytest.fixture
def database(postgres: RunningPostgres) -> str:
    name = f"test-{time.time_ns()}"
    postgres.create(name)
    return postgres.dsn(name)


@pytest.fixture
def copies() -> int:
    """Of each recorded symbol; a module that needs many says so."""
    return 0


@pytest.fixture
def spot() -> ReplayMarket | None:
    """The spot market beside the contracts; a module that needs one says so."""
    return None


@pytest.fixture
async def world(
    tmp_path: Path,
    database: str,
    postgres: RunningPostgres,
    recording: Recording,
    copies: int,
    spot: ReplayMarket | None,
) -> AsyncIterator[World]:
    with running_valkey(tmp_path / "valkey") as valkey:
        world = World(tmp_path, postgres, valkey)
        world.dsn = database
        world.configure()
        world.market = ReplayMarket(recording, start_ns=time.time_ns(), clock=time.time_ns, copies=copies)
        world.exchange = SimulatedExchange(
            world.market, tmp_path / "state", api_key=KEY, api_secret=SECRET, spot=spot
        )
        runner = web.AppRunner(build_app(world.market, world.exchange, spot=spot), access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        world.address = "{}:{}".format(*runner.addresses[0][:2])
        announcing = asyncio.create_task(world.announce())
        try:
            yield world
        finally:
            announcing.cancel()
            await asyncio.gather(announcing, return_exceptions=True)
            for executor in world.executors:
                executor.kill()
            await world.bus.close()
            await runner.cleanup()
            world.exchange.close()
