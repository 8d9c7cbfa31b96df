"""All permutations and repeats of ack, order and execution events: one final state.

The exchange orders its topics in no way among each other, repeats rows, says Filled twice when a cancel
races a fill, and answers a create after its fills. Whatever comes first, the end is the same.
"""

from decimal import Decimal
from itertools import permutations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.account_harness import MARK, SYMBOL, Harness

from tradefleet.core import events as ev
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentState
from tradefleet.orders.outcome import Outcome

ONE, HALF = Decimal("1.00"), Decimal("0.50")

CASES = {
    "filled at once": (Outcome.ACCEPTED, ["ack", "new", "half", "filled", "fill 1", "fill 2"]),
    "the answer was lost": (Outcome.AMBIGUOUS, ["ack", "new", "half", "filled", "fill 1", "fill 2"]),
    "a cancel races the fill": (Outcome.ACCEPTED, ["ack", "half", "filled", "filled 2", "fill 1", "fill 2"]),
    "the rest is cancelled": (Outcome.ACCEPTED, ["ack", "new", "half", "cancelled", "fill 1"]),
    "nothing could be filled": (Outcome.ACCEPTED, ["ack", "new", "cancelled empty"]),
}

FINAL = {
    "the rest is cancelled": HALF,
    "nothing could be filled": Decimal(0),
}
"""What is held in the end, where it is not the whole order."""


class Told:
    """An entry that was written and sent, and everything that can be heard of it."""

    def __init__(self, outcome: Outcome) -> None:
        self.harness = Harness().ready()
        self.harness.signal("one", Target.LONG)
        (self.intent,) = self.harness.submitted
        exchange = self.harness.exchange
        exchange.create(self.intent, self.harness.now_ns)
        (self.order,) = exchange.orders.values()
        first, second = exchange.executions
        self.events: dict[str, ev.AnyEvent] = {
            "ack": self._ack(outcome),
            "new": self._order(OrderStatus.NEW, Decimal(0), 1),
            "half": self._order(OrderStatus.PARTIALLY_FILLED, HALF, 2),
            "filled": self._order(OrderStatus.FILLED, ONE, 3),
            "filled 2": self._order(OrderStatus.FILLED, ONE, 4),
            "cancelled": self._order(OrderStatus.CANCELLED, HALF, 3),
            "cancelled empty": self._order(OrderStatus.CANCELLED, Decimal(0), 3),
            "fill 1": self._fill(first),
            "fill 2": self._fill(second),
        }

    def hear(self, names: tuple[str, ...]) -> tuple[object, ...]:
        """The state after these events, as far as anything depends on it."""
        for name in names:
            self.harness.tell(self.events[name])
        record = self.harness.core.state.tracked[self.intent.client_order_id].record
        journaled = self.harness.journal.intents[self.intent.client_order_id]
        assert (journaled.state, journaled.filled) == (record.state, record.filled)
        return record.state, record.filled, record.order_id, self.harness.size, self._counted()

    def _counted(self) -> frozenset[str]:
        return frozenset(self.harness.journal.executions)

    def _ack(self, outcome: Outcome) -> ev.SendFinished:
        accepted = outcome is Outcome.ACCEPTED
        return ev.SendFinished(
            now_ns=self.harness.now_ns,
            client_order_id=self.intent.client_order_id,
            outcome=outcome,
            order_id=self.order.order_id if accepted else "",
            ret_code=0 if accepted else None,
            message="",
        )

    def _order(self, status: OrderStatus, filled: Decimal, later_ns: int) -> ev.OrderSeen:
        row: ExchangeOrder = msgspec.structs.replace(
            self.order, status=status, cum_exec_qty=filled, at_ns=self.order.at_ns + later_ns
        )
        return ev.OrderSeen(now_ns=self.harness.now_ns, order=row)

    def _fill(self, execution: Execution) -> ev.ExecutionSeen:
        return ev.ExecutionSeen(now_ns=self.harness.now_ns, execution=execution)


def expected(case: str, told: Told) -> tuple[object, ...]:
    size = FINAL.get(case, ONE)
    fills = {e.exec_id for e in told.harness.exchange.executions[: int(size / HALF)]}
    return IntentState.DONE, size, told.order.order_id, size, frozenset(fills)


@pytest.mark.parametrize("case", CASES)
def test_every_permutation_ends_in_one_state(case: str) -> None:
    outcome, names = CASES[case]

    ends = {Told(outcome).hear(order) for order in permutations(names)}

    assert ends == {expected(case, Told(outcome))}


@settings(max_examples=300)
@given(st.sampled_from(sorted(CASES)), st.data())
def test_repeats_in_any_order_change_nothing(case: str, data: st.DataObject) -> None:
    outcome, names = CASES[case]
    repeated = data.draw(st.lists(st.sampled_from(names), max_size=12))
    order = data.draw(st.permutations([*names, *repeated]))
    told = Told(outcome)

    assert told.hear(tuple(order)) == expected(case, told)
    assert told.hear(tuple(names)) == expected(case, told)


@pytest.mark.parametrize("case", ["filled at once", "the rest is cancelled"])
def test_rows_that_come_after_absence_was_believed_count_once(case: str) -> None:
    """The exchange's lists have lied: what is proven since counts, whatever was concluded before."""
    names = CASES[case][1]
    told = Told(Outcome.AMBIGUOUS)
    told.harness.tell(told.events["ack"])
    told.harness.now_ns = told.intent.valid_until_ns + 6_000_000_000
    told.harness.questions.clear()
    told.harness.tell(
        ev.OrderQueried(
            now_ns=told.harness.now_ns,
            client_order_id=told.intent.client_order_id,
            answer=ev.QueryAnswer.ABSENT,
            order=None,
            executions=(),
            asked_ns=told.harness.now_ns,
        )
    )
    assert told.harness.journal.intents[told.intent.client_order_id].state is IntentState.ABSENT

    end = told.hear(tuple(name for name in names if name != "ack") * 2)

    assert end == expected(case, told)
    assert told.harness.core.state.position(told.intent.key).plan is not None


def test_the_entry_of_these_tests_is_one_of_a_hundred() -> None:
    """Two fills of a half each, at the mark."""
    told = Told(Outcome.ACCEPTED)

    assert (told.intent.qty, told.intent.key.symbol) == (ONE, SYMBOL)
    assert [(e.qty, e.price) for e in told.harness.exchange.executions] == [(HALF, MARK)] * 2
