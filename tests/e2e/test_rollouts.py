"""What replaces pods leaves no book uncovered and no shard without an owner."""

import asyncio
import json
import time
from typing import Any

from lightkube import AsyncClient
from lightkube.resources.apps_v1 import Deployment
from tests.e2e import kube
from tests.e2e.conftest import SYMBOLS, bot_manifest
from tests.e2e.figures import Figures
from tests.e2e.watching import TradingBot, Watched, watching

SETTLE_S = 180.0
ANOTHER = "BTCCOPY1USDT"  # of the simulator's copies
MANY = "many"
RUNTIME = "docker.io/tradefleet/runtime"
ROUNDS = 10


class Coverage:
    """Notes each moment at which a shard has no pod with all its books."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self.gaps: list[str] = []
        watched.changes.append(self.look)

    def look(self) -> None:
        """After a change."""
        for name, shard in self._watched.shards.items():
            pods = shard["status"].get("pods", [])
            if not any(pod.get("warm") for pod in pods):
                self.gaps.append(f"{name} at {time.strftime('%X')}: {pods}")


def _names(component: str) -> set[str]:
    return {pod["metadata"]["name"] for pod in kube.pods(component)}


def _all_names() -> set[str]:
    return {pod["metadata"]["name"] for pod in kube.items("pods", f"tradefleet.dev/bot={kube.BOT}")}


async def test_a_restart_leaves_no_book_uncovered(bot: str, figures: Figures) -> None:
    old = _names("shard") | _names("executor")
    async with watching() as watched:
        coverage, began = Coverage(watched), time.monotonic()
        _restart(bot)
        await kube.aside(
            lambda: kube.eventually("all pods are new", SETTLE_S, lambda: not old & _all_names())
        )

    figures.add("all pods of 4 shards replaced, make before break", time.monotonic() - began, "s")
    assert coverage.gaps == []


async def test_an_operator_killed_in_the_middle_of_a_rollout_ends_it(bot: str) -> None:
    old = _names("shard") | _names("executor")
    operator = _operator()

    _restart(bot)
    kube.send_signal(operator, "KILL")

    kube.eventually("all pods are new", SETTLE_S, lambda: not old & _all_names())


async def test_a_new_symbol_moves_no_other(bot: str) -> None:
    before = _symbols()
    kube.patch({"universe": {"symbols": [*SYMBOLS, ANOTHER]}})
    kube.eventually("it has a shard", 60, lambda: ANOTHER in _symbols())
    kube.wait_ready()
    assert {symbol: shard for symbol, shard in _symbols().items() if symbol in before} == before

    kube.patch({"universe": {"symbols": SYMBOLS}})
    kube.eventually("it has none", 60, lambda: _symbols() == before)


def test_upgrading_the_operator_restarts_no_pod(bot: str, release: str) -> None:
    before = {pod["metadata"]["uid"]: _restarts(pod) for pod in _staying()}
    operator = _operator()

    kube.helm(
        *("upgrade", release, "charts/tradefleet", "--reuse-values", "--wait", "--timeout", "4m"),
        *("--set-string", "operator.podAnnotations.upgraded=yes"),
    )

    assert _operator() != operator
    assert {pod["metadata"]["uid"]: _restarts(pod) for pod in _staying()} == before


def _staying() -> list[dict[str, Any]]:
    """The bot's pods but those of a shard that is on its way out."""
    return [*kube.pods("shard"), *kube.pods("executor")]


def _restarts(pod: dict[str, Any]) -> int:
    return sum(one["restartCount"] for one in pod["status"].get("containerStatuses", []))


async def test_a_bot_of_twenty_shards_has_its_objects_at_once(bot: str, figures: Figures) -> None:
    client, took = kube.client(), []
    # More than the node has: what is measured is the operator, and no pod takes its cores meanwhile.
    large = {"cpu": "64"}
    symbols = [f"C{number}USDT" for number in range(20)]
    manifest = json.loads(bot_manifest(MANY, universe={"symbols": symbols}, shard=large, executor=large))
    for _ in range(ROUNDS):
        began = time.monotonic()
        await client.create(TradingBot(manifest))
        while await _deployments(client) < 21:
            assert time.monotonic() - began < 60, "a minute, and not all Deployments are there"
            await asyncio.sleep(0.01)
        took.append((time.monotonic() - began) * 1000)
        kube.kubectl("delete", "tradingbot", MANY, "--timeout=120s")
        kube.eventually("nothing of it is left", 60, lambda: not _of(MANY))

    figures.spread("bot of 20 shards created to all its objects", took, "ms", 1000)


async def test_another_image_leaves_no_book_uncovered(bot: str) -> None:
    old = _names("shard") | _names("executor")
    kube.cluster("tag", f"{RUNTIME}:dev", f"{RUNTIME}:next")
    async with watching() as watched:
        coverage = Coverage(watched)
        # By the operator's variable, which is what the chart's runtime.image sets: the chart's own stores and
        # simulator run the same image, and keep nothing when their pods go.
        kube.kubectl(
            "set", "env", "deployment/tradefleet-operator", f"TRADEFLEET_RUNTIME_IMAGE={RUNTIME}:next"
        )
        await kube.aside(
            lambda: kube.eventually("all pods are new", SETTLE_S, lambda: not old & _all_names())
        )

    images = {pod["spec"]["containers"][0]["image"] for pod in kube.pods("shard")}
    assert images == {f"{RUNTIME}:next"}
    assert coverage.gaps == []


def _of(bot: str) -> list[Any]:
    return kube.items("deployments,pods,symbolshards", f"tradefleet.dev/bot={bot}")


async def _deployments(client: AsyncClient) -> int:
    found = client.list(Deployment, labels={"tradefleet.dev/bot": MANY})
    return len([one async for one in found])


def _restart(bot: str) -> None:
    kube.kubectl(
        "annotate", "tradingbot", bot, f"tradefleet.dev/restarted-at={time.time_ns()}", "--overwrite"
    )


def _operator() -> str:
    """The pod that does not go."""
    found = kube.items("pods", "app.kubernetes.io/component=operator")
    return next(str(one["metadata"]["name"]) for one in found if "deletionTimestamp" not in one["metadata"])


def _symbols() -> dict[str, Any]:
    return {
        symbol: shard["metadata"]["name"]
        for shard in kube.items("symbolshards")
        for symbol in shard["spec"]["symbols"]
    }
