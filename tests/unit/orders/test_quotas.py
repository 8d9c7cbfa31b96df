"""How many orders a symbol may have: a table over ours, others' and what stops take."""

import msgspec
import pytest
from tests.support.journal_rows import kept_order, make_intent

from tradefleet.domain.orders import (
    ExchangeOrder,
    OrderStatus,
    OrderType,
    TimeInForce,
    Trigger,
    TriggerDirection,
)
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.orders.quotas import no_place
from tradefleet.orders.tracked import Tracked
from tradefleet.risk.decisions import Reason

SYMBOL = "BTCUSDT"


def conditional(status: OrderStatus | None = OrderStatus.UNTRIGGERED) -> Tracked:
    """One of ours; None for one that nobody has seen yet."""
    intent = make_intent()
    trigger = Trigger(price=intent.reference_price, direction=TriggerDirection.RISE)
    intent = msgspec.structs.replace(intent, trigger=trigger, rest_until_ns=1)
    row = None if status is None else kept_order(status, "0").order
    return Tracked(record=IntentRecord(intent=intent, state=IntentState.ACCEPTED), order=row)


def limit(tif: TimeInForce = TimeInForce.POST_ONLY) -> Tracked:
    intent = msgspec.structs.replace(
        make_intent(), order_type=OrderType.LIMIT, time_in_force=tif, price=make_intent().reference_price
    )
    return Tracked(record=IntentRecord(intent=intent, state=IntentState.ACCEPTED))


def at_market() -> Tracked:
    return Tracked(record=IntentRecord(intent=make_intent(), state=IntentState.ACCEPTED))


def foreign(**fields: object) -> ExchangeOrder:
    row = kept_order(OrderStatus.UNTRIGGERED, "0").order
    return msgspec.structs.replace(row, **{"stop_order_type": "Stop", "client_order_id": "", **fields})


@pytest.mark.parametrize(
    ("asks_for_conditional", "ours", "others", "reason"),
    [
        (True, [conditional()] * 7, [], None),
        (True, [conditional()] * 8, [], Reason.CONDITIONAL_QUOTA),
        (True, [conditional(None)] * 8, [], Reason.CONDITIONAL_QUOTA),
        (True, [conditional(OrderStatus.TRIGGERED)] * 8, [], None),
        (True, [limit()] * 8, [], None),
        (True, [conditional()] * 7, [foreign()], Reason.CONDITIONAL_QUOTA),
        (True, [conditional()] * 7, [foreign(reduce_only=True)] * 5, None),
        (True, [conditional()] * 7, [foreign(symbol="ETHUSDT")] * 5, None),
        (True, [conditional()] * 7, [foreign(stop_order_type="")] * 5, None),
        (False, [limit()] * 499, [], None),
        (False, [limit()] * 500, [], Reason.ACTIVE_QUOTA),
        (False, [limit(TimeInForce.GTC)] * 500, [], Reason.ACTIVE_QUOTA),
        (False, [limit(TimeInForce.IOC)] * 500, [], None),
        (False, [at_market()] * 500, [], None),
        (False, [conditional()] * 500, [], None),
        (False, [limit()] * 499, [foreign(stop_order_type="")], Reason.ACTIVE_QUOTA),
    ],
)
def test_while_there_is_a_place(
    asks_for_conditional: bool, ours: list[Tracked], others: list[ExchangeOrder], reason: Reason | None
) -> None:
    refusal = no_place(SYMBOL, asks_for_conditional, ours, others)

    assert (None if refusal is None else refusal.reason) == reason


def test_the_refusal_says_how_many_there_are() -> None:
    refusal = no_place(SYMBOL, True, [conditional()] * 8, [])

    assert refusal is not None
    assert refusal.detail == ("8 conditional orders in BTCUSDT; the exchange takes 10, 2 are kept for stops")
