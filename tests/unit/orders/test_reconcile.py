"""Our record against the exchange's, a row for each thing that a comparison can find."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness
from tests.support.journal_rows import kept_order
from tests.support.listings import unclear_order, unclear_position

from tradefleet.domain.orders import OrderStatus
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.exchange_view import ExchangeView
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.orders.reconcile import ABSENCE_GRACE_NS, BY_THE_EXCHANGE, compare, is_foreign, mismatches

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
        ((unclear_position("ADAUSDT"),), set(), [KEY, OTHER]),
    ],
)
def test_sizes_differ_where_everything_is_understood(unclear, busy, found) -> None:
    _, view = an_intent_and_its_order()
    seen = msgspec.structs.replace(view, positions=(_row(OTHER, "2"),), unclear=unclear)

    differing = mismatches({KEY: Decimal(1), OTHER: Decimal(1)}, seen, busy)

    assert [mismatch.key for mismatch in differing] == found


@pytest.mark.parametrize(("after_ns", "proven"), [(0, False), (5 * SECOND, False), (5 * SECOND + 1, True)])
def test_absence_counts_five_seconds_after_the_last_moment_at_which_the_order_is_valid(
    after_ns: int, proven: bool
) -> None:
    record, view = an_intent_and_its_order()
    name = record.intent.client_order_id

    found = compare({name: record}, set(), without(view, asked_ns=record.intent.valid_until_ns + after_ns))

    assert found.absent == ((name,) if proven else ())


@pytest.mark.parametrize("state", IntentState)
def test_what_is_final_is_not_absent(state: IntentState) -> None:
    record, view = an_intent_and_its_order()
    name = record.intent.client_order_id

    found = compare({name: msgspec.structs.replace(record, state=state)}, set(), without(view))

    assert found.absent == (() if state.is_final else (name,))


@pytest.mark.parametrize("unresolved", [None, ("b", "a"), ("b",), ()])
def test_absent_are_those_that_are_named_in_order_of_their_names(unresolved: tuple[str, ...] | None) -> None:
    record, view = an_intent_and_its_order()
    records = {
        name: msgspec.structs.replace(
            record, intent=msgspec.structs.replace(record.intent, client_order_id=name)
        )
        for name in ("b", "a")
    }

    found = compare(records, set(), without(view), unresolved)

    assert found.absent == (("a", "b") if unresolved is None else tuple(sorted(unresolved)))


def test_executions_that_are_not_counted_come_oldest_first() -> None:
    record, view = an_intent_and_its_order()
    row = view.executions[0]
    at_ns = row.at_ns
    rows = [
        msgspec.structs.replace(row, exec_id=name, seq=seq, at_ns=at_ns + later)
        for name, seq, later in [
            ("c", 2, 1),
            ("d", 1, 1),
            ("b", 9, 0),
            ("a", 9, 0),
            ("old", 9, -1),
            ("x", 9, 0),
        ]
    ]
    view = without(view, executions=tuple(rows))

    found = compare({record.intent.client_order_id: record}, {"x"}, view, known_from_ns=at_ns)

    assert [execution.exec_id for execution in found.executions] == ["a", "b", "d", "c"]


@pytest.mark.parametrize(
    ("named", "by", "orders", "adopted", "foreign"),
    [
        ("its", "CreateByUser", True, False, False),
        ("ours", "CreateByUser", False, True, False),
        ("", "CreateByUser", False, False, True),
        ("", "CreateByStopLoss", False, False, False),
    ],
)
@pytest.mark.parametrize("is_open", [True, False])
def test_whose_a_row_is(
    named: str, by: str, orders: bool, adopted: bool, foreign: bool, is_open: bool
) -> None:
    record, view = an_intent_and_its_order()
    name = record.intent.client_order_id
    link_id = {"its": name, "ours": name[:-1] + ("0" if name[-1] != "0" else "1"), "": ""}[named]
    row = msgspec.structs.replace(view.closed_orders[0], client_order_id=link_id, create_type=by)
    shown = {"open_orders": (row,)} if is_open else {"closed_orders": (row,)}

    found = compare({name: record}, set(), without(view, **shown))

    assert (row in found.orders, row in found.adopted, row in found.foreign) == (
        orders,
        adopted and is_open,
        foreign and is_open,
    )


MADE_BY_THE_EXCHANGE = (
    *("CreateByStopOrder", "CreateByTakeProfit", "CreateByPartialTakeProfit", "CreateByStopLoss"),
    *("CreateByPartialStopLoss", "CreateByTrailingStop", "CreateByTrailingProfit", "CreateByLiq"),
    *("CreateByTakeOver_PassThrough", "CreateByAdl_PassThrough", "CreateBySettle"),
    *("CreateByAdminClosing", "CreateByMmRateClose"),
)


@pytest.mark.parametrize("word", MADE_BY_THE_EXCHANGE)
def test_what_the_exchange_makes_by_itself_is_nobodys(word: str) -> None:
    row = kept_order(OrderStatus.NEW, "0").order
    made = msgspec.structs.replace(row, client_order_id="", create_type=word, reduce_only=False)

    assert not is_foreign(made)
    assert len(BY_THE_EXCHANGE) == len(MADE_BY_THE_EXCHANGE)


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ({KEY: "1"}, [(KEY, "2")], [(KEY, "1", "2")]),
        ({KEY: "1"}, [(KEY, "1")], []),
        ({KEY: "1"}, [(KEY, "0")], [(KEY, "1", None)]),
        ({KEY: "0"}, [(KEY, "0")], []),
        ({KEY: "0"}, [], []),
        ({}, [(KEY, "2")], [(KEY, "0", "2")]),
        ({KEY: "-1"}, [(KEY, "1")], [(KEY, "-1", "1")]),
        ({OTHER: "1", KEY: "1"}, [], [(KEY, "1", None), (OTHER, "1", None)]),
        ({}, [(OTHER, "1"), (KEY, "1")], [(KEY, "0", "1"), (OTHER, "0", "1")]),
    ],
)
def test_a_size_that_differs_is_told_with_both(ours, theirs, expected) -> None:
    _, view = an_intent_and_its_order()
    seen = msgspec.structs.replace(view, positions=tuple(_row(key, size) for key, size in theirs))

    found = mismatches({key: Decimal(size) for key, size in ours.items()}, seen, set())

    assert [
        (one.key, str(one.ours), None if one.theirs is None else str(one.theirs.size)) for one in found
    ] == expected


def test_a_row_under_the_intents_own_id_hides_it_whatever_its_symbol() -> None:
    record, view = an_intent_and_its_order()
    name = record.intent.client_order_id
    row = unclear_order("SOLUSDT", client_order_id=name)

    assert compare({name: record}, set(), without(view, unclear=(row,))).absent == ()


def test_an_execution_of_an_id_that_nobody_knows_is_fresh_and_names_nothing_of_ours() -> None:
    record, view = an_intent_and_its_order()
    name = record.intent.client_order_id
    rows = tuple(msgspec.structs.replace(row, client_order_id="") for row in view.executions)

    found = compare({name: record}, set(), without(view, executions=rows))

    assert (len(found.executions), found.absent) == (2, (name,))
