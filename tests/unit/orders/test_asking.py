"""When an order is asked for, by time alone: the boundaries of each state."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.journal_rows import kept_order, make_intent

from tradefleet.domain.orders import OrderStatus
from tradefleet.orders.asking import ask_from_ns, rests_known
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.orders.tracked import Tracked

S = 1_000_000_000


def tracked(state: IntentState, *, rests: bool = False, row: bool = False, **known: Any) -> Tracked:
    intent = msgspec.structs.replace(
        make_intent(), created_ns=10 * S, valid_until_ns=15 * S, rest_until_ns=99 * S if rests else 0
    )
    order = kept_order(OrderStatus.NEW, "0").order if row else None
    return Tracked(record=IntentRecord(intent=intent, state=state), order=order, **known)


@pytest.mark.parametrize(
    ("state", "known", "expected"),
    [
        (IntentState.AMBIGUOUS, {}, S),
        (IntentState.AMBIGUOUS, {"asked_ns": 20 * S}, 21 * S),
        (IntentState.AMBIGUOUS, {"asking": True, "asked_ns": 20 * S}, 50 * S),
        (IntentState.WRITTEN, {"asking": True, "asked_ns": 20 * S}, 50 * S),
        (IntentState.ACCEPTED, {"asking": True, "asked_ns": 20 * S}, 50 * S),
        (IntentState.ACCEPTED, {"asking": True, "rests": True, "row": True}, None),
        (IntentState.DONE, {"asking": True}, None),
        (IntentState.WRITTEN, {}, 15 * S + 1),
        (IntentState.WRITTEN, {"asked_ns": 20 * S}, 21 * S),
        (IntentState.ACCEPTED, {}, 12 * S + 1),
        (IntentState.ACCEPTED, {"sent_ns": 11 * S}, 13 * S + 1),
        (IntentState.ACCEPTED, {"asked_ns": 13 * S}, 14 * S),
        (IntentState.ACCEPTED, {"row": True}, 12 * S + 1),
        (IntentState.ACCEPTED, {"rests": True}, 12 * S + 1),
        (IntentState.ACCEPTED, {"rests": True, "row": True}, None),
        (IntentState.AMBIGUOUS, {"rests": True, "row": True}, S),
        (IntentState.DONE, {}, None),
        (IntentState.REJECTED, {}, None),
        (IntentState.ABSENT, {}, None),
    ],
)
def test_from_when_it_is_asked_for(state: IntentState, known: dict[str, Any], expected: int | None) -> None:
    assert ask_from_ns(tracked(state, **known)) == expected


def test_it_rests_as_known_once_it_was_taken_and_its_row_was_seen() -> None:
    assert rests_known(tracked(IntentState.ACCEPTED, rests=True, row=True))
    assert not rests_known(tracked(IntentState.ACCEPTED, rests=False, row=True))
    assert not rests_known(tracked(IntentState.ACCEPTED, rests=True, row=False))
    assert not rests_known(tracked(IntentState.DONE, rests=True, row=True))
    assert tracked(IntentState.ACCEPTED).record.filled == Decimal(0)
