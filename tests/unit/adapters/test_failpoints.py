"""A failpoint holds a process still exactly where and when a test wants it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tradefleet
from tradefleet.adapters import failpoints
from tradefleet.adapters.failpoints import UnknownFailpoint, failpoint

REACH = (
    "from tradefleet.adapters.failpoints import failpoint; failpoint('order.sent'); failpoint('order.sent')"
)


def reach(setting: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", REACH], env={**os.environ, failpoints.VARIABLE: setting})


def test_without_the_variable_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(failpoints.VARIABLE, raising=False)

    failpoint("order.sent")


def test_a_name_that_is_not_set_is_passed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, f"{tmp_path}:order.written")

    failpoint("order.sent")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("setting", ["/folder:order.snet", "order.sent"])
def test_a_setting_that_would_prove_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(failpoints.VARIABLE, setting)

    with pytest.raises(UnknownFailpoint, match=r"order\.answered"):
        failpoint("order.sent")


@pytest.mark.process
def test_a_process_stands_until_it_may_go_and_a_second_one_does_not_stand(tmp_path: Path) -> None:
    setting = f"{tmp_path}:order.written,order.sent"
    hit = tmp_path / "order.sent.hit"

    first = reach(setting)
    while not hit.exists():
        assert first.poll() is None
        time.sleep(0.01)
    second = reach(setting)

    assert hit.read_text() == str(first.pid)
    assert second.wait(30) == 0
    assert first.poll() is None
    (tmp_path / "order.sent.go").touch()
    assert first.wait(30) == 0


def test_every_failpoint_of_the_code_can_be_named() -> None:
    sources = Path(tradefleet.__file__).parent.rglob("*.py")
    found = {name for source in sources for name in re.findall(r'failpoint\("([^"]+)"\)', source.read_text())}

    assert found == failpoints.NAMES
