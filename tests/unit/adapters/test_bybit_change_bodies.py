"""Bodies of changes say how things shall be; recorded answers to them are read."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.support.simulated_account import intent

from tradefleet.adapters.bybit import bodies
from tradefleet.adapters.bybit.bodies import Amendment, OrderFilter, OrderName, Protection, Scope, create_body
from tradefleet.adapters.bybit.results import read_call_answer
from tradefleet.adapters.bybit.transport import Envelope, Reply
from tradefleet.domain.orders import OrderType, PriceKind, Side, Trigger, TriggerDirection
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Operation, Outcome

RECORDED = Path("tests/fixtures/bybit-payloads/account")
LONG_LEG, SHORT_LEG = PositionKey("linear", "BTCUSDT", 1), PositionKey("linear", "BTCUSDT", 2)
BTC = PositionKey("linear", "BTCUSDT")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"key": LONG_LEG}, {"side": "Buy", "positionIdx": 1, "reduceOnly": False}),
        ({"key": SHORT_LEG, "side": Side.SELL}, {"side": "Sell", "positionIdx": 2, "reduceOnly": False}),
        ({"leg": Leg.CLOSE, "key": LONG_LEG}, {"side": "Sell", "positionIdx": 1, "reduceOnly": True}),
        (
            {"leg": Leg.CLOSE, "key": SHORT_LEG, "side": Side.BUY},
            {"side": "Buy", "positionIdx": 2, "reduceOnly": True},
        ),
    ],
)
def test_a_leg_of_hedge_mode_is_opened_and_closed_under_its_index(
    changes: dict[str, Any], expected: dict[str, Any]
) -> None:
    order = intent(**changes)

    assert bodies.contradiction(order) == ""
    assert expected.items() <= create_body(order).items()


def test_a_conditional_order_names_price_direction_and_the_price_it_watches() -> None:
    trigger = Trigger(price=Decimal("59000.10"), direction=TriggerDirection.FALL, by=PriceKind.LAST)

    body = create_body(intent(leg=Leg.CLOSE, trigger=trigger, close_on_trigger=True))

    assert body["triggerPrice"] == "59000.1"
    assert (body["triggerDirection"], body["triggerBy"]) == (2, "LastPrice")
    assert (body["closeOnTrigger"], body["reduceOnly"]) == (True, True)


def test_a_close_of_all_that_is_there_names_no_size() -> None:
    everything = create_body(intent(leg=Leg.CLOSE, close_on_trigger=True))

    said = (everything["qty"], everything["reduceOnly"], everything["closeOnTrigger"])
    assert said == ("0", True, True)


@pytest.mark.parametrize(
    "other",
    [
        {},
        {"leg": Leg.CLOSE},
        {"close_on_trigger": True},
        {
            "leg": Leg.CLOSE,
            "close_on_trigger": True,
            "trigger": Trigger(price=Decimal(59000), direction=TriggerDirection.FALL),
        },
        {
            "leg": Leg.CLOSE,
            "close_on_trigger": True,
            "order_type": OrderType.LIMIT,
            "price": Decimal(59000),
        },
    ],
    ids=["an entry", "a close", "not reduce-only", "with a trigger", "a limit order"],
)
def test_every_other_order_names_its_size(other: dict[str, Any]) -> None:
    assert create_body(intent(**other))["qty"] != "0"


def test_a_plain_order_says_nothing_of_triggers() -> None:
    assert (
        not {"triggerPrice", "triggerDirection", "triggerBy", "closeOnTrigger"} & create_body(intent()).keys()
    )


def test_an_intent_of_a_journal_before_triggers_is_read_and_written_as_it_was() -> None:
    row = msgspec.json.encode(intent())
    assert b"trigger" not in row

    assert msgspec.json.encode(msgspec.json.decode(row, type=Intent)) == row


def test_an_amend_carries_only_what_shall_be() -> None:
    name = OrderName(symbol="BTCUSDT", client_order_id="link")

    body = bodies.amend_body(name, Amendment(qty=Decimal("1E-1"), trigger_price=Decimal("60000.0")))

    assert body == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "orderLinkId": "link",
        "qty": "0.1",
        "triggerPrice": "60000",
    }


def test_a_stop_a_target_and_a_trailing_stop_are_set_for_the_whole_leg() -> None:
    body = bodies.trading_stop_body(
        SHORT_LEG,
        Protection(
            stop_loss=Decimal("61000.0"),
            take_profit=Decimal(0),
            trailing=Decimal(300),
            trailing_from=Decimal(59000),
        ),
    )

    assert body == {
        "category": "linear",
        "symbol": "BTCUSDT",
        "positionIdx": 2,
        "tpslMode": "Full",
        "stopLoss": "61000",
        "slTriggerBy": "MarkPrice",
        "takeProfit": "0",
        "tpTriggerBy": "MarkPrice",
        "trailingStop": "300",
        "activePrice": "59000",
    }


def test_cancel_all_takes_a_symbol_or_a_coin_and_a_filter() -> None:
    assert bodies.cancel_all_body(Scope(symbol="BTCUSDT")) == {"category": "linear", "symbol": "BTCUSDT"}
    assert bodies.cancel_all_body(Scope(settle_coin="USDT", orders=OrderFilter.ACTIVE)) == {
        "category": "linear",
        "settleCoin": "USDT",
        "orderFilter": "Order",
    }


def test_leverage_is_the_same_on_both_sides_and_a_mode_is_bybits_number() -> None:
    assert bodies.leverage_body("BTCUSDT", Decimal("7.50"))["buyLeverage"] == "7.5"
    assert bodies.leverage_body("BTCUSDT", Decimal("7.50"))["sellLeverage"] == "7.5"
    assert bodies.mode_body("BTCUSDT", hedge=True)["mode"] == 3
    assert bodies.mode_body("BTCUSDT", hedge=False)["mode"] == 0


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: OrderName(symbol="BTCUSDT"), "exactly one"),
        (lambda: OrderName(symbol="BTCUSDT", order_id="a", client_order_id="b"), "exactly one"),
        (lambda: Scope(), "exactly one"),
        (lambda: Scope(symbol="BTCUSDT", settle_coin="USDT"), "exactly one"),
        (lambda: bodies.amend_body(OrderName(symbol="B", order_id="a"), Amendment()), "nothing to change"),
        (lambda: bodies.trading_stop_body(BTC, Protection()), "nothing to set"),
    ],
)
def test_a_call_that_means_nothing_is_refused_before_it_is_one(make: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        make()


THIRD = "c6f055d9-7f21-4079-913d-e6523a9cfffa"


@pytest.mark.parametrize(
    ("file", "operation", "name", "ids"),
    [
        ("net_Trading_CancelOrder", Operation.CANCEL, OrderName(symbol="B", order_id=THIRD), ()),
        ("ccxt_cancel_order", Operation.CANCEL, OrderName(symbol="B", client_order_id="linear-004"), ()),
        ("net_Trading_EditOrder", Operation.AMEND, OrderName(symbol="B", client_order_id="linear-004"), ()),
        (
            "net_Trading_CancelAllOrder",
            Operation.CANCEL_ALL,
            None,
            ("1616024329462743808", "1616024287544869632"),
        ),
        ("real_2024_cancel_all_spot", Operation.CANCEL_ALL, None, ("1609919616652678656",)),
        ("ccxt_cancel_all_orders", Operation.CANCEL_ALL, None, ("f6a73e1f-39b5-4dee-af21-1460b2e3b27c",)),
        ("ccxt_cancel_all_orders-2", Operation.CANCEL_ALL, None, ()),
        ("net_Account_SetLeverage", Operation.SET_LEVERAGE, None, ()),
        ("net_Account_SwitchPositionMode", Operation.SWITCH_MODE, None, ()),
    ],
)
def test_a_recorded_answer_is_accepted(
    file: str, operation: Operation, name: OrderName | None, ids: tuple[str, ...]
) -> None:
    result = read_call_answer(operation, _reply(_recorded(file)), name)

    assert (result.outcome, result.order_ids) == (Outcome.ACCEPTED, ids)


def test_a_recorded_answer_about_another_order_is_ambiguous() -> None:
    other = OrderName(symbol="BTCUSDT", client_order_id="another")

    result = read_call_answer(Operation.CANCEL, _reply(_recorded("ccxt_cancel_order")), other)

    assert result.outcome is Outcome.AMBIGUOUS


def _recorded(file: str) -> dict[str, Any]:
    answer = json.loads((RECORDED / f"{file}.json").read_text())
    return answer.get("response", answer)


def _reply(answer: dict[str, Any]) -> Reply:
    body = json.dumps(answer).encode()
    return Reply(status=200, body=body, envelope=msgspec.json.decode(body, type=Envelope))
