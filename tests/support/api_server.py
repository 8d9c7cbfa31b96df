"""A real kube-apiserver on a real etcd, on loopback ports: what tests of resources, rights and status need.

The programs come from the folder that KUBEBUILDER_ASSETS names, else from where `make kube-assets` builds
them. About four seconds to start. No controller runs: a Deployment makes no pods, nothing collects what a
deleted owner owned, a deleted namespace stays `Terminating`; and no node does.
"""

import contextlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx2
import yaml
from lightkube import AsyncClient, Client, KubeConfig
from lightkube.config.kubeconfig import SingleConfig
from tests.support.ports import free_port

ADMIN_TOKEN: Final = "admin-of-a-test"
PATIENCE_S: Final = 60.0
_BUILD: Final = Path(__file__).parents[2] / "hack" / "kube" / "build"


def kube_assets() -> Path:
    """The folder with etcd and kube-apiserver; raises FileNotFoundError saying how to get them."""
    named = os.environ.get("KUBEBUILDER_ASSETS")
    folder = Path(named or subprocess.check_output([_BUILD, "folder"], text=True).strip())
    for program in ("etcd", "kube-apiserver"):
        if not (folder / program).exists():
            raise FileNotFoundError(
                f"{folder / program} is missing: run make kube-assets, or name its folder"
            )
    return folder


