"""A shard as a pod: probes, metrics, its entry in the SymbolShard. Composition only.

Outside of a cluster all of it is off: no port, no pod's name.
"""

import time
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

from tradefleet.adapters.config_source import BotAddress, is_in_cluster
from tradefleet.services.metrics import SHARD, exposition
from tradefleet.services.probes import Heartbeat, Probes
from tradefleet.services.shard.settings import ShardSettings

if TYPE_CHECKING:
    from tradefleet.services.shard.process import Shard

SILENT_S: Final = 10.0
"""A hundred ticks missed. The kubelet asks three times before it kills."""


class ShardPod:
    """What a shard's process shows to its cluster, before and after there is a shard."""

    def __init__(self, settings: ShardSettings) -> None:
        self.heartbeat = Heartbeat(SILENT_S, time.monotonic)
        self._settings = settings
        self._shard: Shard | None = None
        self._writer: Any = None
        self._bot = BotAddress(settings.snapshot) if is_in_cluster(settings.snapshot) else None

    def probes(self) -> Probes:
        """What is asked from outside."""
        labels = {"bot": self._bot.bot if self._bot else "", "shard": str(self._settings.shard)}
        return Probes(
            started=lambda: "" if self._shard is not None else "not prepared: see the log",
            ready=self._why_not_ready,
            alive=self.heartbeat.why_dead,
            metrics=exposition(SHARD, self.status, labels),
        )

    def loops(self, shard: "Shard") -> list[Coroutine[Any, Any, None]]:
        """From now on there is a shard; what runs beside it."""
        self._shard = shard
        if self._bot is None or not self._settings.pod_name:
            return []
        # Only a pod pays for the client's memory.
        from tradefleet.adapters.kubernetes.api import connect
        from tradefleet.adapters.kubernetes.publisher import Publisher
        from tradefleet.adapters.kubernetes.reports import pod_manager, shard_path, shard_report

        bot, pod, index = self._bot, self._settings.pod_name, self._settings.shard
        path = shard_path(bot.namespace, bot.bot, index)
        self._writer = Publisher(connect(), path, pod_manager(pod), "status")
        return [
            self._writer.run(
                lambda: shard_report(bot.bot, index, pod, shard.status("running")), shard.changed
            )
        ]

    def status(self) -> dict[str, Any]:
        """The shard's, with what is ours; empty before there is one."""
        if self._shard is None:
            return {}
        errors = 0 if self._writer is None else self._writer.errors
        return {**self._shard.status("running"), "status_errors": errors}

    def _why_not_ready(self) -> str:
        if self._shard is None:
            return "not prepared: see the log"
        if self._shard.leaving.is_set():
            return "told to stop"
        if not self._shard.router.pipelines:
            return self._shard.unknown_symbols or "no symbols"
        return "" if self._shard.router.is_warm else "books or history are missing"
