"""Hedge mode: two legs a symbol, each with its own orders, protection and row."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.simulation.account import reads
from tradefleet.simulation.account.orders import Refused

from .conftest import Trader

D = Decimal
ON_BTC = {"category": "linear", "symbol": "BTCUSDT"}


@pytest.fixture
def hedger(trader: Trader) -> Trader:
    trader.exchange.switch_mode({**ON_BTC, "mode": 3})
    return trader


def sizes(trader: Trader) -> dict[int, Decimal]:
    engine = trader.exchange.engine
    return {index: engine.position("BTCUSDT", index).size for index in (0, 1, 2)}


def switch(trader: Trader, **body: Any) -> int:
    with pytest.raises(Refused) as refused:
        trader.exchange.switch_mode({"category": "linear", **body})
    return refused.value.code


def test_both_legs_are_held_at_once(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1)
    hedger.create("Sell", "0.2", positionIdx=2)

    assert sizes(hedger) == {0: D(0), 1: D("0.5"), 2: D("-0.2")}


@pytest.mark.parametrize(("mode", "index"), [(0, 1), (0, 2), (3, 0), (3, 3)])
def test_an_index_of_the_other_mode_is_refused(trader: Trader, mode: int, index: int) -> None:
    if mode:
        trader.exchange.switch_mode({**ON_BTC, "mode": mode})

    assert trader.refusal(positionIdx=index) == (10001, "position idx not match position mode")


def test_a_sell_of_the_long_leg_only_closes_it(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1)

    hedger.create("Sell", "0.8", positionIdx=1)

    assert sizes(hedger) == {0: D(0), 1: D(0), 2: D(0)}
    assert hedger.refusal(side="Sell", positionIdx=1)[0] == 110017


def test_reduce_only_in_the_legs_own_direction_is_refused(hedger: Trader) -> None:
    hedger.create("Sell", "0.5", positionIdx=2)

    code, text = hedger.refusal(side="Sell", positionIdx=2, reduceOnly=True)

    assert (code, text) == (110017, "reduce-only order has same side with current position")


def test_each_leg_has_its_own_protection(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1, stopLoss="59000")
    hedger.create("Sell", "0.2", positionIdx=2)
    hedger.exchange.set_protection({**ON_BTC, "positionIdx": 2, "stopLoss": "61000", "takeProfit": "58000"})

    orders = hedger.exchange.engine.open_orders("BTCUSDT")
    waiting = {(order.position_idx, order.stop_kind.value): (order.side.value, order.qty) for order in orders}
    hedger.create("Sell", "0.5", positionIdx=1)
    left = {order.position_idx for order in hedger.exchange.engine.open_orders("BTCUSDT")}

    assert waiting == {
        (1, "StopLoss"): ("Sell", D("0.5")),
        (2, "StopLoss"): ("Buy", D("0.2")),
        (2, "TakeProfit"): ("Buy", D("0.2")),
    }
    assert left == {2}


def test_a_stop_closes_its_own_leg(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1, stopLoss="59995")
    hedger.create("Sell", "0.2", positionIdx=2, takeProfit="59900")

    hedger.market.mark("BTCUSDT", "59990")

    assert sizes(hedger) == {0: D(0), 1: D(0), 2: D("-0.2")}


def test_a_resting_close_shrinks_with_its_own_leg(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1)
    hedger.create("Sell", "0.2", positionIdx=2)
    close = hedger.create("Sell", "0.5", "60500", positionIdx=1)
    opening = hedger.create("Sell", "0.5", "60500", positionIdx=2)

    hedger.create("Sell", "0.4", positionIdx=1)

    assert hedger.order(close).qty == D("0.1")
    assert hedger.order(opening).qty == D("0.5")


def test_position_list_shows_both_legs_of_a_symbol_and_by_coin_the_open_ones(hedger: Trader) -> None:
    hedger.create("Sell", "0.2", positionIdx=2)

    def seen(**asked: str) -> list[tuple[int, str, str]]:
        found = reads.positions(hedger.exchange, {"category": "linear", **asked})
        return [(row["positionIdx"], row["side"], row["size"]) for row in found["list"]]

    assert seen(symbol="BTCUSDT") == [(1, "", "0"), (2, "Sell", "0.2")]
    assert seen(settleCoin="USDT") == [(2, "Sell", "0.2")]
    assert seen(symbol="DOGEUSDT") == [(0, "", "0")]


def test_rows_name_their_leg(hedger: Trader) -> None:
    hedger.create("Sell", "0.2", positionIdx=2)

    assert {row["positionIdx"] for topic in ("order", "position") for row in hedger.rows(topic)} == {2}


def test_a_mode_is_switched_by_symbol_or_by_coin_only_when_it_changes(trader: Trader) -> None:
    assert switch(trader, symbol="BTCUSDT", mode=0) == 110025
    trader.exchange.switch_mode({"category": "linear", "coin": "USDT", "mode": 3})
    assert switch(trader, symbol="DOGEUSDT", mode=3) == 110025
    assert trader.exchange.engine.state.settings.hedged == {"BTCUSDT", "DOGEUSDT"}


@pytest.mark.parametrize(
    ("body", "code"),
    [({"symbol": "BTCUSDT", "mode": 1}, 10001), ({"mode": 3}, 10001), ({"symbol": "NO", "mode": 3}, 10001)],
)
def test_a_switch_that_cannot_be_read_is_10001(trader: Trader, body: dict[str, Any], code: int) -> None:
    assert switch(trader, **body) == code


def test_positions_and_orders_block_the_switch(hedger: Trader) -> None:
    order = hedger.create("Buy", "0.5", "59000", positionIdx=1)
    assert switch(hedger, symbol="BTCUSDT", mode=0) == 110028
    hedger.exchange.cancel({**ON_BTC, "orderId": order.order_id})
    hedger.create("Buy", "0.5", positionIdx=1)
    assert switch(hedger, symbol="BTCUSDT", mode=0) == 110024


def test_the_mode_and_its_legs_survive_a_restart(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1, stopLoss="59000")
    hedger.create("Sell", "0.2", positionIdx=2)

    before = hedger.restart().engine.state

    assert hedger.exchange.engine.state == before
    assert sizes(hedger) == {0: D(0), 1: D("0.5"), 2: D("-0.2")}


def test_leverage_is_of_both_legs(hedger: Trader) -> None:
    hedger.exchange.set_leverage({**ON_BTC, "buyLeverage": "5", "sellLeverage": "5"})

    hedger.create("Buy", "0.5", positionIdx=1)

    assert [hedger.exchange.engine.position("BTCUSDT", index).leverage for index in (1, 2)] == [D(5), D(5)]


def test_both_legs_are_funded_apart(hedger: Trader) -> None:
    hedger.create("Buy", "0.5", positionIdx=1)
    hedger.create("Sell", "0.2", positionIdx=2)

    step = hedger.exchange.fund("BTCUSDT", D("0.0001"))

    assert [(fill.position_idx, fill.fee) for fill in step.fills] == [(1, D(3)), (2, D("-1.2"))]
