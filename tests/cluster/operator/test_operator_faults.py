"""The operator behind a network and a server that fail: it waits, tries again, and ends where it should."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.api_server import ApiClient, ApiServer
from tests.support.bots import make_bot
from tests.support.fault_proxy import Fault, FaultProxy, fault_proxy
from tests.support.operator_process import BOTS, DEPLOYMENTS, Controllers, OperatorProcess, eventually


@pytest.fixture
def cluster(admin: ApiClient, namespace: str, crds_applied: None) -> Controllers:
    return Controllers(admin, namespace)


@pytest.fixture
def proxy(api_server: ApiServer) -> Iterator[FaultProxy]:
    with fault_proxy(api_server) as running:
        yield running


@pytest.fixture
def operator(
    tmp_path: Path, api_server: ApiServer, namespace: str, proxy: FaultProxy, crds_applied: None
) -> Iterator[OperatorProcess]:
    process = OperatorProcess(tmp_path, api_server, namespace, address=proxy.url)
    yield process
    process.kill()


@pytest.mark.parametrize(
    "fault",
    [
        Fault.CONFLICT,
        Fault.UNACCEPTABLE,
        Fault.TOO_MANY,
        Fault.BROKEN,
        Fault.AWAY,
        Fault.HANGS,
        Fault.LOST,
    ],
    ids=lambda fault: fault.name.lower(),
)
def test_a_write_that_fails_is_made_again(
    cluster: Controllers, proxy: FaultProxy, operator: OperatorProcess, fault: Fault
) -> None:
    proxy.arm(fault, "PATCH", "/deployments/", times=2)
    proxy.arm(fault, "PATCH", "/tradingbots/alpha/status", times=1)

    cluster.make(make_bot())

    eventually(lambda: cluster.names(DEPLOYMENTS) == ["alpha-executor", "alpha-shard-0"], operator)
    eventually(lambda: cluster.condition("Ready"), operator)
    assert proxy.waiting == 0
    assert "not_applied" in operator.log()


@pytest.mark.parametrize("fault", [Fault.CUT, Fault.GONE, Fault.AWAY], ids=lambda fault: fault.name.lower())
def test_a_watch_that_breaks_is_made_again(
    cluster: Controllers, proxy: FaultProxy, operator: OperatorProcess, fault: Fault
) -> None:
    proxy.arm(fault, "WATCH", "tradingbots", times=2)

    cluster.make(make_bot())
    eventually(lambda: cluster.condition("Ready"), operator)
    cluster.edit({"risk": {"maxPositions": 3}})
    eventually(lambda: cluster.bot()["status"].get("observedGeneration") == 2, operator)
    cluster.edit({"risk": {"maxPositions": 2}})

    eventually(lambda: cluster.bot()["status"].get("observedGeneration") == 3, operator)


def test_a_watch_that_says_nothing_is_given_up(
    tmp_path: Path, api_server: ApiServer, namespace: str, proxy: FaultProxy, cluster: Controllers
) -> None:
    proxy.arm(Fault.SILENT, "WATCH", "tradingbots")
    operator = OperatorProcess(tmp_path, api_server, namespace, address=proxy.url, watch_s=4)
    try:
        eventually(lambda: proxy.waiting == 0, operator)

        cluster.make(make_bot())

        eventually(lambda: cluster.condition("Ready"), operator)
    finally:
        operator.kill()


def test_one_bot_that_cannot_be_applied_does_not_stop_another(
    cluster: Controllers, proxy: FaultProxy, operator: OperatorProcess
) -> None:
    proxy.arm(Fault.UNACCEPTABLE, "PATCH", "/deployments/alpha-", times=500)

    cluster.make(make_bot(name="alpha"))
    cluster.make(make_bot(name="beta"))

    eventually(lambda: "beta-executor" in cluster.names(DEPLOYMENTS), operator)
    eventually(lambda: cluster.condition("Ready", "beta"), operator)
    assert "alpha-executor" not in cluster.names(DEPLOYMENTS)
    assert cluster.names(BOTS) == ["alpha", "beta"]
