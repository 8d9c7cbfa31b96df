"""Rows of the account's lists, read leniently: what is not understood holds back its symbol, not the list.

`rows` refuses a row with one unknown word, and for an event of the private stream that is right. A list
that were thrown away for it would take the right to close everything else along. Here such a row becomes
an UnclearRow with what could be read of it: which symbol, which side, how much, and under which id it is
cancelled. Nothing is guessed: what cannot be read is None. Pure and total.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final

from tradefleet.adapters.bybit.errors import BadRow
from tradefleet.adapters.bybit.rows import Row, closes_on_trigger, order_of, position_of
from tradefleet.domain.orders import ExchangeOrder, Side
from tradefleet.domain.positions import LONG_LEG, SHORT_LEG, ExchangePosition
from tradefleet.orders.exchange_view import UnclearRow

POSITION: Final = "position"
ORDER: Final = "order"

_LEG_SIDES: Final = {LONG_LEG: Side.BUY, SHORT_LEG: Side.SELL}
_NUMBER: Final = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?([eE][-+]?[0-9]{1,2})?")


def lenient_position(row: object) -> ExchangePosition | UnclearRow:
    """A position row. Unclear: the size is signed where the side can be read, else it has no sign and the
    side is None."""
    fields = _fields(row)
    try:
        return position_of(fields)
    except BadRow as error:
        index = _index(fields)
        # A leg of hedge mode has one side only, whatever the word beside it is.
        side = _side(fields) or _LEG_SIDES.get(index)
        size = _size(fields, "size")
        signed = size.copy_negate() if size and side is Side.SELL else size
        return UnclearRow(
            what=POSITION,
            symbol=_text(fields, "symbol"),
            position_idx=index,
            side=side,
            size=signed,
            trouble=_trouble(POSITION, fields, error),
        )


def lenient_order(row: object) -> ExchangeOrder | UnclearRow:
    """An order row. Unclear: the size is the whole order's, what is filled included."""
    fields = _fields(row)
    try:
        return order_of(fields)
    except BadRow as error:
        reduces = closes_on_trigger(fields) or fields.get("reduceOnly")
        return UnclearRow(
            what=ORDER,
            symbol=_text(fields, "symbol"),
            position_idx=_index(fields),
            side=_side(fields),
            size=_size(fields, "qty"),
            reduce_only=reduces if isinstance(reduces, bool) else None,
            order_id=_text(fields, "orderId"),
            client_order_id=_text(fields, "orderLinkId"),
            trouble=_trouble(ORDER, fields, error),
        )


def lenient_positions(rows: Iterable[object]) -> tuple[tuple[ExchangePosition, ...], tuple[UnclearRow, ...]]:
    """Positions with size, and rows that are not understood. A size that reads zero is no position, whatever
    else its row says."""
    clear: list[ExchangePosition] = []
    unclear: dict[UnclearRow, None] = {}
    for row in map(lenient_position, rows):
        if isinstance(row, ExchangePosition):
            if row.size:
                clear.append(row)
        elif row.size is None or row.size:
            unclear[row] = None
    return tuple(clear), tuple(unclear)


def lenient_orders(rows: Iterable[object]) -> tuple[tuple[ExchangeOrder, ...], tuple[UnclearRow, ...]]:
    """Each order once, as its newest row has it, and rows that are not understood.

    An order that changes while a list is paged can stand on two pages.
    """
    newest: dict[str, ExchangeOrder] = {}
    unclear: dict[UnclearRow, None] = {}
    for row in map(lenient_order, rows):
        if isinstance(row, UnclearRow):
            unclear[row] = None
        elif row.order_id not in newest or row.at_ns >= newest[row.order_id].at_ns:
            newest[row.order_id] = row
    return tuple(newest.values()), tuple(unclear)


def _trouble(what: str, fields: Row, error: BadRow) -> str:
    symbol, order_id = _text(fields, "symbol"), _text(fields, "orderId")
    of = f" of {symbol}" if symbol else " that names no symbol"
    return f"the exchange's {what} row{of}{f' ({order_id})' if order_id else ''} is not understood: {error}"


def _fields(row: object) -> dict[str, Any]:
    return row if isinstance(row, dict) else {}


def _text(fields: Row, name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _side(fields: Row) -> Side | None:
    value = _text(fields, "side")
    return Side(value) if value in tuple(Side) else None


def _index(fields: Row) -> int:
    """Which leg, 0 when that cannot be read."""
    value = str(fields.get("positionIdx"))
    return int(value) if value in ("0", "1", "2") else 0


def _size(fields: Row, name: str) -> Decimal | None:
    """An amount of zero or more, as text or as a number of JSON, which has lost digits perhaps: that a
    position is there, and about how large, is worth more than its last digit."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)
    return Decimal(text).copy_abs() if _NUMBER.fullmatch(text) else None
