"""A shard: its SymbolShard and its Deployment, which replaces a pod only when the next one has its books."""

from typing import Any

from tradefleet.spec.addresses import endpoints_of
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.snapshot import ShardAssignment
from tradefleet_operator import names
from tradefleet_operator.builders.pods import RUN_FOLDER, PodPlan, pod_template, secret_variable
from tradefleet_operator.objects import Object


def symbol_shard(bot: Object, assignment: ShardAssignment) -> dict[str, Any]:
    """The resource that the shard's pods watch."""
    name = bot["metadata"]["name"]
    return {
        "apiVersion": names.API_VERSION,
        "kind": "SymbolShard",
        "metadata": names.metadata(
            bot, names.shard_name(name, assignment.index), names.SHARD, assignment.index
        ),
        "spec": {"bot": name, "index": assignment.index, "symbols": list(assignment.symbols)},
    }


def shard_deployment(bot: Object, spec: BotSpec, assignment: ShardAssignment, image: str) -> dict[str, Any]:
    """One pod; two while one replaces the other."""
    name = bot["metadata"]["name"]
    plan = PodPlan(
        component=names.SHARD,
        shard=assignment.index,
        template=spec.shard,
        settings=_settings(bot, spec, assignment.index),
        environment=[secret_variable("TRADEFLEET_REDIS", spec.stores.secret_name, "redis")],
        symbols=assignment.symbols,
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": names.metadata(
            bot, names.shard_deployment(name, assignment.index), names.SHARD, assignment.index
        ),
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 2,
            # The executor needs about a second to choose the newcomer; the old pod hands over besides.
            "minReadySeconds": 2,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": names.selector(name, names.SHARD, assignment.index)},
            "template": pod_template(bot, spec, plan, image),
        },
    }


def _settings(bot: Object, spec: BotSpec, index: int) -> dict[str, Any]:
    """As tradefleet.services.shard.ShardSettings reads them. The kubelet puts the pod's name in."""
    meta = bot["metadata"]
    return {
        "redis": "${TRADEFLEET_REDIS}",
        "snapshot": f"kubernetes://{meta['namespace']}/{meta['name']}",
        "shard": index,
        "status": f"{RUN_FOLDER}/status.json",
        "rest": endpoints_of(spec).rest,
        "publicStream": endpoints_of(spec).public_stream,
        "probePort": names.PROBE_PORT,
        "podName": "$(POD_NAME)",
    }
