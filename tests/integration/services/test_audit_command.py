"""`tradefleet audit` as a person types it, on a real Postgres."""

import asyncio
import itertools
import subprocess
import sys
from collections.abc import Iterator

import asyncpg
import pytest
from tests.support.configs import make_snapshot
from tests.support.journal_rows import ACCOUNT, BOT, judged, kept_execution, make_intent
from tests.support.postgres_server import RunningPostgres, running_postgres

from tradefleet.adapters.postgres.journal import Journal
from tradefleet.adapters.postgres.lease_row import Claim, Grant, LeaseRow
from tradefleet.adapters.postgres.migrations import migrate
from tradefleet.core.actions import Verdict
from tradefleet.core.audit import entry_of
from tradefleet.services.audit_command import since_of
from tradefleet.services.fleet.problems import FleetFailed

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def postgres() -> Iterator[RunningPostgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
async def dsn(postgres: RunningPostgres) -> str:
    """A database with one traded signal and one that was refused."""
    address = await postgres.new_database(f"audit_{next(_NUMBERS)}")
    await migrate(address)
    row = LeaseRow(Claim(dsn=address, account=str(ACCOUNT), bot_uid=BOT, holder="test", ttl_s=1))
    assert isinstance(await row.take(timeout_s=5), Grant)
    await row.close()
    journal = await Journal.open(address)
    await journal.begin_epoch(ACCOUNT, BOT, 1, make_snapshot())
    await journal.write_intent(make_intent(), judged())
    entry = entry_of(kept_execution(), journal.writer, 5)
    assert entry is not None
    await journal.keep([kept_execution(), judged("s2", Verdict.REFUSED)], None, [entry])
    await journal.close()
    return address


async def audit(dsn: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tradefleet", "audit", *arguments, "--postgres", dsn],
        capture_output=True,
        text=True,
        check=False,
    )


async def forge(dsn: str, statement: str) -> None:
    """What an owner can do who means to: the triggers go first."""
    connection = await asyncpg.connect(dsn)
    await connection.execute(
        "ALTER TABLE audit DISABLE TRIGGER ALL; ALTER TABLE audit_heads DISABLE TRIGGER ALL"
    )
    await connection.execute(statement)
    await connection.close()


@pytest.mark.process
async def test_a_whole_chain_is_said_with_its_head(dsn: str) -> None:
    checked = await audit(dsn, "verify")

    assert checked.returncode == 0
    assert checked.stdout.startswith(f"{ACCOUNT}: 3 entries, whole; head 3:")
    head = checked.stdout.split("head ")[1].strip()
    assert (await audit(dsn, "verify", "--head", head)).returncode == 0


@pytest.mark.process
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE audit SET why = '' WHERE act = 'intent'", "BROKEN at entry 2: its hash does not fit"),
        ("DELETE FROM audit WHERE seq = 2", "BROKEN at entry 2: entry 2 is missing"),
        ("DELETE FROM audit WHERE seq = 3", "BROKEN at entry 3: the head counts 3 entries: the tail was cut"),
        ("DELETE FROM audit", "BROKEN at entry 1: the head counts 3 entries: the tail was cut"),
        ("DELETE FROM audit_heads", "BROKEN at entry 1: the chain's head is gone"),
        ("UPDATE audit SET seq = seq + 5", "BROKEN at entry 1: entry 1 is missing"),
        (
            "INSERT INTO audit SELECT account, 0, 1, NULL, '', '', '', '', '', '', '' FROM audit_heads",
            "BROKEN at entry 1: entry 1 is missing; entry 0 follows",
        ),
    ],
)
async def test_the_first_break_is_named_and_the_status_is_one(dsn: str, statement: str, said: str) -> None:
    await forge(dsn, statement)

    checked = await audit(dsn, "verify")

    assert checked.returncode == 1
    assert said in checked.stdout


@pytest.mark.process
async def test_a_tail_cut_together_with_its_head_is_found_by_the_head_noted_before(dsn: str) -> None:
    head = (await audit(dsn, "verify")).stdout.split("head ")[1].strip()
    await forge(
        dsn,
        "DELETE FROM audit WHERE seq = 3; UPDATE audit_heads SET count = 2, "
        "hash = (SELECT hash FROM audit WHERE seq = 2)",
    )

    assert (await audit(dsn, "verify")).returncode == 0
    noted = await audit(dsn, "verify", "--head", head)
    assert noted.returncode == 1
    assert "BROKEN at entry 3: the head that was noted has 3 entries: the tail was cut" in noted.stdout


@pytest.mark.process
async def test_an_order_and_a_signal_tell_the_same_story(dsn: str) -> None:
    by_order = await audit(dsn, "show", make_intent().client_order_id)
    by_signal = await audit(dsn, "show", "s1")

    assert by_order.returncode == 0
    assert "the executor (epoch 1) meant to buy 0.01 BTCUSDT at market" in by_order.stdout
    assert "0.01 BTCUSDT was bought at 60000.1" in by_order.stdout
    assert by_signal.stdout == by_order.stdout


@pytest.mark.process
async def test_a_refused_signal_says_so_and_an_unknown_name_fails(dsn: str) -> None:
    assert "judged refused" in (await audit(dsn, "show", "s2")).stdout
    unknown = await audit(dsn, "show", "s3")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert "no order and no signal of this name" in unknown.stderr


@pytest.mark.process
async def test_entries_are_listed_by_act_and_time(dsn: str) -> None:
    intents = await audit(dsn, "list", "--act", "intent", "--since", "1h")
    everything = await audit(dsn, "list")

    (line,) = intents.stdout.splitlines()
    assert make_intent().client_order_id in line
    assert len(everything.stdout.splitlines()) == 3
    assert (await audit(dsn, "list", "--since", "soon")).returncode == 1


@pytest.mark.process
async def test_what_cannot_be_asked_is_one_line(dsn: str, postgres: RunningPostgres) -> None:
    assert "the audit knows bybit/paper/100001" in (await audit(dsn, "verify", "--account", "x")).stderr
    assert "no head of a chain" in (await audit(dsn, "verify", "--head", "x")).stderr
    empty = await postgres.new_database(f"audit_{next(_NUMBERS)}")
    assert "it has no audit" in (await audit(empty, "verify")).stderr


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [("90s", 910), ("2m", 880), ("1970-01-01T00:00:05", 5), ("1970-01-01T01:00:00+01:00", 0)],
)
def test_a_time_is_read(text: str, expected_s: int) -> None:
    assert since_of(text, 1_000 * 10**9) == expected_s * 10**9


@pytest.mark.parametrize("text", ["", "5", "x", "-3h", "2025-13-01"])
def test_a_text_that_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(FleetFailed, match="write a time as"):
        since_of(text, 0)
