"""Whatever a spot request contains, it is refused by Bybit's code or accepted; nothing breaks."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from tests.support.simulated_account import BTC
from tests.support.spot_account import SpotTrader

from tradefleet.simulation.account.orders import Refused

FIELDS = (
    "symbol",
    "side",
    "orderType",
    "qty",
    "price",
    "timeInForce",
    "orderLinkId",
    "orderId",
    "marketUnit",
    "triggerPrice",
    "orderFilter",
    "takeProfit",
    "stopLoss",
    "isLeverage",
    "reduceOnly",
    "positionIdx",
    "smpType",
    "baseCoin",
)
WORDS = (
    "BTCUSDT",
    "Buy",
    "Sell",
    "Market",
    "Limit",
    "GTC",
    "IOC",
    "FOK",
    "PostOnly",
    "baseCoin",
    "quoteCoin",
    "Order",
    "tpslOrder",
    "StopOrder",
    "OcoOrder",
    "BidirectionalTpslOrder",
    "BTC",
)
numbers = st.one_of(
    st.sampled_from(["0", "0.1", "1", "60000", "59000", "61000", "0.000001", "1e5", "-1", "NaN", "Infinity"]),
    st.decimals(0, 10**20, allow_nan=False, places=18).map(str),
    st.integers(0, 10**20).map(str),
)
values = st.one_of(
    st.sampled_from(WORDS),
    numbers,
    st.text(max_size=40),
    st.none(),
    st.booleans(),
    st.integers(),
    st.just([]),
)
sane: dict[str, Any] = {
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "0.1",
    "price": "59000",
}
bodies = st.dictionaries(st.sampled_from(FIELDS), values, max_size=5).map(lambda wild: {**sane, **wild})


@pytest.fixture(scope="module")
def trader() -> Iterator[SpotTrader]:
    with tempfile.TemporaryDirectory() as folder:
        trader = SpotTrader(Path(folder), BTC)
        trader.give("1")
        yield trader
        trader.exchange.close()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=bodies, act=st.sampled_from(["create", "create", "amend", "cancel", "cancel_all"]))
def test_any_spot_request_is_answered(trader: SpotTrader, body: dict[str, Any], act: str) -> None:
    trader.now_ns += 1_000_000
    if act == "amend" and (orders := trader.open()):
        body = {**body, "orderId": orders[0]["orderId"]}

    with contextlib.suppress(Refused):
        getattr(trader.exchange, act)({**body, "category": "spot"})

    balance, locked = trader.balance("USDT")
    assert 0 <= locked <= balance
