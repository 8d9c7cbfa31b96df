"""500 open orders and 20 positions, an exchange that refuses and fails: all is flat, and how long it took.

The time is printed beside its bound; a machine that is busy with other tests proves nothing about it.
"""

import asyncio
import time
from typing import Any

import aiohttp
import pytest
from tests.support.executor_world import KEY, SECRET, World
from tests.support.ports import free_port

from tradefleet.services.flatten import Settings, flatten

pytestmark = pytest.mark.process

POSITIONS = 20
ORDERS = 500
CLOSES_A_SECOND = 10
GRACE_S = 5.0
RESET_MS = 200
"""How long the exchange asks for quiet after each refusal."""


@pytest.fixture
def copies() -> int:
    return 4  # of four symbols: 20 in all


def symbols_of(world: World) -> tuple[str, ...]:
    return tuple(sorted(world.market.instruments))


def body(world: World, symbol: str, side: str, **more: Any) -> dict[str, Any]:
    qty = world.market.instruments[symbol].min_qty * 3
    rules = world.market.instruments[symbol]
    while qty * world.market.mark_price(symbol) < rules.min_notional * 2:
        qty *= 2
    return {"category": "linear", "symbol": symbol, "side": side, "qty": f"{qty:f}", **more}


def crowd(world: World) -> None:
    """By the account's own books, since the wire would take a minute."""
    symbols = symbols_of(world)
    assert len(symbols) == POSITIONS
    for symbol in symbols:
        world.exchange.create(body(world, symbol, "Buy", orderType="Market"))
    for number in range(ORDERS):
        symbol = symbols[number % len(symbols)]
        rules = world.market.instruments[symbol]
        far = rules.price_down(world.market.mark_price(symbol) * 97 / 100)
        resting = body(world, symbol, "Buy", orderType="Limit", price=f"{far:f}")
        world.exchange.create({**resting, "timeInForce": "GTC"})


async def faults(world: World, *wanted: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session:
        for fault in wanted:
            async with session.post(f"http://{world.address}/simulator/faults/account", json=fault) as answer:
                assert answer.status == 200, await answer.text()


PRESSURE: tuple[dict[str, Any], ...] = (
    {"kind": "http_status", "endpoint": "/v5/order/create-batch", "status": 503, "count": 2},
    {
        "kind": "error_code",
        "endpoint": "/v5/order/create",
        "ret_code": 10006,
        "reset_ms": RESET_MS,
        "count": 8,
    },
    {"kind": "http_status", "endpoint": "/v5/order/create", "status": 503, "count": 8},
    {"kind": "lost_answer", "endpoint": "/v5/order/create", "count": 3},
    {"kind": "http_status", "endpoint": "/v5/order/cancel-all", "status": 503, "count": 2},
    {
        "kind": "error_code",
        "endpoint": "/v5/order/cancel-all",
        "ret_code": 10006,
        "reset_ms": RESET_MS,
        "count": 1,
    },
)
"""Each is met before the requests behind it get through."""


def bound_s() -> float:
    """What the exchange's own limit needs for every close, those that it threw away among them, the quiet
    that it asks for, and five seconds."""
    wasted = sum(fault["count"] for fault in PRESSURE)
    quiet_s = sum(fault["count"] * RESET_MS for fault in PRESSURE if fault.get("ret_code") == 10006) / 1000
    return (POSITIONS + wasted) / CLOSES_A_SECOND + quiet_s + GRACE_S


def is_flat(world: World) -> bool:
    state = world.exchange.engine.state
    return all(position.size == 0 for position in state.positions.values())


async def flat_after(world: World, began: float) -> float:
    while not is_flat(world):
        assert time.monotonic() - began < 60, "not flat within a minute"
        await asyncio.sleep(0.02)
    return time.monotonic() - began


@pytest.mark.parametrize("largest_batch", [20, 1], ids=["batches", "one by one"])
async def test_the_kill_switch_is_flat_within_what_the_exchange_allows(
    world: World, largest_batch: int
) -> None:
    world.configure(symbols=symbols_of(world))
    port = free_port()
    executor = world.start(probe_port=port, largest_batch=largest_batch)
    await world.ready(executor)
    crowd(world)
    await executor.until(lambda status: len(status["positions"]) == POSITIONS)
    await faults(world, *PRESSURE)

    began = time.monotonic()
    request = {"reason": "a test", "actor": "me"}
    url = f"http://127.0.0.1:{port}/kill-switch"
    async with aiohttp.ClientSession() as session, session.post(url, json=request) as answer:
        assert answer.status == 200
    seconds = await flat_after(world, began)
    status = await executor.until(lambda found: found["kill_switch"]["seconds_to_flat"] is not None)

    print(
        f"\nkill switch, {largest_batch} in a request: {POSITIONS} positions flat after {seconds:.2f} s, "
        f"bound {bound_s():.1f} s"
    )
    assert await world.ask("get_open_orders", settleCoin="USDT") == []
    assert status["positions"] == []
    assert status["open_intents"] == 0


async def test_flatten_is_flat_within_what_the_exchange_allows(world: World) -> None:
    crowd(world)
    await faults(world, *PRESSURE)
    said: list[str] = []

    began = time.monotonic()
    running = asyncio.create_task(
        flatten(Settings(rest=f"http://{world.address}", key=KEY, secret=SECRET), said.append)
    )
    seconds = await flat_after(world, began)
    ended = await running

    print(f"\nflatten: {POSITIONS} positions flat after {seconds:.2f} s, bound {bound_s():.1f} s")
    assert ended.clear
    assert await world.ask("get_open_orders", settleCoin="USDT") == []
