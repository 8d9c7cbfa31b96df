"""A position in a contract that is none of the bot's is protected and closed like any other."""

import time
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from tests.support.exchange_proxy import ExchangeProxy
from tests.support.executor_world import World, can_open, eventually

from tradefleet.services.fleet.latches import engage_kill_switch

pytestmark = pytest.mark.process

OUTSIDE = "BTCUSDT"
INSTRUMENTS = "/v5/market/instruments-info"


@pytest.fixture
async def proxy(world: World) -> AsyncIterator[ExchangeProxy]:
    proxy = await ExchangeProxy.before(f"http://{world.address}", time.time_ns)
    yield proxy
    await proxy.close()


async def _bought_by_hand(world: World) -> None:
    await world.say("place_order", symbol=OUTSIDE, side="Buy", orderType="Market", qty="0.05")
    await eventually(lambda: world.position(OUTSIDE))


async def _stop(world: World) -> str:
    (row,) = await world.ask("get_positions", symbol=OUTSIDE)
    return str(row["stopLoss"])


async def _is_flat(world: World) -> bool:
    return await world.position(OUTSIDE) == 0


async def test_what_somebody_opens_elsewhere_gets_a_stop(world: World) -> None:
    executor = world.start()
    await executor.until(can_open)

    await _bought_by_hand(world)

    await eventually(lambda: _has_stop(world))
    assert Decimal(await _stop(world)) < world.market.mark_price(OUTSIDE)


async def _has_stop(world: World) -> bool:
    return Decimal(await _stop(world) or 0) > 0


async def test_what_a_new_leader_finds_elsewhere_is_closed_by_the_kill_switch(world: World) -> None:
    first = world.start()
    await first.until(can_open)
    first.kill()
    await _bought_by_hand(world)
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)

    second = world.start()

    await eventually(lambda: _is_flat(world))
    await second.until(lambda status: status["kill_switch"]["seconds_to_flat"] is not None)


async def test_without_its_rules_it_gets_no_stop_and_is_closed_all_the_same(
    world: World, proxy: ExchangeProxy
) -> None:
    def spoil(path: str, result: dict[str, Any]) -> None:
        for row in result.get("list", ()) if path == INSTRUMENTS else ():
            if row["symbol"] == OUTSIDE:
                row["status"] = "Settling"

    proxy.rewrite = spoil
    executor = world.start(rest=proxy.url)
    await executor.until(can_open)
    await _bought_by_hand(world)
    await executor.until(lambda status: status["errors"].get("rules_unread") or "BTC" in str(status))
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)

    await eventually(lambda: _is_flat(world))
