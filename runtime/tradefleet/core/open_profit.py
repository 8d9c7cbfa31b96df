"""Open profit of all positions, which every mark asks for: each position is only multiplied out again when
its own mark, or it itself, has changed.

The sum is made anew each time, in the order of the keys, so that it is the same number as without a memory.
"""

from collections.abc import Callable
from decimal import Decimal

from tradefleet.core.kept_positions import KeptPositions
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.positions.ledger import unrealised
from tradefleet.positions.plan import PositionRecord


class OpenProfit:
    """What each position had brought when it was last looked at, and at which mark."""

    def __init__(self) -> None:
        self._each: dict[PositionKey, tuple[PositionRecord, Decimal, Decimal]] = {}

    def total(self, positions: KeptPositions, mark_of: Callable[[str], Decimal | None]) -> Decimal:
        """Profit at the marks; a position without one counts at its entry."""
        total = ZERO
        for key in positions.counting:
            mark = mark_of(key.symbol)
            if mark is not None:
                total = MONEY.add(total, self._of(key, positions[key], mark))
        return total

    def _of(self, key: PositionKey, position: PositionRecord, mark: Decimal) -> Decimal:
        known = self._each.get(key)
        if known is not None and known[0] is position and known[1] is mark:
            return known[2]
        profit = unrealised(position, mark)
        self._each[key] = (position, mark, profit)
        return profit
