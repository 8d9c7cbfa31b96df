"""What is known of one intent, merged: a table for each source, whatever came before."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.journal_rows import kept_order, make_intent

from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.tracked import (
    LATE_NS,
    Tracked,
    is_older,
    newer,
    settled,
    with_fill,
    with_order,
    with_outcome,
)

D = Decimal
S = 1_000_000_000
W, A, B, DONE, R = (
    IntentState.WRITTEN,
    IntentState.ACCEPTED,
    IntentState.AMBIGUOUS,
    IntentState.DONE,
    IntentState.REJECTED,
)


def order(status: OrderStatus, filled: str = "0", at_ns: int = 50 * S, **facts: Any) -> ExchangeOrder:
    row = kept_order(status, filled).order
    return msgspec.structs.replace(row, at_ns=at_ns, order_id="o9", **facts)


def tracked(
    state: IntentState = A,
    filled: str = "0",
    row: ExchangeOrder | None = None,
    rests_ns: int = 0,
    **facts: Any,
) -> Tracked:
    intent = msgspec.structs.replace(
        make_intent(), qty=D(10), created_ns=10 * S, rest_until_ns=rests_ns, valid_until_ns=15 * S
    )
    return Tracked(record=IntentRecord(intent=intent, state=state, filled=D(filled)), order=row, **facts)


@pytest.mark.parametrize(
    ("state", "final"),
    [(W, False), (A, False), (B, False), (DONE, True), (R, True), (IntentState.ABSENT, True)],
)
def test_three_states_are_the_end(state: IntentState, final: bool) -> None:
    assert tracked(state).is_final is final


@pytest.mark.parametrize(
    ("rests_ns", "state", "status", "row", "filled", "at_rest"),
    [
        (1, A, OrderStatus.NEW, "0", "0", True),
        (99 * S, A, OrderStatus.PARTIALLY_FILLED, "4", "4", True),
        (99 * S, A, OrderStatus.UNTRIGGERED, "0", "0", True),
        (0, A, OrderStatus.NEW, "0", "0", False),
        (99 * S, DONE, OrderStatus.NEW, "0", "0", False),
        (99 * S, A, OrderStatus.TRIGGERED, "0", "0", False),
        (99 * S, A, OrderStatus.FILLED, "0", "0", False),
        (99 * S, A, OrderStatus.PARTIALLY_FILLED, "4", "3", False),
        (99 * S, A, None, "0", "0", False),
    ],
)
def test_it_is_at_rest_when_its_row_shows_no_more_than_was_counted(
    rests_ns: int, state: IntentState, status: OrderStatus | None, row: str, filled: str, at_rest: bool
) -> None:
    seen = None if status is None else order(status, row)

    assert tracked(state, filled, seen, rests_ns).is_at_rest is at_rest


@pytest.mark.parametrize(
    ("row", "rests_ns", "over_ns"),
    [
        (None, 0, 10 * S),
        (None, 20 * S, 20 * S + LATE_NS),
        (order(OrderStatus.NEW), 20 * S, 20 * S + LATE_NS),
        (order(OrderStatus.CANCELLED), 20 * S, 50 * S),
        (order(OrderStatus.FILLED, at_ns=3 * S), 0, 10 * S),
    ],
)
def test_after_what_time_it_can_have_filled_no_more(
    row: ExchangeOrder | None, rests_ns: int, over_ns: int
) -> None:
    assert tracked(row=row, rests_ns=rests_ns).over_ns == over_ns
    assert LATE_NS == 60 * S


@pytest.mark.parametrize(
    ("at_ns", "older"),
    [
        (0, False),  # not known
        (1, True),
        (9 * S - 1, True),
        (9 * S, False),  # a second for the clock's error
        (10 * S, False),
        (11 * S, False),
    ],
)
def test_what_was_made_more_than_a_second_before_an_intent_is_not_of_it(at_ns: int, older: bool) -> None:
    assert is_older(tracked().intent, at_ns) is older


def test_nothing_was_sent_or_asked_of_what_is_only_written() -> None:
    fresh = Tracked(record=IntentRecord(intent=make_intent(), state=W))

    assert (fresh.sent_ns, fresh.asked_ns, fresh.asking, fresh.order) == (0, 0, False, None)
    assert fresh.intent == make_intent()


NEW, PART = order(OrderStatus.NEW), order(OrderStatus.PARTIALLY_FILLED, "4")


@pytest.mark.parametrize(
    ("known", "seen", "wins"),
    [
        (None, NEW, "seen"),
        (NEW, PART, "seen"),
        (PART, NEW, "known"),
        (PART, order(OrderStatus.PARTIALLY_FILLED, "4", at_ns=51 * S), "seen"),
        (PART, order(OrderStatus.PARTIALLY_FILLED, "4", at_ns=49 * S), "known"),
        (PART, order(OrderStatus.PARTIALLY_FILLED, "4"), "known"),
        (order(OrderStatus.CANCELLED, "4"), order(OrderStatus.PARTIALLY_FILLED, "5", at_ns=60 * S), "known"),
        (order(OrderStatus.PARTIALLY_FILLED, "5", at_ns=60 * S), order(OrderStatus.CANCELLED, "4"), "seen"),
    ],
)
def test_an_order_row_never_goes_back(known: ExchangeOrder | None, seen: ExchangeOrder, wins: str) -> None:
    assert newer(known, seen) is (seen if wins == "seen" else known)


@pytest.mark.parametrize(
    ("state", "filled", "row", "becomes"),
    [
        (W, "0", order(OrderStatus.NEW), A),
        (B, "0", order(OrderStatus.NEW), A),
        (R, "0", order(OrderStatus.NEW), A),  # the exchange shows what an answer has denied
        (DONE, "10", order(OrderStatus.NEW), DONE),
        (A, "4", order(OrderStatus.CANCELLED, "4"), DONE),
        (A, "3", order(OrderStatus.CANCELLED, "4"), A),  # an execution is missing
        (A, "5", order(OrderStatus.CANCELLED, "4"), DONE),
        (A, "10", order(OrderStatus.PARTIALLY_FILLED, "10"), DONE),
        (A, "9.9", order(OrderStatus.PARTIALLY_FILLED, "9.9"), A),
    ],
)
def test_after_an_order_row(
    state: IntentState, filled: str, row: ExchangeOrder, becomes: IntentState
) -> None:
    found = with_order(tracked(state, filled), row)

    assert (found.record.state, found.order, found.record.order_id) == (becomes, row, "o9")


@pytest.mark.parametrize(
    ("state", "filled", "row", "becomes"),
    [
        (W, "0", None, A),
        (B, "0", None, A),
        (DONE, "4", order(OrderStatus.CANCELLED, "4"), DONE),
        (A, "6", None, DONE),  # with four more it is all
        (A, "5.9", None, A),
        (A, "0", order(OrderStatus.CANCELLED, "4"), DONE),
        (A, "0", order(OrderStatus.CANCELLED, "5"), A),
    ],
)
def test_after_an_execution(
    state: IntentState, filled: str, row: ExchangeOrder | None, becomes: IntentState
) -> None:
    found = with_fill(tracked(state, filled, row), D(4), "o7")

    assert found.record.state is becomes
    assert (found.record.filled, found.record.order_id) == (D(filled) + 4, "o7")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("EC_NoError", "before"),
        ("", "before"),
        ("EC_PostOnlyWillTakeLiquidity", "EC_PostOnlyWillTakeLiquidity"),
    ],
)
def test_the_end_of_an_order_says_why(said: str, reason: str) -> None:
    ends = tracked(row=order(OrderStatus.CANCELLED, reject_reason=said))
    ends = msgspec.structs.replace(ends, record=msgspec.structs.replace(ends.record, reason="before"))

    assert settled(ends).record.reason == reason
    assert settled(tracked(filled="10")).record.reason == ""


@pytest.mark.parametrize(
    ("state", "outcome", "becomes"),
    [
        (W, Outcome.ACCEPTED, A),
        (W, Outcome.REJECTED, R),
        (W, Outcome.NOT_SENT, R),
        (W, Outcome.AMBIGUOUS, B),
        (A, Outcome.REJECTED, A),  # a row has proven it
        (DONE, Outcome.AMBIGUOUS, DONE),
    ],
)
def test_after_the_answer_to_the_one_send(state: IntentState, outcome: Outcome, becomes: IntentState) -> None:
    found = with_outcome(tracked(state), outcome, "o5", 110007, "funds", 77)

    assert found.record.state is becomes
    assert (found.record.order_id, found.record.reason, found.record.ret_code) == ("o5", "funds", 110007)
    assert found.sent_ns == 77


def test_an_answer_without_an_id_or_a_reason_takes_none_away() -> None:
    known = tracked()
    known = msgspec.structs.replace(
        known, record=msgspec.structs.replace(known.record, order_id="o1", reason="before")
    )

    found = with_outcome(known, Outcome.ACCEPTED, "", None, "later", 1)

    assert (found.record.order_id, found.record.reason) == ("o1", "before")
