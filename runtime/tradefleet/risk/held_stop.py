"""The stop that a further entry brings along: never looser than what its position has.

The exchange keeps one stop for a whole position (tpslMode Full), so that the one which is attached to an
entry replaces what stands, for as long as nobody puts it back. The entry therefore carries the tighter of
its own and the position's, and is judged by that one: what it would lose at the stop is what it really has.
Source: Bybit V5, "Create Order" and "Set Trading Stop", tpslMode.
"""

from decimal import Decimal

import msgspec

from tradefleet.orders.grid import stop_on
from tradefleet.positions.protection import is_passed, tighter
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import Entry


def with_held_stop(entry: Entry, held: Decimal | None, mark: Decimal | None) -> Entry | Refusal:
    """The entry with the stop that its position keeps; refused when the price has passed that one.

    held: the tightest stop of the position, None when there is no position on this side or it has none.
    """
    sign = entry.side.sign
    stop = tighter(sign, entry.stop_loss, held)
    if stop is None or stop == entry.stop_loss:
        return entry
    # What the exchange compares a stop with is the mark, or the price at which the entry fills.
    nearest = entry.price if mark is None else (min if sign > 0 else max)(entry.price, mark)
    attached = stop_on(sign, stop, nearest, entry.instrument)
    if attached is None or is_passed(sign, nearest, stop):
        detail = f"the position's stop {stop:f} is not on the far side of the price {nearest:f}"
        return Refusal(Reason.STOP_PASSED, detail)
    return msgspec.structs.replace(entry, stop_loss=attached)
