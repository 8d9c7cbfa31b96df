"""A shard from start to exit: prepare, serve, leave."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Final

import structlog

from tradefleet.adapters.bybit.public_rest import (
    ExchangeUnreachable,
    clock_offset_ns,
    listed,
)
from tradefleet.adapters.config_source import BadSnapshot, ConfigSource, SourceAway
from tradefleet.adapters.redis import ShardBus
from tradefleet.adapters.telemetry import logs
from tradefleet.services.loops import serve
from tradefleet.services.probes import served
from tradefleet.services.process_main import run_program, stop_signal
from tradefleet.services.shard.pod import ShardPod
from tradefleet.services.shard.process import Shard
from tradefleet.services.shard.settings import ShardFailed, ShardSettings, symbols_of
from tradefleet.services.sources import open_source
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

CONFIG_RETRY_SECONDS: Final = 1.0


async def run(settings: ShardSettings) -> None:
    """Serve until SIGTERM or SIGINT; raises ShardFailed."""
    logs.configure(f"shard-{settings.shard}", settings.log_level)
    stop = stop_signal()
    pod = ShardPod(settings)
    async with served(settings.probe_port, pod.probes()):
        shard = await _unless_stopped(prepare(settings), stop)
        if shard is None:
            return
        log.info("shard_started", instance=shard.instance, symbols=len(shard.router.pipelines))
        left = asyncio.Event()
        await serve([*shard.loops(pod.heartbeat.turned), *pod.loops(shard), shard.leave(stop, left)], left)
    await shard.close()
    log.info("shard_stopped", signals=shard.publisher.published)


def main(arguments: Sequence[str]) -> int:
    """Run with the settings in the named JSON file, or in the environment; the exit status."""
    return run_program("shard", arguments, ShardSettings, run)


async def prepare(settings: ShardSettings) -> Shard:
    """Read the configuration and the contracts' rules; raises ShardFailed."""
    try:
        source = open_source(settings.snapshot)
        snapshot = await _first(source)
        symbols = symbols_of(snapshot, settings)
        category = snapshot.spec.exchange.category.value
        known = await listed(settings.rest, category, symbols)
        offset_ns = await clock_offset_ns(settings.rest)
        bus = ShardBus(settings.redis, snapshot.uid)
    except ExchangeUnreachable as error:
        raise ShardFailed(f"the exchange does not answer: {error}; is spec.exchange right?") from error
    except BadSnapshot as error:
        raise ShardFailed(str(error)) from error
    except ValueError as error:
        raise ShardFailed(f"redis {settings.redis!r} is no address: {error}") from error
    if known.unknown and not settings.pod_name:
        # Somebody sits in front of it and can mend it at once; a pod would only fail again and again.
        raise ShardFailed(known.unknown)
    shard = Shard(settings, source, snapshot, known, offset_ns, bus)
    try:
        shard.write_status("starting")
    except OSError as error:
        raise ShardFailed(
            f"status {settings.status}: cannot be written ({error.strerror}); name a writable folder"
        ) from error
    return shard


async def _first(source: ConfigSource) -> ConfigSnapshot:
    """The configuration to begin with, however long nobody has it; raises BadSnapshot."""
    said = False
    while True:
        try:
            return await source.read()
        except SourceAway as away:
            if not said:
                log.error("config_unread", kind="config_unread", reason=str(away))
            said = True
        await asyncio.sleep(CONFIG_RETRY_SECONDS)


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
