"""Bybit's public REST: contracts, prices of all of them, past candles, the exchange's clock.

Nothing here is signed. Each call is one or a few GETs with a total timeout and no retry: whoever
calls knows when to ask again.
Source: Bybit V5, "Market".
"""

import time
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, Final
from urllib.parse import unquote

import aiohttp
import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.market.bars import HistoryRequest
from tradefleet.market.bybit_history import kline_queries, read_klines
from tradefleet.market.bybit_instruments import SPOT, BadInstrument, held_rules_of, instrument_of
from tradefleet.market.candles import Candle
from tradefleet.market.faults import BadValue
from tradefleet.market.grid import plain_decimal
from tradefleet.spec.problems import nearest

TIMEOUT_S: Final = 5.0
_PAGE: Final = "1000"


class ExchangeUnreachable(Exception):
    """No usable answer: refused, timed out, not JSON, or an error of the exchange. The text says which
    and from where."""


class UnknownSymbols(Exception):
    """Symbols that cannot be traded there; one line that names each, and the nearest that can."""

    def __init__(self, unknown: Collection[str], known: Collection[str], rest_url: str) -> None:
        self.unknown = tuple(unknown)
        names = sorted(known)
        said = ", ".join(f"{symbol} is not traded{nearest(symbol, names)}" for symbol in unknown)
        super().__init__(f"spec.universe.symbols: {said} (of {len(names)} contracts at {rest_url})")


class Listed(msgspec.Struct, frozen=True):
    """The rules of those symbols that the exchange has, in the order asked for, and what it says of the
    others: one line that names each, "" when there is none. unreadable: likewise, of those whose rules it
    has and we do not understand. closing: what such rows still say, where that is enough to protect and close
    what is held."""

    rules: tuple[Instrument, ...]
    unknown: str = ""
    unreadable: str = ""
    closing: tuple[Instrument, ...] = ()

    @property
    def trouble(self) -> str:
        """Of every symbol without rules: why; "" when there is none."""
        return "; ".join(text for text in (self.unknown, self.unreadable) if text)


async def instruments(rest_url: str, category: str, symbols: Collection[str]) -> tuple[Instrument, ...]:
    """The rules of these contracts, in the order asked for; raises UnknownSymbols, ExchangeUnreachable."""
    rows = await _contracts(rest_url, category)
    unknown = [symbol for symbol in symbols if symbol not in rows]
    if unknown:
        raise UnknownSymbols(unknown, rows, rest_url)
    rules, unreadable, _ = _rules(category, rows, symbols)
    if unreadable:
        raise ExchangeUnreachable(f"{rest_url}: {unreadable}")
    return rules


async def listed(rest_url: str, category: str, symbols: Collection[str]) -> Listed:
    """The same for whoever goes on with the symbols that there are and whose rules are understood; raises
    ExchangeUnreachable."""
    rows = await _contracts(rest_url, category)
    unknown = [symbol for symbol in symbols if symbol not in rows]
    rules, unreadable, closing = _rules(category, rows, [symbol for symbol in symbols if symbol in rows])
    said = str(UnknownSymbols(unknown, rows, rest_url)) if unknown else ""
    return Listed(rules, said, unreadable, closing)


