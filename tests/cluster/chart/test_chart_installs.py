"""The chart, installed on a real API server: what it keeps, who may do what, and that the policy is proved.

No node runs here: the hook's Job is the same program, started by the test with the rights of its account.
"""

import base64
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.chart.conftest import CHART, NAMESPACE, RELEASE, Installed, helm, rendered
from tests.support.api_server import PATIENCE_S, ApiClient, Refused
from tests.support.bots import make_bot
from tests.support.operator_process import DEPLOYMENTS, Controllers, OperatorProcess, eventually

from tradefleet.spec.decode import decode_bot
from tradefleet_operator.api import Api, connect
from tradefleet_operator.prove import prove

BOTS = f"/apis/tradefleet.dev/v1alpha1/namespaces/{NAMESPACE}/tradingbots"
SECRETS = f"/api/v1/namespaces/{NAMESPACE}/secrets"
POLICIES = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
AS_INSTALLED = ("stores.install=true", "simulator.install=true")
PROVER = f"{RELEASE}-prove-admission"


@pytest.fixture
def as_before(installed: Installed) -> Iterator[Installed]:
    """The release for a test that changes it: afterwards it is as it was."""
    yield installed
    installed.upgrade(*AS_INSTALLED)


def values_of(admin: ApiClient, secret: str) -> dict[str, str]:
    data = admin.get(f"{SECRETS}/{secret}")["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


# --- what is kept ---------------------------------------------------------------------------------


def test_passwords_outlive_an_upgrade(installed: Installed) -> None:
    names = ("tradefleet-stores", "tradefleet-exchange")
    before = [values_of(installed.admin, name) for name in names]

    installed.upgrade(*AS_INSTALLED)

    assert [values_of(installed.admin, name) for name in names] == before
    assert before[0]["password"] in before[0]["postgres"]
    assert before[0]["password"] in before[0]["redis"]


def test_a_new_speed_replaces_the_simulator_and_keeps_its_key(as_before: Installed) -> None:
    path = f"{DEPLOYMENTS.format(NAMESPACE)}/{RELEASE}-simulator"
    key = values_of(as_before.admin, "tradefleet-exchange")["TRADEFLEET_API_KEY"]
    template = as_before.admin.get(path)["spec"]["template"]

    as_before.upgrade(*AS_INSTALLED, "simulator.speed=4")

    assert as_before.admin.get(path)["spec"]["template"] != template
    values = values_of(as_before.admin, "tradefleet-exchange")
    assert values["TRADEFLEET_API_KEY"] == key
    assert '"speed":4' in values["settings"]


def test_a_secret_of_somebody_else_is_left_alone(installed: Installed) -> None:
    installed.admin.create(SECRETS, {"metadata": {"name": "real-stores"}, "stringData": {"postgres": "real"}})

    done = helm(
        *("upgrade", RELEASE, str(CHART), "--namespace", NAMESPACE, "--dry-run=server"),
        *("--set", "stores.install=true", "--set", "stores.secretName=real-stores"),
        *("--kubeconfig", str(installed.server.kubeconfig)),
    )

    assert done.returncode != 0
    assert "Secret real-stores exists and has no key password" in done.stderr


def test_bots_outlive_the_chart_and_meet_it_again(as_before: Installed) -> None:
    admin = as_before.admin
    admin.create(BOTS, make_bot() | {"metadata": {"name": "stays"}})

    as_before.helm("uninstall", "--no-hooks", RELEASE)

    assert admin.get(f"{BOTS}/stays")["spec"]
    with pytest.raises(Refused, match="not found"):
        admin.get(f"{DEPLOYMENTS.format(NAMESPACE)}/{RELEASE}-operator")
    as_before.upgrade(*AS_INSTALLED)
    assert admin.get(f"{DEPLOYMENTS.format(NAMESPACE)}/{RELEASE}-operator")["spec"]
    admin.delete(f"{BOTS}/stays")


def test_the_notes_have_a_bot_that_the_loader_takes(installed: Installed) -> None:
    notes = installed.helm("get", "notes", RELEASE)
    bot = notes.partition("<<EOF\n")[2].partition("  EOF")[0]

    assert decode_bot(yaml.safe_load(bot), "NOTES").spec.universe.symbols == ["BTCUSDT", "ETHUSDT"]
    assert "kubectl wait" in notes


# --- the operator's rights ------------------------------------------------------------------------


def becomes_objects(one: Installed, namespace: str, watched: str, folder: Path) -> None:
    """An operator with the chart's rights makes everything of a bot, and nothing is refused to it."""
    cluster = Controllers(one.admin, namespace)
    cluster.make(make_bot("AAAUSDT", "BBBUSDT", "CCCUSDT"))
    token = one.server.token_of(NAMESPACE, f"{RELEASE}-operator")
    operator = OperatorProcess(folder, one.server, watched, token=token)
    try:
        expected = ["alpha-executor", "alpha-shard-0", "alpha-shard-1"]
        eventually(lambda: cluster.names(DEPLOYMENTS) == expected, operator)
        eventually(lambda: cluster.condition("Ready").get("reason") == "ShardsNotReady", operator)
        cluster.edit({"universe": {"symbols": ["AAAUSDT"]}})
        eventually(lambda: _is_rolled_out_and_gone(cluster, "alpha-shard-1"), operator)
        said = operator.log().lower()
        assert "forbidden" not in said, said
    finally:
        operator.kill()


def _is_rolled_out_and_gone(cluster: Controllers, name: str) -> bool:
    cluster.roll_out()
    return name not in cluster.names(DEPLOYMENTS)


def test_the_charts_rights_are_enough_for_the_whole_cluster(installed: Installed, tmp_path: Path) -> None:
    installed.admin.create("/api/v1/namespaces", {"metadata": {"name": "everywhere"}})

    becomes_objects(installed, "everywhere", "", tmp_path)


def test_the_charts_rights_are_enough_for_one_namespace(as_before: Installed, tmp_path: Path) -> None:
    as_before.admin.create("/api/v1/namespaces", {"metadata": {"name": "alone"}})
    as_before.upgrade(*AS_INSTALLED, "operator.watchNamespaces={alone}")
    becomes_objects(as_before, "alone", "alone", tmp_path)


# --- people ---------------------------------------------------------------------------------------


def person(admin: ApiClient, one: Installed, role: str) -> ApiClient:
    """Somebody with that role of the chart in the release's namespace."""
    group = "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "RoleBinding",
        "metadata": {"name": f"some-{role}", "namespace": NAMESPACE},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "User", "name": f"some-{role}", "apiGroup": group}],
    }
    admin.apply(f"{RBAC}/namespaces/{NAMESPACE}/rolebindings/some-{role}", binding)
    return one.server.client(f"some-{role}")


