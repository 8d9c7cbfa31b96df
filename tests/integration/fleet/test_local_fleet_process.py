"""`tradefleet up` for real: it verifies a run, follows edits, outlives deaths, and ends cleanly."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.process

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "paper.yaml"
PATIENCE_S = 60.0


class Up:
    """One fleet as a child process, its lines in a file."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.file = folder / "bot.yaml"
        self.data = folder / "data"
        if not self.file.exists():
            shutil.copy(EXAMPLE, self.file)
        self._out = folder / f"out-{time.monotonic_ns()}.txt"
        with self._out.open("wb") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tradefleet", "up", str(self.file), "--plain"),
                    *("--data", str(self.data), *options),
                ],
                stdout=out,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._out.read_text()

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text()
        assert old in text
        half = self.file.with_name("half.yaml")
        half.write_text(text.replace(old, new))
        os.replace(half, self.file)

    def statuses(self) -> dict[str, dict[str, Any]]:
        found = {}
        for file in sorted((self.data / "run").glob("*.status.json")):
            with contextlib.suppress(json.JSONDecodeError, FileNotFoundError):
                found[file.name.removesuffix(".status.json")] = json.loads(file.read_text())
        return found

    def generations(self) -> set[int | None]:
        return {status.get("generation") for status in self.statuses().values()}

    def pids(self) -> dict[str, int]:
        """As the fleet said at its start."""
        line = next(line for line in self.said.splitlines() if "processes: " in line)
        return {name: int(pid) for name, pid in (p.split("=") for p in line.split("processes: ")[1].split())}

    def until(self, holds: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert self.process.poll() is None, f"{what}: the fleet has ended\n{self.said}"
            assert time.monotonic() < deadline, f"{what}\n{self.said}\n{self.statuses()}"
            time.sleep(0.05)

    def until_said(self, text: str) -> None:
        self.until(lambda: text in self.said, f"waiting for {text!r}")

    def until_trading(self) -> None:
        self.until(lambda: len(self.statuses()) == 3, "waiting for an executor and two shards")
        self.until(lambda: self.statuses().get("executor", {}).get("fills", 0) > 0, "waiting for a fill")

    def end(self) -> int:
        return self.process.wait(PATIENCE_S)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's user can enter; pytest's own is closed to others."""
    made = Path(tempfile.mkdtemp(prefix="tradefleet-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def up(folder: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*options: str) -> Up:
        started.append(Up(folder, *options))
        return started[-1]

    yield start
    for fleet in started:
        if fleet.process.poll() is None:
            fleet.process.terminate()
            fleet.process.wait(PATIENCE_S)


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


def test_a_run_ends_by_itself_verified(up: Callable[..., Up]) -> None:
    fleet = up("--seconds", "25", "--verify")

    status = fleet.end()

    assert status == 0, fleet.said
    assert "verified      Postgres and the exchange agree" in fleet.said
    assert not any(alive(pid) for pid in fleet.pids().values())


def test_a_disabled_strategy_is_not_a_verified_run(up: Callable[..., Up], folder: Path) -> None:
    text = EXAMPLE.read_text()
    (folder / "bot.yaml").write_text(text.replace("enabled: true          # with every", "enabled: false # "))

    fleet = up("--seconds", "8", "--verify")

    assert fleet.end() == 1
    assert "there was no fill in this run" in fleet.said


def test_edits_reach_running_processes_and_a_killed_fleet_recovers(up: Callable[..., Up]) -> None:
    fleet = up()
    fleet.until_trading()
    before = {name: status["pid"] for name, status in fleet.statuses().items()}

    fleet.edit("maxPositions: 10 ", "maxPositions: 3 ")
    fleet.until(lambda: fleet.generations() == {2}, "waiting for generation 2")
    assert {name: status["pid"] for name, status in fleet.statuses().items()} == before

    fleet.edit("maxDailyLoss: 0.05", "maxDailyLoss: 5")
    fleet.until_said("edit refused, generation 2 stays")
    assert "spec.risk.maxDailyLoss" in fleet.said
    fleet.edit("maxDailyLoss: 5", "maxDailyLoss: 0.05")
    fleet.until_said("edit changes no field")
    assert fleet.generations() == {2}

    os.kill(fleet.pids()["postgres"], signal.SIGKILL)
    fleet.until_said("postgres was killed by SIGKILL")
    fleet.until_said("postgres is down; orders are held back")
    fleet.until_said("postgres is back")
    os.kill(before["shard-0"], signal.SIGKILL)
    fleet.until_said("shard-0 was killed by SIGKILL")
    fleet.until(
        lambda: (
            fleet.statuses()["shard-0"]["pid"] != before["shard-0"] and fleet.statuses()["shard-0"]["warm"]
        ),
        "waiting for the shard's successor",
    )

    fleet.process.kill()
    fleet.process.wait()
    children = [pid for name, pid in fleet.pids().items() if name not in ("postgres", "shard-0")]
    deadline = time.monotonic() + PATIENCE_S
    while any(alive(pid) for pid in children):
        assert time.monotonic() < deadline, "children outlive the supervisor"
        time.sleep(0.05)

    again = up("--seconds", "20", "--verify")
    assert again.end() == 0, again.said
    assert again.generations() == {2}


def test_a_symbol_that_does_not_exist_ends_the_fleet_in_one_line(up: Callable[..., Up], folder: Path) -> None:
    (folder / "bot.yaml").write_text(EXAMPLE.read_text().replace("BTCUSDT", "BTCUSDX"))

    fleet = up()

    assert fleet.end() == 1
    last = fleet.said.splitlines()[-1]
    assert "spec.universe.symbols" in last
    assert "BTCUSDX" in last
    assert "Traceback" not in fleet.said


def test_another_set_of_symbols_is_taken_over_by_new_processes(up: Callable[..., Up]) -> None:
    fleet = up()
    fleet.until(lambda: fleet.statuses().get("executor", {}).get("leading", False), "waiting for a leader")

    fleet.edit("DOGEUSDT]", "DOGEUSDX]")
    fleet.until_said("edit refused, generation 1 stays: shard-")
    fleet.edit(", DOGEUSDX]", "]")
    fleet.until_said("generation 3 runs")
    fleet.process.send_signal(signal.SIGTERM)

    assert fleet.end() == 0, fleet.said
