"""The kill switch by kubectl: everything closes, a restart changes nothing, and clearing names the latch."""

import asyncio
import time

from tests.e2e import account, kube
from tests.e2e.figures import Figures


async def test_a_patch_closes_everything_until_the_latch_is_cleared_by_its_name(
    bot: str, figures: Figures
) -> None:
    async with account.opened() as its:
        for _ in range(120):
            if held := (await its.exchange()).positions:
                break
            await asyncio.sleep(1)
        assert held, "no position within two minutes: there is nothing to close"
        began = time.monotonic()
        kube.patch({"killSwitch": {"engaged": True, "reason": "a scenario"}})
        while (await its.exchange()).positions:
            assert time.monotonic() - began < 60, "not flat within a minute"
            await asyncio.sleep(0.1)
        figures.add("kubectl patch of the kill switch to flat", time.monotonic() - began, "s")

    kube.eventually("it says so", 10, lambda: _engaged() == "True")
    kube.kubectl("delete", "pod", kube.executor_status()["leader"])
    kube.eventually("the next leader is latched too", 60, lambda: kube.executor_status().get("latches"))
    assert not kube.executor_status()["mayOpen"]

    latch = kube.executor_status()["latches"][0]["id"]
    kube.patch({"killSwitch": {"engaged": False, "clear": latch}})

    kube.eventually("it is cleared", 30, lambda: _engaged() == "False")


def _engaged() -> str:
    return str(kube.condition(kube.bot(), "KillSwitchEngaged").get("status", ""))
