"""The executor: its Deployment of a leader and those who stand by, its Service, its budget, its Lease."""

from typing import Any, Final

from tradefleet.spec.addresses import endpoints_of
from tradefleet.spec.bot import BotSpec
from tradefleet_operator import names
from tradefleet_operator.builders.pods import RUN_FOLDER, PodPlan, pod_template, secret_variable
from tradefleet_operator.objects import Object

DECISIONS_LIMIT: Final = "1536Mi"
"""Half as much again as the log may take (`decisions_bytes`): the kubelet ends a pod that is above its limit,
the leader first, since it writes most."""
SPOOL_LIMIT: Final = "64Mi"
"""A latch is a few hundred bytes."""


def executor_deployment(bot: Object, spec: BotSpec, image: str) -> dict[str, Any]:
    """All may be the leader; the row in Postgres says who is."""
    name = bot["metadata"]["name"]
    credentials, stores = spec.exchange.credentials, spec.stores.secret_name
    plan = PodPlan(
        component=names.EXECUTOR,
        shard=None,
        template=spec.executor,
        settings=_settings(bot, spec),
        environment=[
            secret_variable("TRADEFLEET_REDIS", stores, "redis"),
            secret_variable("TRADEFLEET_POSTGRES", stores, "postgres"),
            *(
                secret_variable(variable, credentials.secret_name, variable)
                for variable in (credentials.api_key_variable, credentials.api_secret_variable)
            ),
        ],
        symbols=tuple(spec.universe.symbols),
        volumes={
            "decisions": {"emptyDir": {"sizeLimit": DECISIONS_LIMIT}},
            "spool": _spool(spec.executor.spool_claim),
        },
    )
    template = pod_template(bot, spec, plan, image)
    template["spec"]["topologySpreadConstraints"] = [
        {
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": names.selector(name, names.EXECUTOR)},
        }
    ]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": names.metadata(bot, names.executor_name(name), names.EXECUTOR),
        "spec": {
            "replicas": spec.executor.replicas,
            "revisionHistoryLimit": 2,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "selector": {"matchLabels": names.selector(name, names.EXECUTOR)},
            "template": template,
        },
    }


def _spool(claim: str) -> dict[str, Any]:
    """The kill switch's own: neither a full decision log nor a full status keeps a latch from the disk."""
    if claim:
        return {"persistentVolumeClaim": {"claimName": claim}}
    return {"emptyDir": {"sizeLimit": SPOOL_LIMIT}}


def executor_service(bot: Object) -> dict[str, Any]:
    """Where probes and metrics of the executors are; nothing trades through it."""
    name = bot["metadata"]["name"]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata(bot, names.executor_name(name), names.EXECUTOR),
        "spec": {
            "type": "ClusterIP",
            "selector": names.selector(name, names.EXECUTOR),
            "ports": [
                {"name": "probes", "port": names.PROBE_PORT, "targetPort": "probes", "protocol": "TCP"}
            ],
        },
    }


def executor_budget(bot: Object) -> dict[str, Any]:
    """A drained node takes one executor at a time, and never the last one."""
    name = bot["metadata"]["name"]
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": names.metadata(bot, names.executor_name(name), names.EXECUTOR),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": names.selector(name, names.EXECUTOR)},
        },
    }


def executor_lease(bot: Object) -> dict[str, Any]:
    """Empty: the leader writes into it who leads. Made here, so that no pod needs the right to create."""
    name = bot["metadata"]["name"]
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": names.metadata(bot, names.executor_name(name), names.EXECUTOR),
    }


def _settings(bot: Object, spec: BotSpec) -> dict[str, Any]:
    """As tradefleet.services.executor.settings.ExecutorSettings reads them."""
    meta, endpoints = bot["metadata"], endpoints_of(spec)
    return {
        "postgres": "${TRADEFLEET_POSTGRES}",
        "redis": "${TRADEFLEET_REDIS}",
        "snapshot_path": f"kubernetes://{meta['namespace']}/{meta['name']}",
        "status_path": f"{RUN_FOLDER}/status.json",
        "decisions_folder": f"{RUN_FOLDER}/decisions",
        "holder": "$(POD_NAME)",
        "rest": endpoints.rest,
        "public_stream": endpoints.public_stream,
        "private_stream": endpoints.private_stream,
        "api_key_variable": spec.exchange.credentials.api_key_variable,
        "api_secret_variable": spec.exchange.credentials.api_secret_variable,
        "probe_port": names.PROBE_PORT,
        # Some seconds of the grace period are left for the journal's last batch and the lease.
        "flatten_patience_s": float(max(1, spec.executor.grace_period_seconds - 5)),
        "pod_name": "$(POD_NAME)",
    }
