"""A stop whose answer is lost, over a takeover and a reversal: never looser, never on the wrong position."""

import asyncio
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import CLOSE_BEHIND, SYMBOL, World

from tradefleet.domain.signals import Target
from tradefleet.spec.trading import Exits

pytestmark = pytest.mark.process

TRADING_STOP = "/v5/position/trading-stop"


async def fault(world: World, **wanted: Any) -> None:
    url = f"http://{world.address}/simulator/faults/account"
    async with aiohttp.ClientSession() as session, session.post(url, json=wanted) as answer:
        assert answer.status == 200, await answer.text()


async def struck(world: World, kind: str) -> bool:
    url = f"http://{world.address}/simulator/faults/account"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return bool((await answer.json())["result"]["struck"].get(kind))


async def row(world: World) -> tuple[Decimal, Decimal, Decimal]:
    """(signed size, stop or zero, entry or zero)"""
    (found,) = await world.ask("get_positions", symbol=SYMBOL)
    size = Decimal(found["size"]) * (-1 if found["side"] == "Sell" else 1)
    return size, Decimal(found["stopLoss"] or 0), Decimal(found["avgPrice"] or 0)


def is_protected(size: Decimal, stop: Decimal, entry: Decimal) -> bool:
    """The stop stands on the side on which it protects, no farther than the bot's two percent."""
    if size > 0:
        return entry * Decimal("0.975") <= stop < entry
    return entry < stop <= entry * Decimal("1.025")


async def test_a_late_stop_of_a_position_that_turned_never_stays_at_the_new_one(world: World) -> None:
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await executor.until(lambda status: status["positions"])
    _, stop, _ = await row(world)
    await fault(world, kind="late_order", endpoint=TRADING_STOP, seconds=4)
    # Not by the wire: the fault would strike it first.
    world.exchange.set_protection(
        {"category": "linear", "symbol": SYMBOL, "positionIdx": 0, "tpslMode": "Full", "stopLoss": "0"}
    )
    await eventually(lambda: struck(world, "late_order"))

    executor.kill()
    successor = world.start()
    await world.ready(successor)
    await world.bus.publish(world.signal(Target.FLAT))
    await eventually(lambda: _size_is(world, 0))
    await _until_short(world)
    seen = []
    for _ in range(30):
        size, stop_now, entry = await row(world)
        seen.append((size, stop_now, entry))
        await asyncio.sleep(0.2)

    assert all(size < 0 for size, _, _ in seen)
    # The exchange itself refuses a long position's stop for a short one; whatever it took is put right.
    assert is_protected(*seen[-1])
    assert seen[-1][1] != stop
    wrong = [one for one in seen if not is_protected(*one)]
    assert len(wrong) <= 10, wrong


async def test_a_stop_of_unknown_fate_is_never_looser_under_the_next_leader(world: World) -> None:
    world.configure(exits=Exits(trailing=CLOSE_BEHIND))
    await fault(world, kind="lost_answer", endpoint=TRADING_STOP, count=2)
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(lambda: struck(world, "lost_answer"))

    executor.kill()
    at_death = (await row(world))[1]
    successor = world.start()
    await successor.until(lambda status: status["leading"])
    stops = [at_death]
    for _ in range(20):
        size, stop, _ = await row(world)
        stops += [stop] if size else []
        await asyncio.sleep(0.2)

    assert at_death > 0
    assert stops == sorted(stops)


async def _size_is(world: World, size: int) -> bool:
    return await world.position() == size


async def _until_short(world: World) -> None:
    """The other side, as soon as the executor lets it be opened."""

    async def short() -> bool:
        if await world.position() == 0:
            await world.bus.publish(world.signal(Target.SHORT))
            await asyncio.sleep(0.5)
        return await world.position() < 0

    await eventually(short)
