"""kopf's part: it watches, and every event only puts an object into the store and marks a bot as dirty.

Indexes are declared although nothing is put into them, since kopf calls no event handler before every
indexed kind has been listed: so no bot is planned on half of what there is. There are no handlers of
creation, change or deletion: those would write annotations, finalizers and Events.
"""

from collections.abc import Mapping
from typing import Any, Final

import kopf

from tradefleet_operator import names
from tradefleet_operator.objects import Ref, ref_of
from tradefleet_operator.reconciler import Reconciler
from tradefleet_operator.store import bot_of

_OURS: Final = {names.MANAGED_BY: names.MANAGER}

# (group/version, plural, kind, labels that select ours)
WATCHED: Final[tuple[tuple[str, str, str, dict[str, str]], ...]] = (
    ("tradefleet.dev/v1alpha1", "tradingbots", "TradingBot", {}),
    ("tradefleet.dev/v1alpha1", "symbolshards", "SymbolShard", _OURS),
    ("apps/v1", "deployments", "Deployment", _OURS),
    ("v1", "pods", "Pod", _OURS),
    ("v1", "services", "Service", _OURS),
    ("v1", "serviceaccounts", "ServiceAccount", _OURS),
    ("policy/v1", "poddisruptionbudgets", "PodDisruptionBudget", _OURS),
    ("coordination.k8s.io/v1", "leases", "Lease", _OURS),
    ("rbac.authorization.k8s.io/v1", "roles", "Role", _OURS),
    ("rbac.authorization.k8s.io/v1", "rolebindings", "RoleBinding", _OURS),
)


def registry(reconciler: Reconciler) -> kopf.OperatorRegistry:
    """Everything that kopf is to watch, into this reconciler."""
    handlers = kopf.OperatorRegistry()
    kopf.on.login(registry=handlers)(_login)
    for group_version, plural, kind, labels in WATCHED:
        take, note = _functions(reconciler, group_version, kind)
        resource: dict[str, Any] = {"labels": dict(labels)} if labels else {}
        kopf.index(group_version, plural, id=f"know-{plural}", registry=handlers, **resource)(take)
        kopf.on.event(group_version, plural, id=f"note-{plural}", registry=handlers, **resource)(note)
    return handlers


def _functions(reconciler: Reconciler, group_version: str, kind: str) -> tuple[Any, Any]:
    def whole(body: Mapping[str, Any]) -> dict[str, Any]:
        # Items of a list do not say what they are.
        return {**body, "apiVersion": group_version, "kind": kind}

    def take(body: kopf.Body, **_: Any) -> None:
        reconciler.store.put(whole(body))

    def note(event: kopf.RawEvent, body: kopf.Body, **_: Any) -> None:
        value = whole(body)
        if event["type"] == "DELETED":
            ref: Ref = ref_of(value)
            reconciler.store.remove(ref, value["metadata"].get("uid", ""))
        else:
            reconciler.store.put(value)
        key = bot_of(value)
        if key is not None:
            reconciler.mark(key)

    return take, note


def _login(**facts: Any) -> kopf.ConnectionInfo | None:
    """The service account of our pod; outside of a cluster what KUBECONFIG names."""
    return kopf.login_with_service_account(**facts) or kopf.login_with_kubeconfig(**facts)
