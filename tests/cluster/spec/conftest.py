"""The resources' definitions and the policy, installed on a real API server once a session."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
import yaml
from tests.support.kube_api import KubeApi, bots, until

from tradefleet.spec.bot import API_VERSION, KIND

CRDS = Path(__file__).parents[3] / "crds"
_DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_VERBS = {
    "updater": ["get", "create", "update", "patch"],
    "officer": ["get", "create", "update", "patch", "loosen"],
}


class ApiServer(Protocol):
    """What these tests need of the fixture `api_server`."""

    kubeconfig: Path
    """Of an administrator."""


def bot(name: str, **spec: Any) -> dict[str, Any]:
    """A TradingBot that a server accepts, with some sections of its spec set."""
    least = {"exchange": {"simulator": {"enabled": True}}, "universe": {"symbols": ["BTCUSDT"]}}
    return {"apiVersion": API_VERSION, "kind": KIND, "metadata": {"name": name}, "spec": least | spec}


@pytest.fixture(scope="session")
def api(api_server: ApiServer) -> Iterator[KubeApi]:
    """The server, with crds/ applied as committed."""
    client = KubeApi(api_server.kubeconfig)
    for file in ("tradingbots.yaml", "symbolshards.yaml"):
        answer = client.apply(yaml.safe_load((CRDS / file).read_text(encoding="utf-8")), _DEFINITIONS)
        assert answer.accepted, answer.message
    until(
        lambda: len(client.ask("GET", f"/apis/{API_VERSION}").body.get("resources", ())) == 4,
        "both resources and their status are served",
    )
    yield client
    client.close()


@pytest.fixture(scope="session")
def namespace(api: KubeApi) -> str:
    """A namespace for the objects of these tests."""
    api.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "spec-tests"}})
    until(
        lambda: api.ask("POST", bots("spec-tests"), bot("probe"), dryRun="All").accepted,
        "the resources can be written",
    )
    return "spec-tests"


@pytest.fixture(scope="session")
def policed(api: KubeApi, namespace: str) -> str:
    """The namespace, with the policy in force and the users `updater` and `officer`."""
    policy, binding = yaml.safe_load_all((CRDS / "admission.yaml").read_text(encoding="utf-8"))
    for user, verbs in _VERBS.items():
        _let(api, user, verbs)
    for document, resource in (
        (policy, "validatingadmissionpolicies"),
        (binding, "validatingadmissionpolicybindings"),
    ):
        answer = api.apply(document, f"{_ADMISSION}/{resource}")
        assert answer.accepted, answer.message
    live = bot("probe", mode="live", confirmLive=True, exchange={})
    until(
        lambda: api.ask("POST", bots(namespace), live, user="updater", dryRun="All").status == 403,
        "the policy denies",
    )
    return namespace


def _let(api: KubeApi, user: str, verbs: list[str]) -> None:
    group = "rbac.authorization.k8s.io"
    name = f"spec-tests-{user}"
    role = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": name},
        "rules": [
            {
                "apiGroups": [API_VERSION.split("/")[0]],
                "resources": ["tradingbots", "tradingbots/status"],
                "verbs": verbs,
            }
        ],
    }
    bound = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
        "subjects": [{"kind": "User", "name": user, "apiGroup": group}],
    }
    assert api.apply(role, f"{_RBAC}/clusterroles").accepted
    assert api.apply(bound, f"{_RBAC}/clusterrolebindings").accepted
