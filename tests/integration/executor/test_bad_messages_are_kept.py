"""What an executor cannot process: it goes on, and a person finds it with the error."""

import pytest
import redis.asyncio
from tests.support.eventually import eventually
from tests.support.executor_world import BOT, World

from tradefleet.adapters.redis.dead_letters import DeadLetterBox
from tradefleet.domain.signals import Target

pytestmark = pytest.mark.process


async def test_a_bad_message_and_one_that_no_store_can_keep_are_dead_letters_and_the_next_one_trades(
    world: World,
) -> None:
    executor = world.start()
    await world.ready(executor)
    nul = world.signal(Target.LONG)
    stream = f"tradefleet:{BOT}:signals"
    async with redis.asyncio.Redis.from_url(world.valkey.url) as client:
        await client.xadd(stream, {"signal": "{"})
        await world.bus.publish(type(nul)(**_fields(nul) | {"reason": "a\0b"}))

    await executor.until(lambda status: status["dead_letters"] == {"kept": 2, "lost": 0, "waiting": 0})
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    executor.kill()
    box = DeadLetterBox(world.valkey.url, BOT)
    first, second = await box.newest(10)
    await box.close()
    assert (first.letter.place, first.letter.raw) == (stream, b"{")
    assert "U+0000" in second.letter.error


def _fields(signal: object) -> dict[str, object]:
    return {name: getattr(signal, name) for name in signal.__struct_fields__}  # type: ignore[attr-defined]
