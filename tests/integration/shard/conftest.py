"""One simulator process and one Valkey for a module; a shard process for each test."""

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.support.shard_process import PATIENCE_S, ShardProcess
from tests.support.valkey_server import RunningValkey, running_valkey

from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import Feed
from tradefleet.spec.snapshot import ConfigSnapshot, ShardAssignment
from tradefleet.spec.strategies import Imbalance, Strategies

SYMBOLS = ("BTCUSDT", "ETHUSDT")
SPEED = 5.0


class SimulatorProcess(NamedTuple):
    """Addresses of the simulated exchange."""

    rest: str
    public_stream: str

    def inject(self, **fault: Any) -> None:
        """Arm a fault for the next frames."""
        body = json.dumps(fault).encode()
        request = urllib.request.Request(self.rest + "/simulator/faults/public", data=body, method="POST")
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["retCode"] == 0


@contextlib.contextmanager
def running_simulator(folder: Path, port: int = 0) -> Iterator[SimulatorProcess]:
    """A simulator for the length of a block."""
    folder.mkdir(exist_ok=True)
    ready, settings = folder / "ready.json", folder / "settings.json"
    settings.write_text(
        json.dumps(
            {
                "state_folder": str(folder / "state"),
                "api_key": "key",
                "api_secret": "secret",
                "port": port,
                "ready_file": str(ready),
                "speed": SPEED,
                "history_minutes": 30,
                "log_level": "warning",
            }
        )
    )
    process = subprocess.Popen([sys.executable, "-m", "tradefleet.services.simulator", str(settings)])
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not ready.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        found = json.loads(ready.read_text())
        yield SimulatorProcess(found["rest"], found["publicStream"])
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    with running_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[RunningValkey]:
    with running_valkey(tmp_path / "valkey") as server:
        yield server


def make_config(generation: int = 1, symbols: tuple[str, ...] = SYMBOLS, **imbalance: Any) -> ConfigSnapshot:
    """A bot with the imbalance strategy."""
    strategies = Strategies(imbalance=Imbalance(enabled=True, **imbalance))
    return ConfigSnapshot(
        generation=generation,
        uid="bot-uid",
        name="bot",
        namespace="default",
        spec=BotSpec(feed=Feed(), strategies=strategies),
        shards=(ShardAssignment(0, symbols),),
    )


def write_config(path: Path, snapshot: ConfigSnapshot) -> None:
    """Replace the snapshot in one step, as the supervisor does."""
    half = path.with_suffix(".part")
    half.write_bytes(snapshot.encode())
    half.replace(path)


class Started(NamedTuple):
    """A shard and the snapshot file it follows."""

    shard: ShardProcess
    config: Path


Start = Callable[..., Started]


@pytest.fixture
def start(tmp_path: Path, simulator: SimulatorProcess, valkey: RunningValkey) -> Iterator[Start]:
    started: list[ShardProcess] = []

    def start_one(snapshot: ConfigSnapshot | None = None, **settings: Any) -> Started:
        config = tmp_path / "snapshot.json"
        write_config(config, snapshot or make_config())
        shard = ShardProcess(
            tmp_path / f"shard-{len(started)}",
            **{
                "redis": valkey.url,
                "snapshot": str(config),
                "shard": 0,
                "rest": simulator.rest,
                "publicStream": simulator.public_stream,
                **settings,
            },
        )
        started.append(shard)
        return Started(shard, config)

    yield start_one
    for shard in started:
        shard.close()
