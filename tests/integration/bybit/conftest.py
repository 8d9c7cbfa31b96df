"""The simulated account over real sockets, which most of these tests speak to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.simulated_account import SimulatedAccount, simulated_account


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[SimulatedAccount]:
    """Served for the length of a test."""
    async with simulated_account(tmp_path) as account:
        yield account
