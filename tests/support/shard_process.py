"""A real shard process for tests: its settings, its status, its end."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PATIENCE_S = 40.0


class ShardProcess:
    """A child process with a snapshot and settings of its own."""

    def __init__(self, folder: Path, environment: Mapping[str, str] | None = None, **settings: Any) -> None:
        folder.mkdir(exist_ok=True)
        self.status_file = folder / "status.json"
        self._errors = folder / "stderr.log"
        settings_file = folder / "settings.json"
        settings_file.write_text(
            json.dumps(
                {
                    "status": str(self.status_file),
                    "announceSeconds": 0.1,
                    "statusSeconds": 0.1,
                    "historySeconds": 1.0,
                    **settings,
                }
            )
        )
        with self._errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tradefleet.services.shard", str(settings_file)],
                stderr=errors,
                env={**os.environ, **(environment or {})},
            )

    def status(self) -> dict[str, Any]:
        """What it last wrote; empty before the first time."""
        with contextlib.suppress(FileNotFoundError):
            value: dict[str, Any] = json.loads(self.status_file.read_text())
            return value
        return {}

    def lines(self) -> list[str]:
        """What it said on stderr."""
        return self._errors.read_text().splitlines()

    def errors(self) -> list[dict[str, Any]]:
        """Its log records of level error."""
        records: list[dict[str, Any]] = [json.loads(line) for line in self.lines()]
        return [record for record in records if record["level"] == "error"]

    def wait_for(self, wanted: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """The first status of which `wanted` is true. Blocks the test, not the servers, which are
        other processes."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            status = self.status()
            if status and wanted(status):
                return status
            assert self.process.poll() is None, "\n".join(self.lines())
            assert time.monotonic() < deadline, (status, self.lines()[-5:])
            time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Its exit status after the signal."""
        self.process.send_signal(how)
        return self.process.wait(timeout=PATIENCE_S)

    def close(self) -> None:
        """End it, if it runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
