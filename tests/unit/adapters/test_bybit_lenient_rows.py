"""A row that is not understood becomes what could be read of it, and nothing more."""

from decimal import Context, Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.adapters.bybit.lenient_rows import (
    lenient_order,
    lenient_orders,
    lenient_position,
    lenient_positions,
)
from tradefleet.domain.orders import ExchangeOrder, Side
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.exchange_view import UnclearRow

ORDER: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "positionIdx": 0,
    "orderId": "order",
    "orderLinkId": "link",
    "side": "Buy",
    "orderType": "Limit",
    "timeInForce": "GTC",
    "orderStatus": "New",
    "reduceOnly": False,
    "qty": "0.100",
    "price": "60600.1",
    "cumExecQty": "0.040",
    "avgPrice": "60000.1",
    "stopOrderType": "",
    "triggerPrice": "",
    "createType": "CreateByUser",
    "cancelType": "UNKNOWN",
    "rejectReason": "EC_NoError",
    "createdTime": "1700000000123",
    "updatedTime": "1700000000456",
}
POSITION: dict[str, Any] = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "positionIdx": 0,
    "side": "Sell",
    "size": "0.1",
    "avgPrice": "60000",
    "markPrice": "60001",
    "stopLoss": "61000",
    "takeProfit": "0",
    "leverage": "10",
    "seq": 8,
    "updatedTime": "1700000000456",
}


def _unclear(row: object) -> UnclearRow:
    assert isinstance(row, UnclearRow)
    return row


def test_rows_that_are_understood_are_read_as_ever() -> None:
    assert isinstance(lenient_order(ORDER), ExchangeOrder)
    assert isinstance(lenient_position(POSITION), ExchangePosition)


@pytest.mark.parametrize(
    ("reduces", "closes", "protects"),
    [
        (False, False, False),
        (True, False, True),
        (False, True, True),
        (True, True, True),
        (False, None, False),
    ],
)
def test_what_closes_on_its_trigger_reduces_in_a_row_that_is_read_in_full_and_in_part(
    reduces: bool, closes: bool | None, protects: bool
) -> None:
    row = {**ORDER, "reduceOnly": reduces, "closeOnTrigger": closes}

    whole, part = lenient_order(row), lenient_order({**row, "timeInForce": "a new word"})

    assert isinstance(whole, ExchangeOrder)
    assert (whole.reduce_only, _unclear(part).reduce_only) == (protects, protects)


@pytest.mark.parametrize("field", ["timeInForce", "orderStatus", "orderType", "updatedTime", "triggerPrice"])
def test_an_order_with_one_unknown_word_keeps_what_cancelling_and_counting_need(field: str) -> None:
    row = _unclear(lenient_order(ORDER | {field: "RPI"}))

    assert (row.what, row.symbol, row.position_idx, row.side) == ("order", "BTCUSDT", 0, Side.BUY)
    assert (row.size, row.reduce_only) == (Decimal("0.100"), False)
    assert (row.order_id, row.client_order_id) == ("order", "link")
    assert "BTCUSDT" in row.trouble
    assert f"{field}: 'RPI'" in row.trouble


@pytest.mark.parametrize(
    ("change", "name", "value"),
    [
        ({"side": "Both"}, "side", None),
        ({"side": None}, "side", None),
        ({"qty": ""}, "size", None),
        ({"qty": "many"}, "size", None),
        ({"qty": True}, "size", None),
        ({"qty": 0.25}, "size", Decimal("0.25")),
        ({"qty": 3}, "size", Decimal(3)),
        ({"qty": "NaN"}, "size", None),
        ({"reduceOnly": "true"}, "reduce_only", None),
        ({"reduceOnly": True, "side": "?"}, "reduce_only", True),
        ({"symbol": ""}, "symbol", ""),
        ({"symbol": 7}, "symbol", ""),
        ({"orderId": None}, "order_id", ""),
        ({"orderLinkId": 5}, "client_order_id", ""),
        ({"positionIdx": "x"}, "position_idx", 0),
        ({"positionIdx": "2", "side": "?"}, "position_idx", 2),
        ({"positionIdx": 7, "side": "?"}, "position_idx", 0),
    ],
)
def test_what_cannot_be_read_of_an_order_is_none(change: dict[str, Any], name: str, value: object) -> None:
    assert getattr(_unclear(lenient_order(ORDER | change)), name) == value


