"""A hundred symbols: how long until each has its leverage, and that a wanted one does not wait its turn.

The time is printed beside what the exchange's own limit of ten a second needs.
"""

import time

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import World, can_open

from tradefleet.domain.signals import Target

pytestmark = pytest.mark.process

SYMBOLS = 100


@pytest.fixture
def copies() -> int:
    return 24  # of four symbols: 100 in all


async def test_a_hundred_symbols_get_theirs_and_the_wanted_one_first(world: World) -> None:
    symbols = tuple(sorted(world.market.instruments))
    assert len(symbols) == SYMBOLS
    world.configure(symbols=symbols)
    executor = world.start()
    await executor.until(lambda status: status["leading"] and status["leverage"]["set"])
    began = time.monotonic()
    await eventually(lambda: world.owner is not None)

    wanted = symbols[-1]
    while not await world.position(wanted):
        await world.bus.publish(world.signal(Target.LONG, wanted))
        assert time.monotonic() - began < 30
    opened_s = time.monotonic() - began
    waiting = executor.status()["leverage"]["waiting"]
    await executor.until(can_open)

    print(
        f"\nleverage of {SYMBOLS} symbols: {time.monotonic() - began:.1f} s, bound {SYMBOLS / 10:.0f} s; the "
        f"last of them, wanted at once, was open after {opened_s:.2f} s, with {waiting} still to go"
    )
    assert waiting > 0
