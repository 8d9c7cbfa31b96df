"""What an executor listens to, asks for, and knows the rules of."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from tests.support.eventually import eventually
from tests.support.simulated_account import BTC

from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, Listed, Quote
from tradefleet.core.events import AnyEvent, InstrumentsRefreshed, MarketMoved
from tradefleet.domain.instruments import Instrument
from tradefleet.services.executor import feeds, rules
from tradefleet.services.executor.feeds import Tickers
from tradefleet.services.executor.rules import Rules
from tradefleet.services.executor.status import ExecutorStatus


def instrument(symbol: str) -> Instrument:
    return msgspec.structs.replace(BTC, symbol=symbol)


def tickers(symbols: int = 1) -> tuple[Tickers, list[AnyEvent]]:
    told: list[AnyEvent] = []
    known = [instrument(f"S{number}USDT") for number in range(symbols)]
    return Tickers(known, told.append, ExecutorStatus()), told


def frame(symbol: str) -> bytes:
    return (
        f'{{"topic":"tickers.{symbol}","type":"delta","ts":1700000000000,'
        f'"data":{{"symbol":"{symbol}","markPrice":"60000.5"}}}}'
    ).encode()


NOW_NS = 1_700_000_000_000_000_000
QUOTE = Quote(mark=Decimal(7), bid=None, ask=None, last=None)


def test_a_symbol_that_is_added_is_asked_for_at_the_socket_and_understood() -> None:
    prices, told = tickers()
    asked: list[str] = []
    prices.subscribe = asked.append

    prices.add([instrument("XRPUSDT"), instrument("S0USDT")])
    prices.add([instrument("XRPUSDT")])
    prices.on_frame(frame("XRPUSDT"), NOW_NS)

    assert asked == ["tickers.XRPUSDT"]
    assert prices.topics == ["tickers.S0USDT", "tickers.XRPUSDT"]
    (moved,) = told
    assert isinstance(moved, MarketMoved)
    assert (moved.symbol, moved.mark, moved.polled) == ("XRPUSDT", Decimal("60000.5"), False)


def test_a_symbol_is_silent_until_its_topic_tells_something(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [100.0]
    monkeypatch.setattr(feeds.time, "monotonic", lambda: now_s[0])
    prices, _ = tickers()
    prices.add([instrument("XRPUSDT")])

    assert prices.silent() == ["XRPUSDT"]  # no price yet: not waited for
    prices.on_frame(frame("XRPUSDT"), NOW_NS)
    assert prices.silent() == []
    now_s[0] += 5.0
    assert prices.silent() == []
    now_s[0] += 0.001
    assert prices.silent() == ["S0USDT", "XRPUSDT"]
    prices.polled("XRPUSDT", QUOTE)
    assert prices.silent() == ["S0USDT", "XRPUSDT"]  # an answer of REST is no life of the topic


def test_beyond_two_hundred_topics_prices_come_by_rest_alone() -> None:
    prices, told = tickers(199)
    asked: list[str] = []
    prices.subscribe = asked.append

    prices.add([instrument("XRPUSDT"), instrument("ADAUSDT")])
    prices.polled("ADAUSDT", QUOTE)

    assert asked == ["tickers.XRPUSDT"]
    assert "ADAUSDT" in prices.silent()
    (moved,) = told
    assert isinstance(moved, MarketMoved)
    assert (moved.symbol, moved.mark, moved.polled) == ("ADAUSDT", Decimal(7), True)


class _Exchange:
    """Answers `listed` with the rules of what it has."""

    def __init__(self, *symbols: str) -> None:
        self.has = set(symbols)
        self.asked: list[tuple[str, ...]] = []
        self.away = False

    async def listed(self, _rest: str, _category: str, symbols: list[str]) -> Listed:
        self.asked.append(tuple(symbols))
        if self.away:
            raise ExchangeUnreachable("HTTP status 503")
        return Listed(tuple(instrument(symbol) for symbol in symbols if symbol in self.has))


Known = tuple[Rules, list[AnyEvent], list[str], ExecutorStatus]


def known(exchange: _Exchange, monkeypatch: pytest.MonkeyPatch) -> Known:
    told: list[AnyEvent] = []
    learned: list[str] = []
    status = ExecutorStatus()
    monkeypatch.setattr(rules, "listed", exchange.listed)

    def note(new: list[Instrument]) -> None:
        learned.extend(one.symbol for one in new)

    return (
        Rules("", "linear", [instrument("A")], ["A", "B"], told.append, status, note),
        told,
        learned,
        status,
    )


async def test_rules_of_what_is_named_come_by_one_call_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = _Exchange("A", "X", "Y")
    one, told, learned, _ = known(exchange, monkeypatch)

    await one.learn(["Y", "A", "X", ""])
    await one.learn(["X", "Y"])

    assert exchange.asked == [("X", "Y")]
    (refreshed,) = told
    assert isinstance(refreshed, InstrumentsRefreshed)
    assert [rule.symbol for rule in refreshed.instruments] == ["X", "Y"]
    assert learned == ["X", "Y"]


async def test_rules_that_cannot_be_read_are_said_and_hold_nothing_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = _Exchange("A", "X")
    exchange.away = True
    one, told, learned, status = known(exchange, monkeypatch)

    await one.learn(["X"])

    assert (told, learned) == ([], [])
    assert status.errors["rules_unread"] == 1


async def test_an_exchange_that_hangs_is_waited_for_a_moment_only(monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> Listed:
        await asyncio.sleep(60)
        raise AssertionError

    one, _, _, status = known(_Exchange(), monkeypatch)
    monkeypatch.setattr(rules, "listed", hang)
    monkeypatch.setattr(rules, "WITHIN_S", 0.01)

    await asyncio.wait_for(one.learn(["X"]), 5)

    assert status.errors["rules_unread"] == 1


async def test_what_is_missing_is_asked_for_again_sooner_than_the_rest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rules, "AGAIN_S", 0.01)
    exchange = _Exchange("A")
    one, _, learned, _ = known(exchange, monkeypatch)
    keeping = asyncio.create_task(one.keep(3600.0))
    try:
        await _until(lambda: len(exchange.asked) >= 2)
        exchange.has |= {"B"}
        await _until(lambda: learned == ["B"])
    finally:
        keeping.cancel()

    assert set(exchange.asked) == {("A", "B")}


async def _until(wanted: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not wanted():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.005)


async def test_by_rules_that_cannot_be_read_any_more_nothing_opens_and_what_is_held_is_protected(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = _Exchange("B")
    one, told, _, _ = known(exchange, monkeypatch)

    keeping = asyncio.create_task(one.keep(0.01))
    await eventually(lambda: told)
    keeping.cancel()

    refreshed = told[0]
    assert isinstance(refreshed, InstrumentsRefreshed)
    assert [(rule.symbol, rule.status.value) for rule in refreshed.instruments] == [
        ("A", "unknown"),
        ("B", "Trading"),
    ]


async def test_a_number_that_was_refused_has_all_rules_read_again_and_not_too_often(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exchange = _Exchange("A", "B")
    monkeypatch.setattr(rules, "DOUBT_S", 0.2)
    one, _, _, _ = known(exchange, monkeypatch)
    await one.learn(["B"])
    keeping = asyncio.create_task(one.keep(3600.0))
    await asyncio.sleep(0.05)
    assert exchange.asked == [("B",)]

    for _ in range(5):
        one.doubt()
        await asyncio.sleep(0.01)

    await eventually(lambda: len(exchange.asked) == 2)
    await asyncio.sleep(0.05)
    assert exchange.asked == [("B",), ("A", "B")]
    keeping.cancel()


async def test_silent_symbols_are_asked_for_by_one_call_until_they_speak(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feeds, "POLL_S", 0.001)
    prices, told = tickers()
    asked: list[str] = []

    async def quotes(_rest: str, category: str) -> dict[str, Quote]:
        asked.append(category)
        if len(asked) == 1:
            raise ExchangeUnreachable("HTTP status 503")
        return {"XRPUSDT": QUOTE, "OTHERUSDT": QUOTE}

    monkeypatch.setattr(feeds, "quotes", quotes)
    status = ExecutorStatus()
    polling = asyncio.create_task(feeds.polled_quotes("", "linear", prices, status))
    try:
        await asyncio.sleep(0.05)
        assert asked == []  # nobody is silent

        prices.add([instrument("XRPUSDT"), instrument("GONEUSDT")])
        await _until(lambda: len(told) >= 2)
        prices.on_frame(frame("XRPUSDT"), NOW_NS)
        prices.on_frame(frame("GONEUSDT"), NOW_NS)
        calls = len(asked)
        await asyncio.sleep(0.05)
    finally:
        polling.cancel()

    assert status.errors["quotes_unread"] == 1
    assert {one.symbol for one in told if isinstance(one, MarketMoved) and one.polled} == {"XRPUSDT"}
    assert len(asked) <= calls + 1  # at most the one that was under way
