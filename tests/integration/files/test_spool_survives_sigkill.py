"""The spool as a real process writes it: killed in the middle of a record, refused by the disk."""

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.eventually import eventually

from tradefleet.adapters.files.spool import Spool, SpoolBroken, SpoolFailed, spools
from tradefleet.core.spool import Spooled
from tradefleet.orders.audit import Act, Entry

WRITER = """
import sys
from pathlib import Path
from tests.integration.files.test_spool_survives_sigkill import record
from tradefleet.adapters.files.spool import Spool
import os

spool = Spool.create(Path(sys.argv[1]))
number = 0
while True:
    if number == 3:
        os.environ["TRADEFLEET_FAILPOINTS"] = sys.argv[2] + ":spool.half_written"
    spool.append(record(number))
    number += 1
    print(number, flush=True)
"""


def record(number: int) -> Spooled:
    return Spooled(
        entry=Entry(
            account="bybit/paper/100001",
            at_ns=number,
            epoch=3,
            actor="executor:bot",
            act=Act.CANCEL,
            subject=f"number {number}",
            why="",
            what="{}",
        )
    )


def started(program: str, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
    )


@pytest.mark.process
async def test_a_process_killed_in_the_middle_of_a_record_leaves_those_that_it_was_told_are_safe(
    tmp_path: Path,
) -> None:
    folder, points = tmp_path / "spools", tmp_path / "points"
    points.mkdir()
    writer = started(WRITER, str(folder), str(points))
    await eventually((points / "spool.half_written.hit").exists)
    writer.send_signal(signal.SIGKILL)
    told, _ = writer.communicate()

    (spool,) = spools(folder)

    assert told.split() == [b"1", b"2", b"3"]
    assert spool.records() == tuple(record(number) for number in range(3))
    raw = next(folder.glob("*.spool")).read_bytes()
    assert not raw.endswith(b"\n")


@pytest.mark.process
async def test_a_process_killed_anywhere_leaves_everything_that_it_was_told_is_safe(tmp_path: Path) -> None:
    for round_ in range(5):
        folder = tmp_path / f"spools-{round_}"
        writer = started(WRITER.replace("number == 3", "False"), str(folder))
        assert writer.stdout is not None
        for _ in range(20 + round_):
            writer.stdout.readline()
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        told = 20 + round_ + len(rest.split())

        (spool,) = spools(folder)

        found = spool.records()
        assert found == tuple(record(number) for number in range(len(found)))
        assert len(found) >= told


def test_what_is_merged_is_not_handed_out_again_and_the_rest_is(tmp_path: Path) -> None:
    first, second = Spool.create(tmp_path), Spool.create(tmp_path)
    for number in range(3):
        first.append(record(number))
    second.append(record(9))

    assert [spool.name for spool in spools(tmp_path)] == [first.name, second.name]
    first.mark_merged(3)
    assert [spool.name for spool in spools(tmp_path)] == [second.name]
    first.append(record(3))
    found, _ = spools(tmp_path)

    assert (found.name, found.merged, len(found.records())) == (first.name, 3, 4)


def test_a_line_that_was_changed_is_said_and_never_merged(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    for number in range(3):
        spool.append(record(number))
    file = next(tmp_path.glob("*.spool"))
    file.write_bytes(file.read_bytes().replace(b"number 1", b"number 7"))

    (found,) = spools(tmp_path)

    with pytest.raises(SpoolBroken, match="line 2 is not what was written"):
        found.records()


def test_a_disk_that_is_full_is_said_and_what_was_safe_stays_so(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path)
    spool.append(record(0))
    size = next(tmp_path.glob("*.spool")).stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))
    try:
        with pytest.raises(SpoolFailed, match="disk full"):
            spool.append(record(1))
        with pytest.raises(SpoolFailed, match="make another one"):
            spool.append(record(2))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)

    (found,) = spools(tmp_path)
    assert found.records() == (record(0),)
    assert next(tmp_path.glob("*.spool")).stat().st_size == size


def test_a_spool_that_was_never_needed_leaves_no_file_and_a_bad_folder_is_said(tmp_path: Path) -> None:
    spool = Spool.create(tmp_path / "spools")
    spool.close()
    (tmp_path / "file").touch()

    assert os.listdir(tmp_path / "spools") == []
    assert spools(tmp_path / "nowhere") == []
    with pytest.raises(SpoolFailed):
        Spool.create(tmp_path / "file")
