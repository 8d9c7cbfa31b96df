"""The kill switch while the journal, or every store, is away: flat all the same, and latched for good."""

import asyncio
import time
from decimal import Decimal

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import SYMBOL, ExecutorProcess, World
from tests.support.ports import free_port

from tradefleet.domain.signals import Target
from tradefleet.orders.client_order_id import is_way_out
from tradefleet.services import audit_command
from tradefleet.services.fleet.latches import engaged
from tradefleet.spec.trading import KillSwitch

pytestmark = pytest.mark.process


async def holding(world: World) -> tuple[ExecutorProcess, int]:
    """An executor with a position, and the port of its own endpoint."""
    port = free_port()
    executor = world.start(probe_port=port)
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await executor.until(lambda status: status["positions"])
    return executor, port


async def engage(port: int) -> str:
    body = {"reason": "a test", "actor": "me"}
    url = f"http://127.0.0.1:{port}/kill-switch"
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as response:
        assert response.status == 200
        return str((await response.json())["latch"])


async def flat(world: World) -> bool:
    await asyncio.sleep(0.3)  # seldom: the account's reads are limited
    return await world.position() == 0 and not await world.ask("get_open_orders", settleCoin="USDT")


async def latched(world: World, latch_id: str) -> bool:
    return any(line.split()[0] == latch_id for line in await engaged(world.dsn))


async def test_the_executors_own_endpoint_closes_everything_while_all_is_well(world: World) -> None:
    executor, port = await holding(world)

    latch_id = await engage(port)
    await eventually(lambda: flat(world))

    await eventually(lambda: latched(world, latch_id))
    status = await executor.until(lambda found: found["kill_switch"]["seconds_to_flat"] is not None)
    assert status["latches"] == [latch_id]


async def test_with_every_store_down_the_account_is_flat_and_the_latch_survives(world: World) -> None:
    executor, port = await holding(world)
    world.valkey.kill()
    world.postgres.stop()

    began = time.monotonic()
    latch_id = await engage(port)
    await eventually(lambda: flat(world))
    print(f"\nflat {time.monotonic() - began:.1f} s after the request, Postgres and Valkey down")
    await executor.until(lambda found: found["flat_without_journal_s"] is not None)
    await world.postgres.start_again()
    world.valkey.start_again()

    await executor.until(lambda found: found["leading"] and found["latches"] == [latch_id])
    assert await latched(world, latch_id)
    assert await world.position() == Decimal(0)
    # Its closes are told as what they are, and are nobody's alarm.
    sold = "SELECT client_order_id FROM executions WHERE side = 'Sell'"
    closes = await eventually(lambda: world.rows(sold))
    assert all(is_way_out(row["client_order_id"]) for row in closes)
    told = "\n".join(await audit_command.show(world.dsn, closes[0]["client_order_id"]))
    assert "by the way out" in told
    assert "unplanned_fill" not in executor.status()["errors"]


async def test_an_edge_of_the_spec_is_heard_without_the_journal(world: World) -> None:
    executor, _ = await holding(world)
    world.postgres.stop()
    await executor.until(lambda found: not found["leading"])

    world.configure(generation=2, kill_switch=KillSwitch(engaged=True, reason="by kubectl"))
    await eventually(lambda: flat(world))
    await world.postgres.start_again()

    await executor.until(lambda found: found["leading"] and found["latches"] == ["spec-bot-uid-2"])


async def test_an_executor_that_dies_over_it_is_followed_by_one_that_finishes_without_the_journal(
    world: World,
) -> None:
    executor, port = await holding(world)
    world.postgres.stop()
    await executor.until(lambda found: not found["leading"])
    latch_id = await engage(port)
    executor.kill()

    successor = world.start()
    await eventually(lambda: flat(world))
    await world.postgres.start_again()

    await successor.until(lambda found: found["leading"] and found["latches"] == [latch_id])


async def test_stops_stand_until_the_account_is_flat(world: World) -> None:
    executor, port = await holding(world)
    world.postgres.stop()
    await executor.until(lambda found: not found["leading"])
    await engage(port)
    seen = []

    async def ended() -> bool:
        (row,) = await world.ask("get_positions", symbol=SYMBOL)
        seen.append((Decimal(row["size"]), Decimal(row["stopLoss"] or 0)))
        return seen[-1][0] == 0

    await eventually(ended)

    assert all(stop > 0 for size, stop in seen if size)
    await world.postgres.start_again()
