"""Tests against a real API server: one for the whole run, a namespace for each test.

`make test-cluster` runs them; `make test` does not, since Go has to build the server first.
"""

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.support.api_server import PATIENCE_S, ApiClient, ApiServer, Refused, running_api_server

CRDS = Path(__file__).parents[2] / "crds"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

_numbers = itertools.count()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.cluster)
            item.add_marker(pytest.mark.xdist_group("cluster"))


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """The server, without anything of ours in it."""
    with running_api_server(tmp_path_factory.mktemp("api-server")) as server:
        yield server


@pytest.fixture
def interruptible(api_server: ApiServer) -> Iterator[ApiServer]:
    """The same server for a test that stops or pauses it: afterwards it is ready again."""
    yield api_server
    api_server.resume_server()
    api_server.start_server()


@pytest.fixture(scope="session")
def admin(api_server: ApiServer) -> Iterator[ApiClient]:
    """Somebody who may do everything."""
    client = api_server.client()
    yield client
    client.close()


@pytest.fixture(scope="session")
def crds_applied(admin: ApiClient) -> None:
    """Our resources are known to the server, and it serves them."""
    for plural in ("tradingbots", "symbolshards"):
        definition = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
        admin.apply(f"{DEFINITIONS}/{definition['metadata']['name']}", definition)
        deadline = time.monotonic() + PATIENCE_S
        while not _is_served(admin, plural):
            assert time.monotonic() < deadline


@pytest.fixture
def namespace(admin: ApiClient) -> str:
    """A new namespace."""
    name = f"test-{next(_numbers)}"
    admin.create("/api/v1/namespaces", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def _is_served(admin: ApiClient, plural: str) -> bool:
    """Established is not enough: the storage of a new resource is made after that."""
    try:
        admin.get(f"/apis/tradefleet.dev/v1alpha1/{plural}")
    except Refused as refused:
        if refused.status not in (404, 429, 503):
            raise
        return False
    return True
