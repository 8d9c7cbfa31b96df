"""What the exchange refuses, with its own codes and words where they were recorded."""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from tradefleet.domain.instruments import InstrumentStatus
from tradefleet.domain.orders import Side
from tradefleet.simulation.account.orders import Refused
from tradefleet.simulation.account.rules import check_live, check_settle_coin, scaled

D = Decimal
Trader = Any
Payload = Callable[[str], Any]

TOO_LARGE = "The number of contracts exceeds maximum limit allowed: too large"
LOW_TARGET = "TakeProfit:600000000 set for Buy position should be higher than base_price:600000000??LastPrice"
LOW_STOP = "StopLoss:600000000 set for Sell position should greater base_price:600000000??LastPrice"
HIGH_TARGET = (
    "TakeProfit:600000000 set for Sell position should be lower than base_price:600000000??LastPrice"
)
HIGH_STOP = "StopLoss:590000000 set for Buy position should lower than base_price:590000000??LastPrice"


@pytest.mark.parametrize(
    ("recorded", "body"),
    [
        ("real_error_10001_qty_invalid", {"qty": "0.0015"}),
        ("real_error_10001_qty_invalid", {"qty": "0"}),
        ("real_error_10001_min_qty", {"symbol": "DOGEUSDT", "qty": "10"}),
        ("real_error_10001_pos_idx", {"qty": "0.1", "positionIdx": 1}),
        ("real_error_110017_reduce_only_zero", {"qty": "0.1", "reduceOnly": True}),
        ("real_error_110094_min_notional", {"symbol": "DOGEUSDT", "qty": "20"}),
        ("real_error_110007_ab_not_enough", {"qty": "1000", "price": "60000"}),
    ],
)
def test_a_refusal_has_the_recorded_code_and_text(
    trader: Trader, payload: Payload, recorded: str, body: dict[str, Any]
) -> None:
    error = payload(f"{recorded}.json")

    assert trader.refusal(**body) == (error["retCode"], error["retMsg"])
    assert trader.exchange.engine.state.counters.orders == 0
    assert trader.published == []


def test_reducing_in_the_positions_own_direction_is_refused_as_recorded(
    trader: Trader, payload: Payload
) -> None:
    error = payload("real_error_110017_reduce_only_same_side.json")
    trader.create("Buy", "0.1")

    assert trader.refusal(side="Buy", qty="0.1", reduceOnly=True) == (error["retCode"], error["retMsg"])


@pytest.mark.parametrize(
    ("recorded", "body"),
    [
        ("real_error_110092_trigger_rising", {"triggerPrice": "59000", "triggerDirection": 1}),
        ("real_error_110093_trigger_falling", {"triggerPrice": "61000", "triggerDirection": 2}),
        ("real_error_10001_sl_wrong_side", {"stopLoss": "60000"}),
    ],
)
def test_a_price_on_the_wrong_side_is_refused_as_recorded_but_for_the_numbers(
    trader: Trader, payload: Payload, recorded: str, body: dict[str, Any]
) -> None:
    error = payload(f"{recorded}.json")

    code, text = trader.refusal(qty="0.1", **body)

    assert code == error["retCode"]
    assert re.sub(r"\d{5,}", "N", text) == re.sub(r"\d{5,}", "N", error["retMsg"])
    assert "600000000" in text  # prices x 1e4


