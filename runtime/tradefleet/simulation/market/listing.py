"""What is traded in a simulated market: the recorded symbols, and copies of them for load.

Copy 2 of BTCUSDT is BTCCOPY2USDT, its base coin BTCCOPY2: upper-case letters and digits as on the
exchange, and a name that no real coin ending in digits (API3, LUNA2, USD1) can meet. A copy shares
the decoded recording and the rules of its original; it runs at another place of the lap, so that
a hundred symbols do not all move in the same millisecond.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tradefleet.domain.instruments import Instrument
from tradefleet.market.bybit_instruments import instrument_of
from tradefleet.simulation.market.track import SymbolTrack

CATEGORY: Final = "linear"
SPOT: Final = "spot"

# Multiples of the golden ratio spread any number of copies evenly over the lap.
_PHASE_STEP: Final = 0.6180339887
_FIRST_COPY_ID: Final = 1_000_000


class Listing(msgspec.Struct, frozen=True):
    """One traded name. row: its answer in instruments-info; phase_ms: how far into a lap it starts."""

    symbol: str
    track: SymbolTrack
    instrument: Instrument
    row: dict[str, Any]
    phase_ms: int


class NameTaken(ValueError):
    """A copy would get the name of a listed contract."""


def list_symbols(
    tracks: Mapping[str, SymbolTrack],
    rows: Mapping[str, dict[str, Any]],
    length_ms: int,
    copies: int,
    category: str = CATEGORY,
) -> list[Listing]:
    """The recorded symbols and `copies` copies of each, sorted by name.

    Raises NameTaken, or ValueError when a row lacks a rule.
    """
    listings: dict[str, Listing] = {}
    for number in range(copies + 1):
        phase_ms = int(number * _PHASE_STEP % 1 * length_ms)
        for symbol, track in tracks.items():
            row = rows[symbol] if number == 0 else _copied_row(rows[symbol], number)
            name = str(row["symbol"])
            if number and (name in rows or name in listings):
                raise NameTaken(f"copies: {name}, copy {number} of {symbol}, is a listed contract")
            listings[name] = Listing(name, track, instrument_of(row, category), row, phase_ms)
    return [listings[name] for name in sorted(listings)]


def copy_name(symbol: str, base_coin: str, number: int) -> str:
    """The name of copy `number` (1, 2, ...) of a symbol that begins with its base coin."""
    return f"{base_coin}COPY{number}{symbol.removeprefix(base_coin)}"


def _copied_row(row: dict[str, Any], number: int) -> dict[str, Any]:
    copied = {
        **row,
        "symbol": copy_name(row["symbol"], row["baseCoin"], number),
        "baseCoin": f"{row['baseCoin']}COPY{number}",
    }
    if "symbolId" in row:
        copied["symbolId"] = _FIRST_COPY_ID * number + row["symbolId"]
    return copied
