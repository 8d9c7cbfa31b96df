"""The decision log of a real executor: read again after SIGKILL; a full disk is no reason to stop."""

import subprocess
import sys

import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import World

from tradefleet.domain.signals import Target

pytestmark = [pytest.mark.process]


def replayed(world: World, epoch: int) -> subprocess.CompletedProcess[str]:
    log = world.folder / "decisions" / f"{epoch:08d}"
    return subprocess.run(
        [sys.executable, "-m", "tradefleet", "replay-decisions", str(log)], capture_output=True, text=True
    )


async def test_a_killed_executors_log_is_decided_the_same_over_its_segments(world: World) -> None:
    executor = world.start(decisions_segment_bytes=64 << 10, decisions_bytes=1 << 20)
    await world.ready(executor)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(lambda: len(list((world.folder / "decisions").glob("*.zst"))) >= 2)
    executor.kill()

    done = replayed(world, executor.status()["epoch"])

    assert done.returncode == 0, done.stderr
    assert "the same again" in done.stdout


async def test_a_disk_without_room_stops_no_trade_and_is_said(world: World) -> None:
    executor = world.start(decisions_free_bytes=1 << 40)
    await world.ready(executor)

    await world.bus.publish(world.signal(Target.LONG))

    status = await executor.until(lambda status: status["fills"] > 0)
    assert status["errors"]["decision_log"] == 1
    assert status["decision_log"]["missing"] > 0
    assert "less than" in status["decision_log"]["paused"]
