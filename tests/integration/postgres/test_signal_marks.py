"""Marks of signals in a real Postgres: the newest for ever, never back, and none lost with its batch."""

from collections.abc import AsyncIterator

import asyncpg
import msgspec
import pytest
from tests.integration.postgres.test_journal_on_postgres import begun
from tests.support.journal_rows import NOW_NS, judged, make_intent

from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.actions import JudgeSignal, KeepSignalMark, Verdict
from tradefleet.core.events import SignalMark

pytestmark = pytest.mark.process


@pytest.fixture
async def journal(dsn: str) -> AsyncIterator[Journal]:
    journal = await Journal.open(dsn)
    await begun(journal, dsn)
    yield journal
    await journal.close()


def mark(at_ns: int, signal_id: str, symbol: str = "BTCUSDT") -> SignalMark:
    return SignalMark(strategy="imbalance", symbol=symbol, at_ns=at_ns, signal_id=signal_id)


def followed(signal_id: str, at_ns: int, verdict: Verdict = Verdict.ACCEPTED) -> JudgeSignal:
    row = judged(signal_id, verdict)
    return msgspec.structs.replace(row, signal=msgspec.structs.replace(row.signal, at_ns=at_ns))


async def test_the_newest_of_each_strategy_and_symbol_comes_back(journal: Journal, dsn: str) -> None:
    await journal.keep([KeepSignalMark(mark=mark(5, "a")), KeepSignalMark(mark=mark(7, "b"))])
    await journal.keep([KeepSignalMark(mark=mark(6, "late")), KeepSignalMark(mark=mark(1, "c", "ETHUSDT"))])

    state = await begun(journal, dsn)

    assert state.signal_marks == (mark(7, "b"), mark(1, "c", "ETHUSDT"))


async def test_a_mark_whose_batch_was_lost_is_found_in_the_verdict_beside_the_intent(
    journal: Journal, dsn: str
) -> None:
    await journal.keep([KeepSignalMark(mark=mark(NOW_NS - 9, "before"))])
    await journal.write_intent(make_intent(signal_id="s1"), followed("s1", NOW_NS - 5))

    assert (await begun(journal, dsn)).signal_marks == (mark(NOW_NS - 5, "s1"),)


async def test_only_accepted_signals_count_and_none_from_the_future(journal: Journal, dsn: str) -> None:
    day_ns = 86_400 * 1_000_000_000
    await journal.keep([followed("no", NOW_NS + 1, Verdict.REFUSED), followed("ahead", NOW_NS + day_ns)])

    (found,) = (await begun(journal, dsn)).signal_marks

    assert found.signal_id == "ahead"
    assert found.at_ns < NOW_NS + 3600 * 1_000_000_000


async def test_an_old_verdict_is_no_mark(journal: Journal, dsn: str) -> None:
    await journal.keep([followed("old", NOW_NS)])
    connection = await asyncpg.connect(dsn)
    await connection.execute("UPDATE signals SET written_at = clock_timestamp() - interval '11 minutes'")
    await connection.close()

    assert (await begun(journal, dsn)).signal_marks == ()
