"""What a pod says about itself in its resources, made from the status that it writes locally.

Pure. The fields and their owners: docs/decisions/0009.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tradefleet.adapters.kubernetes.api import CUSTOM, LEASES, path_of
from tradefleet.adapters.kubernetes.publisher import Condition, Report, rfc3339
from tradefleet.core.account_kill_switch import CLOSING
from tradefleet.spec.bot import API_VERSION, KIND

EXECUTOR_MANAGER: Final = "tradefleet-executor"
LEASE_SECONDS: Final = 15
"""Of the mirrored lease: three of its writes missed. The row in Postgres, which decides, has its own."""
LONGEST_TEXT: Final = 1024

Status = Mapping[str, Any]


def shard_path(namespace: str, bot: str, index: int) -> str:
    """The SymbolShard of one index."""
    return path_of(CUSTOM, namespace, "symbolshards", f"{bot}-{index}")


def bot_path(namespace: str, bot: str) -> str:
    """The TradingBot."""
    return path_of(CUSTOM, namespace, "tradingbots", bot)


def lease_path(namespace: str, bot: str) -> str:
    """The Lease that shows people who leads."""
    return path_of(LEASES, namespace, "leases", f"{bot}-executor")


def pod_manager(pod: str) -> str:
    """Under which a shard's pod writes, so that its entry is its own."""
    return f"tradefleet-pod-{pod}"


def shard_report(bot: str, index: int, pod: str, status: Status) -> Report:
    """The entry of one pod in its SymbolShard."""
    entry = {
        "name": pod,
        "appliedGeneration": status["generation"],
        "begunGeneration": status["begun_generation"],
        "configHash": status["config_hash"],
        "warm": status["warm"],
        "owner": status["owner"],
        "symbols": len(status["symbols"]),
        "message": _short(status["config_error"] or status["unknown_symbols"]),
    }
    return Report(
        body={
            "apiVersion": API_VERSION,
            "kind": "SymbolShard",
            "metadata": {"name": f"{bot}-{index}"},
            "status": {"pods": [entry]},
        },
        urgent=entry,
    )


def executor_report(bot: str, pod: str, status: Status) -> Report | None:
    """The bot's executor and its conditions; None for a process that has nothing to say: a standby."""
    in_use = status["state"] == "account_in_use"
    if not status["leading"] and not in_use:
        return None
    executor = {
        "leader": "" if in_use else pod,
        "epoch": status["epoch"],
        "account": status["account"],
        "state": status["state"],
        "appliedGeneration": status["generation"] or 0,
        "configHash": status["config_hash"] or "",
        "mayOpen": bool(status["may_open"]),
        "whyNot": _short(status["account_in_use"] if in_use else status.get("why_not", "")),
        "positions": len(status["positions"]),
        "equity": status["equity"],
        "latches": [_latch(record) for record in status["latch_records"]],
    }
    calm = ("whyNot", "positions", "equity")
    return Report(
        body={
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": {"name": bot},
            "status": {"executor": executor},
        },
        urgent={name: value for name, value in executor.items() if name not in calm},
        conditions=_conditions(status, in_use),
    )


def lease_report(bot: str, status: Status, now: datetime) -> Report | None:
    """The lease as people may look at it; nobody decides by it."""
    if not status["leading"]:
        return None
    return Report(
        body={
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            # Its labels and owner are the operator's: an apply that said less of the owner would replace it.
            "metadata": {"name": f"{bot}-executor"},
            "spec": {
                "holderIdentity": status["holder"],
                "leaseDurationSeconds": LEASE_SECONDS,
                "renewTime": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "leaseTransitions": status["epoch"],
            },
        },
        urgent=(status["holder"], status["epoch"]),
    )


def _conditions(status: Status, in_use: bool) -> tuple[Condition, ...]:
    generation = status["generation"] or 0
    error = status["config_error"]
    # Other latches forbid opening too, and close nothing: they are in `latches` and in `whyNot`.
    engaged = [one["latch_id"] for one in status["latch_records"] if one["kind"] in CLOSING]
    used = Condition(
        type="AccountInUse",
        is_true=in_use,
        reason="LedByAnotherBot" if in_use else "LedByThisBot",
        message=_short(status["account_in_use"]) if in_use else "",
        observed_generation=generation,
    )
    if in_use:
        return (used,)
    return (
        Condition(
            type="ConfigApplied",
            is_true=not error,
            reason="Refused" if error else "Applied",
            message=_short(error) if error else f"generation {generation} is in force",
            observed_generation=(status["refused_generation"] or generation) if error else generation,
        ),
        Condition(
            type="KillSwitchEngaged",
            is_true=bool(engaged),
            reason="Latched" if engaged else "NoLatch",
            message=_short(f"clear it by its id: {', '.join(engaged)}") if engaged else "",
            observed_generation=generation,
        ),
        Condition(
            type="SymbolsKnown",
            is_true=not status["unknown_symbols"],
            reason="NotTraded" if status["unknown_symbols"] else "AllTraded",
            message=_short(status["unknown_symbols"]),
            observed_generation=generation,
        ),
        used,
    )


def _latch(record: Mapping[str, Any]) -> dict[str, Any]:
    engaged = datetime.fromtimestamp(record["engaged_ns"] / 1e9, UTC)
    return {
        "id": record["latch_id"],
        "kind": record["kind"],
        "reason": _short(record["reason"]),
        "actor": record["actor"],
        "engagedAt": rfc3339(engaged),
    }


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + "…"
