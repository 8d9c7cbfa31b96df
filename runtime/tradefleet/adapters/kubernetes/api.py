"""The few requests that a pod makes of the API server, each with an end and one error for "not now".

lightkube finds the cluster (service account or KUBECONFIG), its certificates and its tokens, which it
reads again when they rotate. The requests are our own: lightkube's watch asks for no bookmarks, has no
limit to its silence, and decodes what we pass over.
"""

import contextlib
import ssl
from collections.abc import AsyncGenerator, Mapping
from typing import Any, Final

import httpx2
import msgspec
from lightkube.config.client_adapter import AsyncClient, ConnectionParams
from lightkube.config.kubeconfig import KubeConfig
from lightkube.core.exceptions import ConfigError

CONNECT_S: Final = 2.0
ANSWER_S: Final = 5.0
LATE_S: Final = 5.0
"""A watch that the server should have ended so long ago is dead, though nobody closed its connection."""

CUSTOM: Final = "/apis/tradefleet.dev/v1alpha1"
LEASES: Final = "/apis/coordination.k8s.io/v1"

_APPLY: Final = {"Content-Type": "application/apply-patch+yaml"}


class NoCluster(Exception):
    """Nothing says where a cluster is; the text says what would."""


class ApiAway(Exception):
    """The API server does not answer, or not with what was asked; the same request may work later."""


class Gone(ApiAway):
    """The version from which we wanted to go on is no longer known: list again."""


class Missing(ApiAway):
    """There is no such object."""


class Api:
    """One API server."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self._http = http

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """An object or a list; raises ApiAway, Missing for 404."""
        with _translated(f"GET {path}"):
            return _good(await self._http.get(path, params=query))

    async def apply(self, path: str, body: Mapping[str, Any], manager: str) -> None:
        """Server-side apply: from now on `manager` owns the fields of the body, and no others.

        Raises ApiAway; then it may have been applied or not, and is simply repeated.
        """
        query = {"fieldManager": manager, "force": "true"}
        with _translated(f"PATCH {path}"):
            _good(
                await self._http.patch(path, params=query, content=msgspec.json.encode(body), headers=_APPLY)
            )

    async def watch(self, path: str, query: Mapping[str, str], seconds: int) -> AsyncGenerator[bytes, None]:
        """Lines of a watch until the server ends it, after `seconds` at the latest. Raises ApiAway, Gone.

        A watch that is silent for longer than that is given up: its connection may have been lost
        without a word.
        """
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds), **query}
        timeout = httpx2.Timeout(ANSWER_S, connect=CONNECT_S, read=seconds + LATE_S)
        with _translated(f"WATCH {path}"):
            async with self._http.stream("GET", path, params=query, timeout=timeout) as response:
                if response.status_code != httpx2.codes.OK:
                    await response.aread()
                    _good(response)
                rest = b""
                # Not `aiter_lines`: it also ends a line at characters that JSON lets stand.
                async for part in response.aiter_bytes():
                    *lines, rest = (rest + part).split(b"\n")
                    for line in lines:
                        yield line

    async def close(self) -> None:
        """Let go of the connections."""
        await self._http.aclose()


def connect() -> Api:
    """The cluster of this pod's service account, else that of KUBECONFIG; raises NoCluster."""
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


def path_of(api: str, namespace: str, plural: str, name: str = "", subresource: str = "") -> str:
    """The path of an object, or of all of a kind."""
    return "/".join(part for part in (f"{api}/namespaces/{namespace}", plural, name, subresource) if part)


def _good(response: httpx2.Response) -> bytes:
    if response.is_success:
        return response.content
    text = f"{response.status_code} {_message(response.content)}"
    match response.status_code:
        case httpx2.codes.GONE:
            raise Gone(text)
        case httpx2.codes.NOT_FOUND:
            raise Missing(text)
        case _:
            raise ApiAway(text)


def _message(raw: bytes) -> str:
    """What a Status object says; of anything else its beginning."""
    try:
        return str(msgspec.json.decode(raw)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return raw[:200].decode(errors="replace")


@contextlib.contextmanager
def _translated(doing: str) -> Any:
    try:
        yield
    except ApiAway as error:
        raise type(error)(f"{doing}: {error}") from error
    except (httpx2.HTTPError, httpx2.InvalidURL, ConfigError, OSError) as error:
        raise ApiAway(f"{doing}: {type(error).__name__}: {error}") from error
