"""A shard as a process: public frames in, signals out. It has no credentials and places no orders.

Composition only: the snapshot file says what to watch, `FrameRouter` decides, `PublicStream` carries
bytes in, `SignalPublisher` carries signals out. The executor chooses which process of a shard is its
owner; until then this one runs in shadow.

    python -m tradefleet.services.shard settings.json
"""

import asyncio
import contextlib
import os
import secrets
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Annotated, Any, Final

import msgspec
import structlog

from tradefleet.adapters.bybit.public_rest import (
    ExchangeUnreachable,
    UnknownSymbols,
    clock_offset_ns,
    instruments,
    klines,
)
from tradefleet.adapters.bybit.public_stream import PublicStream, StreamSettings
from tradefleet.adapters.files.config import BadSnapshot, SnapshotFile
from tradefleet.adapters.files.status import write_json
from tradefleet.adapters.redis import BusDown, ShardBus
from tradefleet.adapters.telemetry import logs
from tradefleet.core.pipeline import Output, PipelineStatus, Resubscribe
from tradefleet.core.pipeline_router import TICK_PERIOD_NS, FrameRouter
from tradefleet.domain.instruments import Instrument
from tradefleet.domain.signals import Signal
from tradefleet.market.frames import ControlFrame, ControlKind
from tradefleet.services.loops import serve
from tradefleet.services.process_main import ProgramFailed, run_program, stop_signal
from tradefleet.services.shard_signals import BusState, SignalPublisher
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

_MS: Final = 1_000_000
CLOCK_SECONDS: Final = 60.0
"""Between two measurements of the exchange's clock; a bad quartz drifts 6 ms in that time."""


