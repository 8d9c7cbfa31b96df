"""In CI a skip is a failure, wherever it happens (tests/conftest.py)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[2] / "conftest.py"

SKIPPING = """
import pytest

@pytest.mark.skip(reason="not today")
def test_by_mark(): pass

def test_by_call(): pytest.skip("nor tomorrow")

@pytest.mark.xfail(strict=True)
def test_expected_failure(): assert False
"""


def closing_line(folder: Path, test_file: str, ci: str) -> str:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(test_file)
    environment = {**os.environ, "CI": ci}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)
    return ended.stdout.splitlines()[-1]


@pytest.mark.process
def test_each_skip_fails_in_ci_and_an_expected_failure_does_not(tmp_path: Path) -> None:
    assert closing_line(tmp_path, SKIPPING, ci="true").startswith("1 failed, 1 xfailed, 1 error")


@pytest.mark.process
def test_a_module_that_skips_itself_fails_in_ci(tmp_path: Path) -> None:
    module = "import pytest\npytest.skip('no', allow_module_level=True)\ndef test_it(): pass\n"

    assert "1 error" in closing_line(tmp_path, module, ci="true")


@pytest.mark.process
def test_outside_ci_a_skip_is_a_skip(tmp_path: Path) -> None:
    assert closing_line(tmp_path, SKIPPING, ci="").startswith("2 skipped, 1 xfailed")
