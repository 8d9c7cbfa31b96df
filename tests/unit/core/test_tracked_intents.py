"""Intents at hand by time; that all parts are what a walk finds is a law in tests/property."""

import msgspec
from tests.support.account_harness import SECOND
from tests.support.journal_rows import make_intent

from tradefleet.core.tracked_intents import TrackedIntents
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.orders.tracked import Tracked


def test_an_intent_that_comes_back_to_the_time_that_it_had_is_asked_for_once() -> None:
    record = IntentRecord(intent=make_intent(), state=IntentState.AMBIGUOUS)
    tracked, name = Tracked(record=record), record.intent.client_order_id
    intents = TrackedIntents([tracked])

    done = msgspec.structs.replace(record, state=IntentState.DONE)
    intents[name] = msgspec.structs.replace(tracked, record=done)
    intents[name] = tracked

    assert intents.overdue(SECOND) == [tracked]
    assert intents.overdue(SECOND) == [tracked]
