"""An executor as a pod: probes, metrics, the bot's status, the mirrored lease. Composition only.

Outside of a cluster all of it is off: no port, no pod's name. Nothing here is needed to trade: the
lease that decides is Postgres', and an API server that is away is waited for.
"""

import time
from collections.abc import Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from tradefleet.adapters.config_source import BotAddress, is_in_cluster
from tradefleet.services.executor.settings import ExecutorSettings
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.services.metrics import EXECUTOR, exposition
from tradefleet.services.probes import Heartbeat, Probes

SILENT_S: Final = 30.0
"""Ten answers of Postgres in a row that came at their time limit: the loop waits for its journal, and
killing it would not make that any faster."""


class ExecutorPod:
    """What an executor's process shows to its cluster."""

    def __init__(
        self, settings: ExecutorSettings, status: ExecutorStatus, report: Callable[[], Mapping[str, Any]]
    ) -> None:
        self.heartbeat = Heartbeat(SILENT_S, time.monotonic)
        self.prepared = False
        self.why_not_ready: Callable[[], str] = lambda: "not prepared: see the log"
        self._settings = settings
        self._status = status
        self._report = report
        self._writers: list[Any] = []
        self._bot = BotAddress(settings.snapshot_path) if is_in_cluster(settings.snapshot_path) else None

    def probes(self) -> Probes:
        """What is asked from outside."""
        return Probes(
            started=lambda: "" if self.prepared else f"not prepared: {self._status.state}",
            ready=lambda: self.why_not_ready() if self.prepared else "not prepared: see the log",
            alive=self.heartbeat.why_dead,
            metrics=exposition(EXECUTOR, self.status, {"bot": self._bot.bot if self._bot else ""}),
        )

    def status(self) -> Mapping[str, Any]:
        """The program's, with what is ours."""
        return {**self._report(), "status_errors": sum(writer.errors for writer in self._writers)}

    def loops(self) -> list[Coroutine[Any, Any, None]]:
        """What runs beside the program."""
        if self._bot is None or not self._settings.pod_name:
            return []
        # Only a pod pays for the client's memory.
        from tradefleet.adapters.kubernetes import reports
        from tradefleet.adapters.kubernetes.api import connect
        from tradefleet.adapters.kubernetes.publisher import Publisher

        bot, pod, api = self._bot, self._settings.pod_name, connect()
        resource = Publisher(
            api, reports.bot_path(bot.namespace, bot.bot), reports.EXECUTOR_MANAGER, "status"
        )
        lease = Publisher(api, reports.lease_path(bot.namespace, bot.bot), reports.EXECUTOR_MANAGER)
        self._writers = [resource, lease]

        def lease_now() -> Any:
            return reports.lease_report(bot.bot, self._report(), datetime.now(UTC))

        return [
            resource.run(lambda: reports.executor_report(bot.bot, pod, self._report()), self._status.changed),
            lease.run(lease_now, self._status.lease_changed),
        ]
