"""A key that dies while an executor runs: it gives the lease up and ends; what is held keeps its stop."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import KEY, SECRET, SYMBOL, World

from tradefleet.domain.signals import Target
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.faults import Fault, FaultKind

pytestmark = pytest.mark.process


def deleted(exchange: SimulatedExchange) -> None:
    exchange.api_key = "the-new-one"
    exchange.faults.add(Fault(kind=FaultKind.DISCONNECT))


def another_secret(exchange: SimulatedExchange) -> None:
    exchange.api_secret = "the-new-one"


def read_only(exchange: SimulatedExchange) -> None:
    exchange.key = msgspec.structs.replace(exchange.key, read_only=True)


@pytest.mark.parametrize("dies", [deleted, another_secret, read_only])
async def test_the_leader_ends_with_a_line_and_its_stop_stands(
    world: World, dies: Callable[[SimulatedExchange], None]
) -> None:
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    held = await world.position()

    dies(world.exchange)

    assert await executor.ends() == 1
    assert "the exchange does not take our key any more" in "\n".join(executor.lines())
    world.exchange.api_key, world.exchange.api_secret = KEY, SECRET
    assert await world.position() == held
    (row,) = [row for row in await world.ask("get_positions", symbol=SYMBOL) if Decimal(row["size"])]
    assert Decimal(row["stopLoss"]) > 0


async def test_a_standby_whose_key_is_dead_ends_and_never_leads(world: World) -> None:
    leader = world.start()
    await world.ready(leader)
    standby = world.start(status_path=str(world.folder / "standby.json"))
    await standby.until(lambda status: status["state"] == "waiting_for_lease")

    deleted(world.exchange)

    assert await standby.ends() == 1
    assert await leader.ends() == 1
    (lease,) = await world.rows("SELECT epoch FROM leases")
    assert lease["epoch"] == 1
