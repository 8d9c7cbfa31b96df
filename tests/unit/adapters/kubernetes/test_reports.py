"""What pods write into their resources: allowed by the definitions, and written when it matters."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tradefleet.adapters.kubernetes.publisher import Condition, Report, Said, due, stamped
from tradefleet.adapters.kubernetes.reports import executor_report, lease_report, shard_report

CRDS = Path(__file__).parents[4] / "crds"

SHARD = {
    "generation": 5,
    "begun_generation": 3,
    "config_hash": "0123456789ab",
    "warm": True,
    "owner": False,
    "symbols": {"BTCUSDT": {}, "ETHUSDT": {}},
    "config_error": "",
    "unknown_symbols": "",
}
EXECUTOR: dict[str, Any] = {
    "holder": "holder-1",
    "epoch": 4,
    "account": "bybit/paper/1",
    "account_in_use": "",
    "state": "leading",
    "leading": True,
    "generation": 5,
    "config_hash": "0123456789ab",
    "config_error": "",
    "unknown_symbols": "",
    "refused_generation": 0,
    "may_open": False,
    "why_not": "latched: a",
    "positions": [{"symbol": "BTCUSDT", "size": "1", "entry": "2"}],
    "equity": "1000.5",
    "latches": ["a"],
    "latch_records": [
        {
            "latch_id": "a",
            "kind": "position_mismatch",
            "reason": "r",
            "actor": "executor",
            "engaged_ns": 1_700_000_000 * 10**9,
        }
    ],
}


def schema_of(plural: str) -> dict[str, Any]:
    definition = yaml.safe_load((CRDS / f"{plural}.yaml").read_text())
    properties = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    status: dict[str, Any] = _closed(properties["status"])
    return status


def _closed(schema: Any) -> Any:
    """The schema without room for fields that the server would drop in silence."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    return closed | {"additionalProperties": False} if isinstance(closed.get("properties"), dict) else closed


def executor(**changes: Any) -> Report:
    report = executor_report("alpha", "alpha-executor-x", EXECUTOR | changes)
    assert report is not None
    return report


def conditions(report: Report) -> dict[str, tuple[bool, str, int]]:
    return {c.type: (c.is_true, c.message, c.observed_generation) for c in report.conditions}


def test_a_pods_entry_fits_the_definition() -> None:
    report = shard_report("alpha", 0, "alpha-shard-0-x", SHARD)

    jsonschema.validate(report.body["status"], schema_of("symbolshards"))
    (entry,) = report.body["status"]["pods"]
    assert (entry["appliedGeneration"], entry["begunGeneration"], entry["symbols"]) == (5, 3, 2)


@pytest.mark.parametrize(
    "changes", [{}, {"state": "account_in_use", "leading": False, "account_in_use": "b has it"}]
)
def test_a_leaders_status_fits_the_definition(changes: dict[str, Any]) -> None:
    report = executor(**changes)

    status = {**report.body["status"], "conditions": stamped(report.conditions, {}, "2026-01-01T00:00:00Z")}
    jsonschema.validate(status, schema_of("tradingbots"))


def test_a_leader_says_what_is_in_force_and_what_stops_it() -> None:
    report = executor()

    assert report.body["status"]["executor"]["leader"] == "alpha-executor-x"
    assert report.body["status"]["executor"]["latches"][0]["engagedAt"] == "2023-11-14T22:13:20Z"
    assert conditions(report) == {
        "ConfigApplied": (True, "generation 5 is in force", 5),
        "KillSwitchEngaged": (False, "", 5),
        "SymbolsKnown": (True, "", 5),
        "AccountInUse": (False, "", 5),
    }


@pytest.mark.parametrize("kind", ["kill_switch", "daily_loss"])
def test_the_kill_switch_is_a_latch_that_closes_everything(kind: str) -> None:
    latch = {"latch_id": "cli-1", "kind": kind, "reason": "r", "actor": "cli:me", "engaged_ns": 1}

    report = executor(latches=["cli-1"], latch_records=[latch])

    assert conditions(report)["KillSwitchEngaged"] == (True, "clear it by its id: cli-1", 5)


def test_symbols_that_the_exchange_does_not_have_are_a_condition_and_a_pods_message() -> None:
    said = "spec.universe.symbols: ETHUSD is not traded; did you mean ETHUSDT?"

    report = shard_report("alpha", 0, "pod", SHARD | {"unknown_symbols": said})

    assert conditions(executor(unknown_symbols=said))["SymbolsKnown"] == (False, said, 5)
    assert report.body["status"]["pods"][0]["message"] == said


def test_a_refused_edit_is_said_of_its_own_generation() -> None:
    report = executor(config_error="spec.risk: no", refused_generation=6)

    assert conditions(report)["ConfigApplied"] == (False, "spec.risk: no", 6)


def test_a_standby_says_nothing_but_that_the_account_is_in_use() -> None:
    assert (
        executor_report("alpha", "pod", EXECUTOR | {"leading": False, "state": "waiting_for_lease"}) is None
    )

    report = executor(leading=False, state="account_in_use", account_in_use="bot b leads it")
    assert conditions(report) == {"AccountInUse": (True, "bot b leads it", 5)}
    assert report.body["status"]["executor"]["leader"] == ""


def test_the_mirrored_lease_names_the_holder_and_counts_epochs() -> None:
    report = lease_report("alpha", EXECUTOR, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))

    assert report is not None
    assert report.body["spec"] == {
        "holderIdentity": "holder-1",
        "leaseDurationSeconds": 15,
        "renewTime": "2026-01-02T03:04:05.000000Z",
        "leaseTransitions": 4,
    }
    assert lease_report("alpha", EXECUTOR | {"leading": False}, datetime.now(UTC)) is None


def report_of(urgent: int, rest: int = 0, applied: bool = True) -> Report:
    condition = Condition(type="ConfigApplied", is_true=applied, reason="Applied")
    return Report(body={"urgent": urgent, "rest": rest}, urgent=urgent, conditions=(condition,))


@pytest.mark.parametrize(
    ("said", "report", "passed_s", "written"),
    [
        (None, report_of(1), 0.0, True),
        (report_of(1), report_of(2), 0.2, True),
        (report_of(1), report_of(2), 0.05, False),
        (report_of(1), report_of(1, applied=False), 0.2, True),
        (report_of(1), report_of(1, rest=1), 0.2, False),
        (report_of(1), report_of(1, rest=1), 5.0, True),
        (report_of(1), report_of(1), 3600.0, False),
    ],
    ids=["first", "urgent", "too soon", "condition", "calm", "calm and late", "nothing new"],
)
def test_what_matters_is_written_at_once_and_the_rest_now_and_then(
    said: Report | None, report: Report, passed_s: float, written: bool
) -> None:
    before = None if said is None else Said(report=said, at_s=100.0)

    assert due(before, report, 100.0 + passed_s) is written


def test_a_condition_keeps_its_time_until_its_status_changes() -> None:
    known = {
        "A": {"status": "True", "lastTransitionTime": "then"},
        "B": {"status": "False", "lastTransitionTime": "then"},
    }
    wanted = [Condition(type=name, is_true=True, reason="R") for name in "ABC"]

    times = {c["type"]: c["lastTransitionTime"] for c in stamped(wanted, known, "now")}

    assert times == {"A": "then", "B": "now", "C": "now"}
