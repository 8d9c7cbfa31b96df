"""The kill switch on a real executor: engaged by the spec, by the command line's row, and over a death."""

import asyncio
import signal

import pytest
from tests.support.executor_world import SYMBOL, World, can_open, eventually

from tradefleet.domain.signals import Target
from tradefleet.services.fleet.latches import clear, engage_kill_switch, engaged, until_flat
from tradefleet.spec.trading import KillSwitch

pytestmark = pytest.mark.process

SYMBOLS = (SYMBOL, "SOLUSDT")


async def holding(world: World, *failpoints: str) -> None:
    """An executor with two positions."""
    executor = world.start(*failpoints)
    await world.ready(executor)
    for symbol in SYMBOLS:
        await world.bus.publish(world.signal(Target.LONG, symbol))
    for symbol in SYMBOLS:
        await eventually(lambda symbol=symbol: world.position(symbol))


async def flat(world: World) -> bool:
    # Seldom: the account's reads are limited, and asking all the time would leave the executor none.
    await asyncio.sleep(0.5)
    return not any([await world.position(symbol) for symbol in SYMBOLS])


async def test_the_command_lines_row_closes_everything_until_it_is_cleared(world: World) -> None:
    await holding(world)

    latch_id, account = await engage_kill_switch(world.dsn, "a test", "cli:me", None)
    seconds = await until_flat(world.dsn, account, 40.0)

    assert seconds is not None
    assert await flat(world)
    executor = world.executors[-1]
    status = await executor.until(lambda found: found["kill_switch"]["seconds_to_flat"] is not None)
    assert status["latches"] == [latch_id]
    assert await world.ask("get_open_orders", settleCoin="USDT") == []
    print(
        f"\nflat {seconds:.2f} s after the command, {status['kill_switch']['seconds_to_flat']} s by the core"
    )

    await world.bus.publish(world.signal(Target.LONG))
    await executor.until(lambda found: found["refused_by_reason"].get("latched"))
    await clear(world.dsn, latch_id, "cli:me")
    await executor.until(can_open)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)


async def test_an_edge_in_the_spec_closes_everything_once(world: World) -> None:
    await holding(world)

    world.configure(generation=2, kill_switch=KillSwitch(engaged=True, reason="by kubectl"))
    await eventually(lambda: flat(world))
    world.configure(generation=3, kill_switch=KillSwitch(engaged=True, reason="edited"))
    executor = world.executors[-1]
    await executor.until(lambda found: found["generation"] == 3)

    # The row goes with the next batch, a moment after the acts have begun.
    await eventually(lambda: _engaged(world, "spec-bot-uid-2"))
    world.configure(generation=4, kill_switch=KillSwitch(clear="spec-bot-uid-2"))
    await executor.until(can_open)
    await eventually(lambda: _engaged(world))


async def _engaged(world: World, *wanted: str) -> bool:
    return tuple(line.split()[0] for line in await engaged(world.dsn)) == wanted


@pytest.mark.parametrize("point", ["orders.before_cancel", "order.written", "order.sent"])
async def test_a_leader_that_dies_while_closing_is_followed_by_one_that_finishes(
    world: World, point: str
) -> None:
    executor = world.start()
    await world.ready(executor)
    for symbol in SYMBOLS:
        await world.bus.publish(world.signal(Target.LONG, symbol))
    for symbol in SYMBOLS:
        await eventually(lambda symbol=symbol: world.position(symbol))
    executor.process.send_signal(signal.SIGTERM)
    assert await executor.ends() == 0
    world.configure(generation=2, kill_switch=KillSwitch(engaged=True))
    executor = world.start(point)
    await world.hit(point)
    executor.kill()

    successor = world.start()

    await eventually(lambda: flat(world))
    status = await successor.until(lambda found: found["kill_switch"]["seconds_to_flat"] is not None)
    assert status["latches"] == ["spec-bot-uid-2"]
    closes = await world.rows("SELECT client_order_id FROM intents WHERE leg = 'close'")
    assert len({row["client_order_id"] for row in closes}) == len(closes)
