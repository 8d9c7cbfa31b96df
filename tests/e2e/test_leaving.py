"""Bot, chart and namespace go, each within a bounded time, and nothing stays behind. Runs last."""

from tests.e2e import kube

OF_THE_BOT = (
    "deployments,replicasets,pods,services,serviceaccounts,roles,rolebindings,leases,symbolshards,pdb"
)


def _left() -> list[str]:
    found = kube.items(OF_THE_BOT, f"tradefleet.dev/bot={kube.BOT}")
    return [f"{one['kind']}/{one['metadata']['name']}" for one in found]


def test_a_deleted_bot_leaves_nothing(first_bot: str) -> None:
    assert _left()

    kube.kubectl("delete", "tradingbot", first_bot, "--timeout=90s")

    kube.eventually("nothing of it is left", 90, lambda: not _left())


def test_an_uninstalled_chart_keeps_the_definitions_and_hangs_nothing(release: str) -> None:
    kube.helm("uninstall", release, "--wait", "--timeout", "3m")

    assert {one["metadata"]["name"] for one in kube.items("crds")} >= {
        "tradingbots.tradefleet.dev",
        "symbolshards.tradefleet.dev",
    }
    kube.eventually("no pod is left", 60, lambda: not kube.items("pods"))


def test_a_namespace_with_a_bot_and_no_operator_can_be_deleted(release: str) -> None:
    """Nobody is there to take a finalizer off: there must be none."""
    from tests.e2e.conftest import bot_manifest

    kube.kubectl("apply", "--filename", "-", given=bot_manifest())

    kube.run("kubectl", "delete", "namespace", kube.NAMESPACE, "--timeout=90s")
    kube.run(
        "kubectl",
        "delete",
        "crd",
        "tradingbots.tradefleet.dev",
        "symbolshards.tradefleet.dev",
        "--timeout=60s",
    )
