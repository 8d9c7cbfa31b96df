"""What the kill switch closes at once goes in batches: faster, and no order twice whatever becomes of one."""

import asyncio
import signal
import time
from collections import Counter
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.chaos.reading import Exchange
from tests.support.eventually import eventually
from tests.support.executor_world import ExecutorProcess, World
from tests.support.ports import free_port

from tradefleet.services.fleet.latches import clear, engage_kill_switch

pytestmark = pytest.mark.process

POSITIONS = 20
BATCH = "/v5/order/create-batch"


@pytest.fixture
def copies() -> int:
    return 4  # of four symbols: 20 in all


def hold_all(world: World) -> None:
    """By the account's own books, a position in each symbol."""
    for symbol, rules in sorted(world.market.instruments.items()):
        qty = rules.min_qty * 3
        while qty * world.market.mark_price(symbol) < rules.min_notional * 2:
            qty *= 2
        order = {"category": "linear", "symbol": symbol, "side": "Buy", "orderType": "Market"}
        world.exchange.create({**order, "qty": f"{qty:f}"})


def held(world: World) -> dict[str, Decimal]:
    positions = world.exchange.engine.state.positions.values()
    return {position.symbol: position.size for position in positions if position.size}


async def holding(world: World, *failpoints: str, **settings: Any) -> tuple[ExecutorProcess, int]:
    """An executor that knows of all positions, and where its kill switch listens."""
    port = free_port()
    executor = world.start(*failpoints, probe_port=port, **settings)
    await world.ready(executor)
    hold_all(world)
    await executor.until(lambda status: len(status["positions"]) == POSITIONS)
    return executor, port


async def engage(port: int) -> None:
    url, request = f"http://127.0.0.1:{port}/kill-switch", {"reason": "a test", "actor": "me"}
    async with aiohttp.ClientSession() as session, session.post(url, json=request) as answer:
        assert answer.status == 200


async def flat(world: World) -> float:
    """Seconds until nothing is held."""
    began = time.monotonic()
    while held(world):
        assert time.monotonic() - began < 40, held(world)
        await asyncio.sleep(0.01)
    return time.monotonic() - began


async def fault(world: World, **wanted: Any) -> None:
    url = f"http://{world.address}/simulator/faults/account"
    async with aiohttp.ClientSession() as session, session.post(url, json=wanted) as answer:
        assert answer.status == 200, await answer.text()


async def told_flat(executor: ExecutorProcess) -> dict[str, Any]:
    return await executor.until(lambda found: found["kill_switch"]["seconds_to_flat"] is not None)


async def no_order_was_made_twice(world: World) -> None:
    """Every order of ours has its intent, every intent at most one order, and all of them an end."""
    await eventually(lambda: _all_final(world))
    intents = {row["client_order_id"] for row in await world.rows("SELECT client_order_id FROM intents")}
    exchange = Exchange(world.address)
    rows = await asyncio.to_thread(exchange.pages, "get_order_history", limit=50)
    made = Counter(row["orderLinkId"] for row in rows if row["orderLinkId"])
    assert made
    assert set(made) <= intents
    assert set(made.values()) == {1}
    # Each position was closed once: the sum of what was executed is what was held.
    assert held(world) == {}
    sizes = await world.rows("SELECT size FROM positions")
    assert {row["size"] for row in sizes} == {0}


async def _all_final(world: World) -> bool:
    return not await world.rows("SELECT 1 FROM intents WHERE NOT final")


async def test_twenty_positions_are_flat_sooner_than_one_by_one(world: World) -> None:
    world.configure(symbols=tuple(sorted(world.market.instruments)))
    seconds: dict[int, float] = {}
    for largest in (1, 20):
        executor, port = await holding(world, largest_batch=largest)
        await engage(port)
        seconds[largest] = await flat(world)
        status = await told_flat(executor)
        for latch_id in status["latches"]:
            await clear(world.dsn, latch_id, "cli:me")
        await executor.until(lambda found: not found["latches"])
        executor.process.send_signal(signal.SIGTERM)
        assert await executor.ends() == 0
        world.owner = None

    print(
        f"\n{POSITIONS} positions flat: alone {seconds[1]:.3f} s, in batches {seconds[20]:.3f} s, "
        f"ratio {seconds[1] / seconds[20]:.1f}"
    )
    await no_order_was_made_twice(world)


@pytest.mark.parametrize(
    "trouble",
    [
        {"kind": "lost_answer"},
        {"kind": "late_answer", "delay_ms": 6000},
        {"kind": "http_status", "status": 503},
        {"kind": "html"},
        {"kind": "half_body"},
        {"kind": "error_code", "ret_code": 10006, "reset_ms": 200},
        {"kind": "error_code", "ret_code": 10032, "count": 50},
    ],
    ids=["lost", "late", "503", "html", "half a body", "10006", "not served"],
)
async def test_whatever_becomes_of_the_batch_all_is_closed_and_nothing_twice(
    world: World, trouble: dict[str, Any]
) -> None:
    world.configure(symbols=tuple(sorted(world.market.instruments)))
    executor, port = await holding(world)
    await fault(world, **{"endpoint": BATCH, "count": 1, **trouble})

    await engage(port)
    seconds = await flat(world)
    await told_flat(executor)

    print(f"\nflat after {seconds:.2f} s with {trouble}")
    await no_order_was_made_twice(world)


async def test_half_of_a_batch_that_is_refused_does_not_keep_the_other_half(world: World) -> None:
    world.configure(symbols=tuple(sorted(world.market.instruments)))
    executor, _ = await holding(world, "order.signed")
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)
    await world.hit("order.signed")

    # The batch is signed; a hand closes half of what it means to close.
    for symbol, size in sorted(held(world).items())[::2]:
        order = {"category": "linear", "symbol": symbol, "side": "Sell", "orderType": "Market"}
        world.exchange.create({**order, "qty": f"{size:f}", "reduceOnly": True})
    (world.folder / "order.signed.go").touch()
    await flat(world)
    await told_flat(executor)

    refused = await world.rows("SELECT payload FROM intents WHERE state = 'rejected'")
    assert refused
    await no_order_was_made_twice(world)


@pytest.mark.parametrize(
    "point", ["order.before_write", "order.written", "order.signed", "order.sent", "order.answered"]
)
async def test_a_leader_killed_at_any_boundary_of_a_batch_is_followed_by_one_that_closes_the_rest(
    world: World, point: str
) -> None:
    world.configure(symbols=tuple(sorted(world.market.instruments)))
    executor, _ = await holding(world, point)
    await engage_kill_switch(world.dsn, "a test", "cli:me", None)
    await world.hit(point)
    executor.kill()
    written = len(await world.rows("SELECT 1 FROM intents WHERE leg = 'close'"))

    successor = world.start()
    await flat(world)
    await told_flat(successor)

    assert written == (0 if point == "order.before_write" else POSITIONS)
    await no_order_was_made_twice(world)
