"""Sections of a TradingBot about orders: sizing, leverage, exits, risk, execution, kill switch."""

from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import msgspec

from tradefleet.spec.entry import EntryOrder
from tradefleet.spec.fields import (
    EMPTY,
    FIRST,
    HIGHER,
    IN_SECONDS,
    LOWER,
    NEITHER,
    OF_EQUITY,
    OF_PRICE,
    RESTART,
    TIMES_EQUITY,
    items,
    number,
    plain,
    text,
)
from tradefleet.spec.market import SYMBOL_PATTERN, Section
from tradefleet.spec.partial_close import PartialClose


class SizingMethod(StrEnum):
    """How the size of an entry is found."""

    PERCENT_OF_EQUITY = "percentOfEquity"
    FIXED_AMOUNT = "fixedAmount"


class EquityOf(StrEnum):
    """What sizes and limits are fractions of."""

    SETTLE_COIN = "settleCoin"
    ACCOUNT = "account"


class Sizing(Section, frozen=True):
    """Size of an entry."""

    method: Annotated[SizingMethod, plain("How the size is found.", built=False)] = (
        SizingMethod.PERCENT_OF_EQUITY
    )
    equity_fraction: Annotated[
        Decimal, number("Notional of an entry.", "0.0001", "1", unit="a fraction of equity (0.01 for 1 %)")
    ] = Decimal("0.01")
    fixed_amount: Annotated[
        Decimal, number("Notional of an entry.", "1", "1000000", unit="in the settle currency", built=False)
    ] = Decimal(10)
    equity: Annotated[
        EquityOf,
        plain(
            "What equity is: that of the settle coin, or the whole account's, which is the lesser of "
            "totalMarginBalance and totalEquity.",
            tightens=NEITHER,
        ),
    ] = EquityOf.SETTLE_COIN
    by_confidence: Annotated[bool, plain("Scale the size with the signal's strength.", built=False)] = False


class Leverage(Section, frozen=True):
    """Leverage that is set at the exchange."""

    default: Annotated[
        Decimal,
        number("Leverage of a new position.", "1", "100", unit="a multiple of the margin"),
    ] = Decimal(10)
    maximum: Annotated[
        Decimal,
        number(
            "Never above this nor the instrument's.",
            "1",
            "100",
            unit="a multiple of the margin",
            tightens=LOWER,
        ),
    ] = Decimal(50)
    adaptive: Annotated[bool, plain("5, 10 or 20 by volatility.", built=False)] = False


class Rung(Section, frozen=True):
    """One rung of the ladder: from this profit on the stop stands so far behind the best price."""

    profit: Annotated[Decimal, number("Profit at the best price.", "0", "5", unit=OF_PRICE)]
    distance: Annotated[Decimal, number("Distance of the stop from it.", "0.0005", "0.5", unit=OF_PRICE)]


class FirstRung(Rung, frozen=True):
    """The nearest."""

    profit: Annotated[Decimal, number("Profit at the best price.", "0", "5", unit=OF_PRICE)] = Decimal("0.02")
    distance: Annotated[Decimal, number("Distance of the stop from it.", "0.0005", "0.5", unit=OF_PRICE)] = (
        Decimal("0.01")
    )


class SecondRung(Rung, frozen=True):
    """For a larger move."""

    profit: Annotated[Decimal, number("Profit at the best price.", "0", "5", unit=OF_PRICE)] = Decimal("0.05")
    distance: Annotated[Decimal, number("Distance of the stop from it.", "0.0005", "0.5", unit=OF_PRICE)] = (
        Decimal("0.015")
    )


class ThirdRung(Rung, frozen=True):
    """For the largest."""

    profit: Annotated[Decimal, number("Profit at the best price.", "0", "5", unit=OF_PRICE)] = Decimal("0.1")
    distance: Annotated[Decimal, number("Distance of the stop from it.", "0.0005", "0.5", unit=OF_PRICE)] = (
        Decimal("0.02")
    )


