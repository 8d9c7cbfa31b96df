"""Our record against the exchange's, a row for each thing that a comparison can find."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness
from tests.support.listings import unclear_order, unclear_position

from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.exchange_view import ExchangeView
from tradefleet.orders.intents import IntentRecord
from tradefleet.orders.reconcile import ABSENCE_GRACE_NS, compare, mismatches

KEY, OTHER = PositionKey("linear", SYMBOL), PositionKey("linear", "SOLUSDT")


def an_intent_and_its_order() -> tuple[IntentRecord, ExchangeView]:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    (intent,) = harness.submitted
    record = harness.core.state.tracked[intent.client_order_id].record
    harness.send()
    late_ns = intent.valid_until_ns + ABSENCE_GRACE_NS + 1
    return record, harness.exchange.view(late_ns)


def without(view: ExchangeView, **fields: object) -> ExchangeView:
    return msgspec.structs.replace(view, **{"closed_orders": (), "executions": (), **fields})


@pytest.mark.parametrize(("earlier_s", "is_its_own"), [(0, True), (1, True), (1.001, False), (9999, False)])
def test_a_row_under_an_intents_id_is_its_own_unless_it_is_older(earlier_s: float, is_its_own: bool) -> None:
    record, view = an_intent_and_its_order()
    (order,) = view.closed_orders
    created_ns = record.intent.created_ns - int(earlier_s * SECOND)
    row = msgspec.structs.replace(order, created_ns=created_ns)
    name = record.intent.client_order_id

    found = compare({name: record}, set(), without(view, closed_orders=(row,)))

    assert (found.orders, found.older) == (((row,), ()) if is_its_own else ((), (row,)))
    assert found.absent == (() if is_its_own else (name,))
    assert found.adopted == ()


def test_an_older_row_that_is_open_is_an_order_without_an_intent() -> None:
    record, view = an_intent_and_its_order()
    (order,) = view.closed_orders
    row = msgspec.structs.replace(order, created_ns=record.intent.created_ns - 2 * SECOND)

    found = compare({record.intent.client_order_id: record}, set(), without(view, open_orders=(row,)))

    assert found.adopted == (row,)


@pytest.mark.parametrize(("earlier_s", "is_named"), [(0, True), (2, False)])
def test_an_execution_that_is_older_than_an_intent_does_not_name_it(earlier_s: int, is_named: bool) -> None:
    record, view = an_intent_and_its_order()
    at_ns = record.intent.created_ns - earlier_s * SECOND
    rows = tuple(msgspec.structs.replace(row, at_ns=at_ns) for row in view.executions)
    name = record.intent.client_order_id

    found = compare({name: record}, set(), without(view, executions=rows))

    assert found.absent == (() if is_named else (name,))
    assert len(found.executions) == 2


@pytest.mark.parametrize(
    ("row", "proven"),
    [
        (unclear_order(SYMBOL), False),
        (unclear_order(""), False),
        (unclear_order("SOLUSDT"), True),
        (unclear_order(SYMBOL, client_order_id="somebody's"), True),
        (unclear_position(SYMBOL), True),
    ],
)
def test_an_order_that_may_hide_in_a_row_is_not_absent(row, proven: bool) -> None:
    record, view = an_intent_and_its_order()
    name = record.intent.client_order_id

    found = compare({name: record}, set(), without(view, unclear=(row,)))

    assert found.absent == ((name,) if proven else ())


def _row(key: PositionKey, size: str) -> ExchangePosition:
    return ExchangePosition(
        key=key,
        size=Decimal(size),
        entry_price=MARK,
        mark_price=MARK,
        stop_loss=None,
        take_profit=None,
        leverage=None,
        seq=1,
        at_ns=1,
    )


@pytest.mark.parametrize(
    ("unclear", "busy", "found"),
    [
        ((), set(), [KEY, OTHER]),
        ((), {KEY}, [OTHER]),
        ((unclear_position(SYMBOL),), set(), [OTHER]),
        ((unclear_order("SOLUSDT"),), set(), [KEY]),
        ((unclear_position(""),), set(), [OTHER]),  # what is not shown may be in that row
        ((unclear_order(""),), set(), [KEY, OTHER]),
    ],
)
def test_sizes_differ_where_everything_is_understood(unclear, busy, found) -> None:
    _, view = an_intent_and_its_order()
    seen = msgspec.structs.replace(view, positions=(_row(OTHER, "2"),), unclear=unclear)

    differing = mismatches({KEY: Decimal(1), OTHER: Decimal(1)}, seen, busy)

    assert [mismatch.key for mismatch in differing] == found
