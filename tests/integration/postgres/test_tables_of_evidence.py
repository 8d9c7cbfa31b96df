"""The tables of evidence beside the release before: it writes as it always did, and loses nothing of ours."""

import asyncpg
import pytest

pytestmark = pytest.mark.process

ACCOUNT = "bybit/paper/1"
OWNER = (ACCOUNT, "bot-1", 1)

LEASE = """
INSERT INTO leases
    (account, bot, holder, ttl, epoch, granted_at, expires_at, released, server_started, timeline)
VALUES ($1, 'bot-1', 'a', interval '2 s', $2, now(), now() + interval '2 s', false, now(), '1')
"""

POSITION_OF_THE_RELEASE_BEFORE = """
INSERT INTO positions (account, bot, epoch, category, symbol, position_idx, size, entry_price, generation,
    realised, fees, at_ns, payload)
VALUES ($1, $2, $3, 'linear', 'BTCUSDT', 0, 2, 100, 1, 0, 0, $4, '{}')
ON CONFLICT (account, category, symbol, position_idx) DO UPDATE SET size = EXCLUDED.size,
    at_ns = EXCLUDED.at_ns, payload = EXCLUDED.payload, epoch = EXCLUDED.epoch
"""

MARK = """
INSERT INTO signal_marks (account, bot, epoch, strategy, symbol, at_ns, signal_id)
VALUES ($1, $2, $3, $4, $5, 7, 's')
"""


async def connected(dsn: str) -> asyncpg.Connection:
    connection = await asyncpg.connect(dsn)
    await connection.execute(LEASE, ACCOUNT, 1)
    return connection


async def test_facts_of_a_position_outlive_a_write_of_the_release_before(dsn: str) -> None:
    connection = await connected(dsn)
    await connection.execute(POSITION_OF_THE_RELEASE_BEFORE, *OWNER, 10)
    await connection.execute("UPDATE positions SET facts = '{\"entries\": 2}' WHERE account = $1", ACCOUNT)

    await connection.execute(POSITION_OF_THE_RELEASE_BEFORE, *OWNER, 20)

    row = await connection.fetchrow("SELECT at_ns, facts FROM positions WHERE account = $1", ACCOUNT)
    assert (row["at_ns"], row["facts"]) == (20, '{"entries": 2}')
    await connection.close()


@pytest.mark.parametrize(
    ("named", "refused"), [("", False), ("grant-of-ours", False), ("grant-of-another", True)]
)
async def test_the_fence_compares_the_grant_that_a_writer_names(dsn: str, named: str, refused: bool) -> None:
    connection = await connected(dsn)
    await connection.execute("UPDATE leases SET grant_id = 'grant-of-ours' WHERE account = $1", ACCOUNT)
    await connection.execute("SELECT set_config('tradefleet.grant', $1, false)", named)

    if refused:
        with pytest.raises(asyncpg.PostgresError) as raised:
            await connection.execute(MARK, *OWNER, "breakout", "BTCUSDT")
        assert raised.value.sqlstate == "TF001"
    else:
        await connection.execute(MARK, *OWNER, "breakout", "BTCUSDT")
    await connection.close()


async def test_a_mark_of_another_epoch_is_refused(dsn: str) -> None:
    connection = await connected(dsn)

    with pytest.raises(asyncpg.PostgresError) as raised:
        await connection.execute(MARK, ACCOUNT, "bot-1", 2, "breakout", "BTCUSDT")

    assert raised.value.sqlstate == "TF001"
    await connection.close()
