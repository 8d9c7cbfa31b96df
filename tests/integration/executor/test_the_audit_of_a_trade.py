"""A trade by a real executor, as its audit tells it: every act is there, once, in one whole chain."""

import signal

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import SYMBOL, World

from tradefleet.domain.signals import Target
from tradefleet.services import audit_command, reconciliations_command
from tradefleet.services.fleet.latches import engage_kill_switch

pytestmark = pytest.mark.process


async def acts(world: World) -> list[str]:
    return [row["act"] for row in await world.rows("SELECT act FROM audit ORDER BY seq")]


async def ended(world: World, orders: int) -> None:
    """So many orders are over, as the audit says."""

    async def over() -> bool:
        return (await acts(world)).count("end") == orders

    await eventually(over)


async def whole(world: World) -> None:
    (checked,) = await audit_command.verify(world.dsn, None, None)
    assert checked.broken is None


async def test_a_trade_is_told_from_its_signal_to_its_end(world: World) -> None:
    executor = world.start()
    await world.ready(executor)
    wish = world.signal(Target.LONG)
    await world.bus.publish(wish)
    await ended(world, 1)
    (order,) = await world.orders()

    told = await audit_command.show(world.dsn, wish.signal_id)

    await whole(world)
    assert told == await audit_command.show(world.dsn, order["orderLinkId"])
    meant, sent, filled, over = _in_any_order_of_answers(told[1:])
    size = f"{order['cumExecQty']} {SYMBOL}"
    assert f"the executor (epoch 1) meant to buy {size} at market, with its stop at" in meant
    assert "because the strategy imbalance said long (by hand)" in meant
    assert f"the exchange answered: accepted, order id {order['orderId']}" in sent
    assert f"{size} was bought at" in filled
    assert f"it was done: {order['cumExecQty']} filled" in over


async def test_an_intent_is_in_the_audit_before_its_order_leaves(world: World) -> None:
    executor = world.start("order.written")
    await world.ready(executor)
    wish = world.signal(Target.LONG)
    await world.bus.publish(wish)
    await world.hit("order.written")
    executor.process.send_signal(signal.SIGKILL)

    told = await audit_command.show(world.dsn, wish.signal_id)

    await whole(world)
    assert await world.orders() == []
    assert told[-1].endswith("What became of it is not in the audit: it may have been sent.")


async def test_the_kill_switch_leaves_its_whole_way_in_one_chain(world: World) -> None:
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await ended(world, 1)

    latch_id, _account = await engage_kill_switch(world.dsn, "a drill", "cli:somebody", None)
    await executor.until(lambda status: status["kill_switch"]["seconds_to_flat"] is not None)

    await eventually(lambda: world.rows("SELECT 1 FROM audit WHERE act = 'cancelled'"))
    await whole(world)
    found = await acts(world)
    assert found.count("latch-engaged") == 1
    assert found.index("latch-engaged") < found.index("cancel") < found.index("cancelled")
    # Entries alone: what protected the position went with it at the exchange, and nothing else was left.
    assert (found.count("intent"), found.count("cancel")) == (2, 1)
    (close,) = await world.rows("SELECT subject FROM audit WHERE act = 'intent' ORDER BY seq OFFSET 1")
    (meant,) = await world.rows(f"SELECT signal_id FROM intents WHERE signal_id LIKE '{latch_id}/{SYMBOL}/%'")
    told = await audit_command.show(world.dsn, meant["signal_id"])
    assert told[0].startswith(close["subject"])
    assert f"only to reduce, because close was asked for by {latch_id}/{SYMBOL}" in told[1]


def _in_any_order_of_answers(told: list[str]) -> list[str]:
    """The stream may tell of the fill before the answer to the request is here."""
    marks = ("meant to", "had been sent", "was bought", "was done")
    return [next(line for line in told if mark in line) for mark in marks]


async def test_each_comparison_that_says_something_is_recorded_and_shown(world: World) -> None:
    await world.say("place_order", symbol=SYMBOL, side="Buy", orderType="Market", qty="0.01")
    executor = world.start()

    status = await executor.until(lambda found: found["reconciliations"].get("resolved"))
    await eventually(lambda: world.rows("SELECT 1 FROM reconciliations WHERE outcome = 'resolved'"))

    first, *_ = lines = await reconciliations_command.listed(world.dsn, None, None, None, 100)
    assert " resolved " in first
    assert "since start: 1 execution was missing here" in first
    assert status["reconciliation"]["asked_ns"] > 0
    only = await reconciliations_command.listed(world.dsn, "1h", None, "resolved", 100)
    assert only == [line for line in lines if " resolved " in line]
