"""A real executor while one list of the exchange fails, and while it shows what nobody expected."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from tests.support.exchange_proxy import ExchangeProxy, Trouble
from tests.support.executor_world import World, eventually

from tradefleet.domain.signals import Target
from tradefleet.services.fleet.latches import engage_kill_switch

pytestmark = pytest.mark.process


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[ExchangeProxy]:
    made = await ExchangeProxy.before(f"http://{world.address}", time.time_ns)
    yield made
    await made.close()


async def _until_flat(world: World) -> float:
    """Seconds. Asked seldom: the account's reads are limited."""
    began = time.monotonic()

    async def is_flat() -> bool:
        await asyncio.sleep(0.5)
        return not await world.position()

    await eventually(is_flat)
    return time.monotonic() - began


@pytest.mark.parametrize("path", ["/v5/account/wallet-balance", "/v5/execution/list"])
async def test_the_kill_switch_of_a_new_leader_closes_while_a_list_fails(
    world: World, proxy: ExchangeProxy, path: str
) -> None:
    first = world.start()
    await world.ready(first)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await asyncio.sleep(1.0)
    first.kill()
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)
    proxy.broken[path] = (Trouble.ERROR, 0.0)

    second = world.start(rest=proxy.url)
    await second.until(lambda status: status["leading"])
    seconds = await _until_flat(world)

    print(f"\n{path} fails: flat {seconds:.1f} s after the lease")
    assert second.process.poll() is None


async def test_a_position_in_another_contract_gets_its_stop_while_the_executor_leads(world: World) -> None:
    executor = world.start()
    await world.ready(executor)

    await world.say("place_order", symbol="BTCUSDT", side="Buy", orderType="Market", qty="0.05")
    began = time.monotonic()

    async def has_a_stop() -> bool:
        await asyncio.sleep(0.2)
        (row,) = await world.ask("get_positions", symbol="BTCUSDT")
        return row["stopLoss"] not in ("", "0")

    await eventually(has_a_stop)
    print(f"\na stop {time.monotonic() - began:.1f} s after the order")
    assert any(place["symbol"] == "BTCUSDT" for place in executor.status()["positions"])
