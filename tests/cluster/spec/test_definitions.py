"""The definitions of the resources on a real API server: what they promise beside the fields of the spec."""

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.spec.conftest import bot
from tests.support.kube_api import APPLY, MERGE, TABLE, Answer, KubeApi, bots, shards

from tradefleet.spec.bot import API_VERSION
from tradefleet.spec.status import (
    Condition,
    ConditionStatus,
    ExecutorStatus,
    Latch,
    Phase,
    ShardCounts,
    ShardPod,
    SymbolShardStatus,
    TradingBotStatus,
    to_object,
)

pytestmark = pytest.mark.cluster


def condition(type_: str, status: str, generation: int = 1) -> Condition:
    return Condition(
        type=type_,
        status=ConditionStatus(status),
        reason="AsTheTestSays",
        message="so that it can be read back",
        last_transition_time="2026-01-02T03:04:05Z",
        observed_generation=generation,
    )


def shard(name: str, **spec: Any) -> dict[str, Any]:
    given = {"bot": "running", "index": 0, "symbols": ["BTCUSDT"]} | spec
    return {"apiVersion": API_VERSION, "kind": "SymbolShard", "metadata": {"name": name}, "spec": given}


@pytest.fixture
def running(api: KubeApi, namespace: str) -> Iterator[str]:
    """The path of a stored bot."""
    path = f"{bots(namespace)}/running"
    answer = api.ask("POST", bots(namespace), bot("running"))
    assert answer.accepted, answer.message
    yield path
    api.ask("DELETE", path)


@pytest.fixture
def stored_shard(api: KubeApi, namespace: str) -> Iterator[str]:
    """The path of a stored shard."""
    path = f"{shards(namespace)}/running-0"
    answer = api.ask("POST", shards(namespace), shard("running-0"))
    assert answer.accepted, answer.message
    yield path
    api.ask("DELETE", path)


def say(api: KubeApi, path: str, kind: str, status: dict[str, Any], manager: str) -> Answer:
    """What a writer of a status does: apply its part under its own name."""
    name = path.rpartition("/")[2]
    body = {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "status": status}
    return api.ask("PATCH", f"{path}/status", body, kind=APPLY, fieldManager=manager, force="true")


@pytest.mark.parametrize("plural", ["tradingbots", "symbolshards"])
def test_the_server_finds_nothing_to_criticise_in_a_definition(plural: str, api: KubeApi) -> None:
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{plural}.tradefleet.dev"

    conditions = {
        found["type"]: found["status"] for found in api.ask("GET", path).body["status"]["conditions"]
    }

    assert conditions == {"NamesAccepted": "True", "Established": "True"}


def test_the_resources_have_short_names_and_one_category(api: KubeApi) -> None:
    resources = api.ask("GET", f"/apis/{API_VERSION}").body["resources"]

    named = {
        found["name"]: (found["shortNames"], found["categories"])
        for found in resources
        if "/" not in found["name"]
    }
    assert named == {"tradingbots": (["tb"], ["tradefleet"]), "symbolshards": (["shard"], ["tradefleet"])}


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("spec.mode", {"mode": "demo", "exchange": {"simulator": {"enabled": False}}}),
        ("spec.confirmLive", {"confirmLive": True}),
    ],
)
def test_a_field_that_is_immutable_stays(
    field: str, spec: dict[str, Any], api: KubeApi, running: str
) -> None:
    answer = api.ask("PATCH", running, {"spec": spec}, kind=MERGE, dryRun="All")

    assert answer.blamed == {field}
    assert "cannot be changed; make a new bot instead" in answer.message


@pytest.mark.parametrize(("field", "value"), [("bot", "another"), ("index", 1)])
def test_a_shard_stays_its_bots_and_keeps_its_index(
    field: str, value: Any, api: KubeApi, stored_shard: str
) -> None:
    answer = api.ask("PATCH", stored_shard, {"spec": {field: value}}, kind=MERGE, dryRun="All")

    assert answer.blamed == {f"spec.{field}"}


@pytest.mark.parametrize(
    ("spec", "blamed"),
    [
        ({"symbols": []}, "spec.symbols"),
        ({"symbols": ["BTCUSDT", "BTCUSDT"]}, "spec.symbols[1]"),
        ({"symbols": ["btcusdt"]}, "spec.symbols[0]"),
        ({"symbols": [f"A{number}" for number in range(201)]}, "spec.symbols"),
        ({"index": 100}, "spec.index"),
        ({"index": -1}, "spec.index"),
        ({"bot": "My_Bot"}, "spec.bot"),
    ],
)
def test_a_malformed_shard_is_refused(
    spec: dict[str, Any], blamed: str, api: KubeApi, namespace: str
) -> None:
    answer = api.ask("POST", shards(namespace), shard("running-1", **spec), dryRun="All")

    assert blamed in answer.blamed


def test_a_symbol_may_join_a_shard(api: KubeApi, stored_shard: str) -> None:
    patch = {"spec": {"symbols": ["BTCUSDT", "ETHUSDT"]}}

    assert api.ask("PATCH", stored_shard, patch, kind=MERGE, dryRun="All").accepted