@pytest.mark.parametrize(
    ("change", "side", "size"),
    [
        ({"leverage": "ten"}, Side.SELL, Decimal("-0.1")),
        ({"leverage": "ten", "side": "Buy"}, Side.BUY, Decimal("0.1")),
        ({"side": "Long"}, None, Decimal("0.1")),
        ({"side": "Long", "positionIdx": 2}, Side.SELL, Decimal("-0.1")),
        ({"side": "Long", "positionIdx": 1}, Side.BUY, Decimal("0.1")),
        ({"size": "-0.1"}, Side.SELL, Decimal("-0.1")),
        ({"size": 0.1}, Side.SELL, Decimal("-0.1")),
        ({"size": None}, Side.SELL, None),
        ({"size": "much"}, Side.SELL, None),
        ({"seq": "9" * 5000}, Side.SELL, Decimal("-0.1")),
    ],
)
def test_a_position_keeps_its_side_and_size_where_they_can_be_read(
    change: dict[str, Any], side: Side | None, size: Decimal | None
) -> None:
    row = _unclear(lenient_position(POSITION | change))

    assert (row.what, row.symbol, row.side, row.size) == ("position", "BTCUSDT", side, size)


@pytest.mark.parametrize("row", [None, [], "row", 7, {}])
def test_what_is_no_row_at_all_names_no_symbol(row: object) -> None:
    for unclear in (_unclear(lenient_order(row)), _unclear(lenient_position(row))):
        assert (unclear.symbol, unclear.size) == ("", None)
        assert "names no symbol" in unclear.trouble


def test_a_list_keeps_its_good_rows_and_names_each_bad_one_once() -> None:
    bad = POSITION | {"symbol": "XRPUSDT", "leverage": "?"}
    flat = POSITION | {"symbol": "SOLUSDT", "size": "0", "side": ""}
    flat_and_bad = flat | {"leverage": "?"}

    positions, unclear = lenient_positions([bad, POSITION, flat, bad, flat_and_bad])

    assert [position.key.symbol for position in positions] == ["BTCUSDT"]
    assert [row.symbol for row in unclear] == ["XRPUSDT"]


def test_an_order_that_stands_on_two_pages_is_the_newer_row() -> None:
    older, newer = ORDER | {"updatedTime": "1"}, ORDER | {"updatedTime": "2"}

    for rows in ([older, newer], [newer, older]):
        (order,), unclear = lenient_orders([*rows, ORDER | {"orderId": "b", "orderStatus": "Asleep"}])
        assert order.at_ns == 2_000_000
        assert [row.order_id for row in unclear] == ["b"]


def test_no_ambient_context_changes_a_size() -> None:
    long = "0.12345678901234567890123456789"
    with localcontext(Context(prec=3)):
        exact = lenient_position(POSITION | {"size": long})
        unclear = _unclear(lenient_position(POSITION | {"size": long, "leverage": "?"}))

    assert isinstance(exact, ExchangePosition)
    assert exact.size == unclear.size == Decimal(f"-{long}")


_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["0", "1", "-1", "1e99", "Buy", "Sell", "9" * 5000, "NaN", "²", "0x1"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@given(st.dictionaries(st.sampled_from(sorted(ORDER | POSITION)), _VALUES))
def test_whatever_stands_in_a_row_it_is_a_value_or_unclear(change: dict[str, Any]) -> None:
    for row in (lenient_order(ORDER | change), lenient_order(change)):
        assert isinstance(row, ExchangeOrder | UnclearRow)
    for position in (lenient_position(POSITION | change), lenient_position(change)):
        assert isinstance(position, ExchangePosition | UnclearRow)
