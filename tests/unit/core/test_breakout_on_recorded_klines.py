"""`breakout` with its default parameters through SymbolPipeline, on three days of two symbols.

The known signals were computed once by the reference of tests/reference, which shares no code with
ours and still runs here. One was checked by hand, SOLUSDT on 2025-05-09 at 06:55:

- The window is 22:30 to 06:50. Its pivot highs near 163.63 are 163.62 (01:15), 163.63 (01:55) and
  163.33 (03:15, not below 163.63 x 0.998 = 163.3027): three touches. The pivot at 163.67 (06:30) is
  above the level; its own edge, 163.997, is not broken.
- The bar closes at 163.96, above 163.63 x 1.002 = 163.9573. The closes above that in the window
  (164.42 at 23:55, 164.05 at 00:15) came before the pivot.
- Its volume is 106,596.03; 1.5 times the mean of the window, 64,189.30, is 96,283.95.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction

import pytest
from tests.reference import plain_breakout
from tests.support.configs import make_snapshot
from tests.support.klines import kline_minutes, kline_rows
from tests.support.recorded import recorded_instruments

from tradefleet.core.pipeline import Output, SymbolPipeline
from tradefleet.core.pipeline_router import bybit_feeds
from tradefleet.domain.signals import Signal, SignalKind, bar_signal_id
from tradefleet.market.candles import Candle
from tradefleet.spec.strategies import Breakout

KNOWN = {
    "ETHUSDT": [
        ("05-07 08:40", "long", "1836"),
        ("05-07 12:35", "short", "1831.7"),
        ("05-07 13:10", "short", "1829.47"),
        ("05-07 14:55", "short", "1822.43"),
        ("05-07 22:10", "long", "1808.93"),
        ("05-07 22:40", "long", "1810.43"),
        ("05-08 01:00", "long", "1815.94"),
        ("05-09 14:30", "short", "2325.09"),
        ("05-09 14:40", "short", "2311.81"),
    ],
    "SOLUSDT": [
        ("05-07 12:35", "short", "147.32"),
        ("05-07 13:20", "short", "146.85"),
        ("05-07 13:25", "short", "146.73"),
        ("05-07 18:35", "long", "146.58"),
        ("05-08 01:00", "long", "147.84"),
        ("05-08 03:45", "long", "150.4"),
        ("05-08 14:35", "long", "155.33"),
        ("05-09 04:00", "short", "162.01"),
        ("05-09 06:55", "long", "163.63"),
    ],
}


def make_pipeline(symbol: str) -> SymbolPipeline:
    instrument = recorded_instruments()[symbol]
    snapshot = make_snapshot(breakout=Breakout(enabled=True))
    pipeline = SymbolPipeline(instrument, bybit_feeds(instrument, 50), snapshot, shard=0, instance="test")
    pipeline.set_owner(1)
    return pipeline


def run(pipeline: SymbolPipeline, minutes: Iterable[Candle]) -> list[Signal]:
    outputs: list[Output] = []
    for minute in minutes:
        outputs.extend(pipeline.take_minute(minute, minute.end_ns))
    return [output for output in outputs if isinstance(output, Signal)]


def when(signal: Signal) -> str:
    return datetime.fromtimestamp(signal.at_ns // 10**9, UTC).strftime("%m-%d %H:%M")


def seconds_of(text: str) -> int:
    return int(datetime.strptime(f"2025-{text} +0000", "%Y-%m-%d %H:%M %z").timestamp())


@pytest.mark.parametrize("symbol", KNOWN)
def test_the_known_signals_come_and_no_others(symbol: str) -> None:
    signals = run(make_pipeline(symbol), kline_minutes(symbol))

    assert [(when(signal), signal.target.value) for signal in signals] == [
        known[:2] for known in KNOWN[symbol]
    ]
    for signal, (_, _, level) in zip(signals, KNOWN[symbol], strict=True):
        assert f" {level} (" in signal.reason


@pytest.mark.parametrize("symbol", KNOWN)
def test_the_reference_computes_the_known_signals_too(symbol: str) -> None:
    minutes = [
        {
            "start": Fraction(int(row["ts_ms"]) // 1000),
            **{name: Fraction(row[name]) for name in ("high", "low", "close", "volume")},
        }
        for row in kline_rows(symbol)
    ]

    found = plain_breakout.signals(minutes)

    expected = [
        (
            int(datetime.strptime(f"2025-{at} +0000", "%Y-%m-%d %H:%M %z").timestamp()),
            f"{target} {float(level)}",
        )
        for at, target, level in KNOWN[symbol]
    ]
    assert found == expected


def test_a_bar_signal_says_all_that_the_executor_needs() -> None:
    signal = run(make_pipeline("SOLUSDT"), kline_minutes("SOLUSDT"))[-1]

    assert signal.kind is SignalKind.BAR
    assert signal.signal_id == bar_signal_id("bot-uid", "bybit", "SOLUSDT", "breakout", "5m", signal.at_ns)
    assert str(signal.price) == "163.96"
    assert signal.strength == pytest.approx(106596.03 / (2 * 1.5 * 64189.3012))
    assert signal.expires_ns == signal.at_ns + 30 * 10**9
    assert (signal.hold_ns, signal.owner_epoch, signal.generation, signal.shard) == (0, 1, 1, 0)


def test_seeded_history_gives_the_same_signals_from_then_on() -> None:
    minutes = kline_minutes("SOLUSDT")
    cut = 1440 * 2
    whole = run(make_pipeline("SOLUSDT"), minutes)
    seeded = make_pipeline("SOLUSDT")
    bars = make_pipeline("SOLUSDT")
    run(bars, minutes[:cut])

    seeded.seed(bars.bars.bars(Breakout().timeframe, 101), minutes[cut - 1].end_ns)
    later = run(seeded, minutes[cut:])

    assert later == [signal for signal in whole if signal.at_ns > minutes[cut - 1].end_ns]
    assert len(later) == 2


def test_a_hole_in_the_minutes_silences_the_strategy_until_its_window_is_whole_again() -> None:
    minutes = kline_minutes("SOLUSDT")
    whole = run(make_pipeline("SOLUSDT"), minutes)
    hole = 1440 + 10

    signals = run(make_pipeline("SOLUSDT"), [*minutes[:hole], *minutes[hole + 1 :]])

    blind_until_ns = minutes[hole].start_ns + 101 * 300 * 10**9
    assert signals == [
        signal for signal in whole if not minutes[hole].start_ns < signal.at_ns <= blind_until_ns
    ]
    assert len(signals) == len(whole) - 2
