"""How many entries a position is made of: counted with its executions, never looked up among orders.

The limit on entries of a symbol reads this number for as long as the position lives, however long that is
and whoever leads then; orders are forgotten. What is not known is None, which counts as the most that is
allowed: a size taken over from the exchange, a row of a release that did not count.
"""

from tradefleet.domain.quantities import agree
from tradefleet.positions.plan import PositionRecord


def counted(
    before: PositionRecord, after: PositionRecord, *, entry: bool, filled_into: int | None
) -> int | None:
    """The entries of a position after an execution that has moved its size; None for flat and for unknown.

    entry: it is of an entry of ours. filled_into: the generation into which that entry had filled before,
    None when it had not or that is unknown. An execution of anybody else counts as an entry of its own: of
    nobody's orders is known which belong together, and no execution is more than one.
    """
    if after.size == 0:
        return None
    if after.generation != before.generation:
        return 1
    if after.size.copy_abs() <= before.size.copy_abs() or before.entries is None:
        return before.entries
    return before.entries if entry and filled_into == after.generation else before.entries + 1


def taken_over(before: PositionRecord, after: PositionRecord) -> int | None:
    """The entries after the exchange's size was taken for ours: what has only become smaller is made of no
    more than before."""
    smaller = agree(after.size, before.size) and after.size.copy_abs() <= before.size.copy_abs()
    return before.entries if smaller else None
