"""What the chart renders is what Kubernetes takes, and what a careful cluster lets in."""

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import kubernetes_validate
import pytest
from tests.cluster.chart.conftest import CHART, EVERYTHING, NAMESPACE, Document, helm, helm_program, rendered

from tradefleet.services import metrics
from tradefleet.spec.decode import load_bot

EXAMPLE = Path(__file__).parents[3] / "config" / "examples" / "kubernetes-paper.yaml"
KEPT = (
    "stores.install=true",
    "stores.persistence=true",
    "simulator.install=true",
    "simulator.persistence=true",
)
PLACED = tuple(
    f"{part}.{setting}"
    for part in ("operator", "stores", "simulator")
    for setting in (
        "nodeSelector.disk=fast",
        "tolerations[0].key=dedicated",
        "tolerations[0].operator=Exists",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
        ".matchExpressions[0].key=zone",
        "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
        ".matchExpressions[0].operator=Exists",
        "priorityClassName=trading",
    )
)
DIGEST = f"sha256:{'0a' * 32}"
VALUES = {
    "as it comes": (),
    "everything": EVERYTHING,
    "kept": KEPT,
    "no definitions": ("crds.install=false",),
    "two namespaces": ("operator.watchNamespaces={alpha,beta}", *EVERYTHING),
    "placed": (*PLACED, *EVERYTHING),
    "as a careful person has it": (
        f"operator.image.digest={DIGEST}",
        f"runtime.image.digest={DIGEST}",
        "imagePullSecrets[0].name=registry",
        "operator.podAnnotations.team=desk",
        "operator.podLabels.team=desk",
        "operator.extraEnv[0].name=HTTPS_PROXY",
        "operator.extraEnv[0].value=http://proxy:3128",
        "roles.aggregate=false",
    ),
}


def pods(documents: list[Document]) -> Iterator[tuple[str, Document]]:
    for document in documents:
        template = document.get("spec", {}).get("template")
        if isinstance(template, dict) and "containers" in template.get("spec", {}):
            yield f"{document['kind']} {document['metadata']['name']}", template["spec"]


def test_lint_finds_nothing() -> None:
    done = helm("lint", "--strict", str(CHART))

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_kubernetes_takes_all_of_it(values: tuple[str, ...]) -> None:
    documents = rendered(*values)

    for document in documents:
        if "monitoring.coreos.com" not in document["apiVersion"]:
            kubernetes_validate.validate(document, "1.34", strict=True)
    names = [(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)


def must_be_restricted(name: str, pod: Document) -> None:
    """As the Pod Security level `restricted` asks, and besides: a read-only root and an end of memory."""
    assert pod["securityContext"]["runAsNonRoot"], name
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod), name
    assert all({"emptyDir", "persistentVolumeClaim"} & set(one) for one in pod.get("volumes", [])), name
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        security = container["securityContext"]
        assert security["readOnlyRootFilesystem"], name
        assert security["allowPrivilegeEscalation"] is False, name
        assert security["capabilities"] == {"drop": ["ALL"]}, name
        assert container["resources"]["limits"]["memory"], name


@pytest.mark.parametrize("values", VALUES.values(), ids=VALUES)
def test_every_pod_is_restricted(values: tuple[str, ...]) -> None:
    found = dict(pods(rendered(*values)))

    assert {"Deployment tradefleet-operator", "Job tradefleet-prove-admission"} <= set(found)
    for name, pod in found.items():
        must_be_restricted(name, pod)


def test_every_pod_runs_where_it_was_told_to() -> None:
    for name, pod in pods(rendered(*PLACED, *EVERYTHING)):
        assert pod["nodeSelector"] == {"disk": "fast"}, name
        assert pod["tolerations"] == [{"key": "dedicated", "operator": "Exists"}], name
        assert "nodeAffinity" in pod["affinity"], name
        assert pod["priorityClassName"] == "trading", name


def test_a_digest_wins_over_a_tag() -> None:
    values = ("runtime.image.tag=v9", f"runtime.image.digest={DIGEST}", "operator.image.tag=v8", *EVERYTHING)
    images = {name: pod["containers"][0]["image"] for name, pod in pods(rendered(*values))}

    assert images["Deployment tradefleet-operator"] == "tradefleet-operator:v8"
    assert images["Job tradefleet-prove-admission"] == "tradefleet-operator:v8"
    assert images["StatefulSet tradefleet-postgres"] == f"tradefleet-runtime@{DIGEST}"


def test_pull_secrets_reach_the_pods_of_bots_too() -> None:
    values = ("imagePullSecrets[0].name=one", "imagePullSecrets[1].name=two", *EVERYTHING)
    found = dict(pods(rendered(*values)))

    for name, pod in found.items():
        assert pod["imagePullSecrets"] == [{"name": "one"}, {"name": "two"}], name
    told = found["Deployment tradefleet-operator"]["containers"][0]["env"]
    assert {"name": "TRADEFLEET_PULL_SECRETS", "value": "one,two"} in told


def test_a_new_chart_replaces_no_pod_by_itself() -> None:
    for document in rendered(*EVERYTHING):
        template = document.get("spec", {}).get("template", {})
        labels = template.get("metadata", {}).get("labels", {})
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(labels), document["metadata"]["name"]


def test_the_longest_release_has_names_that_kubernetes_takes() -> None:
    for document in rendered(*EVERYTHING, release="r" * 53):
        if document["kind"] in ("StatefulSet", "Job", "Deployment", "Service"):
            assert len(document["metadata"]["name"]) <= 50


