"""What a shard says about itself: one mapping for the status file, the resource's status and metrics."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from tradefleet.core.pipeline import PipelineStatus

if TYPE_CHECKING:
    from tradefleet.services.shard.process import Shard

_MS: Final = 1_000_000


def shard_status(shard: "Shard", state: str) -> dict[str, Any]:
    """Plain values. state: "starting", "running", "leaving" or "stopped"."""
    statuses = shard.router.statuses(shard.now_ns())
    return {
        "component": "shard",
        "state": state,
        "shard": shard.settings.shard,
        "pid": os.getpid(),
        "instance": shard.instance,
        "generation": shard.snapshot.generation,
        "begun_generation": shard.begun_generation,
        "config_hash": shard.snapshot.content_hash(),
        "config_error": shard.config_error,
        "unknown_symbols": shard.unknown_symbols,
        "config_source": "down" if shard.source.trouble else "up",
        "warm": shard.router.is_warm,
        "owner": shard.is_owner,
        "connections": shard.connections,
        "messages": shard.messages,
        "messages_per_s": round(shard.rate, 1),
        "signals": sum(sum(status.signals.values()) for status in statuses),
        "shadow_signals": sum(sum(status.shadow.values()) for status in statuses),
        "published": shard.publisher.published,
        "expired": shard.publisher.expired,
        "overflowed": shard.publisher.overflowed,
        "waiting": shard.publisher.waiting,
        "faults": _faults(shard, statuses),
        "redis": "up" if shard.bus_state.is_up else "down",
        "symbols": {status.symbol: _symbol(status) for status in statuses},
    }


def _faults(shard: "Shard", statuses: Sequence[PipelineStatus]) -> dict[str, int]:
    faults = shard.refused + Counter({fault.value: count for fault, count in shard.router.faults.items()})
    for status in statuses:
        faults.update(status.faults)
    return dict(faults)


def _symbol(status: PipelineStatus) -> dict[str, Any]:
    age_ns = status.book_age_ns
    return {
        "warm": status.warm,
        "book_stale": status.book_stale,
        "book_age_ms": None if age_ns is None else round(age_ns / _MS, 1),
        "signals": status.signals,
        "shadow": status.shadow,
        "faults": status.faults,
        "candles": status.candles,
    }
