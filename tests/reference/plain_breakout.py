"""The breakout rules once more, written from their text alone, slow and obvious.

Imports nothing of tradefleet, on purpose. Bars are dicts of Fraction by name; every rule is a loop.
"""

from fractions import Fraction

Bar = dict[str, Fraction]


def five_minute_bars(minutes: list[Bar]) -> list[Bar]:
    """Whole five-minute bars of contiguous minutes (`start` in seconds)."""
    bars: list[Bar] = []
    for first in range(len(minutes)):
        group = minutes[first : first + 5]
        if group[0]["start"] % 300 or len(group) < 5:
            continue
        bars.append(
            {
                "start": group[0]["start"],
                "close": group[4]["close"],
                "high": max(bar["high"] for bar in group),
                "low": min(bar["low"] for bar in group),
                "volume": sum((bar["volume"] for bar in group), Fraction(0)),
            }
        )
    return bars


def pivots(window: list[Bar], key: str, better: int) -> list[tuple[int, Fraction]]:
    """Places and prices of the window's pivot highs (key high, better +1) or lows (low, -1)."""
    found: list[tuple[int, Fraction]] = []
    for i in range(len(window)):
        if i < 2 or i + 2 >= len(window):
            continue
        here = window[i][key] * better
        beats_before = here > window[i - 1][key] * better and here > window[i - 2][key] * better
        not_beaten = here >= window[i + 1][key] * better and here >= window[i + 2][key] * better
        if beats_before and not_beaten:
            found.append((i, window[i][key]))
    return found


def judge(window: list[Bar], bar: Bar, touches: int, volume: Fraction, threshold: Fraction) -> str | None:
    """ "long <level>", "short <level>" or None for one closed bar after its window."""
    mean = sum((b["volume"] for b in window), Fraction(0)) / len(window)
    if bar["volume"] < volume * mean:
        return None
    highs, lows = pivots(window, "high", +1), pivots(window, "low", -1)
    broken_up = []
    for place, level in highs:
        near = [p for _, p in highs if level * (1 - threshold) <= p <= level]
        edge = level * (1 + threshold)
        earlier = [b for b in window[place + 1 :] if b["close"] > edge]
        if len(near) >= touches and bar["close"] > edge and not earlier:
            broken_up.append(level)
    if broken_up:
        return f"long {float(max(broken_up))}"
    broken_down = []
    for place, level in lows:
        near = [p for _, p in lows if level <= p <= level * (1 + threshold)]
        edge = level * (1 - threshold)
        earlier = [b for b in window[place + 1 :] if b["close"] < edge]
        if len(near) >= touches and bar["close"] < edge and not earlier:
            broken_down.append(level)
    return f"short {float(min(broken_down))}" if broken_down else None


def signals(minutes: list[Bar], lookback: int = 100) -> list[tuple[int, str]]:
    """(close of the bar in seconds, what was asked) with the default parameters."""
    bars = five_minute_bars(minutes)
    found: list[tuple[int, str]] = []
    for i in range(lookback, len(bars)):
        asked = judge(bars[i - lookback : i], bars[i], 3, Fraction(3, 2), Fraction(2, 1000))
        if asked is not None:
            found.append((int(bars[i]["start"]) + 300, asked))
    return found
