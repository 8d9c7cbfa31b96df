"""Files of the decision log: which are one log, which are removed, what is said of one that is not whole."""

import os
from pathlib import Path

import pytest
import zstandard

from tradefleet.adapters.files.decision_segments import (
    MOST_FILES,
    LogUnreadable,
    Segment,
    lines_of,
    new_log,
    segments,
    surplus,
)

DAY_NS = 86_400 * 10**9
NOW_NS = 1_000 * DAY_NS


def segment(number: int, *, taken: int = 10, age_days: float = 0.0) -> Segment:
    return Segment(
        at_ns=NOW_NS - int(age_days * DAY_NS),
        log="00000001",
        number=number,
        path=Path(f"00000001.{number:06d}.jsonl"),
        taken=taken,
        packed=False,
    )


def written(folder: Path, name: str, text: bytes, at_s: int = 0) -> Path:
    path = folder / name
    path.write_bytes(zstandard.compress(text) if name.endswith(".zst") else text)
    if at_s:
        os.utime(path, (at_s, at_s))
    return path


@pytest.mark.parametrize(
    ("total_bytes", "days", "removed"),
    [
        (30, 7, []),
        (29, 7, [1]),
        (20, 7, [1]),
        (19, 7, [1, 2]),
        (0, 7, [1, 2, 3]),
        (30, 3.0, []),
        (30, 2.9, [1]),
        (30, 1.0, [1]),
    ],
)
def test_the_oldest_are_removed_until_bytes_and_days_are_kept(
    total_bytes: int, days: float, removed: list[int]
) -> None:
    found = [segment(1, age_days=3), segment(2, age_days=1), segment(3)]

    assert [one.number for one in surplus(found, total_bytes, days, NOW_NS)] == removed


def test_the_number_of_files_is_bounded_too() -> None:
    found = [segment(number, taken=0) for number in range(MOST_FILES + 2)]

    assert [one.number for one in surplus(found, 1, 7, NOW_NS)] == [0, 1]


def test_a_log_is_read_over_its_segments_compressed_or_plain_by_any_of_its_names(tmp_path: Path) -> None:
    first = written(tmp_path, "00000012.000001.jsonl.zst", b"1\n2\n")
    last = written(tmp_path, "00000012.000002.jsonl", b"3\n4 is tor")
    written(tmp_path, "00000012-2.000001.jsonl", b"of another start\n")
    written(tmp_path, "00000012.000003.jsonl.zst.part", b"half")

    for name in (first, last, tmp_path / "00000012", tmp_path / "00000012.jsonl"):
        assert list(lines_of(name)) == [b"1", b"2", b"3"]


def test_the_single_file_of_an_older_release_is_read_whatever_stands_beside_it(tmp_path: Path) -> None:
    old = written(tmp_path, "00000012.jsonl", b"1\n2\n")
    written(tmp_path, "00000012-2.000001.jsonl", b"9\n")

    assert list(lines_of(old)) == [b"1", b"2"]


def test_a_segment_that_is_there_twice_is_read_once(tmp_path: Path) -> None:
    written(tmp_path, "00000001.000001.jsonl", b"1\n")
    written(tmp_path, "00000001.000001.jsonl.zst", b"1\n")

    assert list(lines_of(tmp_path / "00000001")) == [b"1"]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"00000001.000003.jsonl": b"1\n"}, "the beginning of 00000001 was removed: its first"),
        ({"00000001.000001.jsonl": b"1\n", "00000001.000003.jsonl": b"1\n"}, "segment 000002 of 00000001"),
        ({"00000001.000001.jsonl": b"1\n2", "00000001.000002.jsonl": b"3\n"}, "ends in the middle of a line"),
        ({"00000001.000001.jsonl": b'{"missing":7,"why":"full"}\n'}, "7 decisions are missing here (full)"),
        ({"00000002.000001.jsonl": b"1\n"}, "has no log 00000001"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    for name, text in files.items():
        written(tmp_path, name, text)

    with pytest.raises(LogUnreadable) as unreadable:
        list(lines_of(tmp_path / "00000001"))

    assert said in str(unreadable.value)


def test_a_compressed_segment_that_is_damaged_is_said(tmp_path: Path) -> None:
    path = written(tmp_path, "00000001.000001.jsonl.zst", b"1\n" * 10_000)
    path.write_bytes(b"nothing of zstd" + path.read_bytes()[4:])

    with pytest.raises(LogUnreadable):
        list(lines_of(path))


def test_segments_are_found_by_their_age_and_everything_else_is_left_alone(tmp_path: Path) -> None:
    written(tmp_path, "00000002.000001.jsonl", b"1\n", at_s=200)
    written(tmp_path, "00000001.000009.jsonl.zst", b"1\n", at_s=100)
    written(tmp_path, "notes.jsonl", b"somebody's own")

    assert [(one.log, one.number, one.packed) for one in segments(tmp_path)] == [
        ("00000001", 9, True),
        ("00000002", 1, False),
    ]


def test_an_epochs_number_that_is_given_again_makes_another_log(tmp_path: Path) -> None:
    assert new_log(tmp_path, 12) == "00000012"
    written(tmp_path, "00000012.jsonl", b"")
    assert new_log(tmp_path, 12) == "00000012-2"
    written(tmp_path, "00000012-2.000004.jsonl.zst", b"")
    assert new_log(tmp_path, 12) == "00000012-3"
