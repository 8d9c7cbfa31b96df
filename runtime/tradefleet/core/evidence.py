"""What the exchange has shown of the account's positions in this epoch, and what of it is not explained.

Sizes of ours are sums of executions. Here stands what the newest complete list says where that differs, so
that a position is protected and closed by what is there before anybody knows why; a comparison explains it
or takes it over (`account_reconciling`). Changed by `account_evidence` alone, read by everybody.
"""

from decimal import Decimal

import msgspec

from tradefleet.core.events import Restored
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import ZERO
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.newness import Reading


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A size of the exchange's that is not ours, signed, with the executions since then.

    since_ns: when it was first shown. certain: False of a row that is not understood: it counts, and is
    neither taken over nor given a stop. attempts: closes made for it. told: an alert has named it.
    """

    size: Decimal
    entry_price: Decimal | None
    reading: Reading
    since_ns: int
    certain: bool = True
    attempts: int = 0
    told: bool = False


class Evidence:
    """Which lists have been read, and what they show that we do not know.

    listed_ns: when the newest complete positions list was asked for, 0 before one; told_ns: when it came.
    unlisted_since_ns: since when one is waited for, 0 after it came. first_start: the journal has never
    counted anything of this account. first_listed_ns: then, the list that sizes were taken from; 0 else.
    executed: sequence and time of each position's newest execution in this epoch. without_rules: symbols of
    the newest list whose rules could not be read. troubles: why lists of the newest step 1 could not be.
    """

    def __init__(self, event: Restored) -> None:
        self.listed_ns = 0
        self.told_ns = 0
        self.unlisted_since_ns = event.now_ns
        self.first_start = nothing_counted(event)
        self.first_listed_ns = 0
        self.shown: dict[PositionKey, Shown] = {}
        self.unclear: tuple[UnclearRow, ...] = ()
        self.executed: dict[PositionKey, tuple[int, int]] = {}
        self.without_rules: frozenset[str] = frozenset()
        self.troubles: tuple[str, ...] = ()

    def size(self, key: PositionKey) -> Decimal | None:
        """What the exchange shows there; None where it shows what we hold, or has not said."""
        shown = self.shown.get(key)
        return None if shown is None else shown.size

    @property
    def is_blind(self) -> bool:
        """Whether a position may hide in a row that is not understood: an absence proves nothing then."""
        return any(row.what == "position" and not row.symbol for row in self.unclear)

    @property
    def unknown_symbols(self) -> frozenset[str]:
        """Symbols of rows that are not understood."""
        return frozenset(row.symbol for row in self.unclear if row.symbol)

    @property
    def unknown_positions(self) -> frozenset[str]:
        """Symbols whose positions are in such a row."""
        return frozenset(row.symbol for row in self.unclear if row.symbol and row.what == "position")

    def proves_absence(self, symbol: str) -> bool:
        """Whether a complete list that shows nothing there means that nothing is there."""
        return not self.unclear or not (self.is_blind or symbol in self.unknown_positions)

    @property
    def at_risk(self) -> frozenset[str]:
        """Symbols with something that our own books do not show."""
        held = {key.symbol for key, shown in self.shown.items() if shown.size != 0}
        return self.unknown_symbols | held

    @property
    def halts(self) -> UnclearRow | None:
        """A row that says too little: nobody knows what may still be opened."""
        return next((row for row in self.unclear if not row.symbol or row.size is None), None)


def nothing_counted(event: Restored) -> bool:
    """Whether the journal is that of a first start: what it holds, if anything, was taken from a list before
    anything was counted."""
    counted = event.intents or event.executions_counted or event.baseline is not None
    return not counted and all(row.watermark_asked_ns for row in event.positions)


def sentence(row: UnclearRow) -> str:
    """A row that is not understood, for a person."""
    size = "of unknown size" if row.size is None else f"of size {row.size:f}"
    order = f" {row.order_id or row.client_order_id}" if row.order_id or row.client_order_id else ""
    return f"{row.what}{order} in {row.symbol or 'an unknown symbol'}, {size}: {row.trouble}"


def signed_size(row: UnclearRow, ours: Decimal) -> Decimal | None:
    """The size of a position's row; of one whose side is unknown, on the side that we hold."""
    if row.size is None:
        return None
    if row.side is None and row.size > 0:
        # Without a sign of its own.
        return row.size.copy_sign(ours) if ours != ZERO else None
    return row.size
