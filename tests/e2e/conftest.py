"""The chart and the first bot on a real cluster: `make e2e`.

The cluster is up and the images are in it (hack/e2e sees to both). One release and one bot serve the whole
session, since starting them is what takes time; each test leaves the bot Ready and its account whole, or
fails. Files run in the order of `ORDER`: what takes the bot away comes last.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.e2e import account, kube
from tests.e2e.figures import Figures

ORDER = [
    "test_first_bot",
    "test_idle_operator",
    "test_configuration",
    "test_bad_input",
    "test_many_symbols",
    "test_failures",
    "test_kill_switch",
    "test_rollouts",
    "test_leaving",
]
OTHER = "second"
SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"]
IMAGES = [
    f"{part}.image.{field}={value}"
    for part in ("operator", "runtime")
    for field, value in (("repository", f"docker.io/tradefleet/{part}"), ("tag", "dev"))
]
_FIGURES = Figures()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    ours = [item for item in items if item.path.parent == here]
    for item in ours:
        item.add_marker(pytest.mark.e2e)
        item.add_marker(pytest.mark.timeout(600))
    items.sort(key=lambda item: ORDER.index(item.path.stem) if item in ours else -1)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[Any]:
    """A failure tells what stood in the cluster at that moment: afterwards it is too late to look."""
    report = yield
    if report.failed:
        report.sections.append(("the cluster", _what_stands_there()))
    return report


def _what_stands_there() -> str:
    shown = []
    for words in (("tb,shard,pods", "-o", "wide"), ("events", "--sort-by=.lastTimestamp")):
        try:
            shown.append(kube.run("kubectl", "get", *words, "--all-namespaces"))
        except kube.Refused as refused:
            shown.append(str(refused))
    return "\n".join(shown)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.section("figures")
    terminalreporter.write_line(_FIGURES.table())
    _FIGURES.write(kube.ROOT / "build")


@pytest.fixture(scope="session")
def figures() -> Figures:
    """Where measurements go."""
    return _FIGURES


def bot_manifest(name: str = kube.BOT, **spec: Any) -> str:
    """A bot on the release's own simulator and stores, four shards of one symbol."""
    exchange = f"tradefleet-simulator.{kube.NAMESPACE}.svc:8090"
    whole = {
        "mode": "paper",
        "universe": {"symbols": SYMBOLS},
        "sharding": {"symbolsPerShard": 1},
        "exchange": {
            "endpoints": {
                "rest": f"http://{exchange}",
                "publicStream": f"ws://{exchange}/v5/public/linear",
                "privateStream": f"ws://{exchange}/v5/private",
            }
        },
        "strategies": {"imbalance": {"enabled": True}},
        # The node may have two cores, and a rollout needs every pod twice.
        "shard": {"cpu": "50m"},
        "executor": {"cpu": "50m"},
        # A fleet on paper pays fees and loses: the day's limit must not end the scenarios.
        "risk": {"maxDailyLoss": 1},
    } | spec
    body = {"apiVersion": "tradefleet.dev/v1alpha1", "kind": "TradingBot"}
    return json.dumps(body | {"metadata": {"name": name}, "spec": whole})


@pytest.fixture(scope="session")
def release() -> str:
    """The chart, installed as a person installs it, in a namespace that admits restricted pods alone."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": kube.NAMESPACE, "labels": labels},
    }
    kube.kubectl("apply", "--filename", "-", given=json.dumps(namespace))
    chosen = [*IMAGES, "stores.install=true", "simulator.install=true", "simulator.copies=6"]
    options = [word for one in chosen for word in ("--set", one)]
    kube.helm(
        "upgrade", "--install", "tradefleet", "charts/tradefleet", "--wait", "--timeout", "4m", *options
    )
    return "tradefleet"


@pytest.fixture(scope="session")
def first_bot(release: str) -> str:
    """The bot, Ready."""
    kube.kubectl("apply", "--filename", "-", given=bot_manifest())
    kube.wait_ready()
    return kube.BOT


@pytest.fixture
def other(bot: str) -> Iterator[str]:
    """The name of a second bot, gone afterwards."""
    yield OTHER
    kube.kubectl("delete", "tradingbot", OTHER, "--ignore-not-found", "--timeout=60s")


@pytest.fixture
async def bot(first_bot: str) -> Any:
    """The bot for a test that trades: Ready before it, and afterwards Ready with its account whole."""
    kube.wait_ready()
    kube.eventually("the leader may open", 30, lambda: kube.executor_status().get("mayOpen"))
    yield first_bot
    kube.wait_ready()
    await account.must_be_whole()
