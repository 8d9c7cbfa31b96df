"""The chart as Helm sees it: rendered, and installed on a real API server that belongs to these tests alone.

The session's server has definitions that other tests have applied, and Helm takes nothing over that
somebody else has made.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.api_server import (
    PATIENCE_S,
    ApiClient,
    ApiServer,
    Refused,
    kube_assets,
    running_api_server,
)

CHART = Path(__file__).parents[3] / "charts" / "tradefleet"
RELEASE = "tradefleet"
NAMESPACE = "trading"
EVERYTHING = (
    "stores.install=true",
    "simulator.install=true",
    "networkPolicies.install=true",
    "monitoring.podMonitor=true",
    "monitoring.prometheusRule=true",
)
Document = dict[str, Any]


def helm_program() -> str:
    """Helm from the folder of the API server's programs, else the machine's."""
    program = shutil.which("helm", path=f"{kube_assets()}{os.pathsep}{os.environ['PATH']}")
    assert program is not None, "helm is missing: run make kube-assets"
    return program


def helm(*arguments: str) -> "subprocess.CompletedProcess[str]":
    """One command of it."""
    return subprocess.run([helm_program(), *arguments], capture_output=True, text=True, check=False)


def _settings(values: tuple[str, ...]) -> list[str]:
    return [part for value in values for part in ("--set", value)]


def rendered(*values: str, release: str = RELEASE, chart: Path = CHART) -> list[Document]:
    """What an installation with these values makes."""
    words = ("template", release, str(chart), "--namespace", NAMESPACE, "--kube-version", "1.34")
    done = helm(*words, *_settings(values))
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


class Installed:
    """A release on that server; its hooks stay out, since no node runs their Jobs."""

    def __init__(self, server: ApiServer) -> None:
        self.server = server
        self.admin = server.client()

    def helm(self, *words: str) -> str:
        """What it wrote; an AssertionError with its words when it failed."""
        done = helm(*words, "--namespace", NAMESPACE, "--kubeconfig", str(self.server.kubeconfig))
        assert done.returncode == 0, f"helm {' '.join(words)}: {done.stderr}"
        return done.stdout

    def upgrade(self, *values: str) -> None:
        """Install it, or change it to these values."""
        self.helm("upgrade", "--install", "--no-hooks", RELEASE, str(CHART), *_settings(values))


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The chart with stores and simulator, its resources served and its policy in force."""
    with running_api_server(tmp_path_factory.mktemp("chart-server")) as server:
        one = Installed(server)
        one.admin.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        one.upgrade("stores.install=true", "simulator.install=true")
        _wait_until_bots_are_served(one)
        yield one
        one.admin.close()


def _wait_until_bots_are_served(one: Installed) -> None:
    deadline = time.monotonic() + PATIENCE_S
    path = f"/apis/tradefleet.dev/v1alpha1/namespaces/{NAMESPACE}/tradingbots"
    while not _is_answered(one.admin, path) and time.monotonic() < deadline:
        time.sleep(0.1)


def _is_answered(client: ApiClient, path: str) -> bool:
    with contextlib.suppress(Refused):
        client.get(path)
        return True
    return False
