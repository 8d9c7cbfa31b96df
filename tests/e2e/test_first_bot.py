"""From nothing to a bot that trades, with the tools and the words of the chart's notes."""

import asyncio

from tests.e2e import account, kube
from tests.e2e.conftest import SYMBOLS
from tests.e2e.figures import Figures


def test_the_chart_tests_itself(release: str) -> None:
    said = kube.helm("test", release, "--timeout", "3m")

    assert "Succeeded" in said


async def test_the_first_bot_becomes_ready_and_trades(bot: str) -> None:
    async with account.opened() as its:
        fills = []
        for _ in range(120):
            fills = list((await its.exchange()).executions)
            if fills:
                break
            await asyncio.sleep(1)

    assert fills, "nothing was filled within two minutes"


def test_kubectl_get_shows_who_leads(bot: str) -> None:
    leader = kube.executor_status()["leader"]

    shown = kube.kubectl("get", "tb", bot)

    header, row = (line.split("  ") for line in shown.strip().splitlines())
    assert [word.strip() for word in header if word.strip()][:5] == [
        "NAME",
        "MODE",
        "READY",
        "SHARDS",
        "LEADER",
    ]
    assert leader in " ".join(row)


def test_each_shard_has_its_symbols_and_one_owner(bot: str) -> None:
    shards = kube.items("symbolshards")

    assert sorted(symbol for shard in shards for symbol in shard["spec"]["symbols"]) == sorted(SYMBOLS)
    for shard in shards:
        owners = [pod["name"] for pod in shard["status"]["pods"] if pod["owner"]]
        assert len(owners) == 1, shard["status"]


def test_no_pod_but_the_executor_holds_a_key(bot: str) -> None:
    for pod in kube.pods("shard"):
        variables = {one["name"] for part in pod["spec"]["containers"] for one in part["env"]}

        assert not variables & {"TRADEFLEET_API_KEY", "TRADEFLEET_API_SECRET", "TRADEFLEET_POSTGRES"}


def test_pods_are_as_small_as_promised(bot: str, figures: Figures) -> None:
    operator = kube.items("pods", "app.kubernetes.io/component=operator")[0]
    shard, executor = kube.pods("shard")[0], kube.pods("executor")[0]
    figures.add("resident memory of the operator", kube.resident_mib(operator), "MiB", 160)
    figures.add("resident memory of a shard with 1 symbol", kube.resident_mib(shard), "MiB", 400)
    figures.add("resident memory of an executor", kube.resident_mib(executor), "MiB")
