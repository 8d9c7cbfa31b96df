"""When an order that is not found, or is not of its intent, ends that: five seconds after its end."""

import msgspec
import pytest
from tests.support.account_harness import SECOND, Harness

from tradefleet.core import account_sends
from tradefleet.core import events as ev
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Intent, IntentState


def under_way() -> tuple[Harness, Intent, ExchangeOrder]:
    """An intent whose send has no answer yet, and the order that the exchange has of it."""
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    (intent,) = harness.submitted
    harness.send(answered=False)
    return harness, intent, harness.exchange.orders[intent.client_order_id]


@pytest.mark.parametrize(("after_ns", "absent"), [(0, False), (5 * SECOND, False), (5 * SECOND + 1, True)])
@pytest.mark.parametrize("answer", ev.QueryAnswer)
def test_an_intent_is_absent_when_it_was_asked_for_five_seconds_after_its_last_moment(
    after_ns: int, absent: bool, answer: ev.QueryAnswer
) -> None:
    harness, intent, _ = under_way()
    asked_ns = intent.valid_until_ns + after_ns

    harness.tell(
        ev.OrderQueried(
            now_ns=asked_ns,
            client_order_id=intent.client_order_id,
            answer=answer,
            order=None,
            executions=(),
            asked_ns=asked_ns,
        )
    )

    state = harness.core.state.tracked[intent.client_order_id].record.state
    assert (state is IntentState.ABSENT) is (absent and answer is ev.QueryAnswer.ABSENT)


@pytest.mark.parametrize(
    ("older_ns", "after_ns", "ret_code", "ends"),
    [
        (SECOND + 1, 5 * SECOND + 1, None, True),
        (SECOND + 1, 5 * SECOND, None, False),
        (SECOND + 1, 0, None, False),
        (SECOND + 1, -SECOND, 110072, True),  # its own send was refused: the id was used
        (SECOND + 1, -SECOND, 110007, False),
        (SECOND, 5 * SECOND + 1, None, False),  # a second is the clock's error: it is the intent's own
    ],
)
def test_an_order_that_is_older_than_its_intent_ends_it_when_it_can_arrive_no_more(
    older_ns: int, after_ns: int, ret_code: int | None, ends: bool
) -> None:
    harness, intent, order = under_way()
    tracked = harness.core.state.tracked[intent.client_order_id]
    record = msgspec.structs.replace(tracked.record, ret_code=ret_code)
    harness.core.state.tracked[intent.client_order_id] = msgspec.structs.replace(tracked, record=record)
    older = msgspec.structs.replace(order, created_ns=intent.created_ns - older_ns)

    actions = account_sends.resolve_older(harness.core.state, older, intent.valid_until_ns + after_ns)

    state = harness.core.state.tracked[intent.client_order_id].record.state
    assert (state is IntentState.REJECTED, len(actions)) == (ends, 2 if ends else 0)
