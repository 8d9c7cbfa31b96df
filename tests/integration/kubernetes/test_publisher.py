"""Status on its way to an API server that may be away: nobody waits for it, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.integration.kubernetes.conftest import BOT, SHARD
from tests.support.eventually import eventually
from tests.support.fake_api_server import FakeApiServer

from tradefleet.adapters.kubernetes.api import Api
from tradefleet.adapters.kubernetes.publisher import Condition, Publisher, Report


class Speaker:
    """Says a number under a field manager."""

    def __init__(self) -> None:
        self.number: int | None = 1
        self.changed = asyncio.Event()

    def say(self, number: int | None) -> None:
        self.number = number
        self.changed.set()

    def report(self) -> Report | None:
        if self.number is None:
            return None
        condition = Condition(type="ConfigApplied", is_true=True, reason="Applied")
        status = {"executor": {"epoch": self.number}}
        body = {"metadata": {"name": "alpha"}, "status": status}
        return Report(body=body, urgent=self.number, conditions=(condition,))


@pytest.fixture
async def speaking(api: Api) -> AsyncIterator[tuple[Speaker, Publisher]]:
    speaker, publisher = Speaker(), Publisher(api, BOT, "tradefleet-executor", "status")
    task = asyncio.create_task(publisher.run(speaker.report, speaker.changed))
    yield speaker, publisher
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def epoch(server: FakeApiServer) -> Any:
    return server.status(BOT).get("executor", {}).get("epoch")


async def test_what_matters_arrives_and_what_others_wrote_stays(
    server: FakeApiServer, speaking: tuple[Speaker, Publisher], api: Api
) -> None:
    await api.apply(f"{BOT}/status", {"metadata": {"name": "alpha"}, "status": {"phase": "Running"}}, "other")
    await eventually(lambda: epoch(server) == 1)

    speaking[0].say(2)

    await eventually(lambda: epoch(server) == 2)
    assert server.status(BOT)["phase"] == "Running"


async def test_a_new_leader_keeps_the_time_of_a_condition_that_stays(
    server: FakeApiServer, speaking: tuple[Speaker, Publisher]
) -> None:
    speaker, _ = speaking
    await eventually(lambda: epoch(server) == 1)
    then = {"type": "ConfigApplied", "status": "True", "lastTransitionTime": "2020-01-01T00:00:00Z"}
    speaker.say(None)
    await asyncio.sleep(0.1)
    server.objects[BOT]["status"]["conditions"] = [then]

    speaker.say(3)

    await eventually(lambda: epoch(server) == 3)
    assert server.status(BOT)["conditions"][0]["lastTransitionTime"] == then["lastTransitionTime"]


async def test_a_server_that_was_away_learns_the_newest_word(
    server: FakeApiServer, speaking: tuple[Speaker, Publisher]
) -> None:
    speaker, publisher = speaking
    await eventually(lambda: epoch(server) == 1)
    await server.down()
    speaker.say(2)
    await eventually(lambda: publisher.errors)
    speaker.say(3)

    await server.up()

    await eventually(lambda: epoch(server) == 3)
    assert publisher.writes == 2


async def test_each_pod_owns_its_entry_and_an_empty_status_removes_it(
    server: FakeApiServer, api: Api
) -> None:
    def status(*pods: str) -> dict[str, Any]:
        return {"metadata": {"name": "alpha-0"}, "status": {"pods": [{"name": pod} for pod in pods]}}

    for pod in ("a", "b"):
        await api.apply(f"{SHARD}/status", status(pod), f"tradefleet-pod-{pod}")
    assert server.status(SHARD)["pods"] == [{"name": "a"}, {"name": "b"}]

    await api.apply(f"{SHARD}/status", status(), "tradefleet-pod-a")

    assert server.status(SHARD)["pods"] == [{"name": "b"}]
