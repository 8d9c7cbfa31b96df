"""The simulated exchange as a process: what `paper` mode, the demo and the process tests run.

Composition only: a recording becomes a market, a folder an account, both one web application on one
port. When it serves, it writes its addresses to the ready file; it ends on SIGTERM or SIGINT.

    python -m tradefleet.services.simulator settings.json
"""

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec
import structlog
from aiohttp import web

from tradefleet.adapters.telemetry import logs
from tradefleet.services.process_main import ProgramFailed, run_program, stop_signal
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.orders import Refused
from tradefleet.simulation.account.store import StateError
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import RecordingError, load_recording, load_spot_recording
from tradefleet.simulation.server.app import DRIVER, build_app
from tradefleet.simulation.server.options import ServerOptions

log = structlog.get_logger(__name__)

MINUTE_NS: Final = 60_000_000_000

_ANY_ADDRESS: Final = frozenset({"", "0.0.0.0", "::"})


class SimulatorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything the process needs to know.

    port: 0 for any free one. recording: a folder (see `simulation.recording`), None for the built-in
    one. spot: serve category spot too, from the built-in recording or the one that spot_recording
    names. speed: recorded seconds a second. copies: of every recorded contract, for load.
    history_minutes: candles and trades of that much past are there at the start, made of whole laps;
    a bar strategy warms up from them. state_folder: the account's; kept across restarts. hedged: put
    its contracts into hedge mode, as far as nothing stands in their way; else they stay as they were.
    api_key, api_secret: what the one account signs with. ready_file: where addresses and pid are written when
    requests are served. log_level: "debug", "info", "warning" or "error".
    """

    state_folder: str
    api_key: str
    api_secret: str
    host: str = "127.0.0.1"
    port: int = 0
    recording: str | None = None
    spot: bool = True
    spot_recording: str | None = None
    speed: float = 1.0
    copies: int = 0
    history_minutes: int = 0
    hedged: bool = False
    ready_file: str | None = None
    log_level: str = "info"
    server: ServerOptions = ServerOptions()


class Ready(msgspec.Struct, frozen=True, rename="camel"):
    """The ready file: where to connect, and which process answers. spot_stream: None without spot."""

    rest: str
    public_stream: str
    private_stream: str
    pid: int
    spot_stream: str | None = None


class SimulatorFailed(ProgramFailed):
    """The simulator cannot start or go on; the text is one line that says what to do."""


async def run(settings: SimulatorSettings) -> None:
    """Serve until SIGTERM or SIGINT; raises SimulatorFailed."""
    logs.configure("simulator", settings.log_level)
    stop = stop_signal()
    _forget(settings.ready_file)
    market = _market(settings)
    spot = _spot_market(settings) if settings.spot else None
    with _account(market, spot, settings) as exchange:
        app = build_app(market, exchange, settings.server, spot)
        async with _served(app, settings) as ready:
            with _announced(ready, settings.ready_file):
                log.info("simulator_ready", **msgspec.to_builtins(ready), symbols=len(market.symbols))
                await _stopped_or_broken(stop, app[DRIVER])
    log.info("simulator_stopped")


def main(arguments: Sequence[str]) -> int:
    """Run with the settings in the named JSON file, or in the environment; the exit status."""
    return run_program("simulator", arguments, SimulatorSettings, run)


def _market(settings: SimulatorSettings) -> ReplayMarket:
    try:
        recording = load_recording(None if settings.recording is None else Path(settings.recording))
        return ReplayMarket(
            recording,
            start_ns=time.time_ns(),
            speed=settings.speed,
            copies=settings.copies,
            history_ns=settings.history_minutes * MINUTE_NS,
            clock=time.time_ns,
        )
    except (RecordingError, ValueError) as error:
        raise SimulatorFailed(str(error)) from error


def _spot_market(settings: SimulatorSettings) -> ReplayMarket:
    folder = settings.spot_recording
    try:
        return ReplayMarket(
            load_spot_recording(None if folder is None else Path(folder)),
            start_ns=time.time_ns(),
            speed=settings.speed,
            history_ns=settings.history_minutes * MINUTE_NS,
            clock=time.time_ns,
        )
    except (RecordingError, ValueError) as error:
        raise SimulatorFailed(f"spot_recording: {error}") from error


@contextlib.contextmanager
def _account(
    market: ReplayMarket, spot: ReplayMarket | None, settings: SimulatorSettings
) -> Iterator[SimulatedExchange]:
    try:
        exchange = SimulatedExchange(
            market,
            Path(settings.state_folder),
            api_key=settings.api_key,
            api_secret=settings.api_secret,
            spot=spot,
        )
    except StateError as error:
        raise SimulatorFailed(f"state_folder {error}") from error
    try:
        if settings.hedged:
            _hedge(exchange)
        yield exchange
    finally:
        exchange.close()


def _hedge(exchange: SimulatedExchange) -> None:
    """Contract by contract: one that is held, or is in hedge mode already, refuses and is left as it is."""
    for symbol in exchange.market.instruments:
        with contextlib.suppress(Refused):
            exchange.switch_mode({"category": "linear", "symbol": symbol, "mode": 3})


def _forget(ready_file: str | None) -> None:
    """Remove what a killed process left: whoever waits for the file must not read its port."""
    if ready_file is not None:
        with _writable(ready_file):
            Path(ready_file).unlink(missing_ok=True)


@contextlib.contextmanager
def _announced(ready: Ready, ready_file: str | None) -> Iterator[None]:
    """Write the ready file in one piece, so that nobody reads half of it; remove it at the end."""
    if ready_file is not None:
        path = Path(ready_file)
        half = path.with_name(f"{path.name}.{os.getpid()}.part")
        with _writable(ready_file):
            half.write_bytes(msgspec.json.encode(ready))
            half.replace(path)
    try:
        yield
    finally:
        _forget(ready_file)


@contextlib.contextmanager
def _writable(ready_file: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SimulatorFailed(
            f"ready_file {ready_file}: cannot be written ({error.strerror}); name one in a writable folder"
        ) from error


@contextlib.asynccontextmanager
async def _served(app: web.Application, settings: SimulatorSettings) -> AsyncIterator[Ready]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, settings.host, settings.port).start()
        except OSError as error:
            raise SimulatorFailed(
                f"cannot listen on {settings.host} port {settings.port} ({error.strerror}); "
                "name another port, or 0 for any free one"
            ) from error
        host, port = runner.addresses[0][:2]
        shown = "127.0.0.1" if settings.host in _ANY_ADDRESS else f"[{host}]" if ":" in host else host
        yield Ready(
            rest=f"http://{shown}:{port}",
            public_stream=f"ws://{shown}:{port}/v5/public/linear",
            private_stream=f"ws://{shown}:{port}/v5/private",
            pid=os.getpid(),
            spot_stream=f"ws://{shown}:{port}/v5/public/spot" if settings.spot else None,
        )
    finally:
        await runner.cleanup()


async def _stopped_or_broken(stop: asyncio.Event, driver: asyncio.Task[None]) -> None:
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, driver}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if driver.done():
        failure = driver.exception()
        raise SimulatorFailed(f"the market broke off: {failure}") from failure


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
