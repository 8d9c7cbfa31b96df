"""Section strategies of a TradingBot: which run, and with which parameters."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

from tradefleet.spec.fields import IN_SECONDS, OF_PRICE, number, plain
from tradefleet.spec.market import Section


class Timeframe(StrEnum):
    """Lengths of a candle: one minute and its multiples."""

    M1 = "1m"
    M3 = "3m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H2 = "2h"
    H4 = "4h"
    H6 = "6h"
    H12 = "12h"
    D1 = "1d"


class Breakout(Section, frozen=True):
    """Close beyond a tested level on volume (strategies/breakout.py)."""

    enabled: Annotated[bool, plain("Run it.")] = False
    timeframe: Annotated[Timeframe, plain("Length of its candles.")] = Timeframe.M5
    resistance_strength: Annotated[int, number("Touches that make a level.", "1", "20")] = 3
    volume_multiplier: Annotated[
        Decimal,
        number("Volume of the breaking bar.", "0", "100", unit="a multiple of the mean of the look-back"),
    ] = Decimal("1.5")
    price_threshold: Annotated[
        Decimal, number("How far beyond the level it must close.", "0", "0.5", unit=OF_PRICE)
    ] = Decimal("0.002")
    lookback: Annotated[int, number("Candles in which levels are sought.", "10", "1000")] = 100


class Imbalance(Section, frozen=True):
    """Lasting imbalance of the best levels (strategies/imbalance.py)."""

    enabled: Annotated[bool, plain("Run it.")] = False
    levels: Annotated[int, number("Levels a side that count.", "1", "50")] = 1
    threshold: Annotated[
        Decimal,
        number(
            "Imbalance beyond which a side dominates.",
            "0.01",
            "1",
            unit="a share (bids - asks) / (bids + asks), 1 when one side is empty",
        ),
    ] = Decimal("0.6")
    hold_seconds: Annotated[Decimal, number("How long it must last.", "0", "600", unit=IN_SECONDS)] = Decimal(
        "0.5"
    )
    flat_after_seconds: Annotated[
        Decimal, number("After so long the target is flat again.", "0.1", "86400", unit=IN_SECONDS)
    ] = Decimal(10)
    cooldown_seconds: Annotated[
        Decimal, number("Pause after a flat target.", "0", "86400", unit=IN_SECONDS)
    ] = Decimal(3)


class Unbuilt(Section, frozen=True):
    """A strategy that is named by the requirements and not built yet."""

    enabled: Annotated[bool, plain("Run it.", built=False)] = False


class Strategies(Section, frozen=True):
    """All strategies; any number may run at once."""

    breakout: Annotated[Breakout, plain("Close beyond a tested level on volume.")] = Breakout()
    imbalance: Annotated[Imbalance, plain("Lasting imbalance of the best levels.")] = Imbalance()
    trend_following: Annotated[Unbuilt, plain("Moving averages with RSI and ADX.", built=False)] = Unbuilt()
    mean_reversion: Annotated[Unbuilt, plain("Bollinger bands and z-score.", built=False)] = Unbuilt()
    sar_wave: Annotated[Unbuilt, plain("Parabolic SAR with zig-zag waves.", built=False)] = Unbuilt()
    supertrend: Annotated[Unbuilt, plain("Supertrend.", built=False)] = Unbuilt()
    volume_profile: Annotated[Unbuilt, plain("Volume profile.", built=False)] = Unbuilt()
    order_book_scalper: Annotated[Unbuilt, plain("Order-book scalper.", built=False)] = Unbuilt()
    cluster_breakout: Annotated[Unbuilt, plain("Break-out of resting clusters.", built=False)] = Unbuilt()
    combiner: Annotated[Unbuilt, plain("Votes of several strategies to one signal.", built=False)] = Unbuilt()
    adaptive_weights: Annotated[Unbuilt, plain("Weights by walk-forward.", built=False)] = Unbuilt()
