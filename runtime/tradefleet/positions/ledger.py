"""A position as the sum of its executions.

Pure arithmetic: fills add up to a signed size with a value-weighted entry price; a reduction keeps the
entry and realises profit; in one-way mode a fill through zero closes and opens. A leg of hedge mode has one
side: what it closes beyond what it holds is owed, until the executions that opened it have come as well, and
then it is as if they had come in order. Rows that move only money (funding) change no size.
Source: Bybit V5, position rules; reference C6, E.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO, along, divide, oppose
from tradefleet.positions.plan import PositionRecord


def flat(key: PositionKey, at_ns: int = 0) -> PositionRecord:
    """A position that has never been open."""
    return PositionRecord(
        key=key, size=ZERO, entry_price=None, generation=0, realised=ZERO, fees=ZERO, plan=None, at_ns=at_ns
    )


def apply(position: PositionRecord, execution: Execution) -> PositionRecord:
    """The position after one execution; the caller has made sure that it was not counted before.

    The plan is kept while the position stays on one side and dropped when it becomes flat or flips:
    who opens it again says how it is to end.
    """
    if position.key.leg_sign == 0:
        return _added(position, execution)
    return _as_leg(position, _added(_as_sum(position), execution))


def _as_sum(leg: PositionRecord) -> PositionRecord:
    """The leg as if it could be of either side."""
    if not leg.owed:
        return leg
    return msgspec.structs.replace(leg, size=leg.total, entry_price=leg.owed_price)


def _as_leg(before: PositionRecord, after: PositionRecord) -> PositionRecord:
    """The same sum as a leg: of its own side or flat, with what it owes."""
    owes = oppose(after.size, after.key.leg_sign)
    size = ZERO if owes else after.size
    opens = before.size == 0 and size != 0
    return msgspec.structs.replace(
        after,
        size=size,
        entry_price=None if owes else after.entry_price,
        generation=before.generation + opens,
        plan=None if owes else after.plan,
        owed=after.size.copy_abs() if owes else ZERO,
        owed_price=after.entry_price if owes else None,
    )


def _added(position: PositionRecord, execution: Execution) -> PositionRecord:
    change = execution.signed_qty
    before = position.size
    after = MONEY.add(before, change)
    fees = MONEY.add(position.fees, execution.fee)
    if change == 0:
        return msgspec.structs.replace(position, fees=fees, at_ns=max(position.at_ns, execution.at_ns))
    realised = MONEY.add(position.realised, _realised(position, change, execution.price))
    opens_anew = before == 0 or oppose(before, after)
    return msgspec.structs.replace(
        position,
        size=after,
        entry_price=_entry(position, change, execution.price, after),
        generation=position.generation + 1 if opens_anew else position.generation,
        realised=ZERO if before == 0 else realised,
        fees=execution.fee if before == 0 else fees,
        plan=None if opens_anew or after == 0 else position.plan,
        at_ns=max(position.at_ns, execution.at_ns),
    )


def cash_effect(before: PositionRecord, execution: Execution) -> Decimal:
    """What an execution does to the balance: profit of what it closes, less its fee or funding."""
    profit = _realised(_as_sum(before), execution.signed_qty, execution.price)
    return MONEY.subtract(profit, execution.fee)


def unrealised(position: PositionRecord, mark: Decimal) -> Decimal:
    """Profit at the mark, settle currency; zero when flat."""
    summed = _as_sum(position)
    if summed.size == 0 or summed.entry_price is None:
        return ZERO
    return MONEY.multiply(summed.size, MONEY.subtract(mark, summed.entry_price))


def _realised(position: PositionRecord, change: Decimal, price: Decimal) -> Decimal:
    if position.entry_price is None or not oppose(position.size, change):
        return ZERO
    closed = min(position.size.copy_abs(), change.copy_abs())
    return MONEY.multiply(closed, along(position.sign, price, position.entry_price))


def _entry(position: PositionRecord, change: Decimal, price: Decimal, after: Decimal) -> Decimal | None:
    if after == 0:
        return None
    if position.entry_price is None or oppose(position.size, after):
        return price
    if oppose(position.size, change):
        return position.entry_price
    value = MONEY.add(MONEY.multiply(position.entry_price, position.size), MONEY.multiply(price, change))
    return divide(value, after)
