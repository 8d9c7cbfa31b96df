"""The recorded one-minute candles of tests/fixtures/klines."""

import csv
import gzip
from decimal import Decimal
from pathlib import Path

from tradefleet.market.candles import MINUTE_NS, Candle

FOLDER = Path(__file__).parents[1] / "fixtures" / "klines"


def kline_rows(symbol: str) -> list[dict[str, str]]:
    """The file's rows as text."""
    with gzip.open(FOLDER / f"{symbol}_1m_2025-05-07_to_09.csv.gz", "rt", encoding="ascii") as file:
        return list(csv.DictReader(file))


def kline_minutes(symbol: str) -> list[Candle]:
    """The file's rows as closed minutes; turnover, which it does not hold, is close times volume."""
    return [
        Candle(
            start_ns=int(row["ts_ms"]) * 10**6,
            length_ns=MINUTE_NS,
            open=Decimal(row["open"]),
            high=Decimal(row["high"]),
            low=Decimal(row["low"]),
            close=Decimal(row["close"]),
            volume=Decimal(row["volume"]),
            turnover=Decimal(row["close"]) * Decimal(row["volume"]),
            complete=True,
        )
        for row in kline_rows(symbol)
    ]
