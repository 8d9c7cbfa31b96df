"""Tests that start real processes run on one worker of pytest-xdist (tests/conftest.py)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"

EIGHT_TESTS = """
import os, pathlib, pytest

@pytest.mark.process
@pytest.mark.parametrize("number", range(8))
def test_it(number):
    pathlib.Path(f"worker-{os.environ['PYTEST_XDIST_WORKER']}").touch()
"""


@pytest.mark.process
def test_process_tests_run_one_after_another_on_one_worker(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text())
    (tmp_path / "test_it.py").write_text(EIGHT_TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = process: starts processes\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", str(tmp_path)]
    apart = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}

    ended = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=apart, check=False)

    assert ended.returncode == 0, ended.stdout
    assert len(list(tmp_path.glob("worker-*"))) == 1
