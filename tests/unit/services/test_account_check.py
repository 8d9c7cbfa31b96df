"""An account that the journal knows is led while the exchange does not say everything; another one never."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, Listed
from tradefleet.core.events import AnyEvent, TakerFeeRead
from tradefleet.domain.orders import Account
from tradefleet.services.executor import checking, fees
from tradefleet.services.executor.checking import AccountCheck
from tradefleet.services.executor.exchange import Seen
from tradefleet.services.executor.fees import Fees
from tradefleet.services.executor.settings import ExecutorFailed, ExecutorSettings
from tradefleet.services.executor.status import ExecutorStatus
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import Universe
from tradefleet.spec.snapshot import ConfigSnapshot

ACCOUNT = Account("bybit", "paper", "7")


class _Words:
    """What the journal says."""

    def __init__(self, known: Account | None = ACCOUNT) -> None:
        self.known = known
        self.noted: list[Account] = []
        self.fee = Decimal("0.0004")

    async def account(self, venue: str, environment: str) -> Account | None:
        return self.known

    async def note_account(self, account: Account) -> None:
        self.noted.append(account)

    async def taker_fee(self, account: Account) -> Decimal:
        return self.fee

    async def note_taker_fee(self, account: Account, fee: Decimal) -> None:
        self.fee = fee


class _Clock:
    is_measured = False

    async def measure(self) -> None:
        self.is_measured = True


class _Exchange:
    def __init__(self) -> None:
        self.clock = _Clock()


class _Look:
    """What the exchange answers to the look: an error, a hang (None), or a UID."""

    def __init__(self, *answers: Exception | str | None) -> None:
        self.answers = list(answers)

    async def __call__(self, *_: object) -> Seen:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.sleep(60)
        if isinstance(answer, Exception):
            raise answer
        return Seen(uid=str(answer), key_expires_ns=None, warnings=())


def _check(monkeypatch: pytest.MonkeyPatch, words: Any, look: Any) -> AccountCheck:
    async def listed(*_: object) -> Listed:
        return Listed(())

    monkeypatch.setattr(checking, "listed", listed)
    monkeypatch.setattr(checking, "look_at", look)
    monkeypatch.setattr(checking, "KNOWN_S", 0.01)
    monkeypatch.setattr(checking, "AGAIN_S", 0.01)
    snapshot = ConfigSnapshot(
        generation=1,
        uid="bot",
        name="bot",
        namespace="default",
        spec=BotSpec(universe=Universe(symbols=["BTCUSDT"])),
        shards=(),
    )
    settings = ExecutorSettings(
        **dict.fromkeys(
            ("postgres", "redis", "snapshot_path", "status_path", "decisions_folder", "holder", "rest"), "x"
        ),
        public_stream="x",
        private_stream="x",
        retry_s=0.001,
        store_patience_s=0.05,
    )
    exchange: Any = _Exchange()
    return AccountCheck(settings, ExecutorStatus(), snapshot, exchange, words)


async def _rest() -> None:
    await asyncio.sleep(0.001)


@pytest.mark.parametrize("first", [Unreadable("10016"), ExchangeUnreachable("503"), None])
async def test_a_known_account_is_led_at_once_and_opens_nothing_until_it_was_looked_at(
    monkeypatch: pytest.MonkeyPatch, first: Exception | None
) -> None:
    words = _Words()
    check = _check(monkeypatch, words, _Look(first, Unreadable("still"), "7"))

    assert await check.account(_rest) == ACCOUNT
    assert "not checked" in check.why_not_open()
    await check.finish()

    assert check.why_not_open() == ""
    assert words.noted == [ACCOUNT]


async def test_an_unknown_account_is_waited_for_until_the_patience_is_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = _check(monkeypatch, _Words(None), _Look(Unreadable("10016"), Unreadable("10016"), "7"))
    assert await waits.account(_rest) == ACCOUNT

    fails = _check(monkeypatch, _Words(None), _Look(Unreadable("10016")))
    with pytest.raises(ExecutorFailed, match="10016"):
        await fails.account(_rest)


async def test_an_exchange_that_names_another_account_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check = _check(monkeypatch, _Words(), _Look(Unreadable("10016"), "8"))
    await check.account(_rest)

    with pytest.raises(ExecutorFailed, match="bybit/paper/8"):
        await check.finish()

    assert "not checked" in check.why_not_open()


async def test_a_clock_that_nobody_tells_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    check = _check(monkeypatch, _Words(), _Look("7"))

    async def never() -> None:
        raise Unreadable("no time")

    monkeypatch.setattr(check._exchange.clock, "measure", never)

    with pytest.raises(ExecutorFailed, match="no time"):
        await check.account(_rest)


class _Reads:
    def __init__(self, *answers: Exception | Decimal | None) -> None:
        self.answers = list(answers)

    async def taker_fee(self, symbols: object) -> Decimal:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            await asyncio.sleep(60)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Decimal)
        return answer


@pytest.mark.parametrize("first", [Unreadable("10016"), None])
async def test_a_fee_that_is_not_said_is_the_last_one_and_then_follows(
    monkeypatch: pytest.MonkeyPatch, first: Exception | None
) -> None:
    monkeypatch.setattr(fees, "AT_HAND_S", 0.01)
    monkeypatch.setattr(fees, "AGAIN_S", 0.001)
    words: Any = _Words()
    reads: Any = _Reads(first, Unreadable("still"), Decimal("0.0002"))
    told: asyncio.Queue[AnyEvent] = asyncio.Queue()
    one = Fees(reads, words, ACCOUNT, lambda why: None)

    fee = await one.at_hand(["BTCUSDT"])
    keeping = asyncio.create_task(one.keep(told.put_nowait, fee, lambda: ["BTCUSDT"]))
    try:
        followed = await asyncio.wait_for(told.get(), 20)
    finally:
        keeping.cancel()

    assert fee == Decimal("0.0004")
    assert followed == TakerFeeRead(now_ns=0, taker_fee=Decimal("0.0002"))
    assert words.fee == Decimal("0.0002")