OPERATORS = TradingBotStatus(
    observed_generation=1,
    phase=Phase.RUNNING,
    shards=ShardCounts(desired=2, ready=1),
    conditions=[condition("Ready", "True"), condition("ConfigAccepted", "True")],
)
EXECUTORS = TradingBotStatus(
    executor=ExecutorStatus(
        leader="running-executor-x",
        epoch=7,
        account="bybit:paper:1",
        state="leading",
        applied_generation=1,
        config_hash="0123456789ab",
        may_open=False,
        why_not="latched: kill_switch spec-3",
        positions=2,
        equity="10000.25",
        latches=[Latch(id="spec-3", kind="kill_switch", reason="the desk says so", actor="bot spec")],
    ),
    conditions=[condition("KillSwitchEngaged", "True"), condition("ConfigApplied", "True")],
)


def test_two_writers_of_a_status_keep_what_the_other_wrote(api: KubeApi, running: str) -> None:
    first = say(api, running, "TradingBot", to_object(OPERATORS), "tradefleet-operator")
    second = say(api, running, "TradingBot", to_object(EXECUTORS), "tradefleet-executor")

    assert first.accepted, first.message
    status = second.body["status"]
    assert status["phase"] == "Running"
    assert status["executor"] == to_object(EXECUTORS)["executor"]
    assert {found["type"] for found in status["conditions"]} == {
        "Ready", "ConfigAccepted", "KillSwitchEngaged", "ConfigApplied",
    }  # fmt: skip
    assert second.body["metadata"]["generation"] == 1


def test_a_writer_of_a_status_cannot_change_the_spec(api: KubeApi, running: str) -> None:
    body = {"spec": {"paused": True}, "status": {"phase": "Running"}}

    answer = api.ask("PATCH", f"{running}/status", body, kind=MERGE)

    assert answer.body["status"]["phase"] == "Running"
    assert answer.body["spec"]["paused"] is False


def test_a_pod_that_is_gone_is_taken_out_of_its_shards_status(api: KubeApi, stored_shard: str) -> None:
    def of(pod: str) -> dict[str, object]:
        said = ShardPod(
            name=pod, applied_generation=3, begun_generation=2, warm=True, owner=False, symbols=25
        )
        return to_object(SymbolShardStatus(pods=[said]))

    say(api, stored_shard, "SymbolShard", of("old"), "tradefleet-pod-old")
    both = say(api, stored_shard, "SymbolShard", of("new"), "tradefleet-pod-new")
    left = say(api, stored_shard, "SymbolShard", {}, "tradefleet-pod-old")

    assert [pod["name"] for pod in both.body["status"]["pods"]] == ["old", "new"]
    assert [pod["name"] for pod in left.body["status"]["pods"]] == ["new"]


@pytest.mark.parametrize(
    "status",
    [
        {"phase": "Dancing"},
        {"observedGeneration": -1},
        {"conditions": [{"type": "Ready", "status": "Yes"}]},
        {"executor": {"epoch": "7"}},
    ],
)
def test_a_malformed_status_is_refused(status: dict[str, Any], api: KubeApi, running: str) -> None:
    # A value of another type does not get as far as the schema: apply itself cannot read it, and says 500.
    assert say(api, running, "TradingBot", status, "tradefleet-operator").status in (422, 500)


def test_a_person_sees_in_one_line_how_a_bot_is(api: KubeApi, running: str) -> None:
    say(api, running, "TradingBot", to_object(OPERATORS), "tradefleet-operator")
    say(api, running, "TradingBot", to_object(EXECUTORS), "tradefleet-executor")

    table = api.ask("GET", running, accept=TABLE).body

    shown = [column["name"] for column in table["columnDefinitions"] if not column["priority"]]
    (row,) = table["rows"]
    cells = dict(zip([column["name"] for column in table["columnDefinitions"]], row["cells"], strict=True))
    assert shown == ["Name", "Mode", "Ready", "Shards", "Leader", "Epoch", "Kill switch", "Applied", "Age"]
    assert [cells[name] for name in shown[:-1]] == [
        "running", "paper", "True", 1, "running-executor-x", 7, "True", 1,
    ]  # fmt: skip
    assert cells["Account"] == "bybit:paper:1"
    assert cells["Why not ready"] == "so that it can be read back"


def test_a_person_sees_what_a_shard_carries(api: KubeApi, stored_shard: str) -> None:
    said = SymbolShardStatus(ready=True, pods=[ShardPod(name="a", applied_generation=4)])
    say(api, stored_shard, "SymbolShard", to_object(said), "tradefleet-pod-a")

    table = api.ask("GET", stored_shard, accept=TABLE).body

    (row,) = table["rows"]
    cells = dict(zip([column["name"] for column in table["columnDefinitions"]], row["cells"], strict=True))
    assert (cells["Bot"], cells["Index"], cells["Applied"]) == ("running", 0, "4")
    assert "BTCUSDT" in cells["Symbols"]
