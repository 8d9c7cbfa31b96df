"""A real operator process against a real API server, and the test in the part of the controllers."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from tests.support.api_server import ADMIN_TOKEN, ApiClient, ApiServer, Refused
from tests.support.bots import IMAGE

PATIENCE_S = 20.0
BOTS = "/apis/tradefleet.dev/v1alpha1/namespaces/{}/tradingbots"
SHARDS = "/apis/tradefleet.dev/v1alpha1/namespaces/{}/symbolshards"
DEPLOYMENTS = "/apis/apps/v1/namespaces/{}/deployments"


class OperatorProcess:
    """`python -m tradefleet_operator` for one namespace."""

    def __init__(
        self,
        folder: Path,
        server: ApiServer,
        namespace: str,
        image: str = IMAGE,
        address: str = "",
        token: str = ADMIN_TOKEN,
        watch_s: float = 240.0,
    ) -> None:
        """namespace: "" for all of them. address: of a proxy before it. token: whose rights it has."""
        self._log = folder / "operator.log"
        config = folder / "kubeconfig"
        config.write_text(yaml.safe_dump(server.config_of(token, address)))
        environment = {
            **os.environ,
            "KUBECONFIG": str(config),
            "TRADEFLEET_RUNTIME_IMAGE": image,
            "TRADEFLEET_WATCH_NAMESPACES": namespace,
            "TRADEFLEET_WATCH_SECONDS": f"{watch_s:g}",
        }
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tradefleet_operator"], env=environment, stdout=log, stderr=log
            )

    def log(self) -> str:
        return self._log.read_text()

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """Its exit status after SIGTERM."""
        self.process.terminate()
        return self.process.wait(PATIENCE_S)


class Controllers:
    """One namespace: what the test sees of it, and what kubelet and controllers would write into it."""

    def __init__(self, admin: ApiClient, namespace: str) -> None:
        self.admin = admin
        self.namespace = namespace

    def make(self, bot: dict[str, Any]) -> dict[str, Any]:
        meta = {"name": bot["metadata"]["name"], "namespace": self.namespace}
        made: dict[str, Any] = self.admin.create(BOTS.format(self.namespace), {**bot, "metadata": meta})
        return made

    def bot(self, name: str = "alpha") -> dict[str, Any]:
        found: dict[str, Any] = self.admin.get(f"{BOTS.format(self.namespace)}/{name}")
        return found

    def edit(self, spec: dict[str, Any], name: str = "alpha") -> None:
        self.admin.merge(f"{BOTS.format(self.namespace)}/{name}", {"spec": spec})

    def names(self, path: str) -> list[str]:
        return sorted(one["metadata"]["name"] for one in self.all(path))

    def all(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.admin.get(path.format(self.namespace))["items"]
        return found

    def condition(self, type_: str, name: str = "alpha") -> dict[str, Any]:
        conditions = self.bot(name).get("status", {}).get("conditions", [])
        return next((one for one in conditions if one["type"] == type_), {})

    def roll_out(self) -> None:
        """Every Deployment has its pods."""
        for one in self.all(DEPLOYMENTS):
            wanted = one["spec"]["replicas"]
            status = {
                "observedGeneration": one["metadata"]["generation"],
                "replicas": wanted,
                "updatedReplicas": wanted,
                "readyReplicas": wanted,
                "availableReplicas": wanted,
            }
            path = f"{DEPLOYMENTS.format(self.namespace)}/{one['metadata']['name']}/status"
            with contextlib.suppress(Refused):  # one that the operator has deleted meanwhile
                self.admin.merge(path, {"status": status})

    def pod(self, name: str, bot: str = "alpha") -> None:
        """A pod of the executor, as its Deployment would make it."""
        labels = {"tradefleet.dev/bot": bot, "app.kubernetes.io/managed-by": "tradefleet-operator"}
        self.admin.create(
            f"/api/v1/namespaces/{self.namespace}/pods",
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "labels": labels},
                "spec": {"containers": [{"name": "c", "image": IMAGE}]},
            },
        )

    def lead(self, pod: str, name: str = "alpha") -> None:
        """The executor says that this pod leads."""
        path = f"{BOTS.format(self.namespace)}/{name}"
        self.admin.apply(
            f"{path}/status",
            {
                "apiVersion": "tradefleet.dev/v1alpha1",
                "kind": "TradingBot",
                "metadata": {"name": name, "namespace": self.namespace},
                "status": {"executor": {"leader": pod, "epoch": 1}},
            },
            "tradefleet-executor",
        )


def eventually(check: Callable[[], Any], operator: OperatorProcess | None = None) -> Any:
    """The first true value of `check`; a refusal of the server counts as not yet."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            value = check()
        except Refused:
            value = None
        if value:
            return value
        told = "" if operator is None else operator.log()[-3000:]
        assert operator is None or operator.process.poll() is None, told
        assert time.monotonic() < deadline, f"it never happened\n{told}"
        time.sleep(0.05)