@pytest.mark.parametrize(
    ("body", "code", "text"),
    [
        ({"symbol": "NOSUCHUSDT"}, 10001, "params error: symbol invalid NOSUCHUSDT"),
        ({"category": "perpetual"}, 10001, "Illegal category"),
        ({"category": "spot"}, 10017, "not simulated: category=spot"),
        ({"side": "buy"}, 10001, "params error: side invalid"),
        ({"orderType": "Stop"}, 10001, "params error: orderType invalid"),
        ({"qty": 0.1}, 10001, "params error: qty must be a string"),
        ({"qty": "-1"}, 10001, "params error: qty invalid"),
        ({"qty": "NaN"}, 10001, "params error: qty invalid"),
        ({"qty": "1e3"}, 10001, "params error: qty invalid"),
        ({"qty": "151"}, 10001, TOO_LARGE),
        ({"qty": "1501", "price": "100"}, 10001, TOO_LARGE),
        ({"price": "59000.05"}, 110003, "price is invalid"),
        ({"price": "0", "orderType": "Limit"}, 10001, "params error: Price invalid"),
        ({"price": "1", "timeInForce": "GTX"}, 10001, "params error: timeInForce invalid"),
        ({"orderLinkId": "a b"}, 10001, "params error: OrderLinkId invalid"),
        ({"orderLinkId": "x" * 37}, 10001, "params error: OrderLinkId invalid"),
        ({"orderLinkId": "é"}, 10001, "params error: OrderLinkId invalid"),
        ({"reduceOnly": "true"}, 10001, "params error: reduceOnly must be a boolean"),
        ({"triggerPrice": "61000"}, 10001, "params error: TriggerDirection invalid"),
        ({"stopLoss": "59000.05"}, 110003, "price is invalid"),
        ({"takeProfit": "60000"}, 10001, LOW_TARGET),
        ({"side": "Sell", "stopLoss": "60000"}, 10001, LOW_STOP),
        ({"side": "Sell", "takeProfit": "60000"}, 10001, HIGH_TARGET),
        ({"price": "59000", "stopLoss": "59000"}, 10001, HIGH_STOP),
        ({"tpslMode": "Partial", "stopLoss": "59000"}, 10017, "not simulated: tpslMode=Partial"),
        ({"slOrderType": "Limit", "stopLoss": "59000"}, 10017, "not simulated: slOrderType=Limit"),
        (
            {"slippageToleranceType": "TickSize", "slippageTolerance": "10001"},
            110108,
            "Allowed range: 1 to 10000 tick size",
        ),
        (
            {"slippageToleranceType": "Percent", "slippageTolerance": "0.001"},
            110109,
            "Allowed range: 0.01% to 10%",
        ),
        (
            {"slippageToleranceType": "Percent", "slippageTolerance": "1", "stopLoss": "59000"},
            10001,
            "slippageTolerance is for market orders without trigger, takeProfit and stopLoss",
        ),
        ({"timeInForce": "RPI", "price": "59000"}, 10017, "not simulated: timeInForce=RPI"),
        (
            {"reduceOnly": True, "stopLoss": "59000"},
            110017,
            "current position is zero, cannot fix reduce-only order qty",
        ),
    ],
)
def test_a_create_that_cannot_be_is_refused_by_name(
    trader: Trader, body: dict[str, Any], code: int, text: str
) -> None:
    asked = {"qty": "0.1", **body}

    assert trader.refusal(**asked) == (code, text)
    assert trader.size() == 0


def test_a_stop_cannot_be_attached_to_an_order_that_only_reduces(trader: Trader) -> None:
    trader.create("Buy", "0.1")

    code, text = trader.refusal(side="Sell", qty="0.1", reduceOnly=True, stopLoss="61000")

    assert (code, text) == (10001, "TP/SL cannot be set for a reduce-only order")


@pytest.mark.parametrize("link_id", ["a", "A-b_9", "x" * 36])
def test_an_order_link_id_has_up_to_36_letters_digits_hyphens_and_underscores(
    trader: Trader, link_id: str
) -> None:
    assert trader.create("Buy", "0.1", orderLinkId=link_id).order_link_id == link_id


def test_an_order_link_id_is_used_up_for_ever_also_after_a_cancel_and_a_restart(trader: Trader) -> None:
    trader.create("Buy", "0.1", "59000", orderLinkId="once")
    duplicate = (110072, "OrderLinkedID is duplicate")

    assert trader.refusal(qty="0.1", orderLinkId="once") == duplicate
    trader.exchange.cancel({"category": "linear", "symbol": "BTCUSDT", "orderLinkId": "once"})
    assert trader.refusal(qty="0.1", orderLinkId="once") == duplicate
    trader.restart()
    assert trader.refusal(qty="0.1", orderLinkId="once") == duplicate


def test_a_refused_create_does_not_use_its_order_link_id_up(trader: Trader) -> None:
    trader.refusal(qty="0.0015", orderLinkId="again")

    assert trader.create("Buy", "0.1", orderLinkId="again").order_link_id == "again"