class Trailing(Section, frozen=True):
    """A stop that follows the price and never loosens."""

    enabled: Annotated[bool, plain("Follow the price.")] = False
    activation: Annotated[Decimal, number("Profit at which it begins.", "0", "1", unit=OF_PRICE)] = Decimal(
        "0.02"
    )
    first: Annotated[FirstRung, plain("The nearest rung.")] = FirstRung()
    second: Annotated[SecondRung, plain("The rung of a larger move.")] = SecondRung()
    third: Annotated[ThirdRung, plain("The rung of the largest move.")] = ThirdRung()


class Exits(Section, frozen=True):
    """How positions end."""

    stop_loss: Annotated[
        Decimal,
        number("Distance of every entry's stop.", "0.0005", "0.5", unit=OF_PRICE, tightens=LOWER),
    ] = Decimal("0.02")
    take_profit: Annotated[
        Decimal, number("Distance of every entry's target.", "0.0005", "5", unit=OF_PRICE)
    ] = Decimal("0.04")
    min_profit: Annotated[
        Decimal,
        number("A target nearer than this plus both fees is refused.", "0", "1", unit=OF_PRICE),
    ] = Decimal("0.003")
    trailing: Annotated[Trailing, plain("A stop that follows the price.")] = Trailing()
    partial_close: Annotated[PartialClose, plain("Parts that are closed on the way.")] = PartialClose()
    reverse_on_opposite: Annotated[
        bool, plain("Open the other side after an opposite signal has closed.")
    ] = False


class ForeignPositions(StrEnum):
    """What becomes of a position that no signal of the bot has opened."""

    PROTECT = "protect"
    OBSERVE = "observe"


class Protection(Section, frozen=True):
    """Stops of positions that are not the bot's own."""

    foreign_positions: Annotated[
        ForeignPositions,
        plain(
            "Of a position that no signal opened: protect sets a stop where none shows, after an alert; "
            "observe sets none. The kill switch and the day's loss close it either way.",
            tightens=FIRST,
        ),
    ] = ForeignPositions.PROTECT


class Correlation(Section, frozen=True):
    """Limits between symbols that move together."""

    max_correlation: Annotated[
        Decimal,
        number(
            "Above this two symbols count as one.",
            "0",
            "1",
            unit="a coefficient of correlation",
            tightens=LOWER,
            built=False,
        ),
    ] = Decimal("0.7")
    max_correlated_positions: Annotated[
        int, number("Positions within one group.", "1", "100", tightens=LOWER, built=False)
    ] = 3
    groups: Annotated[
        dict[str, list[str]],
        items(
            "Symbols that count as one group from the start.",
            50,
            max_length=30,
            pattern=SYMBOL_PATTERN,
            tightens=NEITHER,
            built=False,
        ),
    ] = msgspec.field(
        default_factory=lambda: {
            "majors": ["BTC", "ETH"],
            "defi": ["UNI", "AAVE", "COMP"],
            "layer1": ["SOL", "AVAX", "NEAR"],
        }
    )


