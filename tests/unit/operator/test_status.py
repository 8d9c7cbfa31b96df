"""What the operator says of bots and shards."""

from typing import Any

import pytest
from tests.support.bots import IMAGE, NAMESPACE, SmallCluster, make_bot, make_pod, waiting_pod

from tradefleet_operator.objects import Ref
from tradefleet_operator.plan import plan
from tradefleet_operator.status import bot_status, dead_pods, shard_status

NOW, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"


@pytest.fixture
def cluster() -> SmallCluster:
    return SmallCluster()


def leading(bot: dict[str, Any], **status: Any) -> dict[str, Any]:
    return {**bot, "status": {"executor": {"leader": "alpha-executor-x"}, **status}}


def said(cluster: SmallCluster, bot: dict[str, Any], now: str = NOW) -> dict[str, Any]:
    status = bot_status(bot, plan(bot, cluster.objects, IMAGE), cluster.objects, now)
    return {**status, "conditions": {one["type"]: one for one in status["conditions"]}}


def running(cluster: SmallCluster) -> None:
    cluster.carry_out(plan(make_bot(), cluster.objects, IMAGE))
    cluster.put(make_pod("alpha-executor-x"))


def test_a_bot_with_its_shards_and_a_leader_is_ready(cluster: SmallCluster) -> None:
    running(cluster)

    status = said(cluster, leading(make_bot()))

    assert status["phase"] == "Running"
    assert status["shards"] == {"desired": 1, "ready": 1}
    assert status["observedGeneration"] == 1
    ready = status["conditions"]["Ready"]
    assert (ready["status"], ready["reason"]) == ("True", "Running")
    assert ready["message"] == "1 shards ready, alpha-executor-x leads"


def test_a_shard_that_is_not_ready_and_a_leader_that_is_gone_are_said(cluster: SmallCluster) -> None:
    running(cluster)
    no_leader = said(cluster, leading(make_bot(), executor={"leader": "a-dead-pod"}))
    cluster.objects[Ref("Deployment", NAMESPACE, "alpha-shard-0")]["status"]["availableReplicas"] = 0  # type: ignore[index]
    no_shard = said(cluster, leading(make_bot()))

    assert no_leader["conditions"]["Ready"]["reason"] == "NoLeader"
    assert no_shard["conditions"]["Ready"]["message"] == "0 of 1 shards have a pod with all its books"


@pytest.mark.parametrize(
    ("pod", "reason", "words"),
    [
        (
            waiting_pod("p", "CreateContainerConfigError", 'secret "tradefleet-stores" not found'),
            "SecretMissing",
            'secret "tradefleet-stores" not found (make the Secret',
        ),
        (waiting_pod("p", "ImagePullBackOff", "back-off"), "ImageNotPulled", "check the runtime's image"),
        (waiting_pod("p", "CrashLoopBackOff", "back-off"), "PodFails", "kubectl logs --previous"),
        (
            make_pod("p", conditions=[{"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}]),
            "Unschedulable",
            "0/1 nodes",
        ),
    ],
    ids=["secret", "image", "crash", "unschedulable"],
)
def test_what_keeps_a_pod_from_running_is_said_with_what_to_do(
    cluster: SmallCluster, pod: dict[str, Any], reason: str, words: str
) -> None:
    running(cluster)
    cluster.put(pod)

    status = said(cluster, leading(make_bot()))

    degraded = status["conditions"]["Degraded"]
    assert (status["phase"], degraded["status"], degraded["reason"]) == ("Degraded", "True", reason)
    assert words in degraded["message"]


def test_a_refused_bot_says_why_and_counts_what_still_runs(cluster: SmallCluster) -> None:
    running(cluster)

    status = said(cluster, leading(make_bot(risk={"maxPositions": 5000})))

    accepted = status["conditions"]["ConfigAccepted"]
    assert (status["phase"], accepted["status"], accepted["reason"]) == ("Refused", "False", "SpecRefused")
    assert "spec.risk.maxPositions: 5000 is above 500" in accepted["message"]
    assert status["shards"] == {"desired": 1, "ready": 1}


def test_an_account_in_use_keeps_a_bot_from_being_ready(cluster: SmallCluster) -> None:
    running(cluster)
    in_use = {"type": "AccountInUse", "status": "True", "message": "led by bot beta"}

    status = said(cluster, leading(make_bot(), conditions=[in_use]))

    assert status["conditions"]["Ready"]["reason"] == "AccountInUse"
    assert status["conditions"]["Ready"]["message"] == "led by bot beta"


def test_a_symbol_that_is_not_traded_degrades_the_bot_and_stops_nothing(cluster: SmallCluster) -> None:
    running(cluster)
    message = "spec.universe.symbols: ETHUSD is not traded; did you mean ETHUSDT?"
    unknown = {"type": "SymbolsKnown", "status": "False", "message": message}

    status = said(cluster, leading(make_bot(), conditions=[unknown]))

    degraded = status["conditions"]["Degraded"]
    assert (degraded["reason"], degraded["message"]) == ("SymbolsNotTraded", message)
    assert status["conditions"]["Ready"]["status"] == "True"


def test_the_time_of_a_condition_changes_only_with_its_status(cluster: SmallCluster) -> None:
    running(cluster)
    bot = leading(make_bot())
    first = bot_status(bot, plan(bot, cluster.objects, IMAGE), cluster.objects, NOW)
    again = said(cluster, {**bot, "status": {**bot["status"], **first}}, LATER)
    broken = said(cluster, {**bot, "status": {**first, "executor": {"leader": "a-dead-pod"}}}, LATER)

    assert {one["lastTransitionTime"] for one in again["conditions"].values()} == {NOW}
    assert broken["conditions"]["Ready"]["lastTransitionTime"] == LATER
    assert broken["conditions"]["ConfigAccepted"]["lastTransitionTime"] == NOW


def test_a_shard_says_whether_it_is_ready_and_what_its_own_pods_lack(cluster: SmallCluster) -> None:
    running(cluster)
    shard = cluster.objects[Ref("SymbolShard", NAMESPACE, "alpha-0")]
    ready = shard_status(shard, cluster.objects, NOW)
    cluster.objects[Ref("Deployment", NAMESPACE, "alpha-shard-0")]["status"]["availableReplicas"] = 0  # type: ignore[index]
    cluster.put(waiting_pod("q", "ImagePullBackOff", "no such image", shard=0))
    cluster.put(waiting_pod("r", "CrashLoopBackOff", "of another shard", shard=1))
    waiting = shard_status(shard, cluster.objects, NOW)

    assert (ready["ready"], ready["conditions"][0]["status"]) == (True, "True")
    assert waiting["ready"] is False
    assert waiting["conditions"][0]["reason"] == "ImageNotPulled"
    assert "of another shard" not in waiting["conditions"][0]["message"]


def test_pods_that_are_no_more_are_found_in_a_shards_status(cluster: SmallCluster) -> None:
    running(cluster)
    cluster.put(make_pod("alive", shard=0))
    shard = cluster.objects[Ref("SymbolShard", NAMESPACE, "alpha-0")]
    shard = {**shard, "status": {"pods": [{"name": "alive"}, {"name": "dead"}]}}

    assert dead_pods(shard, cluster.objects) == ("dead",)
