"""A real API server for the tests of this folder: `make test-cluster`.

One pair of etcd and kube-apiserver serves a whole session (each worker of pytest-xdist has its own), so
tests keep apart by namespaces: `namespace` is new for each. Who stops the server takes `interruptible`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from lightkube.resources.apiextensions_v1 import CustomResourceDefinition
from tests.support.kube_server import KubeServer

CRDS = Path(__file__).parents[2] / "crds"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    """The server of this session."""
    server = KubeServer(tmp_path_factory.mktemp("kube"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def interruptible(api_server: KubeServer) -> Iterator[KubeServer]:
    """The same server for a test that stops, kills or pauses it: afterwards it is ready again."""
    yield api_server
    api_server.resume()
    api_server.start()


@pytest.fixture
def namespace(api_server: KubeServer) -> str:
    """A new namespace, without labels."""
    return api_server.new_namespace()


@pytest.fixture(scope="session")
def crds_applied(api_server: KubeServer) -> list[str]:
    """The definitions in crds/ as committed, established and served. Gives their names."""
    client = api_server.admin.client()
    names = []
    for file in sorted(CRDS.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            if document["kind"] == "CustomResourceDefinition":
                client.apply(CustomResourceDefinition.from_dict(document), force=True)
                names.append(document["metadata"]["name"])
    assert names, f"{CRDS} holds no CustomResourceDefinition: run `make crds`"
    for name in names:
        client.wait(CustomResourceDefinition, name, for_conditions=["Established"])
    return names
