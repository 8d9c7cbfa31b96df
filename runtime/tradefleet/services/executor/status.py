"""What the executor says about itself: counters the shell keeps, beside the core's own status.

Written as one JSON file that the local fleet reads; in a cluster the bot's status and the metrics are
made of the same mapping. Nothing here decides anything.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import structlog

from tradefleet.core.actions import AnyAction, JudgeSignal, KeepExecution, KeepReport, Verdict
from tradefleet.core.events import AnyEvent, ConfigApplied, SignalReceived
from tradefleet.spec.snapshot import ConfigSnapshot

log = structlog.get_logger(__name__)

DAY_NS: Final = 86_400 * 1_000_000_000

_NO_CORE: Final[Mapping[str, Any]] = {
    "positions": [],
    "equity": "",
    "latches": [],
    "latch_records": [],
    "kill_switch": {"engaged": False, "seconds_to_flat": None},
    "may_open": False,
    "events_waiting": 0,
    "waited_s": 0.0,
    "leverage": {"set": 0, "waiting": 0, "refused": {}},
}
"""Between two epochs nothing is known."""

_NO_LETTERS: Final[Mapping[str, int]] = {"kept": 0, "lost": 0, "waiting": 0}


class LogSeen(Protocol):
    """What is said of an epoch's decision log: why it pauses ("" while it does not), and how many decisions
    it misses."""

    @property
    def paused(self) -> str: ...
    @property
    def missing(self) -> int: ...


class _NoLog:
    paused = ""
    missing = 0


class ExecutorStatus:
    """Counts and states; `report` makes the file's content."""

    def __init__(self) -> None:
        self.state = "starting"
        self.uid = ""
        self.epoch = 0
        self.leading = False
        self.digest = ""
        self.orders_sent = 0
        self.holder = ""
        self.account = ""
        self.account_in_use = ""
        """Who has the account, while it is another bot."""
        self.config: ConfigSnapshot | None = None
        self.config_error = ""
        self.refused_generation = 0
        self.unknown_symbols = ""
        """Of the symbols that we should trade: what the exchange says of those that it does not have."""
        self.bot_deleted = False
        """Heard once, and true for every epoch after."""
        self.config_trouble: Callable[[], str] = lambda: ""
        self.closing_without_journal = False
        self.seconds_to_flat: float | None = None
        """Of the last closing without a journal; None when it has not ended."""
        self.dead_letters: Callable[[], Mapping[str, int]] = lambda: _NO_LETTERS
        self.decision_log: LogSeen = _NoLog()
        self.changed = asyncio.Event()
        self.lease_changed = asyncio.Event()
        """Something that others should hear of at once: each event has one that listens."""
        self.errors: Counter[str] = Counter()
        self.stores = {"postgres": "down", "redis": "down"}
        self._key_expires_ns: int | None = None
        self._signals_seen = 0
        self._accepted = 0
        self._fills = 0
        self._refused: Counter[str] = Counter()
        self._comparisons: Counter[str] = Counter()

    def problem(self, kind: str, detail: str, **figures: Any) -> None:
        """Count and log something that a person should know. kind: a word for the metric's label."""
        self.errors[kind] += 1
        log.error("executor_problem", kind=kind, detail=detail, **figures)

    def preflight(self, key_expires_ns: int | None, warnings: Sequence[tuple[str, str]]) -> None:
        """What was seen of the key before anything was traded. warnings: a word and a sentence each."""
        self._key_expires_ns = key_expires_ns
        for kind, text in warnings:
            log.warning("preflight", kind=kind, detail=text)

    def key_expires(self, expires_ns: int | None) -> None:
        """What the exchange says now of the key's end; None for never."""
        self._key_expires_ns = expires_ns

    def config_refused(self, why: str, generation: int) -> None:
        """A configuration cannot be used; the last good one stays in force."""
        self.config_error, self.refused_generation = why, generation
        self.problem("bad_snapshot", why)
        self.changed.set()

    def say_unknown(self, what: str) -> None:
        """These symbols are not traded; "" when all are. Said at each change."""
        if what == self.unknown_symbols:
            return
        self.unknown_symbols = what
        if what:
            self.problem("unknown_symbols", what)
        self.changed.set()

    def now(self, state: str) -> None:
        """What the executor does from now on."""
        self.state = state
        self.changed.set()
        self.lease_changed.set()

    def store_down(self, store: str, detail: str) -> None:
        """A store does not answer; said once until it is back."""
        if self.stores[store] != "lost":
            self.stores[store] = "lost"
            self.problem(f"{store}_down", detail)

    def store_up(self, store: str) -> None:
        """A store answers."""
        if self.stores[store] != "up":
            log.info("store_up", store=store)
            self.stores[store] = "up"

    def count(self, event: AnyEvent, actions: list[AnyAction]) -> None:
        """Take what the core was told and has decided into the counters."""
        self._signals_seen += isinstance(event, SignalReceived)
        if isinstance(event, ConfigApplied):
            self.changed.set()
        for action in actions:
            match action:
                case JudgeSignal():
                    self._count_verdict(action)
                case KeepExecution(execution=execution) if execution.exec_type.changes_position:
                    self._fills += 1
                case KeepReport(report=report):
                    self._comparisons[report.outcome.value] += 1

    def report(self, core: Mapping[str, Any]) -> dict[str, Any]:
        """Everything, as plain JSON values. core: what the core of the running epoch says; the
        shell's counts replace its own, since they go on from one epoch to the next."""
        return {
            **_NO_CORE,
            **core,
            "orders_open": core.get("open_intents", 0),
            "daily_loss": _daily_loss(core),
            "component": "executor",
            "pid": os.getpid(),
            # The core's own: what was handed to it may still wait in its queue.
            "generation": core.get("generation", self.config.generation if self.config else None),
            "config_hash": core.get("config_hash", self.config.content_hash() if self.config else None),
            "config_error": self.config_error,
            "config_source": "down" if self.config_trouble() else "up",
            "refused_generation": self.refused_generation,
            "unknown_symbols": self.unknown_symbols,
            "closing_without_journal": self.closing_without_journal,
            "flat_without_journal_s": self.seconds_to_flat,
            "holder": self.holder,
            "account": self.account,
            "account_in_use": self.account_in_use,
            "epoch": self.epoch,
            "leading": self.leading,
            "state": self.state,
            "uid": self.uid,
            "api_key_expiry_days": self._key_expiry_days(),
            "signals_seen": self._signals_seen,
            "accepted": self._accepted,
            "refused_by_reason": dict(sorted(self._refused.items())),
            "orders_sent": self.orders_sent,
            "reconciliations": dict(sorted(self._comparisons.items())),
            "fills": self._fills,
            "stores": {name: "up" if state == "up" else "down" for name, state in self.stores.items()},
            "dead_letters": dict(self.dead_letters()),
            "digest": self.digest,
            "decision_log": {"paused": self.decision_log.paused, "missing": self.decision_log.missing},
            "errors": dict(sorted(self.errors.items())),
        }

    def _key_expiry_days(self) -> float | None:
        """None for a key that does not expire, and while nothing is known."""
        return None if self._key_expires_ns is None else (self._key_expires_ns - time.time_ns()) / DAY_NS

    def _count_verdict(self, judged: JudgeSignal) -> None:
        if judged.verdict is Verdict.ACCEPTED:
            self._accepted += 1
        else:
            self._refused[judged.reason or judged.verdict.value] += 1


def _daily_loss(core: Mapping[str, Any]) -> str:
    """Loss since 00:00 UTC, a fraction of what it is held against; "" while it is unknown."""
    lost = core.get("loss_today")
    return f"{Decimal(lost):.6f}" if lost else ""
