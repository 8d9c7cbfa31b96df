"""Two executors alive at once: one leads, the other takes over when it should and never otherwise."""

import asyncio
import signal
import time
from pathlib import Path

import msgspec
import pytest
from tests.support.eventually import eventually
from tests.support.executor_world import ExecutorProcess, World, can_open

from tradefleet.domain.signals import Target
from tradefleet.spec.snapshot import ConfigSnapshot

pytestmark = pytest.mark.process


def second(world: World, **settings: str) -> ExecutorProcess:
    return world.start(status_path=str(world.folder / "second.json"), **settings)


async def leader_and_standby(world: World) -> tuple[ExecutorProcess, ExecutorProcess]:
    leader = world.start()
    await world.ready(leader)
    standby = second(world)
    await standby.until(lambda status: status["state"] == "waiting_for_lease")
    await asyncio.sleep(1.0)  # until it has asked for the row and kept everything fresh
    return leader, standby


async def test_after_a_sigkill_of_the_leader_the_standby_leads_and_opens(world: World) -> None:
    leader, standby = await leader_and_standby(world)
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)

    leader.kill()
    killed_s = time.monotonic()
    status = await standby.until(lambda status: status["leading"])
    led_s = time.monotonic() - killed_s
    await standby.until(can_open)
    print(f"SIGKILL to leading {led_s:.2f} s, to opening {time.monotonic() - killed_s:.2f} s")

    assert status["epoch"] == 2
    await world.bus.publish(world.signal(Target.FLAT))
    await eventually(lambda: _is_flat(world))
    assert len(await world.orders()) == 2


async def test_a_leader_that_is_told_to_stop_hands_over_at_once(world: World) -> None:
    leader, standby = await leader_and_standby(world)

    leader.process.terminate()
    told_s = time.monotonic()
    status = await standby.until(lambda status: status["leading"])
    print(f"SIGTERM to the next leader {time.monotonic() - told_s:.2f} s")

    assert status["epoch"] == 2
    assert await leader.ends() == 0


async def test_a_leader_that_slept_past_its_lease_does_not_act_when_it_wakes(world: World) -> None:
    leader, standby = await leader_and_standby(world)

    leader.process.send_signal(signal.SIGSTOP)
    await standby.until(can_open)
    # The sleeper has not read this one yet, and will when it wakes.
    await world.bus.publish(world.signal(Target.LONG))
    await eventually(world.position)
    leader.process.send_signal(signal.SIGCONT)

    await leader.until(lambda status: not status["leading"] and status["state"] == "waiting_for_lease")
    await asyncio.sleep(1.0)
    assert len(await world.orders()) == 1
    assert {row["epoch"] for row in await world.rows("SELECT epoch FROM intents")} == {2}
    assert standby.status()["leading"]


async def test_a_second_bot_on_the_account_says_who_has_it_and_never_trades(world: World) -> None:
    leader = world.start()
    await world.ready(leader)
    other = msgspec.structs.replace(_snapshot(world), uid="another-bot", name="another")
    file = world.folder / "another.json"
    file.write_bytes(other.encode())

    stranger = second(world, snapshot_path=str(file))

    status = await stranger.until(lambda status: status["state"] == "account_in_use")
    assert "bot bot-uid leads it" in status["account_in_use"]
    assert not status["leading"]
    assert leader.status()["leading"]

    leader.process.terminate()
    await leader.ends()
    status = await stranger.until(lambda status: status["leading"])
    assert status["account_in_use"] == ""


def _snapshot(world: World) -> ConfigSnapshot:
    return ConfigSnapshot.decode(Path(world.folder / "snapshot.json").read_bytes())


async def _is_flat(world: World) -> bool:
    return await world.position() == 0
