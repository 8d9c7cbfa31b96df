"""A contract's rules are read whole or not at all."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.domain.instruments import InstrumentStatus
from tradefleet.market.bybit_instruments import BadInstrument, held_rules_of, instrument_of


def make_row() -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "contractType": "LinearPerpetual",
        "status": "Trading",
        "baseCoin": "BTC",
        "quoteCoin": "USDT",
        "settleCoin": "USDT",
        "priceFilter": {"minPrice": "0.10", "maxPrice": "1999999.80", "tickSize": "0.10"},
        "lotSizeFilter": {
            "qtyStep": "0.001",
            "minOrderQty": "0.001",
            "maxOrderQty": "1190.000",
            "maxMktOrderQty": "500.000",
            "minNotionalValue": "5",
        },
        "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00"},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }


def test_every_rule_is_read_exactly() -> None:
    found = instrument_of(make_row())

    assert (found.symbol, found.category, found.status) == ("BTCUSDT", "linear", InstrumentStatus.TRADING)
    assert (found.tick_size, found.qty_step, found.min_qty) == (
        Decimal("0.10"),
        Decimal("0.001"),
        Decimal("0.001"),
    )
    assert (found.max_market_qty, found.max_limit_qty) == (Decimal(500), Decimal(1190))
    assert (found.min_notional, found.max_leverage) == (Decimal(5), Decimal(100))
    assert found.price_limit_ratio == Decimal("0.01")


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("priceFilter", "tickSize", "0"),
        ("priceFilter", "tickSize", "NaN"),
        ("lotSizeFilter", "qtyStep", "-1"),
        ("lotSizeFilter", "minNotionalValue", "five"),
        ("lotSizeFilter", "maxMktOrderQty", None),
    ],
)
def test_a_rule_that_is_none_names_contract_and_field(section: str, field: str, value: Any) -> None:
    row = make_row()
    row[section][field] = value

    with pytest.raises(BadInstrument, match=f"BTCUSDT.*{field}"):
        instrument_of(row)


def test_a_status_nobody_knows_is_said() -> None:
    with pytest.raises(BadInstrument, match=r"BTCUSDT.*status"):
        instrument_of(make_row() | {"status": "Halted"})


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "Settling"},
        {"status": None},
        {"leverageFilter": {"maxLeverage": ""}},
        {"riskParameters": {}},
        {"baseCoin": 7},
    ],
)
def test_of_a_row_that_is_not_whole_the_grid_is_enough_to_protect_and_close(broken: dict[str, Any]) -> None:
    with pytest.raises(BadInstrument):
        instrument_of(make_row() | broken)

    held = held_rules_of(make_row() | broken)

    assert held is not None
    assert (held.status, held.tick_size, held.qty_step) == (
        InstrumentStatus.UNKNOWN,
        Decimal("0.10"),
        Decimal("0.001"),
    )
    assert (held.max_market_qty, held.min_notional, held.base_coin) == (Decimal(500), 0, "BTC")


@pytest.mark.parametrize(
    "broken",
    [
        {"priceFilter": {"tickSize": ""}},
        {"priceFilter": {"tickSize": "0"}},
        {"lotSizeFilter": {"qtyStep": "0.001", "maxMktOrderQty": ""}},
        {"lotSizeFilter": []},
        {"settleCoin": None},
    ],
)
def test_without_a_grid_nothing_is_known(broken: dict[str, Any]) -> None:
    assert held_rules_of(make_row() | broken) is None
