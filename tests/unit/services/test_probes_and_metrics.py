"""Probes answer for what they are asked, and every metric is in the documentation."""

import socket
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradefleet.services.metrics import EXECUTOR, SHARD, Line, exposition
from tradefleet.services.probes import Heartbeat, Probes, served
from tradefleet.services.process_main import ProgramFailed

PAGE = Path(__file__).parents[3] / "docs" / "pods.md"


def free_port_of_all() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


async def asked(port: int, path: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}{path}") as answer:
        return answer.status, await answer.text()


async def test_each_probe_answers_yes_or_why_not() -> None:
    port = free_port_of_all()
    probes = Probes(
        started=lambda: "", ready=lambda: "books are missing", alive=lambda: "", metrics=lambda: b"a 1\n"
    )

    async with served(port, probes):
        assert await asked(port, "/startupz") == (200, "ok\n")
        assert await asked(port, "/readyz") == (503, "books are missing\n")
        assert await asked(port, "/livez") == (200, "ok\n")
        assert await asked(port, "/metrics") == (200, "a 1\n")


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    probes = Probes(started=str, ready=str, alive=str, metrics=bytes)
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]

        with pytest.raises(ProgramFailed, match=f"cannot serve probes on port {port}"):
            async with served(port, probes):
                pass


def test_a_loop_is_dead_when_it_has_turned_and_turns_no_more() -> None:
    now = [100.0]
    heartbeat = Heartbeat(10.0, lambda: now[0])

    now[0] = 200.0
    assert heartbeat.why_dead() == ""
    heartbeat.turned()
    now[0] = 210.0
    assert heartbeat.why_dead() == ""
    now[0] = 210.1
    assert heartbeat.why_dead() == "the main loop has not turned for 10.1 s"


def test_a_loop_that_turns_and_does_not_get_on_is_dead_too() -> None:
    now, waited = [100.0], [10.0]
    heartbeat = Heartbeat(10.0, lambda: now[0], lambda: waited[0])
    heartbeat.turned()
    assert heartbeat.why_dead() == ""

    waited[0] = 10.1

    assert heartbeat.why_dead() == "the oldest event has waited for 10.1 s"


def test_a_status_becomes_metrics_with_the_bots_labels() -> None:
    lines = (
        Line("tradefleet_x_warm", "help", lambda s: s["warm"]),
        Line("tradefleet_x_faults_total", "help", lambda s: s["faults"], "reason"),
        Line("tradefleet_x_equity", "help", lambda s: None),
    )
    read = exposition(lines, lambda: {"warm": True, "faults": {"gap": 2}}, {"bot": "alpha"})

    text = read().decode()

    samples = {
        (sample.name, sample.labels.get("reason")): (sample.value, sample.labels["bot"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("tradefleet_")
    }
    assert samples == {
        ("tradefleet_x_warm", None): (1.0, "alpha"),
        ("tradefleet_x_faults_total", "gap"): (2.0, "alpha"),
    }
    assert "process_resident_memory_bytes" in text


def test_before_there_is_a_status_the_process_alone_is_measured() -> None:
    assert b"process_cpu_seconds_total" in exposition(SHARD, dict, {"bot": "", "shard": "0"})()


@pytest.mark.parametrize("line", [*SHARD, *EXECUTOR], ids=lambda line: line.name)
def test_every_metric_is_documented(line: Line) -> None:
    assert f"`{line.name}" in PAGE.read_text()
