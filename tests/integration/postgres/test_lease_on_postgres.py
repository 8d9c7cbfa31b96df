"""The lease against a real Postgres: never two leaders, and none that has stopped working.

Times to live are scaled down to a second or less; what is compared is the order of things, and that
a right to open has ended before the next grant is given.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable

import asyncpg
import msgspec
import pytest
from tests.support.configs import make_snapshot
from tests.support.postgres_server import RunningPostgres

from tradefleet.adapters.postgres.errors import AccountInUse, Fenced, JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease import Grant, LeaseKeeper
from tradefleet.adapters.postgres.lease_row import Claim, LeaseRow
from tradefleet.domain.orders import Account

pytestmark = pytest.mark.process

ACCOUNT = Account(venue="bybit", environment="paper", uid="1")
TTL_S = 1.0
RENEW_S = 0.1


@contextlib.asynccontextmanager
async def keeping(
    dsn: str, *, bot: str = "bot-1", holder: str = "a", ttl_s: float = TTL_S
) -> AsyncIterator[LeaseKeeper]:
    """A keeper that has begun to ask."""
    keeper = LeaseKeeper(dsn, "bybit/paper/1", bot, holder, ttl_s, RENEW_S)
    keeper.start()
    try:
        yield keeper
    finally:
        await asyncio.to_thread(keeper.close)


async def working(keeper: LeaseKeeper, seconds: float) -> None:
    """A main loop that turns for so long."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        keeper.progress()
        await asyncio.sleep(0.02)


async def granted(keeper: LeaseKeeper) -> Grant:
    """The grant, within a time that is a failure when it is over."""
    return await asyncio.wait_for(keeper.acquired(), 20)


def may_open(keeper: LeaseKeeper) -> bool:
    """Whether this keeper gives the right to open risk now."""
    return time.monotonic_ns() < keeper.may_open_until_monotonic_ns


async def test_a_keeper_that_works_keeps_the_lease_beyond_its_time_to_live(dsn: str) -> None:
    async with keeping(dsn) as keeper:
        grant = await granted(keeper)
        assert (grant.epoch, grant.bot_uid, grant.had_predecessor) == (1, "bot-1", False)

        await working(keeper, 2 * TTL_S)

        assert may_open(keeper)
        assert not keeper.lost.is_set()


async def test_a_keeper_whose_main_loop_makes_no_progress_loses_it(dsn: str) -> None:
    async with keeping(dsn, holder="a") as stuck:
        assert (await granted(stuck)).epoch == 1

        async with keeping(dsn, holder="b") as other:
            assert (await granted(other)).epoch == 2

            assert not may_open(stuck)
            assert await asyncio.to_thread(stuck.lost.wait, 10)
            assert may_open(other)


async def test_a_released_lease_is_taken_at_once(dsn: str) -> None:
    async with keeping(dsn, holder="a", ttl_s=60) as first:
        await granted(first)

    async with keeping(dsn, holder="b", ttl_s=60) as second:
        # 20 s of patience: had it to run out, the first keeper's 60 s would be longer.
        grant = await granted(second)
        assert (grant.epoch, grant.bot_uid, grant.had_predecessor) == (2, "bot-1", True)


async def test_a_second_bot_is_told_that_the_account_is_in_use(dsn: str) -> None:
    async with keeping(dsn, bot="bot-1") as first:
        await granted(first)
        async with keeping(dsn, bot="bot-2") as second:
            work = asyncio.create_task(working(first, 3 * TTL_S))

            for _ in range(2):
                with pytest.raises(AccountInUse, match="bot-1"):
                    await granted(second)

            await work
            assert not may_open(second)


@pytest.mark.parametrize(
    "schedule",
    [
        "work work work",
        "work stall work",
        "stall work stall",
        "stall stall stall",
        "release work release",
        "work release stall",
        "stall release work",
    ],
)
async def test_two_keepers_never_have_the_right_to_open_at_once(dsn: str, schedule: str) -> None:
    ttl_s = 0.6
    epochs: list[int] = []
    both: list[str] = []

    async def life(name: str) -> None:
        for step in schedule.split():
            async with keeping(dsn, holder=name, ttl_s=ttl_s) as keeper:
                keepers[name] = keeper
                epochs.append((await granted(keeper)).epoch)
                if step == "work":
                    await working(keeper, ttl_s)
                elif step == "stall":
                    await asyncio.to_thread(keeper.lost.wait, 10)

    async def watch() -> None:
        while True:
            now_ns = time.monotonic_ns()
            having = [name for name, k in keepers.items() if now_ns < k.may_open_until_monotonic_ns]
            if len(having) > 1:
                both.append(str(having))
            await asyncio.sleep(0.002)

    keepers: dict[str, LeaseKeeper] = {}
    watching = asyncio.create_task(watch())
    await asyncio.gather(life("a"), life("b"))
    watching.cancel()

    assert both == []
    assert sorted(epochs) == list(range(1, 7))


async def test_after_a_restart_of_postgres_an_unreleased_row_is_granted_after_one_full_lease(
    dsn: str, postgres: RunningPostgres
) -> None:
    # A keeper that is gone without releasing, as after a kill: its thread is left to stall.
    async with keeping(dsn, holder="dead", ttl_s=0.3) as dead:
        await granted(dead)
        await asyncio.to_thread(dead.lost.wait, 10)

    await asyncio.to_thread(postgres.restart)
    await asyncio.sleep(0.5)  # by the clock alone the row has run out

    async with keeping(dsn, holder="next", ttl_s=3.0) as keeper:
        asked = time.monotonic()
        assert (await granted(keeper)).epoch == 2
        assert time.monotonic() - asked >= 3.0


