"""Lines on a disk: whole or absent, in their order, and nothing between them."""

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tradefleet.adapters.files.spool import Spool, SpoolBroken


def written(path: Path, *payloads: str) -> Spool:
    spool = Spool(path)
    for payload in payloads:
        spool.append("latch", payload)
    return spool


def payloads(path: Path) -> list[str]:
    return [record.payload for record in Spool(path).pending()]


def test_what_was_appended_is_there_for_the_next_process(tmp_path: Path) -> None:
    written(tmp_path / "spool.jsonl", "one", "two")
    written(tmp_path / "spool.jsonl", "three")

    assert payloads(tmp_path / "spool.jsonl") == ["one", "two", "three"]


def test_a_spool_that_was_never_written_is_empty(tmp_path: Path) -> None:
    assert Spool(tmp_path / "none" / "spool.jsonl").pending() == ()


@pytest.mark.parametrize("kept", range(1, 40, 7))
def test_a_torn_last_line_is_left_out_and_written_over(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "spool.jsonl"
    written(path, "one", "two")
    first, second, _ = path.read_bytes().split(b"\n")
    path.write_bytes(first + b"\n" + second[:kept])

    before = payloads(path)
    written(path, "three")

    assert before == ["one"]
    assert payloads(path) == ["one", "three"]


@pytest.mark.parametrize("change", ["edited", "removed", "swapped", "inserted"])
def test_a_change_of_what_was_written_is_found(tmp_path: Path, change: str) -> None:
    path = tmp_path / "spool.jsonl"
    written(path, "one", "two", "three")
    lines = path.read_bytes().splitlines(keepends=True)
    changed = {
        "edited": [lines[0].replace(b"one", b"own"), *lines[1:]],
        "removed": [lines[0], lines[2]],
        "swapped": [lines[1], lines[0], lines[2]],
        "inserted": [lines[0], lines[0], *lines[1:]],
    }[change]
    path.write_bytes(b"".join(changed))

    with pytest.raises(SpoolBroken, match=r"line [12]|line 3"):
        Spool(path).pending()
    with pytest.raises(SpoolBroken):
        Spool(path).append("latch", "four")


def test_what_is_settled_is_put_aside_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    spool = written(path, "one")

    spool.settle()
    spool.append("latch", "two")

    assert payloads(path) == ["two"]
    (aside,) = [other for other in tmp_path.iterdir() if other != path]
    assert b"one" in aside.read_bytes()


def _append_for_ever(path: Path, told: int) -> None:
    spool = Spool(path)
    number = 0
    while True:
        spool.append("latch", f"{number}" + "x" * 500)
        os.write(told, b"%d\n" % number)
        number += 1


def test_nothing_that_was_acknowledged_is_lost_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "spool.jsonl"
    reading, writing = os.pipe()
    process = multiprocessing.get_context("fork").Process(target=_append_for_ever, args=(path, writing))
    process.start()
    os.close(writing)
    with os.fdopen(reading, "rb") as acknowledged:
        for _ in range(50):
            acknowledged.readline()
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
        rest = acknowledged.read().split()
    process.join()

    last = int(rest[-1]) if rest else 49
    numbers = [int(payload.rstrip("x")) for payload in payloads(path)]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > last
