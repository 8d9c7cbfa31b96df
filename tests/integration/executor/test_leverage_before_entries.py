"""The leverage of a symbol stands at the exchange before a real executor opens anything there."""

from decimal import Decimal

import aiohttp
import msgspec
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import SYMBOL, World, can_open

from tradefleet.domain.signals import Target
from tradefleet.spec.trading import Leverage

pytestmark = pytest.mark.process

PATH = "/v5/position/set-leverage"
SEVEN = Leverage(default=Decimal(7))


async def leverage(world: World) -> Decimal:
    (row,) = await world.ask("get_positions", symbol=SYMBOL)
    return Decimal(row["leverage"])


async def fault(world: World, **wanted: object) -> None:
    url = f"http://{world.address}/simulator/faults/account"
    async with aiohttp.ClientSession() as session, session.post(url, json=wanted) as answer:
        assert answer.status == 200, await answer.text()


async def told(world: World, act: str, epoch: int = 1) -> list[dict[str, object]]:
    """What the audit says of this symbol, oldest first."""
    which = f"act = '{act}' AND subject = '{SYMBOL}' AND epoch = {epoch}"
    rows = await world.rows(f"SELECT what FROM audit WHERE {which} ORDER BY seq")
    return [msgspec.json.decode(row["what"]) for row in rows]


async def test_it_stands_before_the_first_entry_and_the_audit_says_so(world: World) -> None:
    world.configure(leverage=SEVEN)
    executor = world.start()
    await world.ready(executor)

    before = await leverage(world)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    assert before == await leverage(world) == 7
    acts = await world.rows("SELECT act FROM audit WHERE act IN ('leverage', 'intent') ORDER BY seq")
    assert [row["act"] for row in acts] == ["leverage", "leverage", "intent"]
    assert executor.status()["leverage"] == {"set": 2, "waiting": 0, "refused": {}}


async def test_a_restart_asks_and_changes_nothing(world: World) -> None:
    world.configure(leverage=SEVEN)
    first = world.start()
    await world.ready(first)
    first.process.terminate()
    assert await first.ends() == 0

    second = world.start()
    await second.until(can_open)

    await eventually(lambda: told(world, "leverage-answer", epoch=2))
    (answer,) = await told(world, "leverage-answer", epoch=2)
    assert (answer["outcome"], answer["ret_code"]) == ("already", 110043)
    assert await leverage(world) == 7


async def test_an_answer_that_proves_nothing_is_asked_again_and_an_entry_meanwhile_is_refused_by_name(
    world: World,
) -> None:
    await fault(world, kind="http_status", endpoint=PATH, status=503, count=4)
    world.configure(leverage=SEVEN)
    executor = world.start()
    await executor.until(lambda status: "leverage_not_set" in status.get("why_not", ""))
    await eventually(lambda: world.owner is not None)
    await world.bus.publish(world.signal(Target.LONG))
    await executor.until(lambda status: status["refused_by_reason"].get("leverage_not_set"))
    assert await world.orders() == []

    await executor.until(can_open)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    assert len(await told(world, "leverage")) == 3
    assert await leverage(world) == 7


async def test_a_lost_answer_is_made_good_by_the_position_row(world: World) -> None:
    await fault(world, kind="lost_answer", endpoint=PATH, count=2)
    world.configure(leverage=SEVEN)
    executor = world.start()
    await world.ready(executor)

    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    assert [answer["outcome"] for answer in await told(world, "leverage-answer")] == ["ambiguous"]
    assert await leverage(world) == 7


async def test_what_the_exchange_refuses_is_told_and_opens_nothing_there(world: World) -> None:
    await fault(world, kind="error_code", endpoint=PATH, ret_code=110013, count=50)
    world.configure(leverage=SEVEN)
    executor = world.start()
    status = await executor.until(lambda status: len(status["leverage"]["refused"]) == 2)
    await eventually(lambda: world.owner is not None)

    await world.bus.publish(world.signal(Target.LONG))
    await executor.until(lambda status: status["refused_by_reason"].get("leverage_not_set"))

    assert status["leverage"]["refused"][SYMBOL].startswith("leverage 110013")
    assert executor.status()["errors"]["leverage_refused"] == 2
    assert await world.orders() == []


async def test_it_is_not_raised_while_a_position_is_open_and_is_when_it_is_flat(world: World) -> None:
    world.configure(leverage=SEVEN)
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await executor.until(lambda status: status["positions"])

    world.configure(generation=2, leverage=Leverage(default=Decimal(20)))
    # The other symbol is flat, and so shows that the edit has been acted upon.
    await executor.until(lambda status: status["generation"] == 2 and can_open(status))
    while_open = await leverage(world)
    await world.bus.publish(world.signal(Target.FLAT))
    await eventually(lambda: _is(world, 20))

    assert while_open == 7
    assert await world.position() == 0


async def test_it_is_lowered_under_an_open_position(world: World) -> None:
    world.configure(leverage=SEVEN)
    executor = world.start()
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    await executor.until(lambda status: status["positions"])

    world.configure(generation=2, leverage=Leverage(default=Decimal(7), maximum=Decimal(3)))
    await eventually(lambda: _is(world, 3))

    assert await world.position() > 0


@pytest.mark.parametrize("point", ["leverage.before_send", "leverage.answered"])
async def test_a_leader_that_dies_over_it_is_followed_by_one_that_sets_it(world: World, point: str) -> None:
    world.configure(leverage=SEVEN)
    executor = world.start(point)
    await world.hit(point)
    executor.kill()

    successor = world.start()
    await world.ready(successor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    assert await leverage(world) == 7
    assert len(await world.orders()) == 1


async def _is(world: World, wanted: int) -> bool:
    return await leverage(world) == wanted