class ShardSettings(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Everything the process needs to know.

    redis: address of the bus. snapshot: the configuration's file, or `kubernetes://NAMESPACE/BOT`.
    shard: index in it. status: the file to report in. rest, public_stream: addresses of the exchange.
    announce_seconds, status_seconds: how often. history_seconds: how often missing candles are asked
    for. probe_port: where probes and metrics are served; 0 for nowhere. pod_name: under which we
    report in the resource's status; "" outside of a cluster.
    """

    redis: str
    snapshot: str
    shard: int
    status: str
    rest: str
    public_stream: str
    log_level: str = "info"
    announce_seconds: float = 0.5
    status_seconds: float = 0.5
    history_seconds: float = 10.0
    probe_port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    pod_name: str = ""


class ShardFailed(ProgramFailed):
    """The shard cannot start; the text is one line that says what to do."""


async def run(settings: ShardSettings) -> None:
    """Serve until SIGTERM or SIGINT; raises ShardFailed."""
    logs.configure(f"shard-{settings.shard}", settings.log_level)
    stop = stop_signal()
    shard = await _unless_stopped(Shard.prepare(settings), stop)
    if shard is None:
        return
    log.info("shard_started", instance=shard.instance, symbols=len(shard.router.pipelines))
    await serve(shard.loops(), stop)
    await shard.close()
    log.info("shard_stopped", signals=shard.publisher.published)


class Shard:
    """One shard's process: the router and the loops around it."""

    @staticmethod
    async def prepare(settings: ShardSettings) -> "Shard":
        """Read the configuration and the contracts' rules; raises ShardFailed."""
        file = SnapshotFile(settings.snapshot)
        try:
            snapshot = file.read()
            symbols = _symbols(snapshot, settings)
            category = snapshot.spec.exchange.category.value
            rules = await instruments(settings.rest, category, symbols)
            offset_ns = await clock_offset_ns(settings.rest)
            bus = ShardBus(settings.redis, snapshot.uid)
        except ExchangeUnreachable as error:
            raise ShardFailed(f"the exchange does not answer: {error}; is spec.exchange right?") from error
        except (BadSnapshot, UnknownSymbols) as error:
            raise ShardFailed(str(error)) from error
        except ValueError as error:
            raise ShardFailed(f"redis {settings.redis!r} is no address: {error}") from error
        shard = Shard(settings, file, snapshot, rules, offset_ns, bus)
        try:
            shard.write_status("starting")
        except OSError as error:
            raise ShardFailed(
                f"status {settings.status}: cannot be written ({error.strerror}); name a writable folder"
            ) from error
        return shard

    def __init__(
        self,
        settings: ShardSettings,
        file: SnapshotFile,
        snapshot: ConfigSnapshot,
        rules: Sequence[Instrument],
        offset_ns: int,
        bus: ShardBus,
    ) -> None:
        self.settings = settings
        self.snapshot = snapshot
        # Random, since a process that was started again is not the one that was chosen.
        self.instance = secrets.token_hex(8)
        self.router = FrameRouter(rules, snapshot, shard=settings.shard, instance=self.instance)
        self.bus_state = BusState()
        self.publisher = SignalPublisher(bus, self.bus_state, self.now_ns)
        self.is_owner = False
        self.config_error = ""
        self.messages = 0
        self.refused: Counter[str] = Counter()
        self._file = file
        self._offset_ns = offset_ns
        self._bus = bus
        self._rate = 0.0
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

    def loops(self) -> list[Any]:
        """Everything that runs at once, as coroutines that end only by cancelling."""
        return [
            self._stream.run(self.router.topics().values()),
            self.publisher.run(),
            self._tick(),
            self._announce(),
            self._seed(),
            self._follow_clock(),
            self._follow_config(),
            self._report(),
        ]

    async def close(self) -> None:
        """Let go of the bus and say that it was on purpose."""
        with contextlib.suppress(BusDown):
            await self._bus.close()
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

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_PERIOD_NS / 1e9)
            self._act(self.router.tick(self.now_ns()))

    async def _announce(self) -> None:
        """Say that we are there; learn whether we are the owner. Silence of the bus changes nothing:
        nobody else can have been heard either."""
        while True:
            try:
                owner = await self._bus.announce(
                    self.settings.shard, self.instance, self.snapshot.generation, self.router.is_warm
                )
            except BusDown as error:
                self.bus_state.failed(error)
            else:
                self.bus_state.answered()
                mine = owner is not None and owner.instance == self.instance
                self._own(owner.owner_epoch if owner is not None and mine else None)
            await asyncio.sleep(self.settings.announce_seconds)

    def _own(self, owner_epoch: int | None) -> None:
        if self.is_owner != (owner_epoch is not None):
            log.info("owner" if owner_epoch is not None else "shadow", owner_epoch=owner_epoch)
        self.is_owner = owner_epoch is not None
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

    async def _follow_config(self) -> None:
        async for change in self._file.changes():
            if isinstance(change, BadSnapshot):
                self.config_error = str(change)
                log.error("bad_snapshot", kind="bad_snapshot", reason=str(change))
            else:
                self.configure(change)

    def configure(self, snapshot: ConfigSnapshot) -> None:
        """Take a newer snapshot; an older one, or another bot's, is not taken and said in the status."""
        if snapshot.uid != self.snapshot.uid or snapshot.generation < self.snapshot.generation:
            self.config_error = (
                f"snapshot {self._file.path}: generation {snapshot.generation} of bot {snapshot.uid} cannot "
                f"follow generation {self.snapshot.generation} of bot {self.snapshot.uid}"
            )
            log.error("bad_snapshot", kind="bad_snapshot", reason=self.config_error)
            return
        self.config_error = ""
        self.snapshot = snapshot
        self.router.configure(snapshot)
        self._stream.configure(stream_settings(snapshot))
        log.info("configured", generation=snapshot.generation, config_hash=snapshot.content_hash())

    async def _report(self) -> None:
        unwritten = False
        before, before_s = self.messages, time.monotonic()
        while True:
            await asyncio.sleep(self.settings.status_seconds)
            now_s = time.monotonic()
            self._rate = (self.messages - before) / (now_s - before_s)
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
        write_json(self.settings.status, self._status(state))

    def _status(self, state: str) -> dict[str, Any]:
        statuses = self.router.statuses(self.now_ns())
        return {
            "component": "shard",
            "state": state,
            "shard": self.settings.shard,
            "pid": os.getpid(),
            "instance": self.instance,
            "generation": self.snapshot.generation,
            "config_hash": self.snapshot.content_hash(),
            "config_error": self.config_error,
            "warm": self.router.is_warm,
            "owner": self.is_owner,
            "connections": self._stream.connected,
            "messages": self.messages,
            "messages_per_s": round(self._rate, 1),
            "signals": sum(sum(status.signals.values()) for status in statuses),
            "shadow_signals": sum(sum(status.shadow.values()) for status in statuses),
            "published": self.publisher.published,
            "expired": self.publisher.expired,
            "overflowed": self.publisher.overflowed,
            "waiting": self.publisher.waiting,
            "faults": self._faults(statuses),
            "redis": "up" if self.bus_state.is_up else "down",
            "symbols": {status.symbol: _symbol(status) for status in statuses},
        }

    def _faults(self, statuses: Sequence[PipelineStatus]) -> dict[str, int]:
        faults = self.refused + Counter({fault.value: count for fault, count in self.router.faults.items()})
        for status in statuses:
            faults.update(status.faults)
        return dict(faults)


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


def _symbols(snapshot: ConfigSnapshot, settings: ShardSettings) -> tuple[str, ...]:
    try:
        return snapshot.shard(settings.shard).symbols
    except KeyError as error:
        raise ShardFailed(f"snapshot {settings.snapshot}: {error.args[0]}") from error


def _symbol(status: PipelineStatus) -> dict[str, Any]:
    age_ns = status.book_age_ns
    return {
        "warm": status.warm,
        "book_stale": status.book_stale,
        "book_age_ms": None if age_ns is None else round(age_ns / _MS, 1),
        "signals": status.signals,
        "shadow": status.shadow,
        "faults": status.faults,
        "candles": status.candles,
    }


async def _unless_stopped(preparing: Coroutine[Any, Any, Shard], stop: asyncio.Event) -> Shard | None:
    """What is prepared; None when the stop came first, since an exchange that does not answer may take
    seconds to say so."""
    prepared, stopped = asyncio.create_task(preparing), asyncio.create_task(stop.wait())
    await asyncio.wait({prepared, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if prepared.done():
        return prepared.result()
    prepared.cancel()
    await asyncio.wait({prepared})
    return None


def main(arguments: Sequence[str]) -> int:
    """Run with the settings in the named JSON file, or in the environment; the exit status."""
    return run_program("shard", arguments, ShardSettings, run)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
