"""Bots as the API server holds them, and a cluster small enough to be a dictionary."""

from collections.abc import Mapping
from typing import Any

from tradefleet_operator.objects import Object, Ref, ref_of
from tradefleet_operator.plan import Plan

IMAGE = "registry.example/tradefleet-runtime:1"
NAMESPACE = "trading"


def make_bot(*symbols: str, name: str = "alpha", **spec: Any) -> dict[str, Any]:
    """A valid bot; spec: sections of it, as in YAML."""
    endpoints = {"rest": "http://sim:1", "publicStream": "ws://sim:1/p", "privateStream": "ws://sim:1/q"}
    return {
        "apiVersion": "tradefleet.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": name, "namespace": NAMESPACE, "uid": f"uid-{name}", "generation": 1},
        "spec": {
            "exchange": {"endpoints": endpoints},
            "universe": {"symbols": list(symbols or ("BTCUSDT", "ETHUSDT"))},
            "sharding": {"symbolsPerShard": 2},
            **spec,
        },
    }


def annotated(bot: Object, **annotations: str) -> dict[str, Any]:
    """The same bot with these annotations; `_` in a key stands for `/`."""
    named = {f"tradefleet.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    return {**bot, "metadata": {**bot["metadata"], "annotations": named}}


class SmallCluster:
    """What a server would hold after a plan, with every Deployment rolled out at once unless told."""

    def __init__(self) -> None:
        self.objects: dict[Ref, Object] = {}

    def carry_out(self, planned: Plan, *, roll_out: bool = True) -> None:
        for value in planned.apply:
            before = self.objects.get(ref_of(value))
            generation = before["metadata"]["generation"] + 1 if before else 1
            there = {**value, "metadata": {**value["metadata"], "generation": generation}}
            if before is not None and "status" in before:
                there["status"] = before["status"]
            self.objects[ref_of(value)] = there
        for ref in planned.delete:
            del self.objects[ref]
        if roll_out:
            self.roll_out()

    def roll_out(self) -> None:
        for ref, value in self.objects.items():
            if ref.kind == "Deployment":
                self.objects[ref] = rolled(value)

    def put(self, *values: Object) -> None:
        self.objects.update({ref_of(value): value for value in values})

    def names(self, kind: str) -> list[str]:
        return sorted(ref.name for ref in self.objects if ref.kind == kind)


def rolled(deployment: Object) -> dict[str, Any]:
    """A Deployment whose pods are all new and available."""
    wanted = deployment["spec"]["replicas"]
    status = {
        "observedGeneration": deployment["metadata"].get("generation"),
        "updatedReplicas": wanted,
        "availableReplicas": wanted,
        "replicas": wanted,
    }
    return {**deployment, "status": status}


def make_pod(name: str, shard: int | None = None, **status: Any) -> dict[str, Any]:
    """A pod of a shard, or of the executor."""
    labels: Mapping[str, str] = {} if shard is None else {"tradefleet.dev/shard": str(shard)}
    meta = {"name": name, "namespace": NAMESPACE, "labels": {"tradefleet.dev/bot": "alpha", **labels}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "status": status}


def waiting_pod(name: str, reason: str, message: str, shard: int | None = None) -> dict[str, Any]:
    """A pod whose container cannot start."""
    state = {"waiting": {"reason": reason, "message": message}}
    return make_pod(name, shard, containerStatuses=[{"name": "c", "state": state}])
