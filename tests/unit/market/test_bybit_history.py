"""REST candles: what is asked for and what is read."""

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from tests.support.raw_frames import AT_NS, MINUTE_NS

from tradefleet.market.bars import HistoryRequest
from tradefleet.market.bybit_history import INTERVAL, kline_queries, read_klines
from tradefleet.market.candles import LENGTH_NS, contiguous
from tradefleet.market.faults import BadValue, Fault
from tradefleet.spec.strategies import Timeframe

PAYLOADS = Path(__file__).parents[2] / "fixtures" / "bybit-payloads" / "market"
GOOD_ROW = ["1786310820000", "10", "10.2", "9.9", "10.1", "3", "30.3"]


def test_a_recorded_answer_becomes_candles_oldest_first() -> None:
    payload = json.loads((PAYLOADS / "real_2024_kline_linear.json").read_text())
    rows = payload["result"]["list"]

    candles = read_klines(rows, Timeframe.H1)

    assert len(candles) == len(rows) > 1
    assert contiguous(candles)
    newest = candles[-1]
    assert [str(newest.start_ns // 10**6), *map(str, (newest.open, newest.high, newest.low))] == rows[0][:4]
    assert (newest.close, newest.volume, newest.turnover) == tuple(map(Decimal, rows[0][4:]))


BAD_ROWS = [
    (GOOD_ROW[:6], Fault.UNEXPECTED_SHAPE),
    (["1786310820001", *GOOD_ROW[1:]], Fault.UNEXPECTED_SHAPE),
    ([GOOD_ROW[0], "10", "10.05", *GOOD_ROW[3:]], Fault.UNEXPECTED_SHAPE),
    ([GOOD_ROW[0], "ten", *GOOD_ROW[2:]], Fault.UNEXPECTED_SHAPE),
    ([GOOD_ROW[0], "0", "0", "0", "0", "3", "30"], Fault.ABSURD_PRICE),
    ([*GOOD_ROW[:5], "-3", "30"], Fault.NEGATIVE_SIZE),
]


@pytest.mark.parametrize(("row", "fault"), BAD_ROWS)
def test_a_row_that_is_no_candle_is_refused(row: list[str], fault: Fault) -> None:
    with pytest.raises(BadValue) as refused:
        read_klines([row], Timeframe.M1)

    assert refused.value.fault is fault


def test_a_request_becomes_one_query_whose_ends_are_candle_starts() -> None:
    request = HistoryRequest("ABCUSDT", Timeframe.M5, AT_NS, AT_NS + 15 * MINUTE_NS)

    assert kline_queries(request, "linear") == [
        {
            "category": "linear",
            "symbol": "ABCUSDT",
            "interval": "5",
            "start": "1786310820000",
            "end": "1786311420000",
            "limit": "1000",
        }
    ]


def test_a_long_history_takes_several_queries_that_meet() -> None:
    request = HistoryRequest("ABCUSDT", Timeframe.M1, AT_NS, AT_NS + 2001 * MINUTE_NS)

    queries = kline_queries(request, "linear")

    spans = [(int(query["start"]), int(query["end"])) for query in queries]
    assert [(end - start) // 60_000 + 1 for start, end in spans] == [1000, 1000, 1]
    assert all(later[0] == earlier[1] + 60_000 for earlier, later in pairwise(spans))


def test_nothing_missing_is_no_query() -> None:
    assert kline_queries(HistoryRequest("ABCUSDT", Timeframe.M1, AT_NS, AT_NS), "linear") == []


def test_every_timeframe_has_a_name_on_the_exchange() -> None:
    assert set(INTERVAL) == set(Timeframe) == set(LENGTH_NS)
