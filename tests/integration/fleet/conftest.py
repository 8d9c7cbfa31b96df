"""A fleet of its own for each test."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.local_fleet import PATIENCE_S, Up


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the database's user can enter; pytest's own is closed to others."""
    made = Path(tempfile.mkdtemp(prefix="tradefleet-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def up(folder: Path) -> Iterator[Callable[..., Up]]:
    started: list[Up] = []

    def start(*options: str, environment: dict[str, str] | None = None) -> Up:
        started.append(Up(folder, *options, environment=environment))
        return started[-1]

    yield start
    for fleet in started:
        if fleet.process.poll() is None:
            fleet.process.terminate()
            fleet.process.wait(PATIENCE_S)
