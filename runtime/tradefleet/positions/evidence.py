"""What a position is taken to be while two books say two things of it, and what may close it.

Ours is the sum of the executions that we know; theirs is what the newest complete list of the exchange shows.
Pure. Whoever closes goes by what the exchange shows; whoever counts against a limit takes the larger; no
list is never flat.
"""

from decimal import Decimal
from enum import StrEnum
from typing import Final

from tradefleet.domain.quantities import ZERO, agree

WITHOUT_A_LIST_NS: Final = 3_000_000_000
"""So long a closing latch waits for a complete list; then it closes by the journal's sizes."""


class Basis(StrEnum):
    """What closes are made from."""

    WAIT = "wait"
    """Nothing is known yet: what the journal holds may be over already."""
    LISTED = "listed"
    """The positions list has been read in this epoch, and rows and executions keep it current."""
    JOURNAL = "journal"
    """A closing latch, and no list: one attempt for each position, the next when the first is resolved."""


def basis(*, listed: bool, unlisted_since_ns: int, latched: bool, now_ns: int) -> Basis:
    """What closes are made from now.

    listed: a complete list has come in this epoch. unlisted_since_ns: since when one is waited for, 0 when
    the last one came. latched: a closing latch is engaged.
    """
    if latched and unlisted_since_ns and now_ns - unlisted_since_ns >= WITHOUT_A_LIST_NS:
        return Basis.JOURNAL
    return Basis.LISTED if listed else Basis.WAIT


def to_close(ours: Decimal, shown: Decimal | None) -> Decimal:
    """What an order that only reduces is made for, signed. shown: by the exchange, where it differs from
    ours; None where it does not, or has not said.

    On one side the larger of both, since it cannot do more than close what is there.
    """
    if shown is None or agree(shown, ours):
        return larger(ours, shown)
    return shown


def larger(ours: Decimal, other: Decimal | None) -> Decimal:
    """What counts against limits: the larger of both, signed; ours when they are as large."""
    return ours if other is None or other.copy_abs() <= ours.copy_abs() else other


def same_side(ours: Decimal, shown: Decimal | None) -> bool:
    """Whether what we hold is there at all, as far as the exchange has said."""
    return ours != ZERO and (shown is None or agree(shown, ours))
