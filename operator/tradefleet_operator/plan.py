"""What should exist, against what does: the one decision of the operator, without a request in it.

`plan` is level-based: it looks at everything there is of one bot and never asks what happened. Applying
what it returns and planning again gives nothing to do. A bot that is refused, paused or being deleted
keeps what it has.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from tradefleet.spec.snapshot import ShardAssignment
from tradefleet_operator import names
from tradefleet_operator.builders.access import executor_access, shard_access
from tradefleet_operator.builders.executor import (
    executor_budget,
    executor_deployment,
    executor_lease,
    executor_service,
)
from tradefleet_operator.builders.shard import shard_deployment, symbol_shard
from tradefleet_operator.judge import Accepted, Refused, judge
from tradefleet_operator.objects import (
    Object,
    Ref,
    applied_hash,
    holds,
    is_being_deleted,
    is_owned_by,
    ref_of,
    signed,
)

# Who a pod runs as, and what it watches, come before the pod.
_ORDER: Final = (
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "SymbolShard",
    "Lease",
    "Service",
    "PodDisruptionBudget",
    "Deployment",
)
KINDS: Final = frozenset(_ORDER)


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to do for one bot.

    verdict: whether its spec may run. paused: the operator was told to change nothing. apply: objects
    in the order in which they must appear. delete: what is no longer wanted.
    """

    verdict: Accepted | Refused
    paused: bool
    apply: tuple[dict[str, Any], ...] = ()
    delete: tuple[Ref, ...] = ()


def plan(bot: Object, observed: Mapping[Ref, Object], image: str, pull_secrets: Sequence[str] = ()) -> Plan:
    """observed: everything of the bot that there is. image: of the runtime, pulled with pull_secrets."""
    verdict = judge(bot, [value for value in observed.values() if value["kind"] == "SymbolShard"])
    paused = (bot["metadata"].get("annotations") or {}).get(names.RECONCILE) == "paused"
    if isinstance(verdict, Refused) or paused or is_being_deleted(bot):
        return Plan(verdict=verdict, paused=paused)
    wanted = {ref_of(value): signed(value) for value in desired(bot, verdict, image, pull_secrets)}
    apply = [value for ref, value in wanted.items() if _differs(observed.get(ref), value)]
    gone = [
        ref
        for ref, value in observed.items()
        if ref.kind in KINDS
        and ref not in wanted
        and is_owned_by(value, bot["metadata"]["uid"])
        and not is_being_deleted(value)
    ]
    # A shard goes when those that take its symbols over have their books: no book is without a reader.
    if apply or not all(rolled_out(observed.get(ref)) for ref in wanted if ref.kind == "Deployment"):
        gone = [ref for ref in gone if ref.kind not in ("Deployment", "SymbolShard")]
    return Plan(
        verdict=verdict,
        paused=False,
        apply=tuple(sorted(apply, key=lambda value: _ORDER.index(value["kind"]))),
        delete=tuple(sorted(gone)),
    )


def desired(
    bot: Object, accepted: Accepted, image: str, pull_secrets: Sequence[str] = ()
) -> Iterator[dict[str, Any]]:
    """Every object that the bot should have."""
    spec = accepted.bot.spec
    yield from shard_access(bot, _shard_names(bot, accepted.shards), pull_secrets)
    yield from executor_access(bot, pull_secrets)
    for assignment in accepted.shards:
        yield symbol_shard(bot, assignment)
        yield shard_deployment(bot, spec, assignment, image)
    yield executor_lease(bot)
    yield executor_service(bot)
    yield executor_budget(bot)
    yield executor_deployment(bot, spec, image)


def rolled_out(deployment: Object | None) -> bool:
    """Whether a Deployment has nothing but ready pods of its newest template."""
    if deployment is None:
        return False
    meta, status = deployment["metadata"], deployment.get("status") or {}
    wanted = deployment["spec"].get("replicas", 1)
    counts = (status.get("updatedReplicas"), status.get("availableReplicas"), status.get("replicas"))
    return status.get("observedGeneration") == meta.get("generation") and counts == (wanted,) * 3


def _differs(there: Object | None, wanted: Object) -> bool:
    if there is None:
        return True
    if is_being_deleted(there):
        return False  # it cannot be mended; it is made anew when it is gone
    return applied_hash(there) != applied_hash(wanted) or not holds(there, wanted)


def _shard_names(bot: Object, shards: Sequence[ShardAssignment]) -> list[str]:
    return [names.shard_name(bot["metadata"]["name"], shard.index) for shard in shards]