class Risk(Section, frozen=True):
    """Limits that the executor's leader enforces on every order that opens."""

    max_positions: Annotated[
        int,
        number("Symbols with exposure at once, unresolved orders included.", "0", "500", tightens=LOWER),
    ] = 10
    max_positions_per_symbol: Annotated[
        int,
        number(
            "Entries held at once in one symbol, both legs of hedge mode together.", "0", "20", tightens=LOWER
        ),
    ] = 1
    max_risk_per_trade: Annotated[
        Decimal,
        number("Loss at the stop of one entry.", "0", "1", unit=OF_EQUITY, tightens=LOWER),
    ] = Decimal("0.02")
    max_daily_loss: Annotated[
        Decimal,
        number(
            "Loss by trading since 00:00 UTC, open positions, fees and funding included, transfers not; "
            "reaching it engages the kill switch.",
            "0.0001",
            "1",
            unit=OF_EQUITY,
            tightens=LOWER,
        ),
    ] = Decimal("0.05")
    max_total_risk: Annotated[
        Decimal,
        number("Loss at all stops together.", "0", "1", unit=OF_EQUITY, tightens=LOWER, built=False),
    ] = Decimal("0.1")
    max_symbol_exposure: Annotated[
        Decimal,
        number("Notional of one symbol.", "0", "100", unit=TIMES_EQUITY, tightens=LOWER, built=False),
    ] = Decimal(1)
    max_total_exposure: Annotated[
        Decimal,
        number("Notional of all symbols.", "0", "100", unit=TIMES_EQUITY, tightens=LOWER, built=False),
    ] = Decimal(5)
    max_drawdown: Annotated[
        Decimal,
        number(
            "Drawdown from the highest equity.", "0.0001", "1", unit=OF_EQUITY, tightens=LOWER, built=False
        ),
    ] = Decimal("0.2")
    cooldown_after_loss_seconds: Annotated[
        int,
        number(
            "Pause of a symbol after a loss.", "0", "86400", unit=IN_SECONDS, tightens=HIGHER, built=False
        ),
    ] = 0
    max_orders_per_minute: Annotated[
        int, number("Entries in a minute, all symbols.", "0", "6000", tightens=LOWER, built=False)
    ] = 60
    correlation: Annotated[Correlation, plain("Symbols that move together.", built=False)] = Correlation()


class LeasePreset(StrEnum):
    """How soon a dead leader is replaced: FAST after 2 s, SAFE after 15 s."""

    FAST = "fast"
    SAFE = "safe"


class ForeignOrders(StrEnum):
    """What to do about orders on the account that are not ours."""

    HALT = "halt"


class CircuitBreaker(Section, frozen=True):
    """Stops opening while the way to the exchange is broken; what reduces is never stopped."""

    failures: Annotated[int, number("Transport errors that open it.", "1", "100")] = 5
    window_seconds: Annotated[int, number("Within so long.", "1", "600", unit=IN_SECONDS)] = 30
    open_seconds: Annotated[
        int, number("For so long; then one entry may try.", "1", "600", unit=IN_SECONDS)
    ] = 60


class Execution(Section, frozen=True):
    """How orders are sent."""

    lease: Annotated[LeasePreset, plain("How soon a dead leader is replaced.", reload=RESTART)] = (
        LeasePreset.FAST
    )
    sign_within_seconds: Annotated[
        Decimal,
        number("An order may be signed so long after its intent is written.", "0.05", "5", unit=IN_SECONDS),
    ] = Decimal("0.5")
    receive_window_seconds: Annotated[
        Decimal,
        number("So long after signing the exchange may still accept it.", "0.5", "10", unit=IN_SECONDS),
    ] = Decimal(2)
    foreign_orders: Annotated[
        ForeignOrders,
        plain(
            "What to do about orders that are not ours: leave them alone, and open nothing while they stand."
        ),
    ] = ForeignOrders.HALT
    entry: Annotated[EntryOrder, plain("How entries are ordered.")] = EntryOrder()
    circuit_breaker: Annotated[CircuitBreaker, plain("Stops opening while the exchange is unreachable.")] = (
        CircuitBreaker()
    )


class KillSwitch(Section, frozen=True):
    """The edge that stops everything; latched until cleared by its id."""

    engaged: Annotated[
        bool,
        plain(
            "Setting it to true cancels every entry, closes every position and latches: nothing opens until "
            "the latch is cleared by its id. Setting it back to false undoes none of it."
        ),
    ] = False
    reason: Annotated[str, text("Why, for those who read it later.", 500)] = ""
    clear: Annotated[
        str,
        text(
            "Id of the latch to clear, as status.executor.latches shows it; empty for none.",
            100,
            "[A-Za-z0-9._-]*",
            tightens=EMPTY,
        ),
    ] = ""
