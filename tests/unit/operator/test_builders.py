"""Every object that the operator makes is one that Kubernetes takes, and does what its pods count on."""

import json
from typing import Any

import kubernetes_validate
import pytest
from tests.support.bots import IMAGE, make_bot

from tradefleet.services.executor.settings import ExecutorSettings
from tradefleet.services.shard import ShardSettings
from tradefleet_operator.builders.pods import restart_hash
from tradefleet_operator.judge import Accepted, judge
from tradefleet_operator.plan import desired

import msgspec  # isort: skip


def objects(**spec: Any) -> list[dict[str, Any]]:
    bot = make_bot("BTCUSDT", "ETHUSDT", "SOLUSDT", **spec)
    verdict = judge(bot, [])
    assert isinstance(verdict, Accepted)
    return list(desired(bot, verdict, IMAGE))


def one(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    (found,) = [v for v in objects(**spec) if (v["kind"], v["metadata"]["name"]) == (kind, name)]
    return found


def pod_of(name: str, **spec: Any) -> dict[str, Any]:
    pod: dict[str, Any] = one("Deployment", name, **spec)["spec"]["template"]["spec"]
    return pod


def environment(pod: dict[str, Any]) -> dict[str, Any]:
    return {variable["name"]: variable for variable in pod["containers"][0]["env"]}


@pytest.mark.parametrize(
    "value",
    [value for value in objects() if not value["apiVersion"].startswith("tradefleet")],
    ids=lambda value: f"{value['kind']} {value['metadata']['name']}",
)
def test_kubernetes_takes_it(value: dict[str, Any]) -> None:
    kubernetes_validate.validate(value, "1.34", strict=True)


@pytest.mark.parametrize("name", ["alpha-shard-0", "alpha-executor"])
def test_every_pod_is_restricted(name: str) -> None:
    pod = pod_of(name)
    (container,) = pod["containers"]

    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert all({"emptyDir", "persistentVolumeClaim"} & volume.keys() for volume in pod["volumes"])


def test_what_an_executor_writes_has_volumes_of_its_own_and_a_shard_has_none() -> None:
    executor, shard = pod_of("alpha-executor"), pod_of("alpha-shard-0")
    (container,) = executor["containers"]
    settings = msgspec.json.decode(
        environment(executor)["TRADEFLEET_SETTINGS"]["value"], type=ExecutorSettings
    )
    where = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}

    assert [volume["name"] for volume in shard["volumes"]] == ["run"]
    assert len({where[settings.decisions_folder], where[str(settings.spools)], where["/run/tradefleet"]}) == 3


def test_the_decision_log_stays_far_below_the_limit_at_which_the_kubelet_ends_the_pod() -> None:
    executor = pod_of("alpha-executor")
    settings = msgspec.json.decode(
        environment(executor)["TRADEFLEET_SETTINGS"]["value"], type=ExecutorSettings
    )
    (limit,) = [
        volume["emptyDir"]["sizeLimit"] for volume in executor["volumes"] if volume["name"] == "decisions"
    ]

    assert settings.decisions_bytes * 5 / 4 <= int(limit.removesuffix("Mi")) << 20


def test_the_spool_lies_in_the_claim_that_the_bot_names_and_so_outlives_its_pod() -> None:
    named = pod_of("alpha-executor", executor={"spoolClaim": "latches"})

    assert {"name": "spool", "persistentVolumeClaim": {"claimName": "latches"}} in named["volumes"]
    assert {"name": "spool", "emptyDir": {"sizeLimit": "64Mi"}} in pod_of("alpha-executor")["volumes"]


def test_a_shard_has_the_bus_and_no_credentials() -> None:
    secrets = {
        (name, variable["valueFrom"]["secretKeyRef"]["name"], variable["valueFrom"]["secretKeyRef"]["key"])
        for name, variable in environment(pod_of("alpha-shard-0")).items()
        if "secretKeyRef" in variable.get("valueFrom", {})
    }

    assert secrets == {("TRADEFLEET_REDIS", "tradefleet-stores", "redis")}


