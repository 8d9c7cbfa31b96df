"""`kubectl patch` of a limit is in force in every pod, and a bad one never gets that far."""

import time

import pytest
from lightkube.types import PatchType
from tests.e2e import kube
from tests.e2e.figures import Figures
from tests.e2e.watching import TradingBot, watching

PATCHES = 200


async def test_a_patched_limit_is_in_force_in_every_pod(bot: str, figures: Figures) -> None:
    client, took = kube.client(), []
    async with watching() as watched:
        for number in range(PATCHES):
            limit = {"spec": {"risk": {"maxPositions": 5 + number % 5}}}
            written = await client.patch(TradingBot, bot, limit, patch_type=PatchType.MERGE)
            generation = written.metadata.generation
            after = await watched.until(
                lambda wanted=generation: min(watched.applied()) >= wanted, 10, f"generation {generation}"
            )
            took.append(after * 1000)

    figures.spread("patch written to applied in all pods, 4 shards", took, "ms", 250)


def test_kubectl_patch_of_a_limit_is_applied_within_a_second_or_so(bot: str, figures: Figures) -> None:
    began = time.monotonic()
    generation = kube.patch({"risk": {"maxPositions": 3}})
    kube.eventually(
        "the leader applied it", 10, lambda: kube.executor_status()["appliedGeneration"] >= generation
    )

    figures.add("kubectl patch to kubectl get showing it applied", (time.monotonic() - began) * 1000, "ms")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"risk": {"maxDailyLoss": 5}}, "spec.risk.maxDailyLoss"),
        ({"risk": {"maxPositions": -1}}, "spec.risk.maxPositions"),
        ({"universe": {"symbols": []}}, "spec.universe.symbols"),
        ({"mode": "casino"}, "spec.mode"),
    ],
)
def test_a_bad_patch_is_refused_and_says_which_field(bot: str, spec: dict, why: str) -> None:
    before = kube.bot()["metadata"]["generation"]

    with pytest.raises(kube.Refused, match=why.replace(".", r"\.")):
        kube.patch(spec)

    assert kube.bot()["metadata"]["generation"] == before
