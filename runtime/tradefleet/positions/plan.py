"""A position as we account for it, and how it is meant to end.

The size is the sum of its executions; the plan says whose it is, where its stop and target stand,
and when its strategy means to be flat.
"""

from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO

ADOPTED: Final = "adopted"
"""Strategy of a position that no signal of ours has opened."""
KILL_SWITCH: Final = "kill_switch"
"""The same, when the kill switch has found it without a plan."""


class ExitPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a position is meant to end.

    strategy, signal_id: of the entry. opened_ns: when that entry's intent was made, or, of one
    that had rested, when it first filled. stop_loss,
    take_profit: prices attached at the exchange.
    flat_by_ns: after this the executor closes by itself; 0 for never. close_signal_id: the id of
    the signal that asked for flat, "" when none has. close_attempt: number of closes tried. best_price:
    the best mark at which the stop was moved, None before it was. entered: all that was bought into it
    (sold, for a short one), base currency. parts_taken: number of the farthest part that was reached.
    parts_due: so much the parts reached shall have closed in all. parts_closed: so much their orders have.
    part_attempt: number of partial closes tried. stop_sent: the stop as it left last, where the grid of that
    day made it another one than stop_loss; None where it did not. Fields that came later have defaults.
    """

    strategy: str
    signal_id: str
    opened_ns: int
    stop_loss: Decimal | None
    take_profit: Decimal | None
    flat_by_ns: int
    close_signal_id: str = ""
    close_attempt: int = 0
    best_price: Decimal | None = None
    entered: Decimal = ZERO
    parts_taken: int = 0
    parts_due: Decimal = ZERO
    parts_closed: Decimal = ZERO
    part_attempt: int = 0
    stop_sent: Decimal | None = None

    @property
    def is_foreign(self) -> bool:
        """Whether somebody else has opened the position."""
        return self.strategy in (ADOPTED, KILL_SWITCH)


class PositionRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One position of ours. Fields that came later have defaults, which are not written.

    size: base currency, signed. entry_price: value-weighted, None when flat. generation: counts how
    often the position has been opened from flat. realised, fees: settle currency, of this
    generation. plan: None when flat, or when the position is not of a signal of ours. owed: of a leg, what it
    has closed more than it was seen to open, base currency, at owed_price: executions come in any order, and
    a leg never goes through zero. The last four lie beside the row (`positions.facts`), None when unknown.
    entries: how many entries have filled into this generation; unknown counts as the most that is allowed.
    watermark_seq, watermark_updated_ns, watermark_asked_ns: the exchange's own size was taken over from a
    reading with these (`orders.newness`): executions up to there are in it.
    """

    key: PositionKey
    size: Decimal
    entry_price: Decimal | None
    generation: int
    realised: Decimal
    fees: Decimal
    plan: ExitPlan | None
    at_ns: int
    owed: Decimal = ZERO
    owed_price: Decimal | None = None
    entries: int | None = None
    watermark_seq: int | None = None
    watermark_updated_ns: int | None = None
    watermark_asked_ns: int | None = None

    @property
    def total(self) -> Decimal:
        """The signed sum of its executions: its size, unless a leg has closed more than it holds."""
        return MONEY.multiply(self.owed, -self.key.leg_sign) if self.owed else self.size

    @property
    def sign(self) -> int:
        """+1 for a long position, -1 for a short or a flat one."""
        return 1 if self.size > 0 else -1