async def test_a_leader_keeps_its_lease_through_a_short_restart(dsn: str, postgres: RunningPostgres) -> None:
    async with keeping(dsn, ttl_s=6.0) as keeper:
        await granted(keeper)
        before_ns = keeper.may_open_until_monotonic_ns
        await asyncio.to_thread(postgres.restart)

        await working(keeper, 1.0)

        assert keeper.may_open_until_monotonic_ns > before_ns
        assert not keeper.lost.is_set()


async def test_without_postgres_the_right_to_open_ends_by_itself(dsn: str, postgres: RunningPostgres) -> None:
    async with keeping(dsn) as keeper:
        await granted(keeper)
        await asyncio.to_thread(postgres.stop)
        try:
            await working(keeper, TTL_S)
            assert not may_open(keeper)
            assert await asyncio.to_thread(keeper.lost.wait, 10)
            assert keeper.trouble
        finally:
            await asyncio.to_thread(postgres.start)


async def test_a_leader_that_sleeps_in_the_middle_of_a_transaction_does_not_keep_the_next_one_waiting(
    dsn: str,
) -> None:
    journal = await Journal.open(dsn)
    async with keeping(dsn) as sleeper:
        await granted(sleeper)

        # Its main loop stands still, with the row in its hand.
        async with keeping(dsn, holder="b") as next_one:
            with pytest.raises(JournalDown):
                await _asleep_until(journal, granted(next_one))

    await journal.close()


async def _asleep_until(journal: Journal, other: Awaitable[Grant]) -> None:
    async with journal._transaction("sleeping") as connection:
        await connection.fetch("SELECT epoch FROM leases FOR SHARE")
        assert (await other).epoch == 2
        await connection.fetch("SELECT 1")


async def test_a_standby_that_sleeps_with_the_row_in_its_hand_does_not_end_the_leader(dsn: str) -> None:
    row = LeaseRow(Claim(dsn=dsn, account="bybit/paper/1", bot_uid="bot-1", holder="b", ttl_s=2.0))
    async with keeping(dsn, ttl_s=2.0) as leader:
        await granted(leader)

        connection = await row._connected(timeout_s=2.0)
        await connection.execute("BEGIN")
        await connection.fetch("SELECT epoch FROM leases FOR UPDATE")
        await working(leader, 3.0)

        assert may_open(leader)
        assert not leader.lost.is_set()
    await row.close()


CLAIM = Claim(dsn="", account="bybit/paper/1", bot_uid="bot-1", holder="a", ttl_s=60.0)


async def test_each_grant_has_an_id_of_its_own_and_the_row_says_whose_bot_it_is(dsn: str) -> None:
    claim = msgspec.structs.replace(CLAIM, dsn=dsn, namespace="trading", name="my-bot")
    row = LeaseRow(claim)
    first = await row.take(timeout_s=5)
    assert isinstance(first, Grant)
    await row.release(first, timeout_s=5)
    second = await row.take(timeout_s=5)
    assert isinstance(second, Grant)
    await row.close()

    connection = await asyncpg.connect(dsn)
    kept = await connection.fetchrow("SELECT grant_id, bot_namespace, bot_name FROM leases")
    await connection.close()
    assert first.grant_id != second.grant_id
    assert tuple(kept) == (second.grant_id, "trading", "my-bot")


async def test_a_restored_backup_that_grants_the_same_epoch_again_fences_who_had_it_before(dsn: str) -> None:
    rows = [LeaseRow(msgspec.structs.replace(CLAIM, dsn=dsn)) for _ in range(2)]
    before = await rows[0].take(timeout_s=5)
    assert isinstance(before, Grant)
    old, new = await Journal.open(dsn), await Journal.open(dsn)
    await old.begin_epoch(ACCOUNT, "bot-1", before.epoch, make_snapshot(), before.grant_id)

    # The backup is of a moment before that grant: its row is gone, and the next one is epoch 1 again.
    connection = await asyncpg.connect(dsn)
    await connection.execute("DELETE FROM leases")
    after = await rows[1].take(timeout_s=5)
    assert isinstance(after, Grant)
    await new.begin_epoch(ACCOUNT, "bot-1", after.epoch, make_snapshot(), after.grant_id)

    assert after.epoch == before.epoch
    with pytest.raises(Fenced):
        await old.keep_digest(1, "0" * 64)
    with pytest.raises(Fenced):
        await old.begin_epoch(ACCOUNT, "bot-1", before.epoch, make_snapshot(), before.grant_id)
    assert not await rows[0].renew(before, timeout_s=5)
    await rows[0].release(before, timeout_s=5)
    await new.keep_digest(1, "0" * 64)
    assert await rows[1].renew(after, timeout_s=5)
    for one in (old, new, *rows):
        await one.close()
    await connection.close()


async def test_every_session_of_the_pool_names_the_grant_and_is_told_it_once(dsn: str) -> None:
    row = LeaseRow(msgspec.structs.replace(CLAIM, dsn=dsn))
    grant = await row.take(timeout_s=5)
    assert isinstance(grant, Grant)
    journal = await Journal.open(dsn)
    await journal.begin_epoch(ACCOUNT, "bot-1", grant.epoch, make_snapshot(), grant.grant_id)
    named = journal._grants._named

    await asyncio.gather(*(journal.keep_digest(number, "0" * 64) for number in range(8)))

    assert len(named) > 1
    assert set(named.values()) <= {grant.grant_id, ""}
    assert list(named.values()).count(grant.grant_id) >= 2
    await journal.close()
    await row.close()
