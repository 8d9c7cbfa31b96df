"""The journal against a real Postgres: what is written comes back, and what must not be is refused."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from tests.support.configs import make_snapshot
from tests.support.journal_rows import (
    ACCOUNT,
    BOT,
    NOW_NS,
    chosen,
    engaged,
    judged,
    kept_baseline,
    kept_equity,
    kept_execution,
    kept_intent,
    kept_order,
    kept_position,
    make_intent,
)
from tests.support.postgres_server import RunningPostgres

from tradefleet.adapters.postgres.errors import Fenced, IntentExists, JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease_row import Claim, Grant, LeaseRow
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.adapters.postgres.restore import QUIET_NS, JournalState, StreamMark
from tradefleet.core.actions import AnyAction, ClearLatch, KeepIntent, Verdict
from tradefleet.domain.orders import OrderStatus
from tradefleet.orders.intents import Intent, IntentState, Leg

pytestmark = pytest.mark.process

CONFIG = make_snapshot()


async def next_epoch(dsn: str) -> int:
    """Take the lease, and release it so that the next call gets the epoch after."""
    row = LeaseRow(Claim(dsn=dsn, account=str(ACCOUNT), bot_uid=BOT, holder="test", ttl_s=1))
    try:
        grant = await row.take(timeout_s=5)
        assert isinstance(grant, Grant)
        await row.release(grant, timeout_s=5)
    finally:
        await row.close()
    return grant.epoch


async def begun(journal: Journal, dsn: str) -> JournalState:
    """What a new epoch is restored from."""
    return await journal.begin_epoch(ACCOUNT, BOT, await next_epoch(dsn), CONFIG)


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[Journal]:
    """A journal whose epoch 1 has begun."""
    journal = await Journal.open(dsn)
    await begun(journal, dsn)
    yield journal
    await journal.close()


async def test_the_next_epoch_gets_back_every_kind_of_row(journal: Journal, dsn: str) -> None:
    mark = StreamMark(run_id="r1", signals_id="5-0", announcements_id="6-0")
    batch: list[AnyAction] = [
        judged(),
        kept_intent(),
        kept_order(OrderStatus.FILLED, "0.010"),
        kept_execution(),
        kept_position(),
        kept_equity(),
        kept_baseline(),
        engaged(),
        chosen(),
    ]

    await journal.keep(batch, mark)
    state = await begun(journal, dsn)

    assert state.intents == (kept_intent().record,)
    assert state.positions == (kept_position().position,)
    assert str(state.positions[0].size) == "0.010"
    assert state.executions_counted == ("e1",)
    assert state.seen_signals == ("s1",)
    assert state.owners == (chosen().owner,)
    assert state.latches == (engaged().latch,)
    assert state.baseline == kept_baseline().baseline
    assert state.quiet_until_ns == make_intent().valid_until_ns + QUIET_NS
    assert state.config == CONFIG
    assert state.stream_position == mark


async def test_orders_and_equity_are_there_to_be_searched(journal: Journal, dsn: str) -> None:
    await journal.keep([kept_order(OrderStatus.FILLED, "0.010"), kept_equity()])

    connection = await asyncpg.connect(dsn)
    order = await connection.fetchrow("SELECT status, cum_exec_qty, epoch FROM orders")
    equity = await connection.fetchval("SELECT equity FROM equity")
    await connection.close()
    assert (order["status"], order["cum_exec_qty"], order["epoch"]) == (
        "Filled",
        kept_order(OrderStatus.FILLED, "0.010").order.cum_exec_qty,
        1,
    )
    assert equity == kept_equity().equity


async def test_the_database_itself_refuses_an_intent_of_an_older_epoch(journal: Journal, dsn: str) -> None:
    await next_epoch(dsn)

    with pytest.raises(Fenced):
        await journal.write_intent(make_intent(epoch=1), judged())
    with pytest.raises(Fenced):
        await journal.keep([kept_position()])

    state = await begun(journal, dsn)
    assert (state.intents, state.seen_signals, state.positions) == ((), (), ())


async def test_an_epoch_that_does_not_lead_cannot_begin(journal: Journal, dsn: str) -> None:
    await next_epoch(dsn)

    with pytest.raises(Fenced):
        await journal.begin_epoch(ACCOUNT, BOT, 1, CONFIG)


async def test_the_second_insert_of_one_key_is_refused(journal: Journal) -> None:
    await journal.write_intent(make_intent(), judged())

    with pytest.raises(IntentExists):
        await journal.write_intent(make_intent(), judged())
    await journal.write_intent(make_intent(attempt=2), None)


async def test_of_many_writers_of_one_key_one_succeeds(journal: Journal) -> None:
    writes = [journal.write_intent(make_intent(), judged()) for _ in range(8)]

    answers = await asyncio.gather(*writes, return_exceptions=True)

    assert answers.count(None) == 1
    assert sum(isinstance(answer, IntentExists) for answer in answers) == 7


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ((OrderStatus.NEW, "0", NOW_NS + 5), ("Filled", "0.010")),
        ((OrderStatus.PARTIALLY_FILLED, "0.005", NOW_NS + 5), ("Filled", "0.010")),
        ((OrderStatus.CANCELLED, "0.005", NOW_NS + 5), ("Filled", "0.010")),
        ((OrderStatus.FILLED, "0.010", NOW_NS - 5), ("Filled", "0.010")),
    ],
)
async def test_an_order_never_goes_back(
    journal: Journal, dsn: str, later: tuple[OrderStatus, str, int], expected: tuple[str, str]
) -> None:
    await journal.keep(
        [kept_order(OrderStatus.PARTIALLY_FILLED, "0.005"), kept_order(OrderStatus.FILLED, "0.010")]
    )

    await journal.keep([kept_order(*later)])

    connection = await asyncpg.connect(dsn)
    row = await connection.fetchrow("SELECT status, cum_exec_qty::text AS done FROM orders")
    await connection.close()
    assert (row["status"], row["done"]) == expected


async def test_a_final_intent_stays_final(journal: Journal, dsn: str) -> None:
    await journal.keep([kept_intent(state=IntentState.DONE)])

    await journal.keep([kept_intent(state=IntentState.ACCEPTED)])

    assert [record.state for record in (await begun(journal, dsn)).intents] == [IntentState.DONE]


async def test_a_batch_may_be_repeated(journal: Journal, dsn: str) -> None:
    batch: list[AnyAction] = [judged(), kept_intent(), kept_execution(), kept_position(), engaged(), chosen()]

    await journal.keep(batch)
    once = await begun(journal, dsn)
    await journal.keep(batch)

    assert await begun(journal, dsn) == once


async def test_the_first_verdict_on_a_signal_stands_unless_it_was_about_a_process_that_is_not_heard(
    journal: Journal, dsn: str
) -> None:
    unheard = msgspec.structs.replace(judged(verdict=Verdict.REFUSED), reason="not_owner")

    await journal.keep([unheard])
    assert (await begun(journal, dsn)).seen_signals == ()
    await journal.keep([judged()])
    await journal.keep([unheard, judged(verdict=Verdict.REFUSED)])

    assert (await begun(journal, dsn)).seen_signals == ("s1",)
    connection = await asyncpg.connect(dsn)
    verdicts = await connection.fetch("SELECT verdict FROM signals")
    await connection.close()
    assert [row["verdict"] for row in verdicts] == [Verdict.ACCEPTED.value]


async def test_an_owner_of_an_older_choice_does_not_come_back(journal: Journal, dsn: str) -> None:
    await journal.keep([chosen("i1", 1), chosen("i2", 2)])

    await journal.keep([chosen("i1", 1)])

    assert (await begun(journal, dsn)).owners == (chosen("i2", 2).owner,)


async def test_a_cleared_latch_stays_cleared_until_it_is_engaged_anew(journal: Journal) -> None:
    await journal.keep([engaged()])

    assert await journal.clear_latch("daily-loss-20000", "an operator")
    assert not await journal.clear_latch("daily-loss-20000", "an operator")
    await journal.keep([engaged()])
    assert await journal.engaged_latches() == ()
    await journal.keep([engaged(engaged_ns=NOW_NS + 1)])
    assert [latch.engaged_ns for latch in await journal.engaged_latches()] == [NOW_NS + 1]


async def test_a_latch_that_is_engaged_and_cleared_in_one_batch_is_cleared(journal: Journal) -> None:
    clear = ClearLatch(latch_id="daily-loss-20000", actor="spec")

    await journal.keep([engaged(), clear])
    assert await journal.engaged_latches() == ()

    await journal.keep([clear, engaged(engaged_ns=NOW_NS + 1)])
    assert len(await journal.engaged_latches()) == 1


async def test_limits_never_go_back_to_an_older_generation(journal: Journal, dsn: str) -> None:
    newer = make_snapshot(generation=7)
    await journal.begin_epoch(ACCOUNT, BOT, await next_epoch(dsn), newer)

    state = await journal.begin_epoch(ACCOUNT, BOT, await next_epoch(dsn), CONFIG)

    assert state.config == newer
    assert state.config.content_hash() == newer.content_hash()


async def test_the_journal_is_down_with_the_server_and_works_after_its_return(
    journal: Journal, dsn: str, postgres: RunningPostgres
) -> None:
    await journal.write_intent(make_intent(), judged())

    postgres.stop()
    try:
        with pytest.raises(JournalDown):
            await journal.write_intent(make_intent(signal_id="s2"), judged("s2"))
        with pytest.raises(JournalDown):
            await journal.keep([kept_position()])
        with pytest.raises(JournalDown):
            await Journal.open(dsn)
        with pytest.raises(JournalDown):
            await migrate(dsn)
    finally:
        await postgres.start_again()

    await journal.keep([kept_position()])
    with pytest.raises(IntentExists):
        await journal.write_intent(make_intent(), judged())


async def test_several_processes_may_migrate_at_once(postgres: RunningPostgres) -> None:
    address = await postgres.new_database("migrated_at_once")

    await asyncio.gather(*(migrate(address) for _ in range(5)))

    connection = await asyncpg.connect(address)
    assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    await connection.close()


def closes(count: int, epoch: int = 1) -> list[Intent]:
    """Intents that come of no signal, as a kill switch makes them."""
    made = [make_intent(signal_id=f"kill/{number}", epoch=epoch) for number in range(count)]
    return [msgspec.structs.replace(intent, leg=Leg.CLOSE, reduce_only=True) for intent in made]


async def audited(dsn: str) -> list[str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("SELECT subject FROM audit WHERE act = 'intent' ORDER BY seq")
    await connection.close()
    return [row["subject"] for row in rows]


async def test_several_intents_are_written_with_their_audit_in_their_order(
    journal: Journal, dsn: str
) -> None:
    twenty = closes(20)

    await journal.write_intents(twenty)

    state = await begun(journal, dsn)
    written = {record.intent.client_order_id: record.intent for record in state.intents}
    assert written == {intent.client_order_id: intent for intent in twenty}
    assert {record.state for record in state.intents} == {IntentState.WRITTEN}
    assert await audited(dsn) == [intent.client_order_id for intent in twenty]


async def test_one_that_was_written_before_keeps_all_of_them_out_and_each_can_go_alone(
    journal: Journal, dsn: str
) -> None:
    three = closes(3)
    await journal.write_intent(three[1], None)

    with pytest.raises(IntentExists):
        await journal.write_intents(three)
    there = [record.intent for record in (await begun(journal, dsn)).intents]
    assert there == [three[1]]
    assert await audited(dsn) == [three[1].client_order_id]

    epoch_2 = [msgspec.structs.replace(intent, epoch=2) for intent in (three[0], three[2])]
    await journal.write_intents(epoch_2)
    assert len((await begun(journal, dsn)).intents) == 3


async def test_several_intents_of_an_older_epoch_are_refused_whole(journal: Journal, dsn: str) -> None:
    await next_epoch(dsn)

    with pytest.raises(Fenced):
        await journal.write_intents(closes(3, epoch=1))

    assert (await begun(journal, dsn)).intents == ()
    assert await audited(dsn) == []


async def test_several_intents_are_none_when_the_database_is_away(
    journal: Journal, postgres: RunningPostgres
) -> None:
    postgres.stop()
    try:
        with pytest.raises(JournalDown):
            await journal.write_intents(closes(2))
    finally:
        await postgres.start_again()


HOUR_NS = 3600 * 1_000_000_000


async def test_a_new_epoch_is_told_of_what_may_be_heard_again_and_not_of_all_there_ever_was(
    journal: Journal, dsn: str
) -> None:
    # The database asks its own clock, and a suite may take half an hour to come here.
    now_ns = time.time_ns()

    def intent(name: str, state: IntentState, age_ns: int, rest_ns: int = 0) -> KeepIntent:
        kept = kept_intent(name, state)
        made = msgspec.structs.replace(
            kept.record.intent,
            created_ns=now_ns - age_ns,
            valid_until_ns=now_ns - age_ns + 1,
            rest_until_ns=now_ns + rest_ns if rest_ns else 0,
        )
        return KeepIntent(record=msgspec.structs.replace(kept.record, intent=made))

    await journal.keep(
        [
            intent("open for a day", IntentState.AMBIGUOUS, 24 * HOUR_NS),
            intent("just over", IntentState.DONE, HOUR_NS // 2),
            intent("over for long", IntentState.DONE, 2 * HOUR_NS),
            intent("rested until now", IntentState.DONE, 5 * HOUR_NS, rest_ns=-1),
            intent("rested long ago", IntentState.DONE, 5 * HOUR_NS, rest_ns=-2 * HOUR_NS),
            kept_execution("newest", NOW_NS - 5 * HOUR_NS),
            kept_execution("read again", NOW_NS - 7 * HOUR_NS),
            kept_execution("not read again", NOW_NS - 9 * HOUR_NS),
        ]
    )
    state = await begun(journal, dsn)

    told = [record.intent.signal_id for record in state.intents]
    assert told == ["open for a day", "rested until now", "just over"]
    assert state.executions_counted == ("read again", "newest")
    assert state.executions_known_from_ns == NOW_NS - 8 * HOUR_NS


async def test_an_execution_with_a_time_of_tomorrow_makes_none_of_today_old(
    journal: Journal, dsn: str
) -> None:
    await journal.keep([kept_execution("now"), kept_execution("tomorrow", NOW_NS + 24 * HOUR_NS)])

    state = await begun(journal, dsn)

    assert state.executions_counted == ("now", "tomorrow")
    assert NOW_NS - 4 * HOUR_NS < state.executions_known_from_ns < NOW_NS
