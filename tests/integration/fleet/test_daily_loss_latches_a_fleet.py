"""The day's loss latches, outlives a restart, and is cleared by its id through the command line."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.local_fleet import EXAMPLE, Up

pytestmark = pytest.mark.process

LIMIT = "maxDailyLoss: 0.05 "
TIGHT = "maxDailyLoss: 0.0001 "


def test_a_latch_stops_opening_survives_a_restart_and_is_cleared_by_its_id(
    up: Callable[..., Up], folder: Path
) -> None:
    # A tenth of equity an entry: the fees of two fills are more than the limit.
    text = EXAMPLE.read_text().replace(LIMIT, TIGHT)
    (folder / "bot.yaml").write_text(text + "\n  sizing:\n    equityFraction: 0.1\n")
    fleet = up()
    fleet.until(lambda: bool(executor(fleet).get("latches")), "waiting for the latch")
    fleet.until(lambda: not executor(fleet)["positions"], "what is held is still closed")
    fleet.process.terminate()
    assert fleet.end() == 0, fleet.said

    fleet = up()
    fleet.until(lambda: bool(executor(fleet).get("latches")), "the latch is still there")
    fleet.until(lambda: "latched" in executor(fleet)["refused_by_reason"], "a signal that is refused")
    (latch,) = executor(fleet)["latches"]
    opened = executor(fleet)["orders_sent"]
    assert latch in command(fleet, "list")
    fleet.edit(TIGHT, LIMIT)
    fleet.until(lambda: fleet.generations() == {2}, "the looser limit")
    assert executor(fleet)["latches"] == [latch]
    command(fleet, "clear", latch)

    fleet.until(lambda: executor(fleet)["orders_sent"] > opened, "opening again")
    assert command(fleet, "list").strip() == "no latch is engaged"


def executor(fleet: Up) -> dict[str, Any]:
    """What the executor reports."""
    return fleet.statuses().get("executor", {})


def command(fleet: Up, *words: str) -> str:
    """`tradefleet latches ...` on the fleet's folder; what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tradefleet", "latches", *words, "--data", str(fleet.data)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
