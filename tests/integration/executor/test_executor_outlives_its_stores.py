"""Stores that go away and come back; what a restart cannot mend ends the process with one line."""

import msgspec
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import BOT, World, can_open

from tradefleet.domain.signals import Target

pytestmark = pytest.mark.process


async def test_without_postgres_nothing_is_sent_and_a_new_epoch_trades_when_it_returns(world: World) -> None:
    executor = world.start()
    await world.ready(executor)

    world.postgres.stop()
    await executor.until(lambda status: not status["leading"])
    await world.bus.publish(world.signal(Target.LONG))
    assert executor.status()["stores"]["postgres"] == "down"
    assert await world.orders() == []

    await world.postgres.start_again()
    status = await executor.until(can_open)
    assert status["epoch"] == 2
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    assert len([line for line in executor.lines() if '"kind": "postgres_down"' in line]) == 1


async def test_a_redis_that_forgot_everything_learns_the_owner_and_carries_signals_again(
    world: World,
) -> None:
    executor = world.start()
    await world.ready(executor)
    chosen = world.owner

    world.valkey.kill()
    await executor.until(lambda status: status["stores"]["redis"] == "down")
    world.owner = None
    world.valkey.start_again()

    await executor.until(lambda status: status["stores"]["redis"] == "up")
    await eventually(lambda: world.owner == chosen)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)


async def test_a_newer_configuration_is_applied_and_an_older_one_never(world: World) -> None:
    executor = world.start()
    await world.ready(executor)

    world.configure(generation=3, paused=True)
    status = await executor.until(lambda status: status["generation"] == 3)
    assert status["why_not"].startswith("paused")
    await eventually(lambda: world.rows("SELECT 1 FROM config_history WHERE generation = 3"))
    executor.process.terminate()
    assert await executor.ends() == 0

    world.configure(generation=2)
    successor = world.start()
    status = await successor.until(lambda status: status["leading"])
    assert status["generation"] == 3


async def test_a_latch_is_cleared_by_its_id_while_running(world: World) -> None:
    executor = world.start()
    await world.ready(executor)
    executor.process.terminate()
    await executor.ends()
    await world.rows(
        f"""INSERT INTO latches (account, bot, epoch, latch_id, kind, reason, actor, engaged_ns, payload)
        SELECT account, '{BOT}', epoch, 'by-hand', 'test', 'r', 'a', 1, {_LATCH} FROM leases RETURNING 1"""
    )
    successor = world.start()
    await successor.until(lambda status: status["leading"] and status["latches"] == ["by-hand"])

    await world.rows("UPDATE latches SET cleared_at = now(), cleared_by = 'a' RETURNING 1")

    await successor.until(lambda status: status["latches"] == [])


async def test_credentials_that_the_exchange_refuses_end_it_with_one_line(world: World) -> None:
    executor = world.start(api_secret_variable="HOME")

    assert await executor.ends() == 1
    assert "refuses our credentials" in executor.lines()[-1]


async def test_a_postgres_that_never_answers_ends_it_with_one_line(world: World) -> None:
    executor = world.start(postgres="postgresql://nobody@127.0.0.1:1/none", store_patience_s=0.5)

    assert await executor.ends() == 1
    assert "postgres does not answer" in executor.lines()[-1]


_LATCH = (
    "'"
    + msgspec.json.encode(
        {"latch_id": "by-hand", "kind": "test", "reason": "r", "actor": "a", "engaged_ns": 1}
    ).decode()
    + "'::jsonb"
)
