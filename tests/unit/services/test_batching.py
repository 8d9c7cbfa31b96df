"""Which closes go together, which alone, and when batches are left alone for a while."""

import pytest
from tests.support.journal_rows import judged
from tests.support.simulated_account import intent

from tradefleet.adapters.bybit.results import SendResult
from tradefleet.core.actions import Alert, Submit
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.services.executor.batching import REST_S, Batches, together_of


def closes(count: int, category: str = "linear") -> list[Intent]:
    key = PositionKey(category, "BTCUSDT")
    return [intent(f"{category}-{number}", leg=Leg.CLOSE, key=key) for number in range(count)]


def room_for(count: int) -> object:
    return lambda category: count


class Clock:
    """Seconds, by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_the_closes_of_one_decision_go_together() -> None:
    two = closes(2)
    actions = [Alert(kind="x", detail=""), *(Submit(intent=one) for one in two)]

    assert together_of(actions, {}) == two


@pytest.mark.parametrize(
    ("intents", "verdicts"),
    [
        (closes(1), {}),
        ([intent("a"), intent("b")], {}),
        ([intent("a"), *closes(1)], {}),
        (closes(2), {"linear-0": judged("linear-0")}),
    ],
    ids=["one close", "two entries", "an entry and a close", "one of them answers a signal"],
)
def test_nothing_else_does(intents: list[Intent], verdicts: dict) -> None:
    assert together_of([Submit(intent=one) for one in intents], verdicts) == []


@pytest.mark.parametrize(
    ("count", "room", "largest", "together"),
    [
        (20, 10, 20, 10),
        (5, 10, 20, 5),
        (20, 10, 4, 4),
        (20, 0, 20, 0),
        (20, 1, 20, 0),
        (20, 10, 1, 0),
        (2, 2, 20, 2),
    ],
)
def test_as_many_go_together_as_there_is_room_for_and_the_rest_alone(
    count: int, room: int, largest: int, together: int
) -> None:
    intents = closes(count)

    batch, alone = Batches(largest).split(intents, room_for(room))

    assert (batch, alone) == (intents[:together], intents[together:])


def test_a_batch_is_of_one_category() -> None:
    mixed = [*closes(2), *closes(2, "spot")]

    batch, alone = Batches(20).split(mixed, room_for(10))

    assert (batch, alone) == (mixed[:2], mixed[2:])


@pytest.mark.parametrize("outcome", [Outcome.AMBIGUOUS, Outcome.REJECTED, Outcome.NOT_SENT])
def test_after_a_batch_of_which_nothing_was_taken_all_go_alone_for_a_while(outcome: Outcome) -> None:
    clock = Clock()
    batches = Batches(20, clock)
    three = closes(3)

    batches.came_to([SendResult(outcome=outcome)] * 3)

    assert batches.split(three, room_for(10)) == ([], three)
    clock.now_s += REST_S
    assert batches.split(three, room_for(10)) == (three, [])


def test_one_order_that_was_taken_shows_that_batches_work() -> None:
    batches = Batches(20, Clock())
    three = closes(3)

    batches.came_to([SendResult(outcome=Outcome.REJECTED), SendResult(outcome=Outcome.ACCEPTED)])

    assert batches.split(three, room_for(10)) == (three, [])
