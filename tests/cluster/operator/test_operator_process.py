"""The operator as a process on a real API server; nothing runs its pods, so the test says that they run."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.api_server import ApiClient, ApiServer
from tests.support.bots import make_bot
from tests.support.operator_process import (
    BOTS,
    DEPLOYMENTS,
    SHARDS,
    Controllers,
    OperatorProcess,
    eventually,
)

Start = Callable[..., OperatorProcess]


@pytest.fixture
def start(tmp_path: Path, api_server: ApiServer, crds_applied: None, namespace: str) -> Iterator[Start]:
    started: list[OperatorProcess] = []

    def start_one(**settings: str) -> OperatorProcess:
        operator = OperatorProcess(tmp_path, api_server, namespace, **settings)
        started.append(operator)
        return operator

    yield start_one
    for operator in started:
        operator.kill()


@pytest.fixture
def cluster(admin: ApiClient, namespace: str, crds_applied: None) -> Controllers:
    return Controllers(admin, namespace)


THREE = ["alpha-executor", "alpha-shard-0", "alpha-shard-1"]


def test_a_bot_becomes_its_objects_and_ready(start: Start, cluster: Controllers) -> None:
    operator = start()
    cluster.make(make_bot("AAAUSDT", "BBBUSDT", "CCCUSDT"))

    eventually(lambda: cluster.names(DEPLOYMENTS) == THREE, operator)
    eventually(lambda: cluster.condition("Ready").get("reason") == "ShardsNotReady", operator)
    cluster.roll_out()
    cluster.pod("alpha-executor-x")
    cluster.lead("alpha-executor-x")

    eventually(lambda: cluster.condition("Ready").get("status") == "True", operator)
    bot = cluster.bot()
    assert bot["status"]["phase"] == "Running"
    assert bot["status"]["executor"]["leader"] == "alpha-executor-x"
    assert "finalizers" not in bot["metadata"]
    assert not bot["metadata"].get("annotations")
    assert operator.stop() == 0


def test_drift_is_mended_and_rest_is_rest(start: Start, cluster: Controllers, admin: ApiClient) -> None:
    operator = start()
    cluster.make(make_bot())
    eventually(lambda: cluster.condition("Ready"), operator)
    path = f"{DEPLOYMENTS.format(cluster.namespace)}/alpha-shard-0"

    admin.merge(path, {"spec": {"replicas": 3}})
    eventually(lambda: admin.get(path)["spec"]["replicas"] == 1, operator)
    admin.delete(path)
    eventually(lambda: "alpha-shard-0" in cluster.names(DEPLOYMENTS), operator)

    versions = [one["metadata"]["resourceVersion"] for one in cluster.all(DEPLOYMENTS)]
    time.sleep(1.5)
    assert [one["metadata"]["resourceVersion"] for one in cluster.all(DEPLOYMENTS)] == versions


def test_symbols_come_and_go_without_touching_the_other_shards(start: Start, cluster: Controllers) -> None:
    operator = start()
    cluster.make(make_bot("AAAUSDT", "BBBUSDT", "CCCUSDT"))
    eventually(lambda: cluster.names(DEPLOYMENTS) == THREE, operator)
    cluster.roll_out()
    first = f"{DEPLOYMENTS.format(cluster.namespace)}/alpha-shard-0"
    untouched = cluster.admin.get(first)["metadata"]["generation"]

    cluster.edit({"universe": {"symbols": ["AAAUSDT", "BBBUSDT", "CCCUSDT", "DDDUSDT", "EEEUSDT"]}})
    eventually(lambda: "alpha-shard-2" in cluster.names(DEPLOYMENTS), operator)
    cluster.edit({"universe": {"symbols": ["AAAUSDT", "BBBUSDT"]}})
    eventually(lambda: cluster.bot()["status"].get("observedGeneration") == 3, operator)
    assert "alpha-shard-2" in cluster.names(DEPLOYMENTS)
    cluster.roll_out()

    eventually(lambda: cluster.names(SHARDS) == ["alpha-0"], operator)
    assert cluster.names(DEPLOYMENTS) == ["alpha-executor", "alpha-shard-0"]
    assert cluster.admin.get(first)["metadata"]["generation"] == untouched


def test_a_hot_edit_and_a_newer_operator_leave_the_pods_alone(start: Start, cluster: Controllers) -> None:
    operator = start()
    cluster.make(make_bot())
    eventually(lambda: cluster.condition("Ready"), operator)
    generations = [one["metadata"]["generation"] for one in cluster.all(DEPLOYMENTS)]

    cluster.edit({"risk": {"maxPositions": 4}})
    eventually(lambda: cluster.bot()["status"].get("observedGeneration") == 2, operator)
    operator.kill()
    operator = start()
    cluster.edit({"risk": {"maxPositions": 3}})
    eventually(lambda: cluster.bot()["status"].get("observedGeneration") == 3, operator)

    assert [one["metadata"]["generation"] for one in cluster.all(DEPLOYMENTS)] == generations


def test_an_operator_that_is_killed_in_the_middle_is_followed_by_one_that_finishes(
    start: Start, cluster: Controllers
) -> None:
    symbols = [f"S{number:02}USDT" for number in range(20)]
    operator = start()
    cluster.make(make_bot(*symbols, sharding={"symbolsPerShard": 1}))
    eventually(lambda: len(cluster.names(SHARDS)) >= 5, operator)
    operator.kill()

    operator = start()

    eventually(lambda: len(cluster.names(DEPLOYMENTS)) == 21, operator)
    carried = [one["spec"]["symbols"] for one in cluster.all(SHARDS)]
    assert sorted(carried) == [[symbol] for symbol in symbols]


def test_a_refused_bot_says_why_and_keeps_its_pods(start: Start, cluster: Controllers) -> None:
    operator = start()
    cluster.make(make_bot())
    eventually(lambda: cluster.condition("Ready"), operator)

    cluster.edit({"exchange": {"simulator": {"enabled": True}}})

    refused = eventually(
        lambda: (found := cluster.condition("ConfigAccepted")).get("status") == "False" and found, operator
    )
    assert refused["reason"] == "SimulatorIsLocal"
    assert "local fleet only" in refused["message"]
    assert cluster.names(DEPLOYMENTS) == ["alpha-executor", "alpha-shard-0"]


def test_the_words_of_a_dead_pod_are_taken_back(start: Start, cluster: Controllers) -> None:
    operator = start()
    cluster.make(make_bot())
    eventually(lambda: cluster.names(SHARDS) == ["alpha-0"], operator)
    shard = {
        "apiVersion": "tradefleet.dev/v1alpha1",
        "kind": "SymbolShard",
        "metadata": {"name": "alpha-0", "namespace": cluster.namespace},
        "status": {"pods": [{"name": "dead", "warm": True}]},
    }
    path = f"{SHARDS.format(cluster.namespace)}/alpha-0"

    cluster.admin.apply(f"{path}/status", shard, "tradefleet-pod-dead")

    eventually(lambda: not cluster.admin.get(path)["status"].get("pods"), operator)
    assert cluster.admin.get(path)["status"]["ready"] is False


def test_a_bot_goes_without_waiting_for_the_operator(start: Start, cluster: Controllers) -> None:
    operator = start()
    cluster.make(make_bot())
    eventually(lambda: cluster.condition("Ready"), operator)
    operator.kill()

    cluster.admin.delete(f"{BOTS.format(cluster.namespace)}/alpha")

    assert cluster.names(BOTS) == []
    # Without a controller manager nothing collects them; that they would be is said by their owner.
    owners = [one["metadata"]["ownerReferences"][0]["kind"] for one in cluster.all(DEPLOYMENTS)]
    assert owners == ["TradingBot", "TradingBot"]


@pytest.mark.parametrize("shards", [20])
def test_a_large_bot_is_made_in_one_go(start: Start, cluster: Controllers, shards: int) -> None:
    operator = start()
    cluster.make(make_bot(name="warm-up"))
    eventually(lambda: cluster.condition("Ready", "warm-up"), operator)
    symbols = [f"S{number:02}USDT" for number in range(shards)]

    began = time.monotonic()
    cluster.make(make_bot(*symbols, sharding={"symbolsPerShard": 1}))
    eventually(lambda: "alpha-executor" in cluster.names(DEPLOYMENTS), operator)
    taken = time.monotonic() - began
    eventually(lambda: cluster.condition("Ready"), operator)

    print(f"\na bot of {shards} shards: all objects after {taken * 1000:.0f} ms")
    assert len([name for name in cluster.names(DEPLOYMENTS) if name.startswith("alpha-shard")]) == shards
