"""The audit against a real Postgres: it is chained there, writers keep one chain, nobody changes it."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from tests.support.configs import make_snapshot
from tests.support.journal_rows import (
    ACCOUNT,
    BOT,
    engaged,
    judged,
    kept_execution,
    kept_intent,
    kept_position,
    make_intent,
)
from tests.support.postgres_server import RunningPostgres

from tradefleet.adapters.postgres import audit
from tradefleet.adapters.postgres.errors import Fenced, IntentExists, JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease_row import Claim, Grant, LeaseRow
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.core.audit import Writer, entry_of
from tradefleet.core.events import LatchRecord
from tradefleet.orders.audit import Act, Entry, Link, verify
from tradefleet.orders.intents import IntentState
from tradefleet.services.fleet import latches

pytestmark = pytest.mark.process

CONFIG = make_snapshot()
REFUSED = "TF002"


async def begin(journal: Journal, dsn: str, **config: object) -> None:
    """Take the lease and begin its epoch; the row is free again at once."""
    row = LeaseRow(Claim(dsn=dsn, account=str(ACCOUNT), bot_uid=BOT, holder="test", ttl_s=1))
    grant = await row.take(timeout_s=5)
    assert isinstance(grant, Grant)
    await row.release(grant, timeout_s=5)
    await row.close()
    snapshot = msgspec.structs.replace(CONFIG, **config) if config else CONFIG
    await journal.begin_epoch(ACCOUNT, BOT, grant.epoch, snapshot)


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[Journal]:
    """A journal whose epoch 1 has begun."""
    journal = await Journal.open(dsn)
    await begin(journal, dsn)
    yield journal
    await journal.close()


@pytest.fixture
async def owner(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the tables' owner, who is a superuser here."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


async def chain(connection: asyncpg.Connection, account: str = str(ACCOUNT)) -> list[Link]:
    """The whole chain, which must be good."""
    links = [found async for found in audit.links(connection, account)]
    assert verify(account, links, await audit.head(connection, account)) is None
    return links


def acts(links: list[Link]) -> list[str]:
    return [found.entry.act for found in links]


async def test_an_intent_and_its_entry_are_there_together_or_not_at_all(
    journal: Journal, owner: asyncpg.Connection
) -> None:
    await journal.write_intent(make_intent(), judged())
    with pytest.raises(IntentExists):
        await journal.write_intent(make_intent(), judged())
    with pytest.raises(Fenced):
        await journal.write_intent(make_intent(signal_id="s2", epoch=9), judged("s2"))

    links = await chain(owner)
    assert acts(links) == [Act.LIMITS, Act.INTENT]
    entry = links[-1].entry
    assert (entry.subject, entry.epoch, entry.actor) == (make_intent().client_order_id, 1, f"executor:{BOT}")
    assert entry.why == "the strategy imbalance said long (imbalance 0.71)"


async def test_a_batch_has_its_entries_in_the_order_of_the_decisions(
    journal: Journal, owner: asyncpg.Connection
) -> None:
    batch = [kept_execution(), kept_intent(state=IntentState.DONE), kept_position(), engaged()]
    entries = [entry for row in batch if (entry := entry_of(row, journal.writer, 5)) is not None]

    await journal.keep(batch, None, entries)

    assert acts(await chain(owner))[1:] == [Act.EXECUTION, Act.END, Act.LATCH_ENGAGED]


async def test_a_batch_that_is_refused_leaves_no_entry(
    journal: Journal, dsn: str, owner: asyncpg.Connection
) -> None:
    second = await Journal.open(dsn)
    await begin(second, dsn)
    before = await chain(owner)

    with pytest.raises(Fenced):
        await journal.keep(
            [kept_position()], None, [journal.writer.entry(Act.ADOPTED, "BTCUSDT", "x", {}, 1)]
        )

    assert await chain(owner) == before
    await second.close()


async def test_many_writers_at_once_keep_one_chain(
    journal: Journal, dsn: str, owner: asyncpg.Connection
) -> None:
    person = await Journal.open(dsn)
    hand = Writer(account=str(ACCOUNT), actor="cli:somebody")

    async def by_hand(number: int) -> None:
        await person.append_audit([hand.entry(Act.FLATTEN, f"step {number}", "", {}, number)])

    async def by_leader(number: int) -> None:
        await journal.write_intent(make_intent(signal_id=f"s{number}"), judged(f"s{number}"))

    await asyncio.gather(*(step(number) for number in range(40) for step in (by_hand, by_leader)))

    links = await chain(owner)
    assert sorted(acts(links)[1:]) == [Act.FLATTEN] * 40 + [Act.INTENT] * 40
    assert {found.entry.epoch for found in links if found.entry.act == Act.FLATTEN} == {None}
    await person.close()


async def test_the_first_entries_of_an_account_may_come_at_once(dsn: str, owner: asyncpg.Connection) -> None:
    writer = Writer(account="bybit/demo/7", actor="cli:somebody")
    journals = [await Journal.open(dsn) for _ in range(5)]

    await asyncio.gather(
        *(journal.append_audit([writer.entry(Act.FLATTEN, "", "", {}, 1)]) for journal in journals)
    )

    assert len(await chain(owner, "bybit/demo/7")) == 5
    for journal in journals:
        await journal.close()


@pytest.mark.parametrize(
    "text",
    ["", "'); DROP TABLE audit; --", "\u00e4\u4e16\U0001f600", "\\x00", '{"a":1}', " \t\n", "x" * 70000],
)
async def test_the_database_and_we_compute_the_same_hash(
    dsn: str, owner: asyncpg.Connection, text: str
) -> None:
    journal = await Journal.open(dsn)
    entries = [
        Entry(account=text, at_ns=2**62, epoch=epoch, actor=text, act=text, subject=text, why=text, what=text)
        for epoch in (None, 0, 2**62)
    ]

    await journal.append_audit(entries)

    assert [found.entry for found in await chain(owner, text)] == entries
    await journal.close()


async def test_what_postgres_cannot_keep_is_replaced_in_an_entry(
    journal: Journal, owner: asyncpg.Connection
) -> None:
    latch = LatchRecord(latch_id="a\0b", kind="x", reason="c\0d", actor="e\0f", engaged_ns=1)
    entry = entry_of(msgspec.structs.replace(engaged(), latch=latch), journal.writer, 1)
    assert entry is not None

    await journal.append_audit([entry])

    assert (await chain(owner))[-1].entry.why == "c\ufffdd"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET why = 'another'",
        "UPDATE audit SET why = why WHERE false",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT INTO audit SELECT * FROM audit ON CONFLICT (account, seq) DO UPDATE SET why = 'another'",
        "UPDATE audit_heads SET count = count - 1",
        "UPDATE audit_heads SET count = count + 1",
        "DELETE FROM audit_heads",
        "TRUNCATE audit_heads",
        "SET session_replication_role = replica; DELETE FROM audit",
        "SET session_replication_role = replica; UPDATE audit_heads SET count = 0",
    ],
)
async def test_even_the_owner_cannot_change_it(
    journal: Journal, owner: asyncpg.Connection, statement: str
) -> None:
    await journal.write_intent(make_intent(), judged())
    before = await chain(owner)

    with pytest.raises(asyncpg.PostgresError) as refused:
        await owner.execute(statement)

    assert refused.value.sqlstate == REFUSED
    assert await chain(owner) == before


async def test_number_and_hash_are_the_databases_whatever_a_writer_says(
    journal: Journal, owner: asyncpg.Connection
) -> None:
    await owner.execute(
        "INSERT INTO audit (account, seq, hash, at_ns, actor, act, subject, why, what) "
        "VALUES ($1, 77, 'forged', 1, 'x', 'x', '', '', '{}')",
        str(ACCOUNT),
    )

    assert [found.seq for found in await chain(owner)] == [1, 2]


async def test_who_drops_the_triggers_is_found_by_the_chain(
    journal: Journal, owner: asyncpg.Connection
) -> None:
    await journal.write_intent(make_intent(), judged())
    await owner.execute("DROP TRIGGER only_grows ON audit")
    await owner.execute("UPDATE audit SET why = 'another' WHERE act = 'intent'")

    links = [found async for found in audit.links(owner, str(ACCOUNT))]
    broken = verify(str(ACCOUNT), links, await audit.head(owner, str(ACCOUNT)))

    assert broken is not None
    assert broken.seq == 2


async def test_a_head_that_was_set_back_stops_the_executor_loudly(
    journal: Journal, owner: asyncpg.Connection
) -> None:
    await journal.write_intent(make_intent(), judged())
    await owner.execute("ALTER TABLE audit_heads DISABLE TRIGGER ALL")
    await owner.execute("UPDATE audit_heads SET count = count - 1")
    await owner.execute("ALTER TABLE audit_heads ENABLE ALWAYS TRIGGER moved_by_entries")

    with pytest.raises(asyncpg.UniqueViolationError):
        await journal.write_intent(make_intent(signal_id="s2"), judged("s2"))


async def test_a_writer_that_stops_within_its_transaction_holds_nobody_up_for_long(
    dsn: str, owner: asyncpg.Connection
) -> None:
    stuck = await Journal.open(dsn, timeout_s=0.3)
    other = await Journal.open(dsn, timeout_s=5.0)
    writer = Writer(account=str(ACCOUNT), actor="cli:somebody")
    entry = writer.entry(Act.FLATTEN, "", "", {}, 1)

    async def stand_still() -> None:
        async with stuck._transaction("standing still") as connection:
            await audit.append(connection, [entry])
            await other.append_audit([entry])  # waits for the head until the server ends the session

    with pytest.raises(JournalDown):
        await stand_still()

    assert len(await chain(owner)) == 1
    await stuck.close()
    await other.close()


async def test_the_leader_and_a_person_engage_and_clear_latches_in_one_chain(
    journal: Journal, dsn: str, owner: asyncpg.Connection
) -> None:
    latch_id, _account = await latches.engage_kill_switch(dsn, "a drill", "cli:somebody", None)
    await latches.clear(dsn, latch_id, "cli:another")

    engagement, clearing = (found.entry for found in (await chain(owner))[1:])
    assert (engagement.act, engagement.actor, engagement.why) == (
        Act.LATCH_ENGAGED,
        "cli:somebody",
        "a drill",
    )
    assert (clearing.act, clearing.actor, clearing.subject) == (Act.LATCH_CLEARED, "cli:another", latch_id)


async def test_a_generation_that_changes_a_limit_is_an_entry_and_another_is_none(
    journal: Journal, dsn: str, owner: asyncpg.Connection
) -> None:
    tighter = msgspec.structs.replace(CONFIG.spec.risk, max_positions=1)

    await begin(journal, dsn)
    await begin(journal, dsn, generation=2)
    await begin(journal, dsn, generation=3, spec=msgspec.structs.replace(CONFIG.spec, risk=tighter))

    entries = [found.entry for found in await chain(owner)]
    assert [entry.subject for entry in entries] == ["generation 1", "generation 3"]
    assert entries[1].why == f"spec.risk.maxPositions from {CONFIG.spec.risk.max_positions} to 1 (tighter)"


async def test_the_writers_role_can_lead_and_add_but_change_nothing(
    dsn: str, owner: asyncpg.Connection, postgres: RunningPostgres
) -> None:
    user = f"trader_{dsn.rpartition('/')[2]}"
    await owner.execute(f"CREATE ROLE {user} LOGIN IN ROLE tradefleet_writer")
    as_user = dsn.replace("//tradefleet@", f"//{user}@")
    await migrate(as_user)
    journal = await Journal.open(as_user)
    await begin(journal, as_user)
    await journal.write_intent(make_intent(), judged())
    await journal.keep([kept_execution(), kept_position()], None, [])
    await journal.keep_digest(1, "x")
    await latches.engage_kill_switch(as_user, "a drill", "cli:somebody", None)

    assert acts(await chain(owner)) == [Act.LIMITS, Act.INTENT, Act.LATCH_ENGAGED]
    connection = await asyncpg.connect(as_user)
    for statement in (
        "UPDATE audit SET why = ''",
        "DELETE FROM audit",
        "TRUNCATE audit",
        "INSERT INTO audit_heads VALUES ('x', 1, '')",
        "UPDATE audit_heads SET count = 0",
        "ALTER TABLE audit DISABLE TRIGGER ALL",
        "DROP TABLE audit",
        "DELETE FROM intents",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    assert len(await chain(connection)) == 3
    await connection.close()
    await journal.close()


async def test_an_owner_who_may_not_create_roles_migrates_all_the_same(
    postgres: RunningPostgres,
) -> None:
    address = await postgres.new_database("without_createrole")
    connection = await asyncpg.connect(address)
    await connection.execute("CREATE ROLE plain_owner LOGIN")
    await connection.execute("GRANT ALL ON SCHEMA public TO plain_owner")
    await connection.execute("ALTER ROLE tradefleet_writer RENAME TO tradefleet_writer_away")
    try:
        await migrate(address.replace("//tradefleet@", "//plain_owner@"))
    finally:
        await connection.execute("ALTER ROLE tradefleet_writer_away RENAME TO tradefleet_writer")
    may = "SELECT has_table_privilege('tradefleet_writer', 'audit', 'INSERT')"
    assert not await connection.fetchval(may)

    await connection.execute("SELECT grant_to_tradefleet_writer()")

    assert await connection.fetchval(may)
    await connection.close()
