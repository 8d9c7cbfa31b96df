"""Whatever happens to a stop at the exchange, the executor puts it back, and never a looser one."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import CLOSE_BEHIND, SYMBOL, World

from tradefleet.domain.signals import Target
from tradefleet.spec.trading import Exits

pytestmark = pytest.mark.process


async def stop_of(world: World) -> Decimal:
    """Zero while there is none."""
    (row,) = await world.ask("get_positions", symbol=SYMBOL)
    return Decimal(row["stopLoss"] or 0)


async def stands(world: World) -> bool:
    return await stop_of(world) > 0


async def remove_stop(world: World) -> None:
    await world.say("set_trading_stop", symbol=SYMBOL, positionIdx=0, tpslMode="Full", stopLoss="0")


async def long(world: World, *failpoints: str) -> Decimal:
    """An executor with a long position; the stop that came with its entry."""
    executor = world.start(*failpoints)
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(lambda: stands(world))
    # The row that shows it has to be there before somebody takes it away.
    await executor.until(lambda status: status["positions"])
    return await stop_of(world)


async def test_a_stop_that_somebody_removed_stands_again(world: World) -> None:
    stop = await long(world)

    await remove_stop(world)
    await eventually(lambda: stands(world))

    assert await stop_of(world) == stop
    await eventually(lambda: told_in_the_audit(world))


async def told_in_the_audit(world: World) -> bool:
    """That a stop was meant, before what the exchange answered."""
    rows = await world.rows("SELECT act FROM audit WHERE act LIKE 'stop%' ORDER BY seq")
    return [row["act"] for row in rows][:2] == ["stop", "stop-answer"]


@pytest.mark.parametrize("failpoint", ["stop.before_send", "stop.answered"])
async def test_a_leader_that_dies_over_a_stop_is_followed_by_one_that_sets_it(
    world: World, failpoint: str
) -> None:
    stop = await long(world, failpoint)
    await remove_stop(world)
    await world.hit(failpoint)

    world.executors[-1].kill()
    world.start()
    await eventually(lambda: stands(world))

    assert await stop_of(world) == stop


async def test_a_position_opened_by_hand_is_protected_at_once_and_said(world: World) -> None:
    executor = world.start()
    await world.ready(executor)

    await world.say("place_order", symbol=SYMBOL, side="Buy", orderType="Market", qty="0.01")
    await eventually(lambda: stands(world))
    await executor.until(lambda found: found["errors"].get("unplanned_fill"))

    (row,) = await world.ask("get_positions", symbol=SYMBOL)
    entry = Decimal(row["avgPrice"])
    assert entry * Decimal("0.975") < Decimal(row["stopLoss"]) < entry
    assert Decimal(row["size"]) == Decimal("0.01")


async def test_a_stop_follows_the_price_without_shards_and_bus(world: World) -> None:
    world.configure(exits=Exits(trailing=CLOSE_BEHIND))
    first = await long(world)

    world.valkey.kill()
    seen: list[Decimal] = []

    async def moved() -> Any:
        seen.append(await stop_of(world))
        return len({stop for stop in seen if stop}) >= 2 or not await world.position()

    await eventually(moved)

    tightened = [stop for stop in seen if stop]
    assert tightened == sorted(tightened)
    assert not tightened or tightened[-1] > first
