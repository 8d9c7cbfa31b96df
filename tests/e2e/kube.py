"""The cluster as the scenarios speak to it: kubectl and Helm as a person types them, one client for times.

What a person does goes through their tools. What is measured goes through one open connection, since
kubectl alone needs 90 ms to start.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

from lightkube import AsyncClient, KubeConfig

ROOT: Final = Path(__file__).parents[2]
NAMESPACE: Final = "trading"
BOT: Final = "first"
PATIENCE_S: Final = 180.0


class Refused(Exception):
    """A command that ended badly; the text is what it said."""


def run(*command: str, given: str = "", timeout: float = PATIENCE_S + 20) -> str:
    """What it wrote; raises Refused."""
    done = subprocess.run(
        command, input=given, capture_output=True, text=True, check=False, timeout=timeout, cwd=ROOT
    )
    if done.returncode != 0:
        raise Refused(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def kubectl(*words: str, given: str = "", namespace: str = NAMESPACE) -> str:
    """In the namespace of the scenarios."""
    return run("kubectl", "--namespace", namespace, *words, given=given)


def get(*words: str, namespace: str = NAMESPACE) -> Any:
    """An object, or a list of them, as JSON says it."""
    return json.loads(kubectl("get", *words, "--output", "json", namespace=namespace))


def items(kind: str, selector: str = "", namespace: str = NAMESPACE) -> list[dict[str, Any]]:
    """All of a kind."""
    return list(get(kind, *(("--selector", selector) if selector else ()), namespace=namespace)["items"])


def helm(*words: str) -> str:
    """In the same namespace."""
    return run("helm", "--namespace", NAMESPACE, *words)


def cluster(*words: str) -> None:
    """What hack/cluster can do to it."""
    run(str(ROOT / "hack" / "cluster"), *words)


def api_server(what: str) -> None:
    """`stop` or `start` it."""
    cluster("api", what)


def send_signal(pod: str, what: str) -> None:
    """To the first process of a pod, from its node: SIGKILL cannot be sent from inside."""
    cluster("signal", NAMESPACE, pod, what)


def patch(spec: dict[str, Any], name: str = BOT) -> int:
    """Merge into the bot's spec; the generation that it gives."""
    body = json.dumps({"spec": spec})
    words = ("patch", "tradingbot", name, "--type", "merge", "--patch", body, "--output", "json")
    return int(json.loads(kubectl(*words))["metadata"]["generation"])


def bot(name: str = BOT) -> dict[str, Any]:
    """The TradingBot."""
    return dict(get("tradingbot", name))


def executor_status(name: str = BOT) -> dict[str, Any]:
    """What the leader says."""
    return dict(bot(name).get("status", {}).get("executor", {}))


def condition(resource: dict[str, Any], kind: str) -> dict[str, Any]:
    """One condition of a resource; empty when nobody has said it."""
    said = resource.get("status", {}).get("conditions", [])
    return next((one for one in said if one["type"] == kind), {})


def wait_ready(name: str = BOT) -> None:
    """As a person waits."""
    kubectl("wait", f"tradingbot/{name}", "--for=condition=Ready", f"--timeout={PATIENCE_S:.0f}s")


def pods(component: str, name: str = BOT) -> list[dict[str, Any]]:
    """Pods of a component that are not on their way out."""
    found = items("pods", f"tradefleet.dev/bot={name},app.kubernetes.io/component={component}")
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def restarts(name: str = BOT) -> dict[str, int]:
    """How often each container of the bot was started again, by pod."""
    return {
        pod["metadata"]["name"]: sum(
            one["restartCount"] for one in pod["status"].get("containerStatuses", [])
        )
        for pod in items("pods", f"tradefleet.dev/bot={name}")
    }


def resident_mib(pod: dict[str, Any]) -> float:
    """Memory of a pod's first process."""
    status = kubectl("exec", pod["metadata"]["name"], "--", "cat", "/proc/1/status")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def eventually(what: str, seconds: float, look: Callable[[], Any]) -> Any:
    """The first true answer; an AssertionError that says what was waited for and what was last seen."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            seen = look()
        except Refused as refused:
            seen, said = None, str(refused)
        else:
            said = repr(seen)
        if seen:
            return seen
        assert time.monotonic() < deadline, f"{what}: not within {seconds:.0f} s; last: {said}"
        time.sleep(0.2)


async def aside(look: Callable[[], Any]) -> Any:
    """In a thread, so that a watch goes on meanwhile."""
    return await asyncio.to_thread(look)


def client() -> AsyncClient:
    """One connection for what is measured."""
    config = KubeConfig.from_file(os.environ["KUBECONFIG"]).get()
    return AsyncClient(config, namespace=NAMESPACE, field_manager="e2e", trust_env=False)


@contextlib.contextmanager
def forwarded(target: str, port: int) -> Iterator[int]:
    """A loopback port that leads to a Service's port for as long as the block lasts."""
    command = ["kubectl", "--namespace", NAMESPACE, "port-forward", target, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert "Forwarding from 127.0.0.1:" in line, f"{' '.join(command)}: {line}"
            here = int(line.split("127.0.0.1:")[1].split(" ")[0])
            with socket.create_connection(("127.0.0.1", here), timeout=10):
                yield here
        finally:
            process.send_signal(signal.SIGKILL)
