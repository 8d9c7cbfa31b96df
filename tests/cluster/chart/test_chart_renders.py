"""What the chart renders is what Kubernetes takes, and what a careful cluster lets in."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from tests.support.api_server import ApiServer, kube_assets

from tradefleet.spec.decode import decode_bot

CHART = Path(__file__).parents[3] / "charts" / "tradefleet"
EVERYTHING = (
    "stores.install=true",
    "simulator.install=true",
    "networkPolicies.install=true",
    "monitoring.podMonitor=true",
    "monitoring.prometheusRule=true",
)
KEPT = (
    "stores.install=true",
    "stores.persistence=true",
    "simulator.install=true",
    "simulator.persistence=true",
)
VALUES = {
    "as it comes": (),
    "everything": EVERYTHING,
    "kept": KEPT,
    "no definitions": ("crds.install=false",),
}


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("helm", path=f"{kube_assets()}{os.pathsep}{os.environ['PATH']}")
    assert program is not None, "helm is missing: run make kube-assets"
    return subprocess.run([program, *arguments], capture_output=True, text=True, check=False)


def rendered(*values: str) -> list[dict[str, Any]]:
    settings = [part for value in values for part in ("--set", value)]
    done = helm(
        "template", "fleet", str(CHART), "--namespace", "trading", "--kube-version", "1.34", *settings
    )
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def pods(documents: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any]]]:
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


def test_every_pod_is_restricted() -> None:
    found = dict(pods(rendered(*EVERYTHING)))

    assert len(found) == 5
    for name, pod in found.items():
        assert pod["securityContext"]["runAsNonRoot"], name
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["readOnlyRootFilesystem"], name
            assert security["allowPrivilegeEscalation"] is False, name
            assert security["capabilities"] == {"drop": ["ALL"]}, name
            assert container["resources"]["limits"]["memory"], name


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

    assert 5432 in ports["fleet-executor"]
    assert 5432 not in ports["fleet-shard"]
    assert 6379 not in ports["fleet-operator"]


def test_the_notes_have_a_bot_that_the_loader_takes(api_server: ApiServer) -> None:
    done = helm(
        *("install", "fleet", str(CHART), "--dry-run=server", "--namespace", "default"),
        *("--set", "stores.install=true", "--set", "simulator.install=true"),
        *("--kubeconfig", str(api_server.kubeconfig)),
    )
    assert done.returncode == 0, done.stderr
    notes = done.stdout.partition("NOTES:")[2]
    bot = notes.partition("<<EOF\n")[2].partition("  EOF")[0]

    assert decode_bot(yaml.safe_load(bot), "NOTES").spec.universe.symbols == ["BTCUSDT", "ETHUSDT"]
    assert "kubectl wait" in notes
