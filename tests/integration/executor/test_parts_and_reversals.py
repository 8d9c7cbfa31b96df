"""Partial closes and reversals by real processes: what is closed never exceeds the target (scenario 8)."""

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest
from tests.chaos.fleet import Fleet
from tests.chaos.scenes import calm, hold, takes_over
from tests.support.eventually import eventually
from tests.support.exchange_proxy import Trouble
from tests.support.executor_world import ExecutorProcess
from tests.support.price_proxy import PriceProxy

from tradefleet.domain.signals import Target
from tradefleet.spec.partial_close import PartialClose
from tradefleet.spec.trading import Execution, Exits, Sizing

pytestmark = pytest.mark.process

SYMBOL = "ETHUSDT"
PARTS = Exits(partial_close=PartialClose(enabled=True), take_profit=Decimal(1))
"""30 % at 1 %, 30 % at 2 %, 20 % at 3 %; the target is out of reach."""


@pytest.fixture
async def prices(fleet: Fleet) -> AsyncIterator[PriceProxy]:
    proxy = await PriceProxy.before(f"ws://{fleet.address}/v5/public/linear")
    try:
        yield proxy
    finally:
        await proxy.close()


async def holding(
    fleet: Fleet, prices: PriceProxy, exits: Exits = PARTS, window_s: int = 2
) -> tuple[ExecutorProcess, Decimal]:
    """A leader with a position of which thirds are whole steps, and its size."""
    fleet.configure(
        exits=exits,
        sizing=Sizing(equity_fraction=Decimal("0.5")),
        execution=Execution(receive_window_seconds=Decimal(window_s)),
    )
    leader = fleet.begin("a", public_stream=prices.url)
    await fleet.ready(leader)
    await hold(fleet, SYMBOL)
    return leader, fleet.exchange_size(SYMBOL)


def share(entered: Decimal, fraction: str) -> Decimal:
    """Of what was entered, in whole steps down."""
    step = Decimal("0.01")
    return entered * Decimal(fraction) // step * step


async def closed_by_parts(fleet: Fleet) -> Decimal:
    """Every execution of an order of a part, by the exchange's own list."""
    books = await fleet.books()
    parts = {intent.client_order_id for intent in books.intents if intent.leg.startswith("part-")}
    return sum((-e.qty for e in books.executions if e.client_order_id in parts), Decimal(0))


async def stays(fleet: Fleet, size: Decimal, for_s: float = 1.5) -> None:
    """The position neither shrinks nor grows for a while."""
    for _ in range(int(for_s / 0.05)):
        assert fleet.exchange_size(SYMBOL) == size
        await asyncio.sleep(0.05)


async def test_parts_are_closed_at_their_profits_with_shards_and_bus_dead(
    fleet: Fleet, prices: PriceProxy
) -> None:
    leader, entered = await holding(fleet, prices)
    fleet.valkey_wire.cut()
    await leader.until(lambda status: status["stores"]["redis"] == "down")

    sizes = [entered]
    for factor, fraction in (("1.012", "0.3"), ("1.022", "0.6"), ("1.032", "0.8")):
        await prices.move(SYMBOL, factor)
        left = entered - share(entered, fraction)
        await eventually(lambda left=left: fleet.exchange_size(SYMBOL) == left)
        sizes.append(left)
    await prices.move(SYMBOL, "1.05")

    await stays(fleet, sizes[-1])
    assert [create.ret_code for create in fleet.proxy.creates] == [0, 0, 0, 0]
    fleet.valkey_wire.heal()
    await calm(fleet)


@pytest.mark.parametrize("trouble", [Trouble.LOST, Trouble.ABANDONED, Trouble.CUT, Trouble.LATE])
async def test_8_a_partial_close_times_out_what_is_closed_never_exceeds_the_target(
    fleet: Fleet, prices: PriceProxy, trouble: Trouble
) -> None:
    _, entered = await holding(fleet, prices)
    fleet.proxy.arm(trouble, delay_s=1.0)

    await prices.move(SYMBOL, "1.012")

    left = entered - share(entered, "0.3")
    await eventually(lambda: fleet.exchange_size(SYMBOL) == left)
    await calm(fleet)
    await stays(fleet, left)
    assert await closed_by_parts(fleet) == entered - left
    await prices.move(SYMBOL, "1.05")
    await eventually(lambda: fleet.exchange_size(SYMBOL) == entered - share(entered, "0.8"))
    await calm(fleet)


@pytest.mark.parametrize(
    "boundary", ["order.written", "order.signed", "order.sent", "order.answered", "execution.received"]
)
async def test_8_sigkill_at_each_boundary_of_a_partial_close_never_closes_it_twice(
    fleet: Fleet, prices: PriceProxy, boundary: str
) -> None:
    opener, entered = await holding(fleet, prices)
    doomed = fleet.begin("b", boundary, public_stream=prices.url)
    opener.kill()
    await takes_over(doomed)
    await prices.move(SYMBOL, "1.012")
    await fleet.hit(boundary)
    heir = fleet.begin("c", public_stream=prices.url)

    doomed.kill()

    await takes_over(heir)
    left = entered - share(entered, "0.3")
    await eventually(lambda: fleet.exchange_size(SYMBOL) == left)
    await calm(fleet)
    await stays(fleet, left)
    assert await closed_by_parts(fleet) == entered - left


@pytest.mark.parametrize(("window_s", "arrives"), [(5, True), (2, False)])
async def test_8_a_partial_close_that_appears_3_s_late_under_the_next_leader_is_the_only_one(
    fleet: Fleet, prices: PriceProxy, window_s: int, arrives: bool
) -> None:
    leader, entered = await holding(fleet, prices, window_s=window_s)
    heir = fleet.begin("b", public_stream=prices.url)
    opened = len(fleet.proxy.creates)
    fleet.proxy.arm(Trouble.ABANDONED, delay_s=3.0)
    await prices.move(SYMBOL, "1.012")
    await eventually(lambda: len(fleet.proxy.creates) > opened)

    leader.kill()

    await eventually(lambda: fleet.proxy.creates[opened].ret_code is not None)
    assert fleet.proxy.creates[opened].ret_code == (0 if arrives else 10002)
    left = entered - share(entered, "0.3")
    await eventually(lambda: fleet.exchange_size(SYMBOL) == left)
    await takes_over(heir)
    await calm(fleet)
    await stays(fleet, left)
    assert await closed_by_parts(fleet) == entered - left
    assert len(fleet.proxy.creates) - opened == (1 if arrives else 2)


async def test_an_opposite_signal_closes_to_flat_and_then_opens_the_other_side(
    fleet: Fleet, prices: PriceProxy
) -> None:
    await holding(fleet, prices, Exits(reverse_on_opposite=True))

    await fleet.bus.publish(fleet.signal(Target.SHORT, SYMBOL))

    await eventually(lambda: fleet.exchange_size(SYMBOL) < 0)
    await calm(fleet)
    books = await fleet.books()
    legs = [intent.leg for intent in sorted(books.intents, key=lambda intent: intent.created_ns)]
    assert legs == ["open", "close", "open"]