async def _contracts(rest_url: str, category: str) -> dict[str, Mapping[str, Any]]:
    """Every contract of the category by its symbol, to the last page."""
    rows: dict[str, Mapping[str, Any]] = {}
    async with _session(rest_url) as session:
        cursor = ""
        while True:
            query = {"category": category, "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            result = await _result(session, rest_url, "/v5/market/instruments-info", query)
            page = _rows(result, rest_url)
            # What is no row of a contract concerns none that we could name.
            rows |= {str(row["symbol"]): row for row in page if isinstance(row, dict) and "symbol" in row}
            # It comes quoted, and the client quotes again.
            following = unquote(result.get("nextPageCursor") or "")
            if not following or following == cursor:
                return rows
            cursor = following


def _rules(
    category: str, rows: Mapping[str, Mapping[str, Any]], symbols: Collection[str]
) -> tuple[tuple[Instrument, ...], str, tuple[Instrument, ...]]:
    """The rules that are understood; of the others why they are not, "" when there are none, and what they
    still say."""
    rules: list[Instrument] = []
    closing: list[Instrument] = []
    troubles: list[str] = []
    for symbol in symbols:
        try:
            rules.append(instrument_of(rows[symbol], category))
        except BadInstrument as error:
            troubles.append(f"{error}; {symbol} is not traded until it is readable")
            held = None if category == SPOT else held_rules_of(rows[symbol])
            closing += [] if held is None else [held]
    return tuple(rules), "; ".join(troubles), tuple(closing)


class Quote(msgspec.Struct, frozen=True, kw_only=True):
    """Prices of one contract now; None for one that is not there or is no price."""

    mark: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


async def quotes(rest_url: str, category: str) -> dict[str, Quote]:
    """Prices of every contract, by one call; a row that is none is left out. Raises ExchangeUnreachable."""
    async with _session(rest_url) as session:
        result = await _result(session, rest_url, "/v5/market/tickers", {"category": category})
    return {
        row["symbol"]: Quote(
            mark=_price(row.get("markPrice")),
            bid=_price(row.get("bid1Price")),
            ask=_price(row.get("ask1Price")),
            last=_price(row.get("lastPrice")),
        )
        for row in _rows(result, rest_url)
        if isinstance(row, dict) and isinstance(row.get("symbol"), str)
    }


def _price(text: object) -> Decimal | None:
    if not isinstance(text, str) or not text:
        return None
    try:
        value = plain_decimal(text)
    except BadValue:
        return None
    return value if value > 0 else None


async def klines(rest_url: str, category: str, request: HistoryRequest) -> list[Candle]:
    """The candles that were asked for, oldest first; raises ExchangeUnreachable."""
    candles: list[Candle] = []
    async with _session(rest_url) as session:
        for query in kline_queries(request, category):
            result = await _result(session, rest_url, "/v5/market/kline", query)
            try:
                candles += read_klines(_rows(result, rest_url), request.timeframe)
            except BadValue as error:
                raise ExchangeUnreachable(f"{rest_url}: candles of {request.symbol}: {error}") from error
    return candles


async def clock_offset_ns(rest_url: str) -> int:
    """What must be added to our clock to get the exchange's, by the middle of one round trip; raises
    ExchangeUnreachable."""
    async with _session(rest_url) as session:
        # The first call opens the connection; its round trip would be three.
        await _result(session, rest_url, "/v5/market/time", {})
        sent_ns = time.time_ns()
        result = await _result(session, rest_url, "/v5/market/time", {})
        received_ns = time.time_ns()
    try:
        return int(result["timeNano"]) - (sent_ns + received_ns) // 2
    except (KeyError, TypeError, ValueError) as error:
        raise ExchangeUnreachable(f"{rest_url}/v5/market/time: no timeNano in {result}") from error


def _session(rest_url: str) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S))


async def _result(
    session: aiohttp.ClientSession, rest_url: str, path: str, query: Mapping[str, str]
) -> dict[str, Any]:
    where = f"{rest_url}{path}"
    try:
        async with session.get(where, params=query, allow_redirects=False) as response:
            status, raw = response.status, await response.read()
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ExchangeUnreachable(f"{where}: {type(error).__name__}: {error}") from error
    if status != 200:
        raise ExchangeUnreachable(f"{where}: HTTP status {status}")
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ExchangeUnreachable(f"{where}: the answer is not JSON: {error}") from error
    result = body.get("result")
    if body.get("retCode") != 0 or not isinstance(result, dict):
        raise ExchangeUnreachable(f"{where}: {body.get('retCode')} {body.get('retMsg')}")
    return result


def _rows(result: Mapping[str, Any], rest_url: str) -> list[Any]:
    rows = result.get("list")
    if not isinstance(rows, list):
        raise ExchangeUnreachable(f"{rest_url}: an answer without a list")
    return rows
