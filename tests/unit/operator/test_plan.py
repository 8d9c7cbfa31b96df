"""What should exist, against what does."""

import copy
from typing import Any

import pytest
from tests.support.bots import IMAGE, NAMESPACE, SmallCluster, annotated, make_bot

from tradefleet_operator.judge import Refused
from tradefleet_operator.objects import Ref
from tradefleet_operator.plan import Plan, plan


@pytest.fixture
def cluster() -> SmallCluster:
    return SmallCluster()


def settle(cluster: SmallCluster, bot: dict[str, Any], image: str = IMAGE) -> None:
    """Plan and carry out until nothing is left to do."""
    for _ in range(4):
        planned = plan(bot, cluster.objects, image)
        if not planned.apply and not planned.delete:
            return
        cluster.carry_out(planned)
    raise AssertionError("the plan never comes to rest")


def deployment(cluster: SmallCluster, name: str) -> Any:
    return cluster.objects[Ref("Deployment", NAMESPACE, name)]


def applied(planned: Plan) -> list[tuple[str, str]]:
    return sorted((value["kind"], value["metadata"]["name"]) for value in planned.apply)


def test_a_bot_becomes_shards_an_executor_and_their_rights(cluster: SmallCluster) -> None:
    bot = make_bot("BTCUSDT", "ETHUSDT", "SOLUSDT")

    settle(cluster, bot)

    assert cluster.names("Deployment") == ["alpha-executor", "alpha-shard-0", "alpha-shard-1"]
    assert cluster.names("SymbolShard") == ["alpha-0", "alpha-1"]
    assert cluster.names("ServiceAccount") == ["alpha-executor", "alpha-shard"]
    assert cluster.names("Role") == cluster.names("RoleBinding") == ["alpha-executor", "alpha-shard"]
    assert cluster.names("Service") == cluster.names("Lease") == ["alpha-executor"]
    assert cluster.names("PodDisruptionBudget") == ["alpha-executor"]


def test_accounts_and_rights_come_before_the_pods_that_need_them() -> None:
    kinds = [value["kind"] for value in plan(make_bot(), {}, IMAGE).apply]

    assert kinds.index("Deployment") > max(kinds.index(kind) for kind in ("ServiceAccount", "RoleBinding"))
    assert kinds == sorted(kinds, key=kinds.index)


def test_a_plan_that_was_carried_out_leaves_nothing_to_do(cluster: SmallCluster) -> None:
    bot = make_bot()
    cluster.carry_out(plan(bot, cluster.objects, IMAGE))

    planned = plan(bot, cluster.objects, IMAGE)

    assert (planned.apply, planned.delete) == ((), ())


def test_what_the_server_adds_by_itself_is_no_drift(cluster: SmallCluster) -> None:
    bot = make_bot()
    settle(cluster, bot)
    grown = copy.deepcopy(deployment(cluster, "alpha-executor"))
    container = grown["spec"]["template"]["spec"]["containers"][0]
    container["imagePullPolicy"] = "IfNotPresent"
    container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] = "v1"
    grown["spec"]["progressDeadlineSeconds"] = 600
    cluster.put(grown)

    assert plan(bot, cluster.objects, IMAGE).apply == ()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda found: found["spec"].__setitem__("replicas", 5),
        lambda found: found["spec"]["template"]["spec"]["containers"][0].__setitem__("image", "other"),
        lambda found: found["spec"]["template"]["spec"]["containers"][0]["env"].pop(),
        lambda found: found["metadata"]["labels"].pop("tradefleet.dev/bot"),
    ],
    ids=["replicas", "image", "environment", "label"],
)
def test_a_hand_edited_object_is_mended(cluster: SmallCluster, spoil: Any) -> None:
    bot = make_bot()
    settle(cluster, bot)
    edited = copy.deepcopy(deployment(cluster, "alpha-executor"))
    spoil(edited)
    cluster.put(edited)

    planned = plan(bot, cluster.objects, IMAGE)

    assert applied(planned) == [("Deployment", "alpha-executor")]


def test_a_deleted_object_comes_back(cluster: SmallCluster) -> None:
    bot = make_bot()
    settle(cluster, bot)
    del cluster.objects[Ref("Deployment", NAMESPACE, "alpha-shard-0")]

    assert applied(plan(bot, cluster.objects, IMAGE)) == [("Deployment", "alpha-shard-0")]


