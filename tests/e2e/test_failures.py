"""What breaks is made whole by the others, and nobody who lost the lease acts."""

import asyncio
import time
from typing import Any

from tests.e2e import account, kube
from tests.e2e.figures import Figures
from tests.e2e.watching import Watched, watching

OUTAGE_S = 60.0


async def test_a_deleted_shard_pod_is_replaced(bot: str, figures: Figures) -> None:
    victim = kube.pods("shard")[0]
    shard = victim["metadata"]["labels"]["tradefleet.dev/shard"]

    began = time.monotonic()
    kube.kubectl("delete", "pod", victim["metadata"]["name"], "--wait=false")
    kube.eventually(
        "another pod owns the shard", 90, lambda: _owner(bot, shard) not in ("", victim["metadata"]["name"])
    )

    figures.add("shard pod deleted to its successor owning the shard", time.monotonic() - began, "s")


async def test_a_killed_shard_process_comes_back_in_its_pod(bot: str, figures: Figures) -> None:
    victim = kube.pods("shard")[0]["metadata"]["name"]
    before = kube.restarts()[victim]

    began = time.monotonic()
    kube.send_signal(victim, "KILL")
    kube.eventually("the container was started again", 60, lambda: kube.restarts().get(victim, 0) > before)
    kube.eventually(
        "the bot is Ready", 90, lambda: kube.condition(kube.bot(), "Ready").get("status") == "True"
    )

    figures.add("shard process killed to the bot Ready again", time.monotonic() - began, "s")


async def test_a_killed_leader_is_succeeded_by_the_one_who_stood_by(bot: str, figures: Figures) -> None:
    async with watching() as watched:
        old = dict(watched.executor)
        kube.send_signal(old["leader"], "KILL")
        began = time.monotonic()
        await watched.until(lambda: _epoch(watched) > old["epoch"], 30, "a new epoch")
        led = time.monotonic() - began
        await watched.until(lambda: bool(watched.executor.get("mayOpen")), 60, "opening again")
        opened = time.monotonic() - began

    assert watched.executor["leader"] != old["leader"]
    figures.add("leader SIGKILLed to a new leader", led, "s", 2.5)
    figures.add("leader SIGKILLed to opening again", opened, "s", 7)


async def test_a_leader_that_is_told_to_stop_hands_over(bot: str, figures: Figures) -> None:
    async with watching() as watched:
        old = dict(watched.executor)
        kube.kubectl("delete", "pod", old["leader"], "--wait=false")
        began = time.monotonic()
        await watched.until(lambda: _epoch(watched) > old["epoch"], 30, "a new epoch")

    figures.add("leader told to stop to a new leader", time.monotonic() - began, "s", 1)


async def test_a_paused_leader_does_not_act_when_it_wakes(bot: str) -> None:
    async with watching() as watched:
        old = dict(watched.executor)
        kube.send_signal(old["leader"], "STOP")
        try:
            await watched.until(lambda: _epoch(watched) > old["epoch"], 30, "a new epoch")
            await asyncio.sleep(3)
        finally:
            kube.send_signal(old["leader"], "CONT")
        woke = await _now()
        await asyncio.sleep(10)
        assert watched.executor["leader"] != old["leader"]

    async with account.opened() as its:
        late = await its.rows(
            "SELECT * FROM intents WHERE epoch <= $1 AND written_at > $2", old["epoch"], woke
        )
    assert not late, f"epoch {old['epoch']} wrote intents after it had lost the account: {late}"


async def test_trading_goes_on_while_the_api_server_is_down(bot: str) -> None:
    before, restarted = kube.executor_status(), kube.restarts()
    down_ns = time.time_ns()

    kube.api_server("stop")
    try:
        await asyncio.sleep(OUTAGE_S)
    finally:
        up_ns = time.time_ns()
        kube.api_server("start")

    kube.eventually("the API server answers", 90, lambda: kube.bot())
    await asyncio.sleep(10)  # whatever the outage would have broken would show
    after = kube.executor_status()
    assert (after["leader"], after["epoch"]) == (before["leader"], before["epoch"])
    assert kube.restarts() == restarted
    async with account.opened() as its:
        meanwhile = [one for one in (await its.exchange()).executions.values() if down_ns < one.at_ns < up_ns]
    assert meanwhile, "nothing was filled while the API server was down"


def _owner(bot: str, shard: str) -> str:
    status: dict[str, Any] = kube.get("symbolshard", f"{bot}-{shard}").get("status", {})
    return next((pod["name"] for pod in status.get("pods", []) if pod.get("owner")), "")


def _epoch(watched: Watched) -> int:
    return int(watched.executor.get("epoch", 0))


async def _now() -> Any:
    async with account.opened() as its:
        return (await its.rows("SELECT clock_timestamp() AS now"))[0]["now"]
