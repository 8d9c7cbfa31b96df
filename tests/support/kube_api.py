"""A Kubernetes API server as the tests of the resources speak to it: plain requests, plain answers.

The spec's promises are about what the server answers to bytes, so nothing stands in between but
lightkube's way of reading a kubeconfig. Users are impersonated, so that one client is enough.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from lightkube import KubeConfig
from lightkube.config.client_adapter import Client, ConnectionParams

from tradefleet.spec.bot import API_VERSION

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Answer(msgspec.Struct, frozen=True):
    """What the server said. status: of HTTP. body: the object, or the server's Status."""

    status: int
    body: Any

    @property
    def accepted(self) -> bool:
        """Whether it did what was asked."""
        return self.status < 300

    @property
    def message(self) -> str:
        """Why it did not."""
        return "" if self.accepted else str(self.body.get("message", ""))

    @property
    def blamed(self) -> set[str]:
        """The fields that a refusal names."""
        details = self.body.get("details") or {}
        return {cause.get("field", "") for cause in details.get("causes", ())}


class KubeApi:
    """One API server."""

    def __init__(self, kubeconfig: Path) -> None:
        config = KubeConfig.from_file(kubeconfig).get()
        assert config is not None
        self._http = Client(config, ConnectionParams(trust_env=False))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = None,
        kind: str = "application/json",
        accept: str = "application/json",
        **query: str,
    ) -> Answer:
        """One request. user: whom to impersonate; None for the kubeconfig's own. kind: of the body."""
        headers = {"Content-Type": kind, "Accept": accept}
        if user is not None:
            headers["Impersonate-User"] = user
        content = None if body is None else _ENCODER.encode(body)
        response = self._http.request(method, path, content=content, headers=headers, params=query)
        return Answer(response.status_code, response.json())

    def apply(self, document: Mapping[str, Any], path: str, manager: str = "tests", **query: str) -> Answer:
        """Server-side apply of one object at its collection's path."""
        name = document["metadata"]["name"]
        query = {"fieldManager": manager, "force": "true"} | query
        return self.ask("PATCH", f"{path}/{name}", document, kind=APPLY, **query)


def bots(namespace: str) -> str:
    """Path of the TradingBots of a namespace."""
    return f"/apis/{API_VERSION}/namespaces/{namespace}/tradingbots"


def shards(namespace: str) -> str:
    """Path of the SymbolShards of a namespace."""
    return f"/apis/{API_VERSION}/namespaces/{namespace}/symbolshards"


def until(done: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Ask again until it is so; an AssertionError that says what was waited for when it never is."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)
