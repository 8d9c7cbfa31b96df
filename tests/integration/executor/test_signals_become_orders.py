"""A signal's way through a real executor: once, with its protection, and back to flat."""

import asyncio
from decimal import Decimal

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import SYMBOL, World

from tradefleet.domain.signals import Target

pytestmark = pytest.mark.process


async def test_a_signal_becomes_one_protected_order_and_a_flat_signal_closes_it(world: World) -> None:
    executor = world.start()
    await world.ready(executor)

    wish = world.signal(Target.LONG)
    await world.bus.publish(wish)
    await eventually(world.position)

    (order,) = await world.orders()
    assert (order["side"], order["orderStatus"]) == ("Buy", "Filled")
    (held,) = await world.ask("get_positions", symbol=SYMBOL)
    assert Decimal(held["stopLoss"]) < Decimal(held["avgPrice"]) < Decimal(held["takeProfit"])
    await eventually(lambda: world.rows("SELECT 1 FROM executions"))
    (intent,) = await world.rows("SELECT * FROM intents")
    assert (intent["signal_id"], intent["client_order_id"]) == (wish.signal_id, order["orderLinkId"])
    (position,) = await world.rows("SELECT * FROM positions")
    assert position["size"] == await world.position()

    await world.bus.publish(wish)
    seen = executor.status()["signals_seen"]
    await executor.until(lambda status: status["signals_seen"] > seen)
    await asyncio.sleep(0.2)
    assert len(await world.orders()) == 1

    await world.bus.publish(world.signal(Target.FLAT))
    await eventually(lambda: _is_flat(world))
    assert len(await world.orders()) == 2
    await eventually(lambda: _journal_is_flat(world))


async def test_it_stops_when_told_and_frees_the_lease_at_once(world: World) -> None:
    first = world.start()
    await world.ready(first)

    first.process.terminate()

    assert await first.ends() == 0
    second = world.start()
    status = await second.until(lambda status: status["leading"])
    assert status["epoch"] == 2


async def test_a_signal_of_a_process_that_was_not_chosen_opens_nothing(world: World) -> None:
    executor = world.start()
    await world.ready(executor)
    wish = world.signal(Target.LONG)

    stranger = type(wish)(
        **{name: getattr(wish, name) for name in wish.__struct_fields__} | {"instance": "b"}
    )
    await world.bus.publish(stranger)

    await executor.until(lambda status: status["refused_by_reason"].get("not_owner"))
    assert await world.orders() == []


async def _is_flat(world: World) -> bool:
    return await world.position() == 0


async def _journal_is_flat(world: World) -> bool:
    return [row["size"] for row in await world.rows("SELECT size FROM positions")] == [0]
