"""The recorded market for tests: raw frames with their receive times, and the four instruments."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import zstandard

import tradefleet
from tradefleet.domain.instruments import Instrument, InstrumentStatus

FOLDER = Path(tradefleet.__file__).parent / "simulation" / "recordings" / "bybit-v5-linear"
SYMBOLS = ("BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT")


def _read(name: str) -> bytes:
    with (FOLDER / name).open("rb") as file:
        return bytes(zstandard.ZstdDecompressor().stream_reader(file).read())


@cache
def recorded_frames() -> tuple[tuple[int, bytes], ...]:
    """(receive time in ns, raw frame) of all 2,546 frames, in the order of arrival."""
    lines = _read("linear.recvns_raw.jsonl.zst").splitlines()
    return tuple((int(seen), raw) for seen, raw in (line.split(b" ", 1) for line in lines))


def recorded_frames_of(topic: str) -> list[tuple[int, bytes]]:
    """Those of one topic."""
    return [
        (seen, raw) for seen, raw in recorded_frames() if raw.startswith(b'{"topic":"%s"' % topic.encode())
    ]


@cache
def recorded_instruments() -> dict[str, Instrument]:
    """The recorded symbols' rules, as the exchange stated them that day."""
    rows = json.loads(_read("instruments_linear.json.zst"))["result"]["list"]
    return {row["symbol"]: _instrument(row) for row in rows if row["symbol"] in SYMBOLS}


def _instrument(row: dict[str, dict[str, str]]) -> Instrument:
    lot, price = row["lotSizeFilter"], row["priceFilter"]
    return Instrument(
        venue="bybit",
        category="linear",
        symbol=str(row["symbol"]),
        status=InstrumentStatus(str(row["status"])),
        base_coin=str(row["baseCoin"]),
        quote_coin=str(row["quoteCoin"]),
        settle_coin=str(row["settleCoin"]),
        tick_size=Decimal(price["tickSize"]),
        qty_step=Decimal(lot["qtyStep"]),
        min_qty=Decimal(lot["minOrderQty"]),
        max_market_qty=Decimal(lot["maxMktOrderQty"]),
        max_limit_qty=Decimal(lot["maxOrderQty"]),
        min_notional=Decimal(lot["minNotionalValue"]),
        max_leverage=Decimal(row["leverageFilter"]["maxLeverage"]),
        price_limit_ratio=Decimal(row["riskParameters"]["priceLimitRatioX"]),
    )
