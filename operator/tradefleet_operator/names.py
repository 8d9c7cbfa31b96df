"""Names and labels of everything that belongs to a bot; the pods and the chart count on them."""

from typing import Any, Final

from tradefleet_operator.objects import Object

GROUP: Final = "tradefleet.dev"
API_VERSION: Final = "tradefleet.dev/v1alpha1"
MANAGER: Final = "tradefleet-operator"
BOT_LABEL: Final = "tradefleet.dev/bot"
SHARD_LABEL: Final = "tradefleet.dev/shard"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
COMPONENT: Final = "app.kubernetes.io/component"
RESTARTED_AT: Final = "tradefleet.dev/restarted-at"
RESTART_HASH: Final = "tradefleet.dev/restart-hash"
RECONCILE: Final = "tradefleet.dev/reconcile"
"""Annotation of a bot: with the value `paused` the operator changes nothing of it."""

SHARD, EXECUTOR = "shard", "executor"
PROBE_PORT: Final = 8080


def shard_name(bot: str, index: int) -> str:
    """Of the SymbolShard."""
    return f"{bot}-{index}"


def shard_deployment(bot: str, index: int) -> str:
    """Of a shard's Deployment."""
    return f"{bot}-shard-{index}"


def executor_name(bot: str) -> str:
    """Of the executor's Deployment, Service, budget, Lease, account and rights."""
    return f"{bot}-executor"


def access_name(bot: str, component: str) -> str:
    """Of a component's service account, Role and RoleBinding."""
    return f"{bot}-{component}"


def selector(bot: str, component: str, shard: int | None = None) -> dict[str, str]:
    """Labels by which its pods are found; they never change while a Deployment lives."""
    found = {"app.kubernetes.io/name": "tradefleet", COMPONENT: component, BOT_LABEL: bot}
    return found if shard is None else {**found, SHARD_LABEL: str(shard)}


def labels(bot: str, component: str | None = None, shard: int | None = None) -> dict[str, str]:
    """All labels of one object of a bot."""
    own = selector(bot, component, shard) if component else {"app.kubernetes.io/name": "tradefleet"}
    return {**own, BOT_LABEL: bot, MANAGED_BY: MANAGER}


def metadata(
    bot: Object, name: str, component: str | None = None, shard: int | None = None
) -> dict[str, Any]:
    """Name, namespace, labels and owner of one object of a bot."""
    meta = bot["metadata"]
    owner = {
        "apiVersion": API_VERSION,
        "kind": "TradingBot",
        "name": meta["name"],
        "uid": meta["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }
    return {
        "name": name,
        "namespace": meta["namespace"],
        "labels": labels(meta["name"], component, shard),
        "ownerReferences": [owner],
    }