def test_an_order_that_only_reduces_is_exempt_from_the_minimum_value(trader: Trader) -> None:
    trader.create("Buy", "30", symbol="DOGEUSDT")

    order = trader.create("Sell", "20", symbol="DOGEUSDT", reduceOnly=True)

    assert order.cum_exec_value < 5


def test_a_limit_price_outside_the_band_rests_at_its_edge(trader: Trader) -> None:
    order = trader.create("Sell", "0.1", "58000", timeInForce="PostOnly")
    resting = trader.create("Buy", "0.001", "70000", timeInForce="IOC")

    assert order.price == D(59400)
    assert resting.price == D(60600)


def test_a_symbol_has_at_most_500_active_and_10_conditional_orders(trader: Trader) -> None:
    for _ in range(500):
        trader.create("Buy", "0.001", "59000")
    for _ in range(10):
        trader.create("Buy", "0.001", triggerPrice="61000", triggerDirection=1)

    assert trader.refusal(qty="0.001", price="59000")[0] == 110020
    assert trader.refusal(qty="0.001", triggerPrice="61000", triggerDirection=1)[0] == 110009
    assert trader.create("Buy", "30", symbol="DOGEUSDT").cum_exec_qty == 30


def test_a_contract_that_is_not_live_may_only_be_reduced(trader: Trader) -> None:
    closed = replace(trader.market.instruments["BTCUSDT"], status=InstrumentStatus.DELIVERING)

    check_live(closed, only_reduces=True)
    with pytest.raises(Refused, match="not live"):
        check_live(closed, only_reduces=False)


def test_a_contract_settled_in_another_coin_cannot_be_traded(trader: Trader) -> None:
    in_usdc = replace(trader.market.instruments["BTCUSDT"], settle_coin="USDC")

    with pytest.raises(Refused, match="not simulated: contracts settled in USDC"):
        check_settle_coin(in_usdc)


def test_error_texts_scale_fine_prices_by_a_larger_factor(trader: Trader) -> None:
    instruments = trader.market.instruments

    assert scaled(instruments["BTCUSDT"], D("62734.3")) == "627343000"
    assert scaled(instruments["DOGEUSDT"], D("0.17686")) == "17686000"


# ---- margin


def test_an_opening_order_must_fit_the_balance_with_its_leverage_and_fees(trader: Trader) -> None:
    # 1,000,000 at 10x: value / 10 + 2 taker fees (the closing one at the bankruptcy price).
    need_per_btc = D(60000) / 10 + D(60000) * D("0.00055") + D(54000) * D("0.00055")
    most = (D(1_000_000) / need_per_btc).quantize(D("0.001"), rounding="ROUND_FLOOR")

    assert trader.refusal(qty=str(most + D("0.001")), price="60000")[0] == 110007
    assert trader.create("Buy", str(most), "60000").leaves == most


def test_resting_orders_and_positions_hold_margin_back(trader: Trader) -> None:
    trader.create("Buy", "100", "60000")

    assert trader.refusal(qty="70", price="60000")[0] == 110007
    assert trader.create("Buy", "60", "60000").leaves == 60


def test_an_order_that_closes_needs_no_margin(trader: Trader) -> None:
    trader.market.restate("BTCUSDT", Side.SELL, {"60000.1": "500"})
    trader.create("Buy", "150")
    trader.market.mark("BTCUSDT", "56000")

    assert trader.exchange.engine.figures().available < 0
    assert trader.refusal(side="Sell", qty="151", price="60500")[0] == 110007
    assert trader.create("Sell", "150", "60500").leaves == 150


def test_leverage_changes_the_margin_and_is_bounded(trader: Trader) -> None:
    def set_leverage(value: str, sell: str | None = None) -> tuple[int, str] | None:
        body = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "buyLeverage": value,
            "sellLeverage": sell or value,
        }
        try:
            trader.exchange.set_leverage(body)
        except Refused as refused:
            return refused.code, refused.text
        return None

    assert set_leverage("10") == (110043, "leverage not modified")
    assert set_leverage("101") == (10001, "leverage invalid")
    assert set_leverage("5", "6") == (10001, "buy leverage must equal sell leverage")
    assert set_leverage("100") is None
    assert trader.create("Buy", "1000", "60000").leaves == 1000
    assert set_leverage("2") == (110012, "Insufficient available balance")
    assert trader.rows("position")[-1]["leverage"] == "100"
