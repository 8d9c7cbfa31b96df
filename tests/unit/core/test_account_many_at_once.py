"""Hundreds of rows that concern a person at once make one alert, with their number and the first of them."""

import msgspec
import pytest
from tests.support.account_harness import Harness
from tests.support.journal_rows import kept_order
from tests.support.listings import unclear_order

from tradefleet.core import events as ev
from tradefleet.core.actions import Alert
from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.orders.exchange_view import UnclearRow


def strangers(number: int, first: int = 1) -> tuple[ExchangeOrder, ...]:
    order = msgspec.structs.replace(kept_order(OrderStatus.NEW, "0").order, client_order_id="")
    return tuple(msgspec.structs.replace(order, order_id=f"o{n}") for n in range(first, first + number))


def told(harness: Harness, kind: str, **shown: object) -> list[str]:
    """The sentences about this, when a reading shows it."""
    harness.now_ns += 60_000_000_000
    view = msgspec.structs.replace(harness.exchange.view(harness.now_ns), **shown)
    actions = harness.core.handle(ev.ExchangeRead(now_ns=harness.now_ns, view=view))
    return [action.detail for action in actions if isinstance(action, Alert) and action.kind == kind]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (1, "order o1 has no intent of ours"),
        (2, "2 orders have no intent of ours: o1, o2"),
        (5, "5 orders have no intent of ours: o1, o2, o3, o4, o5"),
        (6, "6 orders have no intent of ours: o1, o2, o3, o4, o5 and others"),
        (500, "500 orders have no intent of ours: o1, o2, o3, o4, o5 and others"),
    ],
)
def test_orders_of_others_make_one_alert(number: int, sentence: str) -> None:
    harness = Harness().ready()

    assert told(harness, "foreign_order", open_orders=strangers(number)) == [f"{sentence}; opening is halted"]
    assert told(harness, "foreign_order", open_orders=strangers(number)) == []
    (more,) = told(harness, "foreign_order", open_orders=strangers(number + 1))
    assert more == f"order o{number + 1} has no intent of ours; opening is halted"


def unclear(number: int, **change: object) -> tuple[UnclearRow, ...]:
    return tuple(
        msgspec.structs.replace(unclear_order(), **{"order_id": f"o{n}", **change}) for n in range(number)
    )


def test_rows_that_are_not_understood_make_one_alert_each_up_to_five() -> None:
    assert len(told(Harness().ready(), "row_not_understood", unclear=unclear(5))) == 5


def test_more_of_them_make_one_alert() -> None:
    (some,) = told(Harness().ready(), "row_not_understood", unclear=unclear(500))

    assert some.startswith("500 rows, among them: order o0 in ABCUSDT, of size 1: timeInForce: RPI; order o1")
    assert some.count("order o") == 5
    assert some.endswith("; nothing opens in their symbols until they are understood")


def test_among_many_rows_one_that_says_too_little_halts_the_account() -> None:
    rows = (*unclear(499), *unclear(1, order_id="last", symbol=""))

    (some,) = told(Harness().ready(), "row_not_understood", unclear=rows)

    assert some.endswith("; nothing opens on this account until it is understood; closing goes on")
