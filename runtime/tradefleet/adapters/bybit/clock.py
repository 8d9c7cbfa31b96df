"""The exchange's clock, as well as we can know it from here.

An order's timestamp must lie less than a second ahead of the exchange's clock, and its `sign_by`
and `valid_until` only mean something on that clock. We add a measured offset to our monotonic
clock, not to the wall clock: a step of NTP or of an administrator then moves nothing.
Source: Bybit V5, GET /v5/market/time, and `time` of every answer's envelope; reference C1.
"""

import asyncio
import time
from typing import Final, Protocol

import aiohttp
import msgspec
import structlog

from tradefleet.adapters.bybit.errors import ClockNotMeasured, Unreadable

log = structlog.get_logger(__name__)

SAMPLES: Final = 3
"""Requests per measurement: the fastest has the least room for error."""

ANSWER_S: Final = 2.0
"""So long an answer about the time is waited for; a later one would tell little."""

_MS: Final = 1_000_000


class Clock(Protocol):
    """Whatever tells the exchange's time."""

    def now_ns(self) -> int:
        """The exchange's clock, int64 ns UTC; raises ClockNotMeasured."""


class Sample(msgspec.Struct, frozen=True):
    """One question for the time. sent_ns, received_ns: monotonic; server_ns: its answer, UTC; grain_ns: how
    far the answer may lie beside the exchange's clock by being rounded."""

    sent_ns: int
    received_ns: int
    server_ns: int
    grain_ns: int = 0

    @property
    def offset_ns(self) -> int:
        """Exchange minus monotonic, as if the answer was made halfway."""
        return self.server_ns - (self.sent_ns + self.received_ns) // 2

    @property
    def error_ns(self) -> int:
        """The offset is wrong by at most this: half of the round trip, and what rounding hides."""
        return (self.received_ns - self.sent_ns + 1) // 2 + self.grain_ns


class _Time(msgspec.Struct):
    timeNano: str  # noqa: N815 - the exchange's name


class _TimeAnswer(msgspec.Struct):
    retCode: int  # noqa: N815
    result: _Time


class _Envelope(msgspec.Struct):
    time: int


class ExchangeClock:
    """Our monotonic clock plus the last measured offset."""

    def __init__(self, rest_url: str, *, timeout_s: float = 5.0) -> None:
        """rest_url: such as https://api.bybit.com, without a slash at the end."""
        self._url = f"{rest_url.rstrip('/')}/v5/market/time"
        self._other_url = f"{rest_url.rstrip('/')}/v5/market/tickers?category=linear&symbol=BTCUSDT"
        self._timeout = aiohttp.ClientTimeout(total=min(timeout_s, ANSWER_S))
        self._best: Sample | None = None

    def now_ns(self) -> int:
        """The exchange's clock, int64 ns UTC; raises ClockNotMeasured before the first measurement."""
        if self._best is None:
            raise ClockNotMeasured("the exchange's clock has not been measured; await measure() first")
        return time.monotonic_ns() + self._best.offset_ns

    @property
    def is_measured(self) -> bool:
        """Whether `now_ns` has something to say."""
        return self._best is not None

    @property
    def error_ns(self) -> int:
        """How far `now_ns` can be off, drift since the measurement not counted; raises ClockNotMeasured."""
        if self._best is None:
            raise ClockNotMeasured("the exchange's clock has not been measured; await measure() first")
        return self._best.error_ns

    @property
    def wall_offset_ns(self) -> int:
        """The exchange's clock minus this machine's wall clock; raises ClockNotMeasured."""
        return self.now_ns() - time.time_ns()

    async def measure(self) -> None:
        """Ask the time and keep the quickest answer; raises Unreadable and then keeps the old offset.

        While that one question is not answered, the time that every other answer carries is taken, to the
        millisecond: without a clock nothing could be closed.
        """
        async with aiohttp.ClientSession(timeout=self._timeout) as http:
            try:
                samples = [await self._ask(http) for _ in range(SAMPLES)]
            except Unreadable as error:
                log.warning("time_not_told", kind="exchange_clock", detail=str(error))
                samples = [await self._ask_in_passing(http) for _ in range(SAMPLES)]
        self._best = min(samples, key=lambda sample: sample.error_ns)

    async def keep_measured(self, period_s: float = 30.0) -> None:
        """Measure again and again until cancelled. A failure is logged; the old offset holds."""
        while True:
            await asyncio.sleep(period_s)
            try:
                await self.measure()
            except Unreadable as error:
                log.warning("clock_not_measured", kind="exchange_clock", detail=str(error))

    async def _ask(self, http: aiohttp.ClientSession) -> Sample:
        sent_ns = time.monotonic_ns()
        try:
            async with http.get(self._url, allow_redirects=False) as response:
                body = await response.read()
                received_ns = time.monotonic_ns()
            answer = msgspec.json.decode(body, type=_TimeAnswer)
            server_ns = int(answer.result.timeNano)
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, ValueError) as error:
            raise Unreadable(f"GET {self._url}: {type(error).__name__}: {error}") from error
        if answer.retCode != 0:
            raise Unreadable(f"GET {self._url}: retCode {answer.retCode}")
        return Sample(sent_ns, received_ns, server_ns)

    async def _ask_in_passing(self, http: aiohttp.ClientSession) -> Sample:
        """The time of the envelope of an answer about something else; a refusal has one too."""
        sent_ns = time.monotonic_ns()
        try:
            async with http.get(self._other_url, allow_redirects=False) as response:
                body = await response.read()
                received_ns = time.monotonic_ns()
            told_ms = msgspec.json.decode(body, type=_Envelope).time
        except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError) as error:
            raise Unreadable(f"GET {self._other_url}: {type(error).__name__}: {error}") from error
        if told_ms <= 0:
            raise Unreadable(f"GET {self._other_url}: the time {told_ms}")
        return Sample(sent_ns, received_ns, told_ms * _MS + _MS // 2, _MS // 2)
