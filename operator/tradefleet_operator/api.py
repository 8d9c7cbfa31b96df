"""The operator's writes: server-side apply and delete, each with an end and one error for each way out.

lightkube finds the cluster, its certificates and tokens; the requests are made on its HTTP client, which
repeats nothing by itself: a write that timed out may still land, and applying again is harmless.
"""

import ssl
from collections.abc import Mapping
from typing import Any, Final

import httpx2
import msgspec
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError

from tradefleet_operator.names import MANAGER
from tradefleet_operator.objects import Object, Ref, ref_of

CONNECT_S: Final = 2.0
ANSWER_S: Final = 10.0

# kind: (path of the API, plural). What the operator writes, and nothing else.
_PATHS: Final[Mapping[str, tuple[str, str]]] = {
    "TradingBot": ("/apis/tradefleet.dev/v1alpha1", "tradingbots"),
    "SymbolShard": ("/apis/tradefleet.dev/v1alpha1", "symbolshards"),
    "Deployment": ("/apis/apps/v1", "deployments"),
    "Service": ("/api/v1", "services"),
    "ServiceAccount": ("/api/v1", "serviceaccounts"),
    "PodDisruptionBudget": ("/apis/policy/v1", "poddisruptionbudgets"),
    "Lease": ("/apis/coordination.k8s.io/v1", "leases"),
    "Role": ("/apis/rbac.authorization.k8s.io/v1", "roles"),
    "RoleBinding": ("/apis/rbac.authorization.k8s.io/v1", "rolebindings"),
}
_APPLY: Final = {"Content-Type": "application/apply-patch+yaml"}


class NoCluster(Exception):
    """Nothing says where a cluster is; the text says what would."""


class ApiAway(Exception):
    """No usable answer; the same request may work later. wait_s: what the server asked us to wait."""

    def __init__(self, text: str, wait_s: float = 0.0) -> None:
        self.wait_s = wait_s
        super().__init__(text)


class NotAllowed(ApiAway):
    """403: our rights do not cover it; installing the chart again may mend that."""


class Unacceptable(ApiAway):
    """422 or 400: the server refuses the object itself; only another object helps."""


class Api:
    """One API server."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def apply(self, value: Object) -> dict[str, Any]:
        """Make the object so; the object as it is now. Raises ApiAway and its kinds."""
        return await self._patch(_path(ref_of(value)), value, MANAGER)

    async def apply_status(
        self, ref: Ref, status: Mapping[str, Any], manager: str = MANAGER
    ) -> dict[str, Any]:
        """Own this part of the object's status and no other; the object as it is now."""
        api, _plural = _PATHS[ref.kind]
        body = {
            "apiVersion": api.removeprefix("/apis/"),
            "kind": ref.kind,
            "metadata": {"name": ref.name, "namespace": ref.namespace},
            "status": status,
        }
        return await self._patch(f"{_path(ref)}/status", body, manager)

    async def delete(self, ref: Ref) -> None:
        """Delete it and what it owns, in the background; one that is gone already is fine."""
        body = msgspec.json.encode({"propagationPolicy": "Background"})
        response = await self._send("DELETE", _path(ref), content=body)
        if response.status_code != httpx2.codes.NOT_FOUND:
            _good(response, f"DELETE {_path(ref)}")

    async def try_to_create(self, value: Object) -> None:
        """Ask whether the object could be made, without making it. Raises ApiAway and its kinds."""
        path = _path(ref_of(value)).rpartition("/")[0]
        body, query = msgspec.json.encode(value), {"dryRun": "All"}
        headers = {"Content-Type": "application/json"}
        _good(await self._send("POST", path, params=query, content=body, headers=headers), f"POST {path}")

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()

    async def _patch(self, path: str, body: Object, manager: str) -> dict[str, Any]:
        query = {"fieldManager": manager, "force": "true"}
        response = await self._send(
            "PATCH", path, params=query, content=msgspec.json.encode(body), headers=_APPLY
        )
        answer: dict[str, Any] = _good(response, f"PATCH {path}")
        return answer

    async def _send(self, method: str, path: str, **request: Any) -> httpx2.Response:
        try:
            return await self._http.request(method, path, **request)
        except (httpx2.HTTPError, ConfigError, OSError) as error:
            raise ApiAway(f"{method} {path}: {type(error).__name__}: {error}") from error


def connect() -> Api:
    """The cluster of our service account, else that of KUBECONFIG; raises NoCluster."""
    try:
        config = KubeConfig.from_env().get()
        if config is None or config.user is None:
            raise NoCluster("the configuration of the cluster names no user; see KUBECONFIG")
        timeout = httpx2.Timeout(ANSWER_S, connect=CONNECT_S)
        return Api(AsyncClient(config, ConnectionParams(timeout=timeout, trust_env=False)))
    except (ConfigError, KeyError, OSError, ssl.SSLError) as error:
        raise NoCluster(
            f"no cluster is known ({error}); a pod needs its service account, anything else KUBECONFIG"
        ) from error


def _path(ref: Ref) -> str:
    api, plural = _PATHS[ref.kind]
    return f"{api}/namespaces/{ref.namespace}/{plural}/{ref.name}"


def _good(response: httpx2.Response, doing: str) -> Any:
    try:
        answer = msgspec.json.decode(response.content)
        said = str(answer.get("message", "")) if isinstance(answer, dict) else ""
    except msgspec.DecodeError:
        answer, said = None, response.content[:200].decode(errors="replace")
    text = f"{doing}: {response.status_code} {said}"
    match response.status_code:
        case 200 | 201 | 202 if isinstance(answer, dict):
            return answer
        case 403:
            raise NotAllowed(text)
        case 400 | 422:
            raise Unacceptable(text)
        case _:
            raise ApiAway(text, _retry_after(response))


def _retry_after(response: httpx2.Response) -> float:
    text = response.headers.get("retry-after", "")
    return float(text) if text.isdigit() else 0.0