def test_the_executor_has_its_key_from_the_secret_that_the_bot_names() -> None:
    exchange = {
        **make_bot()["spec"]["exchange"],
        "credentials": {"secretName": "mine", "apiKeyVariable": "MY_KEY", "apiSecretVariable": "MY_SECRET"},
    }
    found = environment(pod_of("alpha-executor", exchange=exchange))

    assert found["MY_KEY"]["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "MY_KEY"}
    assert found["MY_SECRET"]["valueFrom"]["secretKeyRef"] == {"name": "mine", "key": "MY_SECRET"}
    assert found["TRADEFLEET_POSTGRES"]["valueFrom"]["secretKeyRef"]["key"] == "postgres"


def test_the_programs_read_the_settings_that_they_are_given() -> None:
    shard = environment(pod_of("alpha-shard-1"))["TRADEFLEET_SETTINGS"]["value"]
    executor = environment(pod_of("alpha-executor"))["TRADEFLEET_SETTINGS"]["value"]

    read = msgspec.json.decode(shard, type=ShardSettings)
    led = msgspec.json.decode(executor, type=ExecutorSettings)

    assert (read.shard, read.snapshot, read.probe_port) == (1, "kubernetes://trading/alpha", 8080)
    assert (led.rest, led.private_stream, led.pod_name) == ("http://sim:1", "ws://sim:1/q", "$(POD_NAME)")
    # The kubelet expands a variable only when an earlier one has its name.
    names = list(environment(pod_of("alpha-executor")))
    assert names.index("POD_NAME") < names.index("TRADEFLEET_SETTINGS")


def test_a_bot_that_names_no_addresses_gets_those_of_its_mode() -> None:
    bot = {"mode": "demo", "exchange": {"endpoints": {}}}

    executor = environment(pod_of("alpha-executor", **bot))["TRADEFLEET_SETTINGS"]["value"]
    shard = environment(pod_of("alpha-shard-0", **bot))["TRADEFLEET_SETTINGS"]["value"]

    assert json.loads(executor)["rest"] == json.loads(shard)["rest"] == "https://api-demo.bybit.com"
    assert json.loads(executor)["private_stream"] == "wss://stream-demo.bybit.com/v5/private"


def test_no_pod_may_read_secrets_or_make_anything() -> None:
    rules = [rule for value in objects() if value["kind"] == "Role" for rule in value["rules"]]

    assert {resource for rule in rules for resource in rule["resources"]} == {
        "tradingbots",
        "tradingbots/status",
        "symbolshards",
        "symbolshards/status",
        "leases",
    }
    assert {verb for rule in rules for verb in rule["verbs"]} == {"get", "list", "watch", "patch"}


def test_a_pod_is_replaced_only_by_one_that_is_ready() -> None:
    for name in ("alpha-shard-0", "alpha-executor"):
        strategy = one("Deployment", name)["spec"]["strategy"]
        assert strategy["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_quantities_are_written_as_the_server_writes_them() -> None:
    pod = pod_of("alpha-shard-0", shard={"cpu": "1000m", "memory": "2048Mi"})

    assert pod["containers"][0]["resources"]["requests"] == {"cpu": "1", "memory": "2Gi"}


@pytest.mark.parametrize(
    ("edit", "replaces_shard", "replaces_executor"),
    [
        ({"risk": {"maxPositions": 3}}, False, False),
        ({"strategies": {"imbalance": {"enabled": True}}}, False, False),
        ({"killSwitch": {"engaged": True}}, False, False),
        ({"paused": True}, False, False),
        ({"onDelete": "flatten"}, False, False),
        ({"feed": {"depth": 200}}, True, False),
        ({"execution": {"lease": "safe"}}, False, True),
        ({"shard": {"memory": "500Mi"}}, True, False),
        ({"executor": {"replicas": 3}}, False, False),
        ({"executor": {"cpu": "500m"}}, False, True),
        ({"stores": {"secretName": "other"}}, True, True),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_only_what_must_replace_a_pod_is_in_its_template(
    edit: dict[str, Any], replaces_shard: bool, replaces_executor: bool
) -> None:
    before, after = (_templates(make_bot(**spec)) for spec in ({}, edit))

    assert (before["alpha-shard-0"] != after["alpha-shard-0"]) is replaces_shard
    assert (before["alpha-executor"] != after["alpha-executor"]) is replaces_executor


def _templates(bot: dict[str, Any]) -> dict[str, Any]:
    verdict = judge(bot, [])
    assert isinstance(verdict, Accepted)
    return {
        value["metadata"]["name"]: value["spec"]["template"]
        for value in desired(bot, verdict, IMAGE)
        if value["kind"] == "Deployment"
    }


def test_the_order_of_symbols_replaces_nothing() -> None:
    verdict = judge(make_bot(), [])
    assert isinstance(verdict, Accepted)
    spec = verdict.bot.spec

    assert restart_hash(spec, "executor", ("A", "B")) == restart_hash(spec, "executor", ("B", "A"))


def test_pull_secrets_are_the_accounts_and_change_no_template() -> None:
    bot = make_bot()
    verdict = judge(bot, [])
    assert isinstance(verdict, Accepted)

    with_them = list(desired(bot, verdict, IMAGE, ("registry",)))
    without = list(desired(bot, verdict, IMAGE))

    accounts = [value for value in with_them if value["kind"] == "ServiceAccount"]
    assert len(accounts) == 2
    for account in accounts:
        assert account["imagePullSecrets"] == [{"name": "registry"}]
        kubernetes_validate.validate(account, "1.34", strict=True)
    changed = [one["kind"] for one, other in zip(with_them, without, strict=True) if one != other]
    assert changed == ["ServiceAccount", "ServiceAccount"]
