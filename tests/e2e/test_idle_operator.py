"""With nothing to do the operator asks the API server next to nothing."""

import asyncio
import json
import re
from collections.abc import Iterator

import pytest
from tests.e2e import kube
from tests.e2e.figures import Figures

COUNTED = "e2e-operator"
MINUTE_S = 60.0
# A flow of its own makes the server count the operator's requests apart from everybody else's.
FLOW = {
    "apiVersion": "flowcontrol.apiserver.k8s.io/v1",
    "kind": "FlowSchema",
    "metadata": {"name": COUNTED},
    "spec": {
        "matchingPrecedence": 500,
        "priorityLevelConfiguration": {"name": "workload-high"},
        "distinguisherMethod": {"type": "ByUser"},
        "rules": [
            {
                "subjects": [
                    {
                        "kind": "ServiceAccount",
                        "serviceAccount": {"namespace": kube.NAMESPACE, "name": "tradefleet-operator"},
                    }
                ],
                "resourceRules": [
                    {
                        "verbs": ["*"],
                        "apiGroups": ["*"],
                        "resources": ["*"],
                        "clusterScope": True,
                        "namespaces": ["*"],
                    }
                ],
            }
        ],
    },
}


@pytest.fixture
def counted() -> Iterator[None]:
    """The operator's requests are counted."""
    kube.kubectl("apply", "--filename", "-", given=json.dumps(FLOW))
    yield
    kube.kubectl("delete", "flowschema", COUNTED)


def _requests() -> int:
    metrics = kube.run("kubectl", "get", "--raw", "/metrics")
    counts = re.findall(
        rf'^apiserver_flowcontrol_dispatched_requests_total{{.*flow_schema="{COUNTED}".*}} (\d+)',
        metrics,
        re.MULTILINE,
    )
    return sum(int(count) for count in counts)


async def test_an_idle_operator_asks_for_little(bot: str, counted: None, figures: Figures) -> None:
    await asyncio.sleep(5)
    before = _requests()
    await asyncio.sleep(MINUTE_S)

    figures.add(
        "requests of the idle operator, a trading bot of 4 shards", (_requests() - before) / MINUTE_S, "/s", 1
    )
