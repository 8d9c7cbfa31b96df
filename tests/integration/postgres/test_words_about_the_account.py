"""What the exchange has said of an account is found again by the next start, in a real audit."""

from decimal import Decimal

import pytest

from tradefleet.adapters.postgres.journal import Journal
from tradefleet.domain.orders import Account
from tradefleet.orders.audit import Act, Entry, json_of
from tradefleet.services.executor.account_words import HIGHEST_TAKER_FEE, AccountWords

ONE, OTHER = Account("bybit", "live", "1001"), Account("bybit", "live", "1002")
SECRET_LIKE = "a-key-of-the-bot"


async def test_an_account_is_known_by_the_key_that_opens_it(dsn: str) -> None:
    journal = await Journal.open(dsn)
    try:
        words = AccountWords(journal, SECRET_LIKE, "holder")
        assert await words.account("bybit", "live") is None

        await words.note_account(ONE)

        again = AccountWords(journal, SECRET_LIKE, "another holder")
        assert await again.account("bybit", "live") == ONE
        assert await again.account("bybit", "demo") is None
        assert await again.account("other", "live") is None
        assert await AccountWords(journal, "a new key", "holder").account("bybit", "live") is None
    finally:
        await journal.close()


async def test_the_fee_that_was_said_last_counts_and_the_highest_before_any(dsn: str) -> None:
    journal = await Journal.open(dsn)
    try:
        words = AccountWords(journal, SECRET_LIKE, "holder")
        assert await words.taker_fee(ONE) == HIGHEST_TAKER_FEE

        await words.note_taker_fee(ONE, Decimal("0.00055"))
        await words.note_taker_fee(OTHER, Decimal("0.0003"))
        await words.note_taker_fee(ONE, Decimal("0.0004"))

        assert await words.taker_fee(ONE) == Decimal("0.0004")
        assert await words.taker_fee(OTHER) == Decimal("0.0003")
    finally:
        await journal.close()


async def test_a_word_is_written_when_it_is_new_and_never_the_key(dsn: str) -> None:
    journal = await Journal.open(dsn)
    try:
        words = AccountWords(journal, SECRET_LIKE, "holder")
        for _ in range(3):
            await words.note_account(ONE)
            await words.note_taker_fee(ONE, Decimal("0.0004"))
        entries = await _entries(journal)
    finally:
        await journal.close()

    assert [entry.subject.split(" ")[0] for entry in entries] == ["key", "taker"]
    assert not any(SECRET_LIKE in str(entry) for entry in entries)


@pytest.mark.parametrize("fee", ["2", "-0.1", "NaN", "x", ""])
async def test_a_word_that_is_none_counts_as_the_highest(dsn: str, fee: str) -> None:
    journal = await Journal.open(dsn)
    try:
        entry = Entry(
            account=str(ONE),
            at_ns=1,
            epoch=None,
            actor="x",
            act=Act.ACCOUNT,
            subject="taker fee",
            why="",
            what=json_of({"taker_fee": fee} if fee else []),
        )
        await journal.append_audit([entry])

        assert await AccountWords(journal, SECRET_LIKE, "holder").taker_fee(ONE) == HIGHEST_TAKER_FEE
    finally:
        await journal.close()


async def _entries(journal: Journal) -> list[Entry]:
    async with journal._transaction("looking") as connection:
        rows = await connection.fetch(
            "SELECT account, at_ns, epoch, actor, act, subject, why, what, origin FROM audit ORDER BY seq"
        )
    return [Entry(**dict(row)) for row in rows]
