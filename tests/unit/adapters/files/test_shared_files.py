"""Snapshot and status files: replaced in one step, and a bad one is said."""

from decimal import Decimal
from pathlib import Path

import pytest
from tests.support.configs import make_snapshot

from tradefleet.adapters.config_source import BadSnapshot
from tradefleet.adapters.files.config import SnapshotFile
from tradefleet.adapters.files.status import Unreadable, read_json, write_json


def test_a_status_is_read_as_it_was_written_and_leaves_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "status.json"

    write_json(path, {"equity": Decimal("1.50"), "warm": True})
    write_json(path, {"equity": Decimal("1.60"), "warm": True})

    assert read_json(path) == {"equity": "1.60", "warm": True}
    assert list(tmp_path.iterdir()) == [path]


def test_no_status_is_none_and_a_broken_one_is_said(tmp_path: Path) -> None:
    (tmp_path / "broken.json").write_text("{")

    assert read_json(tmp_path / "nothing.json") is None
    with pytest.raises(Unreadable, match=r"broken\.json"):
        read_json(tmp_path / "broken.json")


async def test_a_snapshot_that_is_missing_or_broken_names_its_file_and_reason(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"

    with pytest.raises(BadSnapshot, match="cannot be read"):
        await SnapshotFile(path).read()
    path.write_text('{"generation": "one"}')
    with pytest.raises(BadSnapshot, match="is no configuration"):
        await SnapshotFile(path).read()
    path.write_bytes(b"\xff")
    with pytest.raises(BadSnapshot, match="is no configuration"):
        await SnapshotFile(path).read()


async def test_each_change_comes_once_good_or_bad(tmp_path: Path) -> None:
    path = tmp_path / "snapshot.json"
    path.write_bytes(make_snapshot(generation=1).encode())
    file = SnapshotFile(path)
    assert (await file.read()).generation == 1
    changes = file.changes(period=0.001)

    path.write_text("{")
    bad = await anext(changes)
    path.write_bytes(make_snapshot(generation=2).encode())
    good = await anext(changes)
    path.unlink()
    gone = await anext(changes)

    assert isinstance(bad, BadSnapshot)
    assert good == make_snapshot(generation=2)
    assert isinstance(gone, BadSnapshot)
