"""What a shard needs when it is full."""

from typing import Any

from tests.e2e import kube
from tests.e2e.conftest import OTHER, SYMBOLS, bot_manifest
from tests.e2e.figures import Figures

FULL = 25
"""Symbols of a shard unless the bot says otherwise."""


def test_a_full_shard_is_as_small_as_promised(bot: str, other: str, figures: Figures) -> None:
    listed = [*SYMBOLS, *(f"{one[:-4]}COPY{number}USDT" for one in SYMBOLS for number in range(1, 7))][:FULL]
    sharding = {"symbolsPerShard": FULL}

    kube.kubectl(
        "apply", "--filename", "-", given=bot_manifest(OTHER, universe={"symbols": listed}, sharding=sharding)
    )
    pod = kube.eventually("its pod has every book", 120, _warm_pod)

    figures.add("resident memory of a shard with 25 symbols", kube.resident_mib(pod), "MiB", 400)
    assert sum(kube.restarts(OTHER).values()) == 0


def _warm_pod() -> dict[str, Any]:
    said = kube.get("symbolshard", f"{OTHER}-0").get("status", {}).get("pods", [])
    warm = {pod["name"] for pod in said if pod["warm"] and pod["symbols"] == FULL}
    return next((pod for pod in kube.pods("shard", OTHER) if pod["metadata"]["name"] in warm), {})
