"""The status of a process as Prometheus' metrics: one table for each program, and nothing counted twice.

A metric is a line: name with its unit, type, help, and how to read it from the status that the program
writes anyway. docs/pods.md lists the same names; a test holds the two together.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

Status = Mapping[str, Any]
Value = float | Mapping[str, float] | None


class Line(msgspec.Struct, frozen=True):
    """One metric. read: a number, numbers by the value of `label`, or None for nothing known.

    A name that ends in `_total` is a counter, every other a gauge.
    """

    name: str
    help: str
    read: Callable[[Status], Value]
    label: str = ""


def _up(word: str) -> float:
    return float(word == "up")


def _number(text: str) -> float | None:
    return float(text) if text else None


_CONFIG: Final = (
    Line("tradefleet_config_generation", "Generation in force.", lambda s: s["generation"]),
    Line(
        "tradefleet_config_refused", "1 while the newest edit is refused.", lambda s: bool(s["config_error"])
    ),
    Line(
        "tradefleet_config_source_up",
        "0 while nobody can tell of a newer configuration.",
        lambda s: _up(s["config_source"]),
    ),
    Line(
        "tradefleet_status_write_errors_total",
        "Attempts to write the resource's status that failed.",
        lambda s: s["status_errors"],
    ),
)

SHARD: Final = (
    *_CONFIG,
    Line("tradefleet_shard_warm", "1 when every book is good and every history whole.", lambda s: s["warm"]),
    Line("tradefleet_shard_owner", "1 while the executor hears this process.", lambda s: s["owner"]),
    Line("tradefleet_shard_symbols", "Symbols that it carries.", lambda s: len(s["symbols"])),
    Line("tradefleet_shard_connections", "Public sockets that are open.", lambda s: s["connections"]),
    Line("tradefleet_shard_messages_total", "Frames of the public sockets.", lambda s: s["messages"]),
    Line(
        "tradefleet_shard_signals_total",
        "Signals of the strategies: handed out, or only counted in shadow.",
        lambda s: {"handed_out": s["signals"], "shadow": s["shadow_signals"]},
        "kind",
    ),
    Line(
        "tradefleet_shard_publications_total",
        "What became of signals that were handed out.",
        lambda s: {name: s[name] for name in ("published", "expired", "overflowed")},
        "result",
    ),
    Line("tradefleet_shard_signals_waiting", "Signals not yet published.", lambda s: s["waiting"]),
    Line("tradefleet_shard_faults_total", "Frames that were not used.", lambda s: s["faults"], "reason"),
    Line("tradefleet_shard_redis_up", "1 while the bus answers.", lambda s: _up(s["redis"])),
    Line(
        "tradefleet_shard_books_stale",
        "Books that may not be used.",
        lambda s: sum(symbol["book_stale"] for symbol in s["symbols"].values()),
    ),
    Line(
        "tradefleet_shard_book_age_seconds",
        "Since the last frame of each usable book.",
        lambda s: {
            name: symbol["book_age_ms"] / 1000
            for name, symbol in s["symbols"].items()
            if symbol["book_age_ms"] is not None
        },
        "symbol",
    ),
)

EXECUTOR: Final = (
    *_CONFIG,
    Line("tradefleet_executor_leading", "1 for the one that may trade.", lambda s: s["leading"]),
    Line("tradefleet_executor_epoch", "Number of its leadership.", lambda s: s["epoch"]),
    Line("tradefleet_executor_may_open", "1 while risk may be opened.", lambda s: s["may_open"]),
    Line("tradefleet_executor_equity", "Equity, settle currency.", lambda s: _number(s["equity"])),
    Line(
        "tradefleet_executor_daily_loss_ratio",
        "Loss since the day's baseline, a fraction of it.",
        lambda s: _number(s["daily_loss"]),
    ),
    Line("tradefleet_executor_positions", "Open positions.", lambda s: len(s["positions"])),
    Line("tradefleet_executor_orders_open", "Orders that are not final.", lambda s: s["orders_open"]),
    Line(
        "tradefleet_executor_leverage_symbols",
        "Symbols whose leverage at the exchange is as it should be, not yet, or was refused.",
        lambda s: {**s["leverage"], "refused": len(s["leverage"]["refused"])},
        "state",
    ),
    Line("tradefleet_executor_latches", "Latches that forbid opening.", lambda s: len(s["latches"])),
    Line("tradefleet_executor_signals_total", "Signals that were read.", lambda s: s["signals_seen"]),
    Line(
        "tradefleet_executor_signals_accepted_total",
        "Signals that opened or closed.",
        lambda s: s["accepted"],
    ),
    Line(
        "tradefleet_executor_signals_refused_total",
        "Signals that did not, by the rule that refused them.",
        lambda s: s["refused_by_reason"],
        "reason",
    ),
    Line("tradefleet_executor_orders_sent_total", "Orders that were sent.", lambda s: s["orders_sent"]),
    Line(
        "tradefleet_executor_reconciliations_total",
        "Comparisons with the exchange, by what they ended with.",
        lambda s: s["reconciliations"],
        "outcome",
    ),
    Line("tradefleet_executor_fills_total", "Executions that changed a position.", lambda s: s["fills"]),
    Line(
        "tradefleet_executor_store_up",
        "1 while the store answers.",
        lambda s: {name: _up(word) for name, word in s["stores"].items()},
        "store",
    ),
    Line(
        "tradefleet_executor_api_key_expiry_days",
        "Until the exchange's key expires; nothing for one that does not.",
        lambda s: s["api_key_expiry_days"],
    ),
    Line(
        "tradefleet_executor_decision_log_missing",
        "Decisions of this epoch that its log does not have.",
        lambda s: s["decision_log"]["missing"],
    ),
    Line(
        "tradefleet_executor_decision_log_paused",
        "1 while decisions are not logged: the disk does not take them.",
        lambda s: bool(s["decision_log"]["paused"]),
    ),
    Line("tradefleet_executor_errors_total", "Problems, by kind.", lambda s: s["errors"], "kind"),
    Line(
        "tradefleet_executor_dead_letters_total",
        "Messages that could not be processed: kept, or given up while Redis was away.",
        lambda s: {name: s["dead_letters"][name] for name in ("kept", "lost")},
        "result",
    ),
)


class StatusCollector(Collector):
    """Makes metrics of the status at each scrape."""

    def __init__(
        self, lines: tuple[Line, ...], status: Callable[[], Status], labels: Mapping[str, str]
    ) -> None:
        self._lines = lines
        self._status = status
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """Every metric that is known now."""
        status = self._status()
        for line in self._lines if status else ():
            yield self._metric(line, line.read(status))

    def describe(self) -> list[Metric]:
        """Nothing: asking at registration would ask for a status that is not there yet."""
        return []

    def _metric(self, line: Line, value: Value) -> Metric:
        names = [*self._labels, *([line.label] if line.label else [])]
        kind = CounterMetricFamily if line.name.endswith("_total") else GaugeMetricFamily
        family = kind(line.name, line.help, labels=names)
        values = value if isinstance(value, Mapping) else {} if value is None else {"": value}
        for name, number in values.items():
            family.add_metric([*self._labels.values(), *([name] if line.label else [])], float(number))
        return family


def exposition(
    lines: tuple[Line, ...], status: Callable[[], Status], labels: Mapping[str, str]
) -> Callable[[], bytes]:
    """What /metrics answers: the status, and the process's memory, time and files."""
    registry = CollectorRegistry()
    registry.register(StatusCollector(lines, status, labels))
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)
