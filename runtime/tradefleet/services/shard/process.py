"""One shard's process while it serves: the router and the loops around it.

Composition only: the configuration says what to watch, `FrameRouter` decides, `PublicStream` carries
bytes in, `SignalPublisher` carries signals out. The executor chooses which process of a shard is its
owner; until then this one runs in shadow.
"""

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

import structlog

from tradefleet.adapters.bybit.public_rest import (
    ExchangeUnreachable,
    Listed,
    clock_offset_ns,
    klines,
    listed,
)
from tradefleet.adapters.bybit.public_stream import PublicStream, StreamSettings
from tradefleet.adapters.config_source import BadSnapshot, ConfigSource
from tradefleet.adapters.files.status import write_json
from tradefleet.adapters.redis import BusDown, ShardBus
from tradefleet.core.pipeline import Output, Resubscribe
from tradefleet.core.pipeline_router import TICK_PERIOD_NS, FrameRouter
from tradefleet.domain.signals import Signal
from tradefleet.market.frames import ControlFrame, ControlKind
from tradefleet.services.loops import set_within
from tradefleet.services.shard.settings import ShardFailed, ShardSettings, symbols_of
from tradefleet.services.shard.signals import BusState, SignalPublisher
from tradefleet.services.shard.status import shard_status
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

CLOCK_SECONDS: Final = 60.0
"""Between two measurements of the exchange's clock; a bad quartz drifts 6 ms in that time."""
RULES_LOOK_SECONDS: Final = 2.0
"""Between two looks whether the contracts' rules are to be read again."""
LISTING_SECONDS: Final = 60.0
"""While a symbol of ours is not traded, or its rules cannot be read."""
DOUBT_SECONDS: Final = 15.0
"""While numbers come that lie between ticks or steps: REST may tell of new ones a little later."""
RULES_SECONDS: Final = 600.0
"""While nothing looks wrong: a grid that became coarser shows in no frame."""
LEAVING_SECONDS: Final = 0.1
"""Between two announcements of an owner that leaves: its successor is chosen at the first."""


