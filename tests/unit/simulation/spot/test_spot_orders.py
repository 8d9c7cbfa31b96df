"""Spot orders: what they hold back, what they trade, how they end."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.spot_account import D, SpotTrader

from tradefleet.domain.orders import Side
from tradefleet.simulation.account import reads
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.store import StateError

PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "account"


def payload(name: str) -> Any:
    return json.loads((PAYLOADS / f"{name}.json").read_text())


# ---- taking


def test_a_market_buy_in_the_base_coin_pays_its_fee_in_it(trader: SpotTrader) -> None:
    order = trader.create("Buy", "0.5", marketUnit="baseCoin")

    assert trader.now(order)["orderStatus"] == "Filled"
    assert trader.balance("BTC") == (D("0.4995"), 0)
    assert trader.balance("USDT") == (100_000 - D("0.5") * D("60000.1"), 0)


def test_a_market_buy_by_value_ends_with_dust_as_partially_filled_cancelled(trader: SpotTrader) -> None:
    order = trader.create("Buy", "1000")

    row = trader.now(order)
    spent = D(row["cumExecValue"])
    assert (row["orderStatus"], row["marketUnit"], row["qty"]) == (
        "PartiallyFilledCanceled",
        "quoteCoin",
        "1000",
    )
    assert 0 < 1000 - spent < D("60000.1") * D("0.000001")
    assert trader.balance("USDT") == (100_000 - spent, 0)


def test_a_market_buy_by_value_without_a_rest_is_filled(trader: SpotTrader) -> None:
    order = trader.create("Buy", "600.001")

    assert trader.now(order)["orderStatus"] == "Filled"


def test_a_sell_pays_its_fee_in_the_quote_coin(trader: SpotTrader) -> None:
    trader.give("2")

    order = trader.create("Sell", "1.5")

    row = trader.now(order)
    value = D("59999.9") + D("0.5") * D(59990)
    assert (row["feeCurrency"], D(row["cumExecFee"])) == ("USDT", value * D("0.001"))
    assert row["cumFeeDetail"] == {"USDT": row["cumExecFee"]}
    assert trader.balance("BTC") == (D("0.5"), 0)
    assert trader.balance("USDT") == (100_000 + value * D("0.999"), 0)


def test_what_was_taken_from_the_book_cannot_be_taken_again(trader: SpotTrader) -> None:
    first = trader.create("Buy", "1", marketUnit="baseCoin")
    second = trader.create("Buy", "0.1", marketUnit="baseCoin")

    assert D(trader.now(first)["avgPrice"]) == D("60000.1")
    assert D(trader.now(second)["avgPrice"]) == 60010


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"timeInForce": "IOC"}, "PartiallyFilledCanceled", "EC_NoImmediateQtyToFill"),
        ({"timeInForce": "FOK"}, "Cancelled", "EC_NoEnoughQtyToFill"),
        ({"timeInForce": "PostOnly"}, "Cancelled", "EC_PostOnlyWillTakeLiquidity"),
        ({"timeInForce": "GTC"}, "PartiallyFilled", "EC_NoError"),
    ],
)
def test_a_limit_order_larger_than_what_is_there(
    trader: SpotTrader, body: dict[str, str], status: str, reason: str
) -> None:
    order = trader.create("Buy", "1.2", "60000.1", **body)

    row = trader.now(order)

    assert (row["orderStatus"], row["rejectReason"]) == (status, reason)
    assert D(row["cumExecQty"]) == (1 if "Partially" in status else 0)


# ---- resting and what it holds back


def test_a_resting_buy_holds_its_value_back_and_a_sell_its_coins(trader: SpotTrader) -> None:
    trader.give("1")
    trader.create("Buy", "0.1", "59000")
    trader.create("Sell", "0.4", "61000")

    assert trader.balance("USDT") == (100_000, 5_900)
    assert trader.balance("BTC") == (1, D("0.4"))


def test_what_is_held_back_is_not_free_for_contracts(trader: SpotTrader) -> None:
    before = trader.exchange.engine.figures().available
    trader.create("Buy", "0.1", "59000")

    assert trader.exchange.engine.figures().available == before - 5_900


def test_what_contracts_hold_back_is_not_free_for_coins(trader: SpotTrader) -> None:
    body = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "9"}
    trader.exchange.create(body)
    free = trader.exchange.engine.figures().available

    assert trader.refusal(lambda: trader.create("Buy", str(free.quantize(D("0.01")) + 1))) == 170131
    trader.create("Buy", str(free.quantize(D("0.01")) - 1))


def test_a_trade_fills_a_resting_order_as_maker_behind_its_queue(trader: SpotTrader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")

    trader.trade("59999.9", "1.2")

    row = trader.now(order)
    assert (row["orderStatus"], row["cumExecQty"]) == ("PartiallyFilled", "0.2")
    (execution,) = reads.executions(trader.exchange, {"category": "spot"})["list"]
    assert (execution["isMaker"], execution["feeCurrency"]) == (True, "BTC")
    assert trader.balance("USDT")[1] == D("0.3") * D("59999.9")


def test_a_cancelled_order_with_fills_is_partially_filled_cancelled(trader: SpotTrader) -> None:
    order = trader.create("Buy", "0.5", "59999.9")
    trader.trade("59999.9", "1.2")

    trader.exchange.cancel(trader.name(order))

    row = trader.now(order)
    assert (row["orderStatus"], row["cancelType"]) == ("PartiallyFilledCanceled", "CancelByUser")
    assert trader.balance("USDT")[1] == 0


def test_amends_change_what_is_held_back(trader: SpotTrader) -> None:
    order = trader.create("Buy", "0.5", "59000")

    trader.exchange.amend(trader.name(order, qty="0.1", price="58000"))

    assert trader.balance("USDT")[1] == 5_800
    too_much = trader.name(order, qty="200")
    assert trader.refusal(lambda: trader.exchange.amend(too_much)) == 170131
    assert trader.refusal(lambda: trader.exchange.amend(trader.name(order, qty="0.1"))) == 170130


def test_orders_go_when_the_contracts_have_lost_the_money_that_they_hold_back(trader: SpotTrader) -> None:
    body = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "3"}
    trader.exchange.create(body)
    older = trader.create("Buy", "0.1", "59000")
    younger = trader.create("Buy", "1.2", "59000")
    trader.linear.replace("BTCUSDT", {"50000": "9"}, {"50000.1": "9"})
    trader.linear.mark("BTCUSDT", "50000")

    trader.exchange.create({**body, "side": "Sell", "reduceOnly": True})

    assert trader.now(younger)["orderStatus"] == "Cancelled"
    assert trader.now(older)["orderStatus"] == "New"
    balance, locked = trader.balance("USDT")
    assert locked <= balance


def test_what_belongs_to_contracts_means_nothing_on_spot(trader: SpotTrader) -> None:
    trader.give("1")

    order = trader.create("Sell", "0.1", "61000", reduceOnly=True, positionIdx=2, triggerDirection=1)

    row = trader.now(order)
    assert (row["reduceOnly"], row["positionIdx"], row["orderStatus"]) == (False, 0, "New")


# ---- refusals


@pytest.mark.parametrize(
    ("side", "qty", "price", "body", "code"),
    [
        ("Buy", "10", "59000", {}, 170131),
        ("Sell", "0.1", None, {}, 170131),
        ("Buy", "200000", None, {}, 170131),
        ("Buy", "0.0000001", "59000", {}, 170137),
        ("Buy", "10.00000001", None, {}, 170137),
        ("Buy", "0.1", "59000.01", {}, 170134),
        ("Buy", "0.00001", "59000", {}, 170140),
        ("Buy", "4", None, {}, 170140),
        ("Buy", "231", "59000", {}, 170124),
        ("Buy", "0.1", "60301", {}, 170193),
        ("Sell", "0.1", "59699", {}, 170194),
        ("Buy", "0.1", "59000", {"symbol": "NOPEUSDT"}, 170121),
        ("Buy", "0", None, {}, 170130),
        ("Buy", "0.1", "59000", {"takeProfit": "58000"}, 170130),
        ("Buy", "0.1", "59000", {"stopLoss": "59500"}, 170130),
        ("Buy", "100", None, {"stopLoss": "59500"}, 170130),
        ("Buy", "0.1", "59000", {"orderFilter": "tpslOrder"}, 170130),
        ("Buy", "0.1", "59000", {"isLeverage": 1}, 10017),
        ("Sell", "0.1", None, {"marketUnit": "quoteCoin"}, 10017),
        ("Buy", "0.1", "59000", {"timeInForce": "RPI"}, 10017),
        ("Buy", "0.1", "59000", {"orderFilter": "OcoOrder"}, 10017),
        ("Buy", "0.1", "59000", {"takeProfit": "61000", "tpLimitPrice": "61000"}, 10017),
    ],
)
def test_what_may_not_enter_is_refused_with_spots_code_and_leaves_no_trace(
    trader: SpotTrader, side: str, qty: str, price: str | None, body: dict[str, Any], code: int
) -> None:
    assert trader.refusal(lambda: trader.create(side, qty, price, **body)) == code
    assert trader.published == []


def test_an_order_link_id_is_used_up_for_both_categories(trader: SpotTrader) -> None:
    trader.create("Buy", "0.1", "59000", orderLinkId="once")
    contract = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}

    assert trader.refusal(lambda: trader.create("Buy", "0.1", "59000", orderLinkId="once")) == 170141
    assert trader.refusal(lambda: trader.exchange.create({**contract, "orderLinkId": "once"})) == 110072


def test_an_unknown_order_is_not_found(trader: SpotTrader) -> None:
    gone = {"category": "spot", "symbol": "BTCUSDT", "orderId": "1"}

    assert trader.refusal(lambda: trader.exchange.cancel(gone)) == 170213
    assert trader.refusal(lambda: trader.exchange.amend({**gone, "qty": "1"})) == 170213


def test_a_pair_has_at_most_thirty_waiting_orders_of_a_kind(trader: SpotTrader) -> None:
    trader.give("10")
    waits = {"triggerPrice": "58000", "orderFilter": "StopOrder"}
    for _ in range(30):
        trader.create("Sell", "0.001", **waits)

    assert trader.refusal(lambda: trader.create("Sell", "0.001", **waits)) == 170810
    trader.create("Sell", "0.001", **{**waits, "orderFilter": "tpslOrder"})


# ---- orders that wait


def test_a_tpsl_order_holds_its_coins_back_and_a_conditional_one_does_not(trader: SpotTrader) -> None:
    trader.give("1")
    trader.create("Sell", "0.3", triggerPrice="58000", orderFilter="StopOrder")
    assert trader.balance("BTC") == (1, 0)

    trader.create("Sell", "0.4", triggerPrice="58000", orderFilter="tpslOrder")
    assert trader.balance("BTC") == (1, D("0.4"))


def test_a_waiting_order_fires_when_the_last_price_reaches_it(trader: SpotTrader) -> None:
    trader.give("1")
    order = trader.create("Sell", "0.4", triggerPrice="59950", orderFilter="tpslOrder")
    assert trader.now(order)["orderStatus"] == "Untriggered"

    trader.trade("59950", "0.001")

    assert trader.now(order)["orderStatus"] == "Filled"
    statuses = [row["orderStatus"] for each in trader.published for row in each.rows.get("order", ())]
    assert statuses == ["Untriggered", "Triggered", "Filled"]
    assert trader.balance("BTC") == (D("0.6"), 0)


def test_a_conditional_order_without_coins_when_it_fires_is_rejected(trader: SpotTrader) -> None:
    trader.give("1")
    order = trader.create("Sell", "1", triggerPrice="59950", orderFilter="StopOrder")
    trader.create("Sell", "0.5", "61000")

    trader.trade("59950", "0.001")

    assert trader.now(order)["orderStatus"] == "Rejected"
    assert trader.balance("BTC") == (1, D("0.5"))


def test_a_filled_limit_order_turns_its_stop_and_target_into_one_waiting_order(trader: SpotTrader) -> None:
    trader.create("Buy", "0.5", "60000.1", takeProfit="60100", stopLoss="59000")

    (waiting,) = trader.open()
    assert (waiting["stopOrderType"], waiting["side"], waiting["qty"]) == (
        "BidirectionalTpslOrder",
        "Sell",
        "0.4995",
    )
    assert trader.balance("BTC") == (D("0.4995"), D("0.4995"))

    trader.trade("60100", "0.001", Side.BUY)

    assert trader.open() == []
    assert trader.balance("BTC")[0] == 0


def test_a_sell_with_a_target_buys_back_for_what_it_has_earned(trader: SpotTrader) -> None:
    trader.give("0.5")

    trader.create("Sell", "0.5", "59999.9", takeProfit="59000")

    (waiting,) = trader.open()
    assert (waiting["side"], waiting["marketUnit"]) == ("Buy", "quoteCoin")
    assert Decimal(waiting["qty"]) == D("0.5") * D("59999.9") * D("0.999")


def test_a_cancel_without_a_filter_does_not_find_what_waits(trader: SpotTrader) -> None:
    trader.give("1")
    order = trader.create("Sell", "0.4", triggerPrice="58000", orderFilter="tpslOrder")

    assert trader.refusal(lambda: trader.exchange.cancel(trader.name(order))) == 170213
    trader.exchange.cancel(trader.name(order, orderFilter="tpslOrder"))

    assert trader.now(order)["orderStatus"] == "Deactivated"
    assert trader.balance("BTC") == (1, 0)


def test_cancel_all_takes_the_book_and_with_a_filter_what_waits(trader: SpotTrader) -> None:
    trader.give("1")
    trader.create("Buy", "0.1", "59000")
    trader.create("Sell", "0.4", triggerPrice="58000", orderFilter="tpslOrder")
    trader.create("Sell", "0.1", triggerPrice="58000", orderFilter="StopOrder")

    assert len(trader.exchange.cancel_all({"category": "spot"})) == 1
    assert len(trader.exchange.cancel_all({"category": "spot", "orderFilter": "tpslOrder"})) == 1
    assert [row["stopOrderType"] for row in trader.open()] == ["Stop"]


# ---- beside contracts


def test_contracts_and_pairs_of_one_name_are_kept_apart(trader: SpotTrader) -> None:
    contract = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Limit"}
    trader.exchange.create({**contract, "qty": "0.1", "price": "59000"})
    trader.create("Buy", "0.1", "59000")
    trader.create("Buy", "100")

    linear = {"category": "linear", "symbol": "BTCUSDT"}
    assert [row["category"] for row in reads.open_orders(trader.exchange, linear)["list"]] == ["linear"]
    assert [row["category"] for row in trader.open(symbol="BTCUSDT")] == ["spot"]
    assert reads.executions(trader.exchange, linear)["list"] == []
    assert len(reads.executions(trader.exchange, {"category": "spot"})["list"]) == 1
    assert reads.order_history(trader.exchange, linear)["list"] == []
    assert trader.exchange.engine.position("BTCUSDT").size == 0
    assert len(trader.exchange.cancel_all(linear)) == 1
    assert len(trader.open()) == 1


def test_the_transaction_log_has_a_row_for_each_coin_of_a_trade(trader: SpotTrader) -> None:
    trader.create("Buy", "0.5", marketUnit="baseCoin")

    rows = reads.transaction_log(trader.exchange, {"category": "spot"})["list"]

    told = {row["currency"]: (D(row["change"]), D(row["fee"]), D(row["cashFlow"])) for row in rows}
    assert told == {
        "BTC": (D("0.4995"), D("0.0005"), D("0.5")),
        "USDT": (D("-30000.05"), 0, D("-30000.05")),
    }
    assert [
        row["currency"] for row in reads.transaction_log(trader.exchange, {"currency": "BTC"})["list"]
    ] == ["BTC"]


def test_fees_of_pairs_are_their_own(trader: SpotTrader) -> None:
    rows = reads.fee_rates(trader.exchange, {"category": "spot"})["list"]

    assert rows == [{"symbol": "BTCUSDT", "takerFeeRate": "0.001", "makerFeeRate": "0.001"}]


def test_the_wallet_counts_coins_in_the_equity(trader: SpotTrader) -> None:
    trader.give("1")

    row = trader.exchange.wallet()

    assert (row["totalEquity"], row["totalMarginBalance"]) == ("160000", "100000")
    assert [coin["coin"] for coin in row["coin"]] == ["USDT", "BTC"]


def test_coins_come_and_go_as_far_as_they_are_free(trader: SpotTrader) -> None:
    trader.give("1")
    trader.create("Sell", "0.4", "61000")

    assert trader.refusal(lambda: trader.exchange.transfer(D("-0.7"), "BTC")) == 131212
    trader.exchange.transfer(D("-0.6"), "BTC")
    assert trader.balance("BTC") == (D("0.4"), D("0.4"))


# ---- restarts


def test_a_restart_keeps_coins_orders_and_what_they_hold_back(trader: SpotTrader) -> None:
    trader.create("Buy", "0.5", "60000.1", takeProfit="60100", stopLoss="59000")
    trader.create("Buy", "0.1", "59000")
    before = (trader.open(), trader.balance("BTC"), trader.balance("USDT"))

    trader.restart()

    assert (trader.open(), trader.balance("BTC"), trader.balance("USDT")) == before
    trader.trade("60100", "0.001", Side.BUY)
    assert trader.balance("BTC")[0] == 0


def test_spot_orders_without_a_spot_market_are_refused_by_name(trader: SpotTrader) -> None:
    trader.create("Buy", "0.1", "59000")
    trader.exchange.close()

    with pytest.raises(StateError, match="a spot order in BTCUSDT"):
        SimulatedExchange(trader.linear, trader.folder, api_key="k", api_secret="s")


# ---- rows


def test_an_execution_has_the_fields_and_the_forms_of_the_recorded_one(trader: SpotTrader) -> None:
    (recorded,) = payload("real_2024_execution_list_spot_market")["result"]["list"]
    order = trader.create("Buy", "0.001", marketUnit="baseCoin")

    (row,) = reads.executions(trader.exchange, {"category": "spot"})["list"]

    assert set(recorded) <= set(row)
    assert {name: type(row[name]) for name in recorded} == {
        name: type(value) for name, value in recorded.items()
    }
    alike = ("orderType", "stopOrderType", "feeRate", "markPrice", "indexPrice", "closedSize", "marketUnit")
    assert {name: row[name] for name in alike} == {name: recorded[name] for name in alike}
    assert (row["execFee"], row["feeCurrency"]) == (recorded["execFee"], "BTC")
    for ids in (row, recorded):
        assert len(ids["orderId"]) == len(ids["execId"]) == 19
        assert int(ids["orderLinkId"]) == int(ids["orderId"]) + 1
    assert row["orderId"] == order.order_id


def test_ids_of_a_cancel_all_are_those_recorded(trader: SpotTrader) -> None:
    (recorded,) = payload("real_2024_cancel_all_spot")["result"]["list"]
    trader.create("Buy", "0.1", "59000")

    (order,) = trader.exchange.cancel_all({"category": "spot"})

    for order_id, link_id in (
        (order.order_id, order.order_link_id),
        (recorded["orderId"], recorded["orderLinkId"]),
    ):
        assert (len(order_id), int(link_id) - int(order_id)) == (19, 1)


def test_a_spot_order_has_the_fields_of_the_recorded_one(trader: SpotTrader) -> None:
    (recorded,) = payload("ccxt_fetch_order")["result"]["list"]
    order = trader.create("Buy", "0.001", "58000", triggerPrice="59000", orderFilter="tpslOrder")

    row = trader.now(order)

    # What it says under triggerBy is the last price of that moment, which the field's name does not.
    assert set(recorded) <= set(row)
    assert {name: type(row[name]) for name in recorded} == {
        name: type(value) for name, value in recorded.items()
    }
    alike = ("stopOrderType", "isLeverage", "reduceOnly", "positionIdx", "triggerDirection", "timeInForce")
    assert {name: row[name] for name in alike} == {name: recorded[name] for name in alike}


def test_rows_of_both_categories_have_the_same_fields_of_the_same_types(trader: SpotTrader) -> None:
    contract = {"category": "linear", "symbol": "BTCUSDT", "side": "Buy", "orderType": "Market", "qty": "1"}
    trader.exchange.create(contract)
    trader.create("Buy", "500")

    for topic in ("order", "execution", "execution.fast"):
        linear, spot = (
            {name: type(value) for name, value in row.items()}
            for row in (publication.rows[topic][-1] for publication in trader.published)
        )
        linear.pop("tpslMode", None)
        assert list(linear) == list(spot)
        assert linear == spot
    usdt, btc = trader.exchange.wallet()["coin"]
    assert {name: type(value) for name, value in usdt.items()} == {
        name: type(value) for name, value in btc.items()
    }
