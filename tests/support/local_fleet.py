"""`tradefleet up` as a child process, for tests that run a fleet for real."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EXAMPLE = Path(__file__).parents[2] / "config" / "examples" / "paper.yaml"
PATIENCE_S = 60.0


class Up:
    """One fleet as a child process, its lines in a file."""

    def __init__(self, folder: Path, *options: str, environment: dict[str, str] | None = None) -> None:
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
                env={**os.environ, **(environment or {})},
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


def alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False
