"""The bot's circuit breaker in a real executor: hot, and in the way of entries only."""

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import World

from tradefleet.domain.signals import Target
from tradefleet.simulation.account.faults import Fault, FaultKind
from tradefleet.spec.trading import CircuitBreaker, Execution

pytestmark = pytest.mark.process


async def test_after_a_broken_call_no_entry_leaves_and_a_close_still_does(world: World) -> None:
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    world.configure(2, execution=Execution(circuit_breaker=CircuitBreaker(failures=1)))
    await executor.until(lambda status: status["generation"] == 2)
    world.exchange.faults.add(Fault(kind=FaultKind.REJECT, endpoint="/v5/order/create", ret_code=10016))
    await world.bus.publish(world.signal(Target.FLAT))
    status = await executor.until(lambda found: "circuit breaker" in found["why_not"])
    assert not status["may_open"]

    await world.bus.publish(world.signal(Target.LONG, "SOLUSDT"))
    await executor.until(lambda found: found["refused_by_reason"].get("no_right_to_open"))

    # The close whose answer was no answer is repeated, under a new attempt, and is let through.
    await eventually(lambda: _is_flat(world))
    assert not await world.position("SOLUSDT")


async def _is_flat(world: World) -> bool:
    return await world.position() == 0
