"""Questions and pages: what is found, in which order, and where the end is."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from tradefleet.simulation.account import reads
from tradefleet.simulation.account.orders import Refused

Trader = Any
Row = dict[str, Any]
LINEAR = {"category": "linear"}
HOUR = 3600.0


def pages(trader: Trader, question: Callable[..., Row], **params: str) -> list[list[Row]]:
    """Every page until one without rows, following the cursor."""
    found, cursor = [], ""
    while True:
        result = question(trader.exchange, {**LINEAR, **params, "cursor": cursor})
        if not result["list"]:
            assert result["nextPageCursor"] == ""
            return found
        found.append(result["list"])
        cursor = result["nextPageCursor"]


def ids(found: list[list[Row]]) -> list[str]:
    return [row["orderLinkId"] for page in found for row in page]


def rest_orders(trader: Trader, count: int) -> list[str]:
    links = [f"order-{number}" for number in range(count)]
    for link in links:
        trader.create("Buy", "0.001", "59000", orderLinkId=link)
    return links


def test_open_orders_come_newest_first_in_pages_of_20_to_the_very_end(trader: Trader) -> None:
    links = rest_orders(trader, 45)

    found = pages(trader, reads.open_orders, symbol="BTCUSDT")

    assert [len(page) for page in found] == [20, 20, 5]
    assert ids(found) == links[::-1]


def test_pages_stay_whole_while_orders_come_and_go(trader: Trader) -> None:
    links = rest_orders(trader, 30)
    first = reads.open_orders(trader.exchange, {**LINEAR, "symbol": "BTCUSDT"})

    trader.create("Buy", "0.001", "59000", orderLinkId="late")
    trader.exchange.cancel({**LINEAR, "symbol": "BTCUSDT", "orderLinkId": links[0]})
    second = reads.open_orders(
        trader.exchange, {**LINEAR, "symbol": "BTCUSDT", "cursor": first["nextPageCursor"]}
    )

    assert ids([second["list"]]) == links[1:10][::-1]


def test_a_cursor_works_as_given_and_encoded_once_more(trader: Trader) -> None:
    rest_orders(trader, 3)
    ask = {**LINEAR, "symbol": "BTCUSDT", "limit": "1"}
    cursor = reads.open_orders(trader.exchange, ask)["nextPageCursor"]

    answers = [
        reads.open_orders(trader.exchange, {**ask, "cursor": given})["list"][0]["orderLinkId"]
        for given in (cursor, quote(cursor), cursor.replace("%3A", ":"))
    ]

    assert answers == ["order-1"] * 3


@pytest.mark.parametrize(("limit", "rows"), [("", 20), ("7", 7), ("50", 50), ("1000", 50)])
def test_a_page_of_open_orders_has_at_most_50_rows(trader: Trader, limit: str, rows: int) -> None:
    rest_orders(trader, 60)

    found = reads.open_orders(trader.exchange, {**LINEAR, "symbol": "BTCUSDT", "limit": limit})

    assert len(found["list"]) == rows


@pytest.mark.parametrize(
    ("params", "code", "text"),
    [
        ({}, 10001, "Illegal category"),
        ({"category": "linear"}, 10001, "symbol or settleCoin or baseCoin"),
        ({"category": "linear", "symbol": "NOSUCHUSDT"}, 10001, "symbol invalid"),
        ({"category": "linear", "symbol": "BTCUSDT", "limit": "many"}, 10001, "limit invalid"),
        ({"category": "linear", "symbol": "BTCUSDT", "cursor": "elsewhere"}, 10001, "cursor invalid"),
    ],
)
def test_a_question_that_cannot_be_is_refused(
    trader: Trader, params: dict[str, str], code: int, text: str
) -> None:
    with pytest.raises(Refused, match=text) as refused:
        reads.open_orders(trader.exchange, params)

    assert refused.value.code == code


@pytest.mark.parametrize(
    "question", [reads.open_orders, reads.order_history, reads.executions, reads.positions]
)
@pytest.mark.parametrize("category", ["spot", "inverse", "option"])
def test_other_categories_are_empty(trader: Trader, question: Callable[..., Row], category: str) -> None:
    trader.create("Buy", "0.1")

    assert question(trader.exchange, {"category": category})["list"] == []


@pytest.mark.parametrize(
    ("scope", "symbols"),
    [
        ({"symbol": "BTCUSDT"}, {"BTCUSDT"}),
        ({"baseCoin": "DOGE"}, {"DOGEUSDT"}),
        ({"settleCoin": "USDT"}, {"BTCUSDT", "DOGEUSDT"}),
        ({"settleCoin": "USDC"}, set()),
        ({"symbol": "BTCUSDT", "settleCoin": "USDC"}, {"BTCUSDT"}),
    ],
)
def test_symbol_goes_over_base_coin_over_settle_coin(
    trader: Trader, scope: dict[str, str], symbols: set[str]
) -> None:
    trader.create("Buy", "0.1", "59000")
    trader.create("Buy", "100", "0.19", symbol="DOGEUSDT")

    found = reads.open_orders(trader.exchange, {**LINEAR, **scope})

    assert {row["symbol"] for row in found["list"]} == symbols


def test_open_only_1_shows_what_ended_until_the_next_restart(trader: Trader) -> None:
    trader.create("Buy", "0.1", orderLinkId="filled")
    trader.create("Buy", "0.1", "59000", orderLinkId="open")

    def closed() -> list[str]:
        found = reads.open_orders(trader.exchange, {**LINEAR, "symbol": "BTCUSDT", "openOnly": "1"})
        return ids([found["list"]])

    before = closed()
    trader.restart()

    assert before == ["filled"]
    assert closed() == []
    assert ids(pages(trader, reads.order_history)) == ["filled"]


def test_an_id_is_found_among_open_and_recently_ended_orders(trader: Trader) -> None:
    filled = trader.create("Buy", "0.1", orderLinkId="filled")
    trader.create("Buy", "0.1", "59000", orderLinkId="open")

    def by(**ask: str) -> list[str]:
        return ids([reads.open_orders(trader.exchange, {**LINEAR, "symbol": "BTCUSDT", **ask})["list"]])

    assert by(orderLinkId="filled") == ["filled"]
    assert by(orderId=filled.order_id, orderLinkId="open") == ["filled"]  # orderId wins
    assert by(orderLinkId="open") == ["open"]
    assert by(orderLinkId="never") == []


@pytest.mark.parametrize(
    ("order_filter", "kinds"), [("", {"", "Stop"}), ("Order", {""}), ("StopOrder", {"Stop"})]
)
def test_open_orders_can_be_told_from_waiting_ones(
    trader: Trader, order_filter: str, kinds: set[str]
) -> None:
    trader.create("Buy", "0.1", "59000")
    trader.create("Buy", "0.1", triggerPrice="61000", triggerDirection=1)

    found = reads.open_orders(trader.exchange, {**LINEAR, "symbol": "BTCUSDT", "orderFilter": order_filter})

    assert {row["stopOrderType"] for row in found["list"]} == kinds


# ---- history


def test_history_keeps_filled_orders_and_forgets_unfilled_ones_after_a_day(trader: Trader) -> None:
    trader.create("Buy", "0.1", orderLinkId="filled")
    trader.create("Buy", "0.1", "60001", timeInForce="PostOnly", orderLinkId="cancelled")

    def history() -> set[str]:
        return set(ids(pages(trader, reads.order_history)))

    young = history()
    trader.clock.forward(25 * HOUR)

    assert young == {"filled", "cancelled"}
    assert history() == {"filled"}
    trader.clock.forward(7 * 24 * HOUR)
    assert history() == set()
    by_id = reads.order_history(trader.exchange, {**LINEAR, "orderLinkId": "filled"})
    assert ids([by_id["list"]]) == ["filled"]


def test_history_filters_by_a_final_status_only(trader: Trader) -> None:
    trader.create("Buy", "0.1", orderLinkId="filled")
    trader.create("Buy", "0.1", "60001", timeInForce="PostOnly")

    found = reads.order_history(trader.exchange, {**LINEAR, "orderStatus": "Filled"})
    with pytest.raises(Refused) as refused:
        reads.order_history(trader.exchange, {**LINEAR, "orderStatus": "New"})

    assert ids([found["list"]]) == ["filled"]
    assert refused.value.code == 181017


def test_executions_come_newest_first_in_pages_of_at_most_100(trader: Trader) -> None:
    for number in range(130):
        trader.create("Buy" if number % 2 else "Sell", "0.001", orderLinkId=f"e{number}")

    found = pages(trader, reads.executions, limit="1000")

    assert [len(page) for page in found] == [100, 30]
    assert ids(found) == [f"e{number}" for number in reversed(range(130))]
    assert len(reads.executions(trader.exchange, LINEAR)["list"]) == 50


def test_executions_can_be_asked_by_time_order_symbol_and_type(trader: Trader) -> None:
    first = trader.create("Buy", "0.1", orderLinkId="first")
    trader.clock.forward(10)
    trader.create("Buy", "30", symbol="DOGEUSDT", orderLinkId="second")
    second_ms = trader.clock.now_ns // 1_000_000

    def asked(**ask: str) -> list[str]:
        return ids([reads.executions(trader.exchange, {**LINEAR, **ask})["list"]])

    assert asked(startTime=str(second_ms)) == ["second"]
    assert asked(endTime=str(second_ms - 1)) == ["first"]
    assert asked(startTime=str(second_ms - 10_000), endTime=str(second_ms)) == ["second", "first"]
    assert asked(orderId=first.order_id) == ["first"]
    assert asked(orderLinkId="second") == ["second"]
    assert asked(symbol="DOGEUSDT") == ["second"]
    assert asked(execType="Trade") == ["second", "first"]
    assert asked(execType="Funding") == []
    with pytest.raises(Refused, match="execType invalid"):
        asked(execType="Gift")


@pytest.mark.parametrize("span_ms", [7 * 86_400_000 + 1, -1])
def test_a_window_is_at_most_seven_days_wide(trader: Trader, span_ms: int) -> None:
    end_ms = trader.clock.now_ns // 1_000_000

    with pytest.raises(Refused, match="7 days"):
        reads.executions(
            trader.exchange, {**LINEAR, "startTime": str(end_ms - span_ms), "endTime": str(end_ms)}
        )


def test_executions_older_than_seven_days_need_their_window(trader: Trader) -> None:
    start_ms = trader.clock.now_ns // 1_000_000
    trader.create("Buy", "0.1", orderLinkId="old")
    trader.clock.forward(8 * 24 * HOUR)

    assert reads.executions(trader.exchange, LINEAR)["list"] == []
    found = reads.executions(trader.exchange, {**LINEAR, "startTime": str(start_ms)})
    assert ids([found["list"]]) == ["old"]


# ---- positions and the rest


def test_positions_by_symbol_show_a_flat_row_and_by_settle_coin_only_open_ones(trader: Trader) -> None:
    trader.create("Buy", "0.1")

    def sizes(**ask: str) -> list[tuple[str, str]]:
        rows = reads.positions(trader.exchange, {**LINEAR, **ask})["list"]
        return [(row["symbol"], row["size"]) for row in rows]

    assert sizes(symbol="DOGEUSDT") == [("DOGEUSDT", "0")]
    assert sizes(settleCoin="USDT") == [("BTCUSDT", "0.1")]
    with pytest.raises(Refused, match="symbol or settleCoin"):
        sizes()


def test_positions_have_pages(trader: Trader) -> None:
    trader.create("Buy", "0.1")
    trader.create("Buy", "30", symbol="DOGEUSDT")
    ask = {**LINEAR, "settleCoin": "USDT", "limit": "1"}

    first = reads.positions(trader.exchange, ask)
    second = reads.positions(trader.exchange, {**ask, "cursor": first["nextPageCursor"]})

    assert [row["symbol"] for row in (*first["list"], *second["list"])] == ["BTCUSDT", "DOGEUSDT"]
    assert second["nextPageCursor"] == ""


def test_the_wallet_is_asked_as_a_unified_account_and_by_coin(trader: Trader) -> None:
    def coins(**ask: str) -> list[str]:
        (row,) = reads.wallet_balance(trader.exchange, ask)["list"]
        return [coin["coin"] for coin in row["coin"]]

    assert coins(accountType="UNIFIED") == ["USDT"]
    assert coins(accountType="UNIFIED", coin="BTC,USDT") == ["USDT"]
    assert coins(accountType="UNIFIED", coin="BTC") == []
    with pytest.raises(Refused, match="UNIFIED"):
        coins(accountType="CONTRACT")


def test_the_api_key_tells_whose_it_is(trader: Trader) -> None:
    info = reads.api_key_info(trader.exchange, {})

    assert (info["userID"], info["readOnly"], info["uta"]) == (100001, 0, 1)
    assert info["permissions"]["ContractTrade"] == ["Order", "Position"]
    assert info["permissions"]["Wallet"] == []


def test_fee_rates_and_coins_cover_the_market(trader: Trader) -> None:
    rates = reads.fee_rates(trader.exchange, {**LINEAR, "symbol": "BTCUSDT"})["list"]
    coins = reads.coin_info(trader.exchange, {})["rows"]

    assert rates == [{"symbol": "BTCUSDT", "takerFeeRate": "0.00055", "makerFeeRate": "0.0002"}]
    assert [row["coin"] for row in coins] == ["BTC", "DOGE", "USDT"]


# ---- cancel-all


def test_cancel_all_takes_scope_filter_and_kind(trader: Trader) -> None:
    trader.create("Buy", "1", stopLoss="59000", takeProfit="61000")
    trader.create("Buy", "0.1", "59500", orderLinkId="btc")
    trader.create("Buy", "0.1", triggerPrice="60500", triggerDirection=1, orderLinkId="waiting")
    trader.create("Buy", "100", "0.199", symbol="DOGEUSDT", orderLinkId="doge")

    def cancel_all(**body: str) -> set[str]:
        cancelled = trader.exchange.cancel_all({**LINEAR, **body})
        return {order.order_link_id or order.stop_kind.value for order in cancelled}

    with pytest.raises(Refused, match="symbol or settleCoin"):
        cancel_all()
    assert cancel_all(symbol="BTCUSDT", orderFilter="Order") == {"btc"}
    assert cancel_all(settleCoin="USDT", orderFilter="StopOrder", stopOrderType="StopLoss") == {"StopLoss"}
    assert cancel_all(settleCoin="USDT") == {"TakeProfit", "waiting", "doge"}
    assert cancel_all(settleCoin="USDT") == set()
    position = trader.exchange.engine.position("BTCUSDT")
    assert (position.size, position.stop_loss, position.take_profit) == (1, None, None)


def test_cancel_all_cancels_at_most_500(trader: Trader) -> None:
    rest_orders(trader, 500)
    for _ in range(5):
        trader.create("Buy", "100", "0.199", symbol="DOGEUSDT")

    first = trader.exchange.cancel_all({**LINEAR, "settleCoin": "USDT"})

    assert len(first) == 500
    assert len(trader.exchange.cancel_all({**LINEAR, "settleCoin": "USDT"})) == 5


def test_a_cancel_of_what_is_not_open_says_so(trader: Trader) -> None:
    order = trader.create("Buy", "0.1")

    for body in ({"orderId": order.order_id}, {"orderLinkId": "never"}):
        with pytest.raises(Refused, match="order not exists or too late to cancel") as refused:
            trader.exchange.cancel({**LINEAR, "symbol": "BTCUSDT", **body})
        assert refused.value.code == 110001
    with pytest.raises(Refused, match="orderId or orderLinkId"):
        trader.exchange.cancel({**LINEAR, "symbol": "BTCUSDT"})


@pytest.mark.parametrize(
    ("change", "code", "text"),
    [
        ({"qty": "1.4"}, 10001, "remains unchanged"),
        ({"qty": "1"}, 110064, "below the filled"),
        ({"qty": "0.0005"}, 10001, "Qty invalid"),
        ({"price": "59000.05"}, 110003, "price is invalid"),
        ({"qty": "1000"}, 110007, "ab not enough"),
    ],
)
def test_an_amend_that_cannot_be_is_refused(
    trader: Trader, change: dict[str, str], code: int, text: str
) -> None:
    order = trader.create("Buy", "1.4", "60000.1")

    with pytest.raises(Refused, match=text) as refused:
        trader.exchange.amend({**LINEAR, "symbol": "BTCUSDT", "orderId": order.order_id, **change})

    assert refused.value.code == code
    assert trader.order(order) == order


def test_an_order_cannot_be_amended_past_its_own_stop(trader: Trader) -> None:
    order = trader.create("Buy", "0.1", "59900", stopLoss="59500", takeProfit="60500")

    with pytest.raises(Refused, match="StopLoss:595000000 set for Buy position"):
        trader.exchange.amend({**LINEAR, "symbol": "BTCUSDT", "orderId": order.order_id, "price": "59400"})