class Shard:
    """One shard's process: the router and the loops around it."""

    def __init__(
        self,
        settings: ShardSettings,
        source: ConfigSource,
        snapshot: ConfigSnapshot,
        known: Listed,
        offset_ns: int,
        bus: ShardBus,
    ) -> None:
        self.settings = settings
        self.snapshot = snapshot
        self.source = source
        # A replacement has begun with a newer one, though its predecessor has applied the same edits.
        self.begun_generation = snapshot.generation
        # Random, since a process that was started again is not the one that was chosen.
        self.instance = secrets.token_hex(8)
        self.router = FrameRouter(known.rules, snapshot, shard=settings.shard, instance=self.instance)
        self.unknown_symbols = known.trouble
        """What the exchange says of symbols that it does not have; "" when it has all."""
        self.bus_state = BusState()
        self.publisher = SignalPublisher(bus, self.bus_state, self.now_ns)
        self.is_owner = False
        self._in_shadow = asyncio.Event()
        self._in_shadow.set()
        self.leaving = asyncio.Event()
        self.changed = asyncio.Event()
        """Something that others should hear of at once."""
        self.config_error = ""
        self.messages = 0
        self.refused: Counter[str] = Counter()
        self._offset_ns = offset_ns
        self._bus = bus
        self.rate = 0.0
        self._stream = PublicStream(
            settings.public_stream,
            self._take,
            lambda topics: None,
            self._lost,
            stream_settings(snapshot),
            self.now_ns,
        )

    def now_ns(self) -> int:
        """Our clock, corrected to the exchange's."""
        return time.time_ns() + self._offset_ns

    @property
    def connections(self) -> int:
        """Public sockets that are open."""
        return self._stream.connected

    def loops(self, turned: Callable[[], None] = lambda: None) -> list[Coroutine[Any, Any, None]]:
        """Everything that runs at once, as coroutines that end only by cancelling. turned: told of each
        turn of the main loop."""
        return [
            self._stream.run(self.router.topics().values()),
            self.publisher.run(),
            self._tick(turned),
            self._announce(),
            self._seed(),
            self._follow_clock(),
            self._follow_rules(),
            self._follow_config(),
            self._report(),
        ]

    async def close(self) -> None:
        """Let go of the bus and say that it was on purpose."""
        with contextlib.suppress(BusDown):
            await self._bus.close()
        await self.source.close()
        with contextlib.suppress(OSError):
            self.write_status("stopped")

    def _take(self, raw: bytes, seen_ns: int) -> None:
        self.messages += 1
        outputs = self.router.feed(raw, seen_ns)
        if outputs:
            self._act(outputs)

    def _lost(self, topics: Sequence[str], reason: str) -> None:
        self.router.lost(topics, self.now_ns())

    def _act(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            match output:
                case Signal():
                    self.publisher.put(output)
                case Resubscribe():
                    log.info("resubscribing", topic=output.topic, fault=output.fault.value)
                    self._stream.resubscribe(output.topic)
                case ControlFrame(kind=ControlKind.REFUSED):
                    self.refused["refused"] += 1
                    log.error("refused", kind="refused", topic=output.topic, reason=output.message)
                case ControlFrame():
                    pass

    async def leave(self, stop: asyncio.Event, left: asyncio.Event) -> None:
        """Told to stop, an owner goes on until its successor was chosen, so that no signal is missed."""
        await stop.wait()
        self.leaving.set()
        if self.settings.pod_name:
            await set_within(self._in_shadow, self.settings.hand_over_seconds)
        left.set()
        await asyncio.Event().wait()

    async def _tick(self, turned: Callable[[], None]) -> None:
        while True:
            turned()
            await asyncio.sleep(TICK_PERIOD_NS / 1e9)
            self._act(self.router.tick(self.now_ns()))

    async def _announce(self) -> None:
        """Say that we are there; learn whether we are the owner. Silence of the bus changes nothing:
        nobody else can have been heard either."""
        while True:
            try:
                owner = await self._bus.announce(
                    self.settings.shard,
                    self.instance,
                    self.begun_generation,
                    self.router.is_warm,
                    leaving=self.leaving.is_set(),
                )
            except BusDown as error:
                self.bus_state.failed(error)
            else:
                self.bus_state.answered()
                mine = owner is not None and owner.instance == self.instance
                self._own(owner.owner_epoch if owner is not None and mine else None)
            if self.leaving.is_set():
                await asyncio.sleep(LEAVING_SECONDS)
            else:
                await set_within(self.leaving, self.settings.announce_seconds)

    def _own(self, owner_epoch: int | None) -> None:
        if self.is_owner != (owner_epoch is not None):
            log.info("owner" if owner_epoch is not None else "shadow", owner_epoch=owner_epoch)
            self.changed.set()
        self.is_owner = owner_epoch is not None
        if self.is_owner:
            self._in_shadow.clear()
        else:
            self._in_shadow.set()
        self.router.set_owner(owner_epoch)

    async def _seed(self) -> None:
        """Fetch the candles that strategies lack."""
        category = self.snapshot.spec.exchange.category.value
        while True:
            try:
                for request in [] if self.router.is_warm else self.router.needs(self.now_ns()):
                    candles = await klines(self.settings.rest, category, request)
                    self.router.seed(request.symbol, candles, self.now_ns())
            except ExchangeUnreachable as error:
                log.warning("history_unread", reason=str(error))
            await asyncio.sleep(self.settings.history_seconds)

    async def _follow_clock(self) -> None:
        while True:
            await asyncio.sleep(CLOCK_SECONDS)
            try:
                self._offset_ns = await clock_offset_ns(self.settings.rest)
            except ExchangeUnreachable as error:
                log.warning("clock_unread", reason=str(error))

    async def _follow_rules(self) -> None:
        """Contracts whose ticks or steps change go on with the new ones. Should a missing symbol be traded
        after all, the process ends and begins again with it."""
        symbols = symbols_of(self.snapshot, self.settings)
        category = self.snapshot.spec.exchange.category.value
        read_s, doubts = time.monotonic(), self.router.off_grid
        while True:
            await asyncio.sleep(RULES_LOOK_SECONDS)
            age_s = time.monotonic() - read_s
            doubted = self.router.off_grid != doubts
            missing = set(symbols) - self.router.pipelines.keys()
            if age_s < (DOUBT_SECONDS if doubted else LISTING_SECONDS if missing else RULES_SECONDS):
                continue
            read_s, doubts = time.monotonic(), self.router.off_grid
            try:
                found = await listed(self.settings.rest, category, symbols)
            except ExchangeUnreachable as error:
                log.warning("rules_unread", reason=str(error))
                continue
            names = ", ".join(rules.symbol for rules in found.rules if rules.symbol in missing)
            if names:
                raise ShardFailed(f"{names}: traded by now; the shard begins again to take it in")
            outputs = self.router.refresh(found.rules, self.now_ns())
            if outputs:
                log.info("rules_changed", books=len(outputs))
            self._act(outputs)

    async def _follow_config(self) -> None:
        async for change in self.source.changes():
            if isinstance(change, BadSnapshot):
                self.config_error = str(change)
                self.changed.set()
                log.error("bad_snapshot", kind="bad_snapshot", reason=str(change))
            elif isinstance(change, ConfigSnapshot):
                self.configure(change)

    def configure(self, snapshot: ConfigSnapshot) -> None:
        """Take a newer snapshot; an older one, or another bot's, is not taken and said in the status."""
        if snapshot.uid != self.snapshot.uid or snapshot.generation < self.snapshot.generation:
            self.config_error = (
                f"snapshot {self.source.address}: generation {snapshot.generation} of bot {snapshot.uid} "
                f"cannot follow generation {self.snapshot.generation} of bot {self.snapshot.uid}"
            )
            log.error("bad_snapshot", kind="bad_snapshot", reason=self.config_error)
            return
        self.config_error = ""
        self.snapshot = snapshot
        self.changed.set()
        self.router.configure(snapshot)
        self._stream.configure(stream_settings(snapshot))
        log.info("configured", generation=snapshot.generation, config_hash=snapshot.content_hash())

    async def _report(self) -> None:
        unwritten = False
        before, before_s = self.messages, time.monotonic()
        while True:
            await asyncio.sleep(self.settings.status_seconds)
            now_s = time.monotonic()
            self.rate = (self.messages - before) / (now_s - before_s)
            before, before_s = self.messages, now_s
            try:
                self.write_status("running")
                unwritten = False
            except OSError as error:
                if not unwritten:
                    log.error("status_unwritten", kind="status_unwritten", reason=str(error))
                unwritten = True

    def write_status(self, state: str) -> None:
        """Replace the status file; raises OSError."""
        write_json(self.settings.status, self.status(state))

    def status(self, state: str) -> dict[str, Any]:
        """What there is to say, as plain values."""
        return shard_status(self, "leaving" if state == "running" and self.leaving.is_set() else state)


def stream_settings(snapshot: ConfigSnapshot) -> StreamSettings:
    """How the configuration wants the connections to behave."""
    feed = snapshot.spec.feed
    return StreamSettings(
        topics_per_connection=feed.topics_per_connection,
        ping=float(feed.ping_seconds),
        silence=float(feed.book_stale_seconds),
        back_off_first=float(feed.reconnect.initial_seconds),
        back_off_most=float(feed.reconnect.max_seconds),
    )
