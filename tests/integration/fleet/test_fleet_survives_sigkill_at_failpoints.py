"""A running fleet loses a shard and executors in the middle of what they do, and nothing is doubled."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.local_fleet import Up

pytestmark = pytest.mark.process

POINTS = ("shard.published", "order.written", "order.sent", "order.answered", "execution.recorded")


def test_kills_at_the_boundaries_of_a_send_double_nothing_and_lose_no_position(
    up: Callable[..., Up], folder: Path
) -> None:
    points = folder / "points"
    points.mkdir()
    fleet = up("--verify", environment={"TRADEFLEET_FAILPOINTS": f"{points}:{','.join(POINTS)}"})

    killed: set[str] = set()
    while killed < set(POINTS):
        fleet.until(lambda: bool(standing(points) - killed), f"a failpoint, after {sorted(killed)}")
        for name in standing(points) - killed:
            os.kill(int((points / f"{name}.hit").read_text()), signal.SIGKILL)
            killed.add(name)
    filled = fills(fleet)
    fleet.until(lambda: fills(fleet) > filled, "a fill after the last kill")
    fleet.process.send_signal(signal.SIGINT)

    # Its own summary compares every order, execution and position with the exchange, and leads each
    # fill back to its signal; a second order for one intent would have no intent to lead to.
    assert fleet.end() == 0, fleet.said
    assert "verified      Postgres and the exchange agree" in fleet.said


def standing(points: Path) -> set[str]:
    """Failpoints at which a process stands or stood."""
    return {file.stem for file in points.glob("*.hit")}


def fills(fleet: Up) -> int:
    """Fills that the running executor has counted; 0 while there is none."""
    return int(fleet.statuses().get("executor", {}).get("fills", 0))
