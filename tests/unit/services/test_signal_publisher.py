"""The queue of signals: order, expiry and bound, whatever the bus does."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest

from tradefleet.adapters.redis import BusDown
from tradefleet.domain.signals import Signal, SignalKind, Target
from tradefleet.services.shard import signals
from tradefleet.services.shard.signals import MOST_WAITING, BusState, SignalPublisher


class Bus:
    """Keeps what it is given, unless it is down."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.is_down = False
        self.tries = 0

    async def publish(self, signal: Signal) -> None:
        self.tries += 1
        await asyncio.sleep(0)
        if self.is_down:
            raise BusDown("publish: down")
        self.taken.append(signal.signal_id)


class Clock:
    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def make_signal(number: int, expires_ns: int = 100) -> Signal:
    return Signal(
        signal_id=str(number),
        bot_uid="bot",
        venue="bybit",
        symbol="BTCUSDT",
        strategy="imbalance",
        kind=SignalKind.BOOK,
        target=Target.LONG,
        strength=1.0,
        price=Decimal(1),
        hold_ns=0,
        reason="",
        at_ns=0,
        seen_ns=0,
        expires_ns=expires_ns,
        shard=0,
        instance="one",
        owner_epoch=1,
        generation=1,
    )


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "RETRY_S", 0.0)


async def until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not wanted():  # noqa: ASYNC110
            await asyncio.sleep(0)


async def settle(publisher: SignalPublisher, wanted: int) -> None:
    """Run until so many signals are accounted for."""
    task = asyncio.create_task(publisher.run())
    await until(lambda: publisher.published + publisher.expired >= wanted)
    task.cancel()
    await asyncio.wait({task})


async def test_signals_leave_in_the_order_they_came() -> None:
    bus = Bus()
    publisher = SignalPublisher(bus, BusState(), Clock())

    for number in range(5):
        publisher.put(make_signal(number))
    await settle(publisher, 5)

    assert bus.taken == ["0", "1", "2", "3", "4"]


async def test_an_expired_signal_is_counted_and_never_sent() -> None:
    bus, clock = Bus(), Clock()
    publisher = SignalPublisher(bus, BusState(), clock)
    clock.now_ns = 50

    publisher.put(make_signal(1, expires_ns=50))
    publisher.put(make_signal(2, expires_ns=51))
    await settle(publisher, 2)

    assert (bus.taken, publisher.expired, publisher.published) == (["2"], 1, 1)


async def test_a_signal_is_tried_again_until_the_bus_is_back() -> None:
    bus, state = Bus(), BusState()
    publisher = SignalPublisher(bus, state, Clock())
    bus.is_down = True
    publisher.put(make_signal(1))
    publisher.put(make_signal(2))
    task = asyncio.create_task(publisher.run())
    await until(lambda: bus.tries >= 3)
    assert (state.is_up, state.last_error) == (False, "publish: down")

    bus.is_down = False
    await until(lambda: publisher.published == 2)
    task.cancel()

    assert bus.taken == ["1", "2"]
    assert state.is_up


async def test_a_full_queue_drops_what_has_expired_before_anything_else() -> None:
    bus, clock = Bus(), Clock()
    publisher = SignalPublisher(bus, BusState(), clock)
    for number in range(MOST_WAITING):
        publisher.put(make_signal(number, expires_ns=100 if number % 2 else 1_000))

    clock.now_ns = 100
    publisher.put(make_signal(MOST_WAITING, expires_ns=1_000))
    await settle(publisher, MOST_WAITING + 1)

    assert (publisher.overflowed, publisher.expired) == (0, MOST_WAITING // 2)
    assert (bus.taken[0], bus.taken[1], bus.taken[-1]) == ("0", "2", str(MOST_WAITING))


async def test_a_full_queue_drops_its_oldest() -> None:
    bus = Bus()
    publisher = SignalPublisher(bus, BusState(), Clock())

    for number in range(MOST_WAITING + 2):
        publisher.put(make_signal(number))
    assert (publisher.overflowed, publisher.waiting) == (2, MOST_WAITING)
    await settle(publisher, MOST_WAITING)

    assert (bus.taken[0], bus.taken[-1]) == ("2", str(MOST_WAITING + 1))
