"""One Postgres for these tests, and an empty migrated database for each of them."""

import itertools
from collections.abc import Iterator

import pytest
from tests.support.postgres_server import RunningPostgres, running_postgres

from tradefleet.adapters.postgres.migrations import migrate

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[RunningPostgres]:
    """The server. A test that stops it starts it again."""
    with running_postgres() as server:
        yield server


@pytest.fixture
async def dsn(postgres: RunningPostgres) -> str:
    """The address of a database of the test's own, with the newest tables."""
    address = await postgres.new_database(f"test_{next(_NUMBERS)}")
    await migrate(address)
    return address
