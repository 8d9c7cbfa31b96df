"""What the operator says of a bot and of its shards: conditions that a person or `kubectl wait` can use.

Pure: what is, and what was said before, give what is to be said now. A condition's time changes only with
its status, so that saying the same again is no write.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tradefleet.spec.status import (
    Condition,
    ConditionStatus,
    Phase,
    ShardCounts,
    SymbolShardStatus,
    TradingBotStatus,
    to_object,
)
from tradefleet_operator import names
from tradefleet_operator.judge import Refused
from tradefleet_operator.objects import Object, Ref, condition, is_being_deleted
from tradefleet_operator.plan import Plan
from tradefleet_operator.troubles import Trouble, summary, troubles

TRUE, FALSE, UNKNOWN = ConditionStatus.TRUE, ConditionStatus.FALSE, ConditionStatus.UNKNOWN

_LONGEST = 8000
Said = tuple[ConditionStatus, str, str]


def bot_status(bot: Object, planned: Plan, observed: Mapping[Ref, Object], now: str) -> dict[str, Any]:
    """The operator's part of a bot's status. now: as Kubernetes writes a time."""
    shards = [value for value in observed.values() if value["kind"] == "SymbolShard"]
    ready = sum(_shard_is_ready(shard, observed) for shard in shards)
    wanted = len(shards) if isinstance(planned.verdict, Refused) else len(planned.verdict.shards)
    trouble = troubles([value for value in observed.values() if value["kind"] == "Pod"])
    accepted = _accepted(planned)
    is_ready = _ready(bot, planned, observed, ready, wanted)
    degraded = _degraded(bot, trouble)
    said = {"ConfigAccepted": accepted, "Ready": is_ready, "Degraded": degraded}
    generation = int(bot["metadata"].get("generation", 0))
    return to_object(
        TradingBotStatus(
            observed_generation=generation,
            phase=_phase(bot, planned, is_ready, degraded),
            shards=ShardCounts(desired=wanted, ready=ready),
            conditions=_conditions(bot, said, generation, now),
        )
    )


def shard_status(shard: Object, observed: Mapping[Ref, Object], now: str) -> dict[str, Any]:
    """The operator's part of a shard's status."""
    meta, index = shard["metadata"], str(shard["spec"]["index"])
    ready = _shard_is_ready(shard, observed)
    pods = [value for value in observed.values() if value["kind"] == "Pod" and _is_of_shard(value, index)]
    trouble = troubles(pods)
    if ready:
        said: Said = (TRUE, "Ready", "a pod has its books and serves")
    elif trouble:
        said = (FALSE, trouble[0].reason, summary(trouble))
    else:
        said = (FALSE, "Starting", "no pod has its books yet")
    generation = int(meta.get("generation", 0))
    return to_object(
        SymbolShardStatus(
            observed_generation=generation,
            ready=ready,
            conditions=_conditions(shard, {"Ready": said}, generation, now),
        )
    )


def dead_pods(shard: Object, observed: Mapping[Ref, Object]) -> tuple[str, ...]:
    """Pods that have an entry in the shard's status and are no more."""
    namespace = shard["metadata"].get("namespace", "")
    listed = (pod["name"] for pod in (shard.get("status") or {}).get("pods") or ())
    return tuple(name for name in listed if Ref("Pod", namespace, name) not in observed)


def _accepted(planned: Plan) -> Said:
    if isinstance(planned.verdict, Refused):
        return FALSE, planned.verdict.reason, planned.verdict.message
    return TRUE, "Accepted", "the spec can run"


def _ready(bot: Object, planned: Plan, observed: Mapping[Ref, Object], ready: int, wanted: int) -> Said:
    if isinstance(planned.verdict, Refused):
        return FALSE, planned.verdict.reason, planned.verdict.message
    if is_being_deleted(bot):
        return FALSE, "Deleting", "the bot is being deleted"
    in_use = condition(bot, "AccountInUse")
    if in_use.get("status") == "True":
        return FALSE, "AccountInUse", str(in_use.get("message", ""))
    if ready < wanted:
        return FALSE, "ShardsNotReady", f"{ready} of {wanted} shards have a pod with all its books"
    meta = bot["metadata"]
    executor = observed.get(Ref("Deployment", meta["namespace"], names.executor_name(meta["name"])))
    if not ((executor or {}).get("status") or {}).get("availableReplicas"):
        return FALSE, "ExecutorNotReady", "no executor is ready to lead"
    leader = ((bot.get("status") or {}).get("executor") or {}).get("leader", "")
    if not leader or Ref("Pod", meta["namespace"], leader) not in observed:
        return FALSE, "NoLeader", "no executor leads the account yet"
    return TRUE, "Running", f"{wanted} shards ready, {leader} leads"


def _degraded(bot: Object, trouble: Sequence[Trouble]) -> Said:
    if trouble:
        return TRUE, trouble[0].reason, summary(trouble)
    applied = condition(bot, "ConfigApplied")
    if applied.get("status") == "False":
        return TRUE, str(applied.get("reason", "ConfigNotApplied")), str(applied.get("message", ""))
    known = condition(bot, "SymbolsKnown")
    if known.get("status") == "False":
        return TRUE, "SymbolsNotTraded", str(known.get("message", ""))
    return FALSE, "AsExpected", "no pod is in trouble"


def _phase(bot: Object, planned: Plan, ready: Said, degraded: Said) -> Phase:
    if is_being_deleted(bot):
        return Phase.DELETING
    if isinstance(planned.verdict, Refused):
        return Phase.REFUSED
    if planned.paused:
        return Phase.PAUSED
    if degraded[0] is TRUE:
        return Phase.DEGRADED
    if ready[0] is TRUE:
        return Phase.RUNNING
    return Phase.PROGRESSING if (bot.get("status") or {}).get("shards") else Phase.PENDING


def _shard_is_ready(shard: Object, observed: Mapping[Ref, Object]) -> bool:
    meta = shard["metadata"]
    name = names.shard_deployment(shard["spec"]["bot"], int(shard["spec"]["index"]))
    deployment = observed.get(Ref("Deployment", meta.get("namespace", ""), name))
    return bool(((deployment or {}).get("status") or {}).get("availableReplicas"))


def _is_of_shard(pod: Object, index: str) -> bool:
    return bool((pod["metadata"].get("labels") or {}).get(names.SHARD_LABEL) == index)


def _conditions(resource: Object, said: Mapping[str, Said], generation: int, now: str) -> list[Condition]:
    return [_condition(resource, type_, values, generation, now) for type_, values in said.items()]


def _condition(resource: Object, type_: str, said: Said, generation: int, now: str) -> Condition:
    status, reason, message = said
    before = condition(resource, type_)
    same = before.get("status") == status.value
    return Condition(
        type=type_,
        status=status,
        reason=reason,
        message=message[:_LONGEST],
        last_transition_time=str(before["lastTransitionTime"]) if same else now,
        observed_generation=generation,
    )