class ApiServer:
    """The pair; `kubeconfig` is the administrator's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._assets = kube_assets()
        self._etcd_port, self._peer_port, self.port = free_port(), free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = folder / "kubeconfig"
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        (folder / "tokens.csv").write_text(f'{ADMIN_TOKEN},admin,1,"system:masters"\n')
        subprocess.run(
            ["openssl", "genrsa", "-out", str(folder / "service-accounts.key"), "2048"],
            check=True,
            stderr=subprocess.DEVNULL,
        )

    def start(self) -> None:
        """Start both and wait until the server is ready."""
        peers = f"http://127.0.0.1:{self._peer_port}"
        clients = f"http://127.0.0.1:{self._etcd_port}"
        self._spawn(
            "etcd",
            *("--data-dir", str(self._folder / "etcd"), "--unsafe-no-fsync", "--log-level", "error"),
            *("--listen-client-urls", clients, "--advertise-client-urls", clients),
            *("--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers),
            *("--initial-cluster", f"default={peers}"),
        )
        self.start_server()
        self.kubeconfig.write_text(yaml.safe_dump(self.config_of(ADMIN_TOKEN)))

    def start_server(self) -> None:
        """Start the API server alone, on the etcd that runs, unless it runs."""
        if "kube-apiserver" in self._processes:
            return
        key = str(self._folder / "service-accounts.key")
        self._spawn(
            "kube-apiserver",
            *("--etcd-servers", f"http://127.0.0.1:{self._etcd_port}"),
            *("--bind-address", "127.0.0.1", "--secure-port", str(self.port)),
            *("--cert-dir", str(self._folder / "certificates"), "--service-cluster-ip-range", "10.97.0.0/16"),
            *("--service-account-key-file", key, "--service-account-signing-key-file", key),
            *("--service-account-issuer", "https://kubernetes.default.svc"),
            *("--authorization-mode", "RBAC", "--token-auth-file", str(self._folder / "tokens.csv")),
            # Without a controller manager no namespace gets the account that pods would need.
            *("--disable-admission-plugins", "ServiceAccount"),
        )
        self._wait_until_ready()

    def stop_server(self) -> None:
        """SIGKILL to the API server, which cuts its watches; asked to end it would drain for a minute."""
        self._kill("kube-apiserver")

    def restart_server(self) -> None:
        """Kill it and start it, on the same port and the same data."""
        self.stop_server()
        self.start_server()

    def pause_server(self) -> None:
        """It accepts connections and answers nothing."""
        self._processes["kube-apiserver"].send_signal(signal.SIGSTOP)

    def resume_server(self) -> None:
        """It answers again; nothing happens when it was not paused."""
        if running := self._processes.get("kube-apiserver"):
            running.send_signal(signal.SIGCONT)

    def is_ready(self) -> bool:
        """Whether it says so itself, within two seconds."""
        request = urllib.request.Request(
            f"{self.url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
        )
        with contextlib.suppress(OSError, urllib.error.URLError):
            urllib.request.urlopen(request, context=self.trust(), timeout=2).close()
            return True
        return False

    def close(self) -> None:
        """End both."""
        for name in list(self._processes):
            self._kill(name)

    def config_of(self, token: str, server: str = "") -> dict[str, Any]:
        """A kubeconfig for that token. server: another address of it, such as a proxy's."""
        cluster = {
            "server": server or self.url,
            "certificate-authority": str(self._folder / "certificates" / "apiserver.crt"),
        }
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "user", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "user"}}],
            "current-context": "test",
        }

    def client(self, user: str = "", groups: tuple[str, ...] = ()) -> "ApiClient":
        """A client of the administrator, or of somebody else whom the administrator impersonates."""
        headers: list[tuple[str, str]] = [("Authorization", f"Bearer {ADMIN_TOKEN}")]
        if user:
            headers.append(("Impersonate-User", user))
            headers += [("Impersonate-Group", group) for group in groups]
        return ApiClient(self.url, headers, self.trust())

    def lightkube(self, token: str = ADMIN_TOKEN, **options: Any) -> Client:
        """A client as the operator and the pods use it. options: of lightkube, such as `namespace`."""
        return Client(self._single(token), **{"trust_env": False, "field_manager": "tests"} | options)

    def async_lightkube(self, token: str = ADMIN_TOKEN, **options: Any) -> AsyncClient:
        """The same for the loop that runs."""
        return AsyncClient(self._single(token), **{"trust_env": False, "field_manager": "tests"} | options)

    def token_of(self, namespace: str, service_account: str) -> str:
        """Makes the account if it is missing, and gives a token as its pods would have."""
        client = self.client()
        try:
            path = f"/api/v1/namespaces/{namespace}/serviceaccounts"
            with contextlib.suppress(Refused):  # it is there
                client.create(path, {"metadata": {"name": service_account}})
            asked = client.create(f"{path}/{service_account}/token", {"spec": {"expirationSeconds": 3600}})
        finally:
            client.close()
        return str(asked["status"]["token"])

    def _single(self, token: str) -> SingleConfig:
        return KubeConfig.from_dict(self.config_of(token)).get()

    def trust(self) -> ssl.SSLContext:
        """What its certificate is checked against."""
        return ssl.create_default_context(cafile=str(self._folder / "certificates" / "apiserver.crt"))

    def _spawn(self, program: str, *arguments: str) -> None:
        with (self._folder / f"{program}.log").open("ab") as log:
            self._processes[program] = subprocess.Popen(
                [str(self._assets / program), *arguments], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def _kill(self, name: str) -> None:
        process = self._processes.pop(name)
        process.kill()
        process.wait()

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while True:
            if self._processes["kube-apiserver"].poll() is not None or time.monotonic() > deadline:
                log = (self._folder / "kube-apiserver.log").read_text()[-3000:]
                raise RuntimeError(f"kube-apiserver did not become ready: {log}")
            if self.is_ready():
                return
            time.sleep(0.1)


class Refused(Exception):
    """The server said no. status: HTTP's; message: its own words."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(f"{status} {message}")


class ApiClient:
    """Requests in JSON; what is not a success raises Refused."""

    def __init__(self, url: str, headers: list[tuple[str, str]], trust: ssl.SSLContext) -> None:
        self._http = httpx2.Client(base_url=url, headers=headers, verify=trust, timeout=20.0)

    def get(self, path: str) -> Any:
        return self._ask("GET", path)

    def create(self, path: str, body: Any) -> Any:
        return self._ask("POST", path, body)

    def delete(self, path: str) -> Any:
        return self._ask("DELETE", path)

    def merge(self, path: str, body: Any) -> Any:
        """A merge patch, as `kubectl patch --type merge` sends it."""
        return self._ask("PATCH", path, body, "application/merge-patch+json")

    def apply(self, path: str, body: Any, manager: str = "test", *, force: bool = True) -> Any:
        """Server-side apply."""
        query = f"?fieldManager={manager}&force={str(force).lower()}"
        return self._ask("PATCH", path + query, body, "application/apply-patch+yaml")

    def close(self) -> None:
        self._http.close()

    def _ask(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> Any:
        sent: dict[str, Any] = {}
        if body is not None:
            sent = {"content": _json(body), "headers": {"Content-Type": content_type}}
        response = self._http.request(method, path, **sent)
        if not response.is_success:
            raise Refused(response.status_code, _message(response))
        return response.json()


def _message(response: httpx2.Response) -> str:
    """What a Status object says; a path that is not served yet is answered in plain text."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return response.text


def _json(body: Any) -> bytes:
    """As JSON; YAML's dates do not occur in what tests send."""
    return json.dumps(body).encode()


@contextlib.contextmanager
def running_api_server(folder: Path) -> Iterator[ApiServer]:
    """A pair for the length of a block."""
    server = ApiServer(folder)
    try:
        server.start()
        yield server
    finally:
        server.close()
        shutil.rmtree(folder / "etcd", ignore_errors=True)
