"""What the pods of both programs have in common: who they run as, how they are asked, what they may use.

The template depends on nothing but what must replace pods. A hot edit, or a newer operator, gives the
same template byte for byte, and so restarts nothing.
"""

from typing import Any, Final

import msgspec

from tradefleet.spec.bot import BotSpec, PodTemplate
from tradefleet.spec.fields import Reload
from tradefleet.spec.schema_walk import leaves
from tradefleet_operator import names
from tradefleet_operator.objects import Object, content_hash

RUN_FOLDER: Final = "/run/tradefleet"
_USER: Final = 65532
"""Of the image; a number, so that the kubelet can see that it is not root."""

# Fields that replace processes, but not these: what only says which symbols run where is in the
# template by the symbols themselves, and the simulator belongs to the local fleet.
_ELSEWHERE: Final = ("spec.universe.", "spec.sharding.", "spec.exchange.simulator.")
_NOT_OF: Final = {
    names.SHARD: (*_ELSEWHERE, "spec.executor.", "spec.execution.", "spec.exchange.credentials."),
    names.EXECUTOR: (*_ELSEWHERE, "spec.shard.", "spec.feed.", "spec.executor.replicas"),
}


class PodPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between the two kinds of pod.

    settings: of the program, as its JSON. environment: beside the settings. symbols: that it carries or
    trades; in the restart hash. volumes: what a folder below RUN_FOLDER is, by its name, when it has a volume
    of its own.
    """

    component: str
    shard: int | None
    template: PodTemplate
    settings: dict[str, Any]
    environment: list[dict[str, Any]]
    symbols: tuple[str, ...]
    volumes: dict[str, dict[str, Any]] = {}


def restart_hash(spec: BotSpec, component: str, symbols: tuple[str, ...]) -> str:
    """What a pod of this kind cannot change while it runs, as one short text."""
    values = {
        leaf.path: sorted(value) if isinstance(value := leaf.value(spec), list) else value
        for leaf in leaves()
        if leaf.reload is not Reload.HOT and not leaf.path.startswith(_NOT_OF[component])
    }
    return content_hash({"fields": values, "symbols": sorted(symbols)})


def pod_template(bot: Object, spec: BotSpec, plan: PodPlan, image: str) -> dict[str, Any]:
    """The template of a Deployment."""
    name = bot["metadata"]["name"]
    annotations = {names.RESTART_HASH: restart_hash(spec, plan.component, plan.symbols)}
    restarted = (bot["metadata"].get("annotations") or {}).get(names.RESTARTED_AT)
    if restarted:
        annotations[names.RESTARTED_AT] = restarted
    return {
        "metadata": {
            "labels": names.labels(name, plan.component, plan.shard),
            "annotations": annotations,
        },
        "spec": {
            "serviceAccountName": names.access_name(name, plan.component),
            "terminationGracePeriodSeconds": plan.template.grace_period_seconds,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "fsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            # A node that is lost for a minute would else keep its books for five.
            "tolerations": [
                {
                    "key": f"node.kubernetes.io/{trouble}",
                    "operator": "Exists",
                    "effect": "NoExecute",
                    "tolerationSeconds": 5,
                }
                for trouble in ("not-ready", "unreachable")
            ],
            "containers": [_container(plan, image)],
            "volumes": [
                {"name": "run", "emptyDir": {"sizeLimit": "1Gi"}},
                *({"name": folder, **volume} for folder, volume in plan.volumes.items()),
            ],
        },
    }


def _container(plan: PodPlan, image: str) -> dict[str, Any]:
    return {
        "name": plan.component,
        "image": image,
        "command": ["tradefleet", plan.component],
        "env": [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            *plan.environment,
            {"name": "TRADEFLEET_SETTINGS", "value": msgspec.json.encode(plan.settings).decode()},
        ],
        "ports": [{"name": "probes", "containerPort": names.PROBE_PORT, "protocol": "TCP"}],
        # What it said last is what the condition Degraded says of a container that ends by itself.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        # Two minutes to start: the exchange's history and the stores may be slow once.
        "startupProbe": _probe("/startupz", periodSeconds=1, failureThreshold=120),
        "readinessProbe": _probe("/readyz", periodSeconds=1, failureThreshold=2),
        "livenessProbe": _probe("/livez", periodSeconds=10, failureThreshold=3),
        "resources": {
            "requests": {"cpu": _cpu(plan.template.cpu), "memory": _memory(plan.template.memory)},
            "limits": {"memory": _memory(plan.template.memory)},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "run", "mountPath": RUN_FOLDER},
            *({"name": folder, "mountPath": f"{RUN_FOLDER}/{folder}"} for folder in plan.volumes),
        ],
    }


def secret_variable(variable: str, secret: str, key: str) -> dict[str, Any]:
    """An environment variable from a Secret's key."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}


def _probe(path: str, **times: int) -> dict[str, Any]:
    return {"httpGet": {"path": path, "port": "probes"}, "timeoutSeconds": 2, **times}


def _cpu(text: str) -> str:
    """As the server writes it back, so that what we observe is what we wanted: 1000m is 1."""
    if text.endswith("000m"):
        return text.removesuffix("000m")
    return text


def _memory(text: str) -> str:
    """Likewise: 1024Mi is 1Gi."""
    if text.endswith("Mi") and int(text.removesuffix("Mi")) % 1024 == 0:
        return f"{int(text.removesuffix('Mi')) // 1024}Gi"
    return text
