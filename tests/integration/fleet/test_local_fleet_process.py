"""`tradefleet up` for real: it verifies a run, follows edits, outlives deaths, and ends cleanly."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.local_fleet import EXAMPLE, PATIENCE_S, Up, alive

pytestmark = pytest.mark.process


def test_a_run_ends_by_itself_verified(up: Callable[..., Up]) -> None:
    fleet = up("--seconds", "25", "--verify")

    status = fleet.end()

    assert status == 0, fleet.said
    assert "verified      Postgres and the exchange agree" in fleet.said
    assert not any(alive(pid) for pid in fleet.pids().values())


def test_a_fleet_in_hedge_mode_trades_on_legs_and_is_verified(up: Callable[..., Up], folder: Path) -> None:
    text = EXAMPLE.read_text().replace("  exchange:\n", "  exchange:\n    positionMode: hedge\n")
    (folder / "bot.yaml").write_text(text)
    fleet = up("--seconds", "25", "--verify")
    fleet.until_trading()
    fleet.until(
        lambda: {p["position_idx"] for p in fleet.statuses()["executor"]["positions"]} & {1, 2} != set(),
        "waiting for a leg",
    )

    status = fleet.end()

    assert status == 0, fleet.said
    assert "verified      Postgres and the exchange agree" in fleet.said


def test_a_disabled_strategy_is_not_a_verified_run(up: Callable[..., Up], folder: Path) -> None:
    text = EXAMPLE.read_text()
    (folder / "bot.yaml").write_text(text.replace("enabled: true          # with every", "enabled: false # "))

    fleet = up("--seconds", "8", "--verify")

    assert fleet.end() == 1
    assert "there was no fill in this run" in fleet.said


def test_edits_reach_running_processes_and_a_killed_fleet_recovers(up: Callable[..., Up]) -> None:
    fleet = up()
    fleet.until_trading()
    before = {name: status["pid"] for name, status in fleet.statuses().items()}

    fleet.edit("maxPositions: 10 ", "maxPositions: 3 ")
    fleet.until(lambda: fleet.generations() == {2}, "waiting for generation 2")
    assert {name: status["pid"] for name, status in fleet.statuses().items()} == before

    fleet.edit("maxDailyLoss: 0.05", "maxDailyLoss: 5")
    fleet.until_said("edit refused, generation 2 stays")
    assert "spec.risk.maxDailyLoss" in fleet.said
    fleet.edit("maxDailyLoss: 5", "maxDailyLoss: 0.05")
    fleet.until_said("edit changes no field")
    assert fleet.generations() == {2}

    os.kill(fleet.pids()["postgres"], signal.SIGKILL)
    fleet.until_said("postgres was killed by SIGKILL")
    fleet.until_said("postgres is down; orders are held back")
    fleet.until_said("postgres is back")
    os.kill(before["shard-0"], signal.SIGKILL)
    fleet.until_said("shard-0 was killed by SIGKILL")
    fleet.until(
        lambda: (
            fleet.statuses()["shard-0"]["pid"] != before["shard-0"] and fleet.statuses()["shard-0"]["warm"]
        ),
        "waiting for the shard's successor",
    )

    fleet.process.kill()
    fleet.process.wait()
    children = [pid for name, pid in fleet.pids().items() if name not in ("postgres", "shard-0")]
    deadline = time.monotonic() + PATIENCE_S
    while any(alive(pid) for pid in children):
        assert time.monotonic() < deadline, "children outlive the supervisor"
        time.sleep(0.05)

    again = up("--seconds", "20", "--verify")
    assert again.end() == 0, again.said
    assert again.generations() == {2}


def test_a_symbol_that_does_not_exist_ends_the_fleet_in_one_line(up: Callable[..., Up], folder: Path) -> None:
    (folder / "bot.yaml").write_text(EXAMPLE.read_text().replace("BTCUSDT", "BTCUSDX"))

    fleet = up()

    assert fleet.end() == 1
    last = fleet.said.splitlines()[-1]
    assert "spec.universe.symbols" in last
    assert "BTCUSDX" in last
    assert "Traceback" not in fleet.said


def test_another_set_of_symbols_is_taken_over_by_new_processes(up: Callable[..., Up]) -> None:
    fleet = up()
    fleet.until(lambda: fleet.statuses().get("executor", {}).get("leading", False), "waiting for a leader")

    fleet.edit("DOGEUSDT]", "DOGEUSDX]")
    fleet.until_said("edit refused, generation 1 stays: shard-")
    fleet.edit(", DOGEUSDX]", "]")
    fleet.until_said("generation 3 runs")
    fleet.process.send_signal(signal.SIGTERM)

    assert fleet.end() == 0, fleet.said


def test_a_process_that_hangs_is_killed_and_trades_on(up: Callable[..., Up]) -> None:
    fleet = up("--hung-after", "5")
    fleet.until_trading()
    hung = fleet.statuses()["executor"]["pid"]

    os.kill(hung, signal.SIGSTOP)

    fleet.until_said("executor hangs: it has not said anything for")
    fleet.until(lambda: fleet.statuses()["executor"]["pid"] != hung, "waiting for another executor")
    fleet.until(lambda: fleet.statuses()["executor"]["leading"], "waiting for it to lead")
    assert not alive(hung)
