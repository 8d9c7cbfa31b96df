"""A few seeds of `make chaos`, each with troubles of its own: see docs/chaos.md."""

from pathlib import Path

import pytest
from tests.chaos.fleet import Stores
from tests.chaos.play import play
from tests.chaos.schedule import make_schedule

pytestmark = pytest.mark.process

SEEDS = (2, 8, 9)
"""Between them a store is away, requests are lost, a leader dies or sleeps, and much is traded."""


@pytest.mark.parametrize("seed", SEEDS)
async def test_a_seeded_schedule_does_no_harm(seed: int, stores: Stores, tmp_path: Path) -> None:
    schedule = make_schedule(seed)

    result = await play(schedule, stores, tmp_path)

    assert not result.findings, f"again: make chaos CHAOS_SEED={seed}\n{schedule.text()}"
    assert not result.trouble
    assert result.verdicts["accepted"] > 0