@pytest.fixture
def limited(installed: Installed) -> Iterator[str]:
    """The path of a bot with a limit of 5 positions."""
    bot = make_bot()
    bot["spec"]["risk"] = {"maxPositions": 5}
    installed.admin.create(BOTS, bot | {"metadata": {"name": "limited"}})
    yield f"{BOTS}/limited"
    installed.admin.delete(f"{BOTS}/limited")


TIGHTER: dict[str, Any] = {"spec": {"risk": {"maxPositions": 4}}}
LOOSER: dict[str, Any] = {"spec": {"risk": {"maxPositions": 6}}}
KILL: dict[str, Any] = {"spec": {"killSwitch": {"engaged": True, "reason": "a test"}}}


@pytest.mark.parametrize(
    ("role", "allowed", "refused"),
    [
        ("tradefleet-viewer", [], [TIGHTER, LOOSER, KILL]),
        ("tradefleet-operator", [TIGHTER, KILL], [LOOSER]),
        ("tradefleet-risk-officer", [TIGHTER, KILL, LOOSER], []),
    ],
)
def test_each_role_may_what_its_page_says(
    role: str,
    allowed: list[dict[str, Any]],
    refused: list[dict[str, Any]],
    installed: Installed,
    limited: str,
) -> None:
    somebody = person(installed.admin, installed, role)

    assert somebody.get(limited)["spec"]
    for change in refused:
        with pytest.raises(Refused) as caught:
            somebody.merge(limited, change)
        assert caught.value.status == 403
    for change in allowed:
        somebody.merge(limited, change)
    somebody.close()


# --- the proof ------------------------------------------------------------------------------------


@pytest.fixture
async def prover(installed: Installed, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The API as the hook's Job has it: with the rights that the chart gives its account."""
    paths = {"Role": "roles", "RoleBinding": "rolebindings"}
    token = installed.server.token_of(NAMESPACE, PROVER)
    for document in rendered(*AS_INSTALLED):
        if document["metadata"]["name"] == PROVER and document["kind"] in paths:
            plural = paths[document["kind"]]
            installed.admin.apply(f"{RBAC}/namespaces/{NAMESPACE}/{plural}/{PROVER}", document)
    config = tmp_path / "kubeconfig"
    config.write_text(yaml.safe_dump(installed.server.config_of(token)))
    monkeypatch.setenv("KUBECONFIG", str(config))
    api = connect()
    yield api
    await api.close()


async def test_a_policy_in_force_is_proved(prover: Api) -> None:
    assert await prove(prover, NAMESPACE, PATIENCE_S) == ""


async def test_a_policy_that_binds_nobody_is_found_out(as_before: Installed, prover: Api) -> None:
    as_before.admin.delete(f"{POLICIES.removesuffix('ies')}ybindings/tradefleet-loosen")

    problem = await _first_problem(prover)

    assert "a live bot can be made without the permission loosen" in problem


async def test_a_policy_about_another_resource_is_found_out(as_before: Installed, prover: Api) -> None:
    path = f"{POLICIES}/tradefleet-loosen"
    constraints = as_before.admin.get(path)["spec"]["matchConstraints"]
    constraints["resourceRules"][0]["resources"] = ["tradingbot"]
    as_before.admin.merge(path, {"spec": {"matchConstraints": constraints}})

    problem = await _first_problem(prover)

    assert "a live bot can be made without the permission loosen" in problem


async def _first_problem(prover: Api) -> str:
    """A change of a policy is in force about a second later."""
    deadline = time.monotonic() + PATIENCE_S
    problem = ""
    while not problem and time.monotonic() < deadline:
        problem = await prove(prover, NAMESPACE, 0.1)
    return problem
