"""Killed at each boundary of a send: at most one order for the signal, and both books agree."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import World

from tradefleet.domain.signals import Target

pytestmark = pytest.mark.process


@pytest.mark.parametrize("failpoint", ["order.before_write", "order.written", "order.signed", "order.sent"])
async def test_a_kill_in_the_middle_of_a_send_never_doubles_an_order(world: World, failpoint: str) -> None:
    doomed = world.start(failpoint)
    await world.ready(doomed)
    wish = world.signal(Target.LONG)
    await world.bus.publish(wish)
    await world.hit(failpoint)

    doomed.kill()
    successor = world.start()

    await world.ready(successor)
    await eventually(lambda: _agree(world))
    orders = await world.orders()
    assert len(orders) <= 1
    if failpoint == "order.sent":
        assert len(orders) == 1
    if failpoint == "order.signed":
        assert orders == []
    intents = await world.rows("SELECT * FROM intents")
    assert {row["signal_id"] for row in intents} <= {wish.signal_id}
    assert {row["client_order_id"] for row in intents} >= {row["orderLinkId"] for row in orders}


async def _agree(world: World) -> Any:
    """The journal and the exchange hold the same orders, executions and positions."""
    asked = {row["orderId"] for row in await world.orders()}
    known = {row["order_id"] for row in await world.rows("SELECT order_id FROM orders")}
    executed = {row["execId"] for row in await world.ask("get_executions")}
    counted = {row["exec_id"] for row in await world.rows("SELECT exec_id FROM executions")}
    sizes = {row["size"] for row in await world.rows("SELECT size FROM positions")} or {Decimal(0)}
    return asked <= known and executed == counted and sizes == {await world.position()}
