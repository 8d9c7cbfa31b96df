"""The decision log's writer: bounded whatever is decided, whole whatever happens, silent about nothing."""

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tradefleet.adapters.files import decision_log
from tradefleet.adapters.files.decision_log import DecisionFiles
from tradefleet.adapters.files.decision_segments import Bounds, LogUnreadable, lines_of, segments


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread is given its time: what is asked here is what it has done when it has ended."""
    monkeypatch.setattr(decision_log, "CLOSE_S", 60.0)


def bounds(segment_bytes: int = 1000, total_bytes: int = 10**9, free_bytes: int = 0) -> Bounds:
    return Bounds(
        segment_bytes=segment_bytes,
        segment_s=3600,
        total_bytes=total_bytes,
        days=7,
        free_bytes=free_bytes,
    )


def soon(what: Callable[[], object]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until, "not within 20 s"
        time.sleep(0.002)


def lines(count: int, first: int = 0) -> list[bytes]:
    return [b"decision %06d of this epoch" % number for number in range(first, first + count)]


def write(log: DecisionFiles, some: list[bytes]) -> list[str]:
    """As a running epoch does: a few at a time; what was said meanwhile."""
    said = []
    for begin in range(0, len(some), 10):
        for line in some[begin : begin + 10]:
            log.write(line + b"\n")
        said += log.flush()
    return said


def test_everything_is_read_again_over_compressed_segments(tmp_path: Path) -> None:
    log = DecisionFiles(tmp_path, 7, bounds())

    write(log, lines(500))

    assert log.close() == []
    assert list(lines_of(tmp_path / "00000007")) == lines(500)
    found = sorted(segments(tmp_path), key=lambda one: one.number)
    assert [one.packed for one in found] == [True] * (len(found) - 1) + [False]
    assert len(found) > 10


def test_the_folder_stays_within_its_bytes_and_the_beginning_is_what_goes(tmp_path: Path) -> None:
    log = DecisionFiles(tmp_path, 7, bounds(segment_bytes=4096, total_bytes=16 * 4096))

    write(log, [os.urandom(500).hex().encode() for _ in range(300)])
    log.close()

    assert sum(one.taken for one in segments(tmp_path)) <= 16 * 4096
    with pytest.raises(LogUnreadable, match="the beginning of 00000007 was removed"):
        list(lines_of(tmp_path / "00000007"))


def test_the_next_epoch_compresses_what_a_dead_process_left(tmp_path: Path) -> None:
    left = tmp_path / "00000006.000001.jsonl"
    left.write_bytes(b"1\n2\nhalf a li")
    (tmp_path / "00000006.000001.jsonl.zst.part").write_bytes(b"what it was at")

    DecisionFiles(tmp_path, 7, bounds()).close()

    assert not left.exists()
    assert list(lines_of(tmp_path / "00000006")) == [b"1", b"2"]


def test_a_segment_that_another_process_writes_is_left_alone(tmp_path: Path) -> None:
    other = DecisionFiles(tmp_path, 6, bounds())
    write(other, lines(3))
    soon(lambda: (tmp_path / "00000006.000001.jsonl").exists())

    DecisionFiles(tmp_path, 7, bounds()).close()

    write(other, lines(3, first=3))
    other.close()
    assert list(lines_of(tmp_path / "00000006")) == lines(6)


def test_a_number_that_is_given_twice_overwrites_nothing(tmp_path: Path) -> None:
    for number in range(2):
        log = DecisionFiles(tmp_path, 7, bounds())
        write(log, lines(2, first=10 * number))
        log.close()

    assert list(lines_of(tmp_path / "00000007")) == lines(2)
    assert list(lines_of(tmp_path / "00000007-2")) == lines(2, first=10)


def test_a_full_disk_pauses_the_log_which_says_so_once_and_counts(tmp_path: Path) -> None:
    log = DecisionFiles(tmp_path, 7, bounds(free_bytes=1 << 62))

    told = write(log, lines(40))

    soon(lambda: log.missing == 40)
    (said,) = told + log.close()
    assert "the decision log pauses (less than" in said
    assert log.paused
    assert segments(tmp_path) == []


def test_after_a_pause_the_log_says_itself_what_it_misses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, full = os.write, [False]

    def disk(descriptor: int, data: bytes) -> int:
        if not full[0]:
            return really(descriptor, data)
        if len(data) > 20:
            return really(descriptor, data[:20])  # what is left of it
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(decision_log.os, "write", disk)
    monkeypatch.setattr(decision_log, "RETRY_S", 0.05)
    log = DecisionFiles(tmp_path, 7, bounds(segment_bytes=10**6))
    write(log, lines(10))
    first = tmp_path / "00000007.000001.jsonl"
    soon(lambda: first.exists() and first.read_bytes().splitlines() == lines(10))
    full[0] = True
    said = write(log, lines(10, first=10))
    soon(lambda: log.missing == 10)
    full[0] = False
    time.sleep(0.1)
    said += write(log, lines(10, first=20))

    said += log.close()

    assert [text.split(" (")[0] for text in said] == [
        "the decision log pauses",
        "the decision log goes on; 10 decisions are missing in it",
    ]
    assert log.paused == ""
    read = lines_of(tmp_path / "00000007")
    assert [next(read) for _ in range(10)] == lines(10)
    with pytest.raises(LogUnreadable, match=r"10 decisions are missing here \(No space left"):
        next(read)
    second = tmp_path / "00000007.000002.jsonl"
    assert second.read_bytes().splitlines()[1:] == lines(10, first=20)


def test_a_disk_that_hangs_keeps_neither_the_epoch_nor_its_end_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decision_log, "MOST_WAITING", 1000)
    monkeypatch.setattr(decision_log, "CLOSE_S", 0.05)
    stand = [True]

    def hangs(descriptor: int, data: bytes) -> int:
        soon(lambda: not stand[0])
        return len(data)

    monkeypatch.setattr(decision_log.os, "write", hangs)
    log = DecisionFiles(tmp_path, 7, bounds())
    begun_s = time.monotonic()
    write(log, lines(1000))
    log.close()
    took_s = time.monotonic() - begun_s
    stand[0] = False

    assert took_s < 5
    soon(lambda: log.missing > 900)
    assert log.paused == "the disk does not keep up"