def test_an_object_that_is_being_deleted_is_waited_for(cluster: SmallCluster) -> None:
    bot = make_bot()
    settle(cluster, bot)
    going = copy.deepcopy(deployment(cluster, "alpha-shard-0"))
    going["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    going["spec"]["replicas"] = 0
    cluster.put(going)

    assert plan(bot, cluster.objects, IMAGE).apply == ()


def test_adding_a_symbol_touches_its_shard_and_the_executor_alone(cluster: SmallCluster) -> None:
    settle(cluster, make_bot("BTCUSDT", "ETHUSDT", "SOLUSDT"))

    planned = plan(make_bot("BTCUSDT", "ETHUSDT", "SOLUSDT", "XRPUSDT"), cluster.objects, IMAGE)

    assert applied(planned) == [
        ("Deployment", "alpha-executor"),
        ("Deployment", "alpha-shard-1"),
        ("SymbolShard", "alpha-1"),
    ]


def test_a_shard_goes_only_when_the_others_have_rolled_out(cluster: SmallCluster) -> None:
    settle(cluster, make_bot("AAA", "BBB", "CCC", "DDD", "EEE"))
    smaller = make_bot("AAA", "BBB", "CCC")
    first = plan(smaller, cluster.objects, IMAGE)
    cluster.carry_out(first, roll_out=False)

    while_rolling = plan(smaller, cluster.objects, IMAGE)
    cluster.roll_out()
    afterwards = plan(smaller, cluster.objects, IMAGE)

    gone = {("SymbolShard", "alpha-2"), ("Deployment", "alpha-shard-2")}
    assert not {(ref.kind, ref.name) for ref in (*first.delete, *while_rolling.delete)} & gone
    assert {(ref.kind, ref.name) for ref in afterwards.delete} == gone


def test_a_strangers_object_under_our_label_is_left_alone(cluster: SmallCluster) -> None:
    bot = make_bot()
    settle(cluster, bot)
    stranger = copy.deepcopy(deployment(cluster, "alpha-shard-0"))
    stranger["metadata"] |= {"name": "by-hand", "ownerReferences": []}
    cluster.put(stranger)

    assert plan(bot, cluster.objects, IMAGE).delete == ()


@pytest.mark.parametrize(
    ("bot", "reason"),
    [
        (make_bot(universe={"symbols": []}), "SpecRefused"),
        (make_bot(strategies={"martingale": {"enabled": True}}), "SpecRefused"),
        (make_bot(mode="live"), "SpecRefused"),
        (make_bot(exchange={}), "SpecRefused"),
        (make_bot(exchange={"simulator": {"enabled": True}}), "SimulatorIsLocal"),
        (
            make_bot(*(f"S{n:02}" for n in range(5)), sharding={"symbolsPerShard": 1, "maxShards": 2}),
            "SpecRefused",
        ),
    ],
    ids=[
        "no symbols",
        "unknown strategy",
        "live without confirmLive",
        "no exchange",
        "simulator",
        "too many symbols",
    ],
)
def test_a_bot_that_cannot_run_touches_nothing_that_runs(
    cluster: SmallCluster, bot: dict[str, Any], reason: str
) -> None:
    settle(cluster, make_bot())

    planned = plan(bot, cluster.objects, IMAGE)

    assert isinstance(planned.verdict, Refused)
    assert planned.verdict.reason == reason
    assert planned.verdict.message
    assert (planned.apply, planned.delete) == ((), ())


def test_a_malformed_bot_is_a_verdict_and_never_a_crash(cluster: SmallCluster) -> None:
    for spec in ({"universe": 5}, {"risk": {"maxPositions": "many"}}, {"universe": None}):
        planned = plan({**make_bot(), "spec": spec}, cluster.objects, IMAGE)
        assert isinstance(planned.verdict, Refused)
    assert isinstance(plan({**make_bot(), "spec": None}, {}, IMAGE).verdict, Refused)


def test_a_paused_or_dying_bot_keeps_what_it_has(cluster: SmallCluster) -> None:
    settle(cluster, make_bot())
    edited = make_bot("SOLUSDT")
    dying = {**edited, "metadata": {**edited["metadata"], "deletionTimestamp": "2026-01-01T00:00:00Z"}}

    paused = plan(annotated(edited, reconcile="paused"), cluster.objects, IMAGE)

    assert paused.paused
    assert (paused.apply, paused.delete) == ((), ())
    assert plan(dying, cluster.objects, IMAGE).apply == ()


def test_a_new_image_or_the_restart_annotation_replaces_every_pod(cluster: SmallCluster) -> None:
    bot = make_bot()
    settle(cluster, bot)
    all_pods = [("Deployment", "alpha-executor"), ("Deployment", "alpha-shard-0")]

    assert applied(plan(bot, cluster.objects, "registry.example/tradefleet-runtime:2")) == all_pods
    assert applied(plan(annotated(bot, restarted_at="now"), cluster.objects, IMAGE)) == all_pods
