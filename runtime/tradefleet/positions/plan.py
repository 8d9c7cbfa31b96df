"""A position as we account for it, and how it is meant to end.

The size is the sum of its executions; the plan says whose it is, where its stop and target stand,
and when its strategy means to be flat.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.positions import PositionKey


class ExitPlan(msgspec.Struct, frozen=True, kw_only=True):
    """How a position is meant to end.

    strategy, signal_id: of the entry. opened_ns: when that entry's intent was made, or, of one
    that had rested, when it first filled. stop_loss,
    take_profit: prices attached at the exchange.
    flat_by_ns: after this the executor closes by itself; 0 for never. close_signal_id: the id of
    the signal that asked for flat, "" when none has. close_attempt: number of closes tried. best_price:
    the best mark at which the stop was moved, None before it was.
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


class PositionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One position of ours.

    size: base currency, signed. entry_price: value-weighted, None when flat. generation: counts how
    often the position has been opened from flat. realised, fees: settle currency, of this
    generation. plan: None when flat, or when the position is not of a signal of ours.
    """

    key: PositionKey
    size: Decimal
    entry_price: Decimal | None
    generation: int
    realised: Decimal
    fees: Decimal
    plan: ExitPlan | None
    at_ns: int

    @property
    def sign(self) -> int:
        """+1 for a long position, -1 for a short or a flat one."""
        return 1 if self.size > 0 else -1
