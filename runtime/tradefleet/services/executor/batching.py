"""Which orders of a decision go in one request, and which alone.

Only closes, and only where one decision has several: an entry must not wait for another, and a batch that is
lost is several questions at once. The exchange counts single creates and batches in two pools, so that what
one has no room for goes by the other.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from tradefleet.adapters.bybit.results import SendResult
from tradefleet.core.actions import AnyAction, JudgeSignal, Submit
from tradefleet.orders.intents import Intent
from tradefleet.orders.outcome import Outcome

REST_S: Final = 30.0
"""After a batch of which the exchange took nothing, every order goes alone for so long: were the endpoint
not served to this account, what closes must not wait for it a second time."""

FEWEST: Final = 2


def together_of(actions: Sequence[AnyAction], judged: Mapping[str, JudgeSignal]) -> list[Intent]:
    """The intents of one decision that are written and sent together; none when there is but one.

    judged: verdicts by signal id; an intent that comes of a signal is written with it, and alone.
    """
    found = [
        action.intent
        for action in actions
        if isinstance(action, Submit) and action.intent.leg.reduces and action.intent.signal_id not in judged
    ]
    return found if len(found) >= FEWEST else []


class Batches:
    """How many orders go in one request now."""

    def __init__(self, largest: int, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._largest = largest
        self._now_s = monotonic_s
        self._rest_until_s = 0.0

    def split(
        self, intents: Sequence[Intent], room: Callable[[str], int]
    ) -> tuple[list[Intent], list[Intent]]:
        """Those that go in one request, and those that go alone. room: for a category, now."""
        category = intents[0].key.category
        of_category = [intent for intent in intents if intent.key.category == category]
        most = min(self._largest, room(category)) if self._now_s() >= self._rest_until_s else 0
        batch = of_category[:most] if min(most, len(of_category)) >= FEWEST else []
        together = {intent.client_order_id for intent in batch}
        return batch, [intent for intent in intents if intent.client_order_id not in together]

    def came_to(self, results: Sequence[SendResult]) -> None:
        """What became of a batch."""
        if not any(result.outcome is Outcome.ACCEPTED for result in results):
            self._rest_until_s = self._now_s() + REST_S
