"""The way of a shard's signals to the bus: one queue, in order, with a bound.

While the bus is down the strategies go on; the signal at the head is tried again until it expires,
then dropped and counted. A reader drops repeats by id, so an uncertain publish is simply repeated.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol

import structlog

from tradefleet.adapters.failpoints import failpoint
from tradefleet.adapters.redis import BusDown
from tradefleet.domain.signals import Signal

log = structlog.get_logger(__name__)

MOST_WAITING: Final = 10_000
"""Signals that wait at most, about ten megabytes: the FLATs that 200 symbols make in the five minutes for
which one is valid. What has expired goes first, then the oldest."""

RETRY_S: Final = 0.2


class SignalSink(Protocol):
    """Where signals go; in a process the ShardBus."""

    async def publish(self, signal: Signal) -> None:
        """Append the signal; raises BusDown."""
        ...


class BusState:
    """Up or down, said once at each change."""

    def __init__(self) -> None:
        self.is_up: bool | None = None
        self.last_error = ""

    def answered(self) -> None:
        """The bus did what it was asked."""
        if self.is_up is False:
            log.info("redis_back")
        self.is_up = True

    def failed(self, error: BusDown) -> None:
        """It did not."""
        self.last_error = str(error)
        if self.is_up is not False:
            log.error("redis_down", kind="redis_down", reason=str(error))
        self.is_up = False


class SignalPublisher:
    """The queue and its one consumer."""

    def __init__(self, bus: SignalSink, state: BusState, clock: Callable[[], int]) -> None:
        self._bus = bus
        self._state = state
        self._clock = clock
        self._waiting: deque[Signal] = deque()
        self._arrived = asyncio.Event()
        self.published = 0
        self.expired = 0
        self.overflowed = 0

    def put(self, signal: Signal) -> None:
        """Take a signal; never blocks. When the queue is full, what has expired in it is dropped and counted,
        and when nothing has, the oldest."""
        if len(self._waiting) >= MOST_WAITING:
            self._drop_expired()
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.popleft()
            self.overflowed += 1
        self._waiting.append(signal)
        self._arrived.set()

    def _drop_expired(self) -> None:
        now_ns, before = self._clock(), len(self._waiting)
        self._waiting = deque(signal for signal in self._waiting if now_ns < signal.expires_ns)
        self.expired += before - len(self._waiting)

    @property
    def waiting(self) -> int:
        """Signals not yet published."""
        return len(self._waiting)

    async def run(self) -> None:
        """Publish in order until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._publish(self._waiting.popleft())

    async def _publish(self, signal: Signal) -> None:
        failpoint("shard.before_publish")
        while self._clock() < signal.expires_ns:
            try:
                await self._bus.publish(signal)
            except BusDown as error:
                self._state.failed(error)
                await asyncio.sleep(RETRY_S)
            else:
                self._state.answered()
                self.published += 1
                failpoint("shard.published")
                return
        self.expired += 1