def test_definitions_stay_when_the_chart_goes() -> None:
    kept = {
        document["metadata"]["name"]
        for document in rendered()
        if document["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }

    assert kept == {"tradingbots.tradefleet.dev", "symbolshards.tradefleet.dev"}


def test_nobody_gets_everything_and_the_operator_reads_no_secret() -> None:
    rules = [
        rule
        for document in rendered(*EVERYTHING)
        if document["kind"] in ("ClusterRole", "Role")
        for rule in document["rules"]
    ]

    for rule in rules:
        assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
        assert "secrets" not in rule["resources"]
        assert not {"escalate", "bind", "impersonate"} & set(rule["verbs"])


def test_only_the_risk_officer_may_loosen() -> None:
    may = {
        document["metadata"]["name"]
        for document in rendered()
        if document["kind"] == "ClusterRole"
        for rule in document["rules"]
        if "loosen" in rule["verbs"]
    }

    assert may == {"tradefleet-risk-officer"}


def test_an_unknown_value_is_refused() -> None:
    done = helm("template", "fleet", str(CHART), "--kube-version", "1.34", "--set", "operator.imgae.tag=1")

    assert done.returncode != 0
    assert "imgae" in done.stderr


def test_executors_reach_the_journal_and_shards_do_not() -> None:
    ports = {
        document["metadata"]["name"]: {
            port["port"] for rule in document["spec"]["egress"] for port in rule.get("ports", [])
        }
        for document in rendered(*EVERYTHING)
        if document["kind"] == "NetworkPolicy"
    }

    assert ports["tradefleet-shard"] == {53, 443, 6443, 6379, 8090}
    assert ports["tradefleet-executor"] == {53, 443, 6443, 6379, 5432, 8090}
    assert ports["tradefleet-operator"] == {53, 443, 6443}
    assert (
        ports["tradefleet-postgres"] == ports["tradefleet-valkey"] == ports["tradefleet-simulator"] == set()
    )


def test_a_policy_chooses_the_pods_that_it_is_about() -> None:
    documents = rendered(*EVERYTHING)
    of_the_chart = [
        document["spec"]["template"]["metadata"]["labels"]
        for document in documents
        if "template" in document.get("spec", {})
    ]
    of_bots = [
        {"app.kubernetes.io/managed-by": "tradefleet-operator", "app.kubernetes.io/component": component}
        for component in ("shard", "executor")
    ]

    for labels in (*of_the_chart, *of_bots):
        chosen = [
            document["metadata"]["name"]
            for document in documents
            if document["kind"] == "NetworkPolicy" and _chooses(document["spec"]["podSelector"], labels)
        ]
        assert len(chosen) == 1, labels


def _chooses(selector: Document, labels: dict[str, str]) -> bool:
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", [])
    )


def test_only_executors_come_to_the_journal() -> None:
    policy = next(
        document
        for document in rendered(*EVERYTHING)
        if (document["kind"], document["metadata"]["name"]) == ("NetworkPolicy", "tradefleet-postgres")
    )

    [rule] = policy["spec"]["ingress"]
    [caller] = rule["from"]
    component = {"key": "app.kubernetes.io/component", "operator": "In", "values": ["executor"]}
    assert caller["podSelector"]["matchExpressions"] == [component]


def test_the_operator_has_rights_only_where_it_watches() -> None:
    documents = rendered("operator.watchNamespaces={alpha,beta}")
    bound = [
        (document["kind"], document["metadata"].get("namespace"), document["roleRef"]["name"])
        for document in documents
        if document["kind"].endswith("RoleBinding") and document["subjects"][0]["name"].endswith("-operator")
    ]

    assert sorted(bound) == [
        ("ClusterRoleBinding", None, "trading-tradefleet-operator-discovery"),
        ("RoleBinding", "alpha", "trading-tradefleet-operator"),
        ("RoleBinding", "beta", "trading-tradefleet-operator"),
    ]


def test_alerts_speak_of_metrics_that_there_are() -> None:
    [rules] = [document for document in rendered(*EVERYTHING) if document["kind"] == "PrometheusRule"]
    known = {line.name for line in (*metrics.SHARD, *metrics.EXECUTOR)}

    alerts = [rule for group in rules["spec"]["groups"] for rule in group["rules"]]

    assert len({alert["alert"] for alert in alerts}) == len(alerts)
    for alert in alerts:
        asked = set(re.findall(r"tradefleet_\w+", alert["expr"]))
        assert asked, alert["alert"]
        assert asked <= known, alert["alert"]
        assert {"summary", "description"} <= set(alert["annotations"]), alert["alert"]


def test_a_released_chart_names_the_releases_images(tmp_path: Path) -> None:
    done = subprocess.run(
        [CHART.parents[1] / "hack" / "pack-chart", "v1.2.3", "registry.example/desk", tmp_path],
        env={**os.environ, "HELM": helm_program()},
        capture_output=True,
        text=True,
        check=True,
    )
    documents = rendered(*EVERYTHING, chart=Path(done.stdout.strip()))

    images = {pod["containers"][0]["image"] for _, pod in pods(documents)}
    assert images == {
        "registry.example/desk/tradefleet-operator:v1.2.3",
        "registry.example/desk/tradefleet-runtime:v1.2.3",
    }
    assert documents[0]["metadata"]["labels"]["helm.sh/chart"] == "tradefleet-1.2.3"


def test_the_example_names_what_the_chart_makes() -> None:
    bot = load_bot(EXAMPLE)
    documents = rendered(*EVERYTHING)
    [service] = [
        document["metadata"]["name"]
        for document in documents
        if document["kind"] == "Service" and "exchange" in str(document["spec"]["ports"])
    ]
    secrets = {document["metadata"]["name"] for document in documents if document["kind"] == "Secret"}

    exchange = bot.spec.exchange
    assert exchange.endpoints.rest == f"http://{service}.{NAMESPACE}.svc:8090"
    assert {exchange.credentials.secret_name, bot.spec.stores.secret_name} == secrets
