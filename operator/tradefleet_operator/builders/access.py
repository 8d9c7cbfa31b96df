"""What the pods of a bot may do at the API server: read their own bot, write their own status.

Losing all of it stops no trading. Shards and executors have accounts of their own; none may create,
delete or read a Secret. A watch under `resourceNames` is allowed only with the field selector
metadata.name, which the pods use.
"""

from collections.abc import Sequence
from typing import Any

from tradefleet_operator import names
from tradefleet_operator.objects import Object

RBAC = "rbac.authorization.k8s.io"


def shard_access(
    bot: Object, shards: Sequence[str], pull_secrets: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Account, Role and RoleBinding of the shards. shards: names of the bot's SymbolShards."""
    return _access(
        bot,
        names.SHARD,
        [
            *_reads(bot),
            _rule(names.GROUP, "symbolshards/status", ["patch"], list(shards)),
        ],
        pull_secrets,
    )


def executor_access(bot: Object, pull_secrets: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Account, Role and RoleBinding of the executors."""
    name = bot["metadata"]["name"]
    return _access(
        bot,
        names.EXECUTOR,
        [
            *_reads(bot),
            _rule(names.GROUP, "tradingbots/status", ["patch"], [name]),
            _rule("coordination.k8s.io", "leases", ["get", "patch"], [names.executor_name(name)]),
        ],
        pull_secrets,
    )


def _reads(bot: Object) -> list[dict[str, Any]]:
    watch = ["get", "list", "watch"]
    return [
        _rule(names.GROUP, "tradingbots", watch, [bot["metadata"]["name"]]),
        # By label, which a Role cannot say: the shards of the namespace's other bots can be read too.
        _rule(names.GROUP, "symbolshards", watch),
    ]


def _rule(
    group: str, resource: str, verbs: list[str], resource_names: list[str] | None = None
) -> dict[str, Any]:
    rule: dict[str, Any] = {"apiGroups": [group], "resources": [resource], "verbs": verbs}
    return rule if resource_names is None else {**rule, "resourceNames": resource_names}


def _access(
    bot: Object, component: str, rules: list[dict[str, Any]], pull_secrets: Sequence[str]
) -> list[dict[str, Any]]:
    # The account hands them to its pods, whose template stays as it is.
    pulls = {"imagePullSecrets": [{"name": name} for name in pull_secrets]} if pull_secrets else {}
    meta = names.metadata(bot, names.access_name(bot["metadata"]["name"], component), component)
    role = {"apiGroup": RBAC, "kind": "Role", "name": meta["name"]}
    subject = {"kind": "ServiceAccount", "name": meta["name"], "namespace": meta["namespace"]}
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta, **pulls},
        {"apiVersion": f"{RBAC}/v1", "kind": "Role", "metadata": meta, "rules": rules},
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": "RoleBinding",
            "metadata": meta,
            "roleRef": role,
            "subjects": [subject],
        },
    ]
