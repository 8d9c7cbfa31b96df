"""Leaders that die, over an exchange at which their entries rest.

What a dead leader had asked for (a cancel, an amend) is still on its way, and arrives while it is valid,
unanswered. Rows are those that the exchange has published, each as the order was then.
"""

from typing import Any

import msgspec
from tests.support.leaders import Leaders
from tests.support.resting_harness import RestingExchange, RestingHarness

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import ExchangeOrder, OrderStatus
from tradefleet.orders.exchange_view import ExchangeView
from tradefleet.orders.intents import Intent
from tradefleet.orders.outcome import Outcome


class PublishingExchange(RestingExchange):
    """Remembers every row of an order."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[ExchangeOrder] = []

    def create(self, intent: Intent, now_ns: int) -> tuple[Outcome, int]:
        known = intent.client_order_id in self.orders
        answer = super().create(intent, now_ns)
        order = self.orders.get(intent.client_order_id)
        if order is not None and not known:
            self.published.append(order)
        return answer

    def _set(self, name: str, now_ns: int, **fields: Any) -> None:
        super()._set(name, now_ns, **fields)
        self.published.append(self.orders[name])

    @property
    def waiting(self) -> list[str]:
        """Names of conditional orders that have not triggered."""
        return [n for n in self.at_rest if self.orders[n].status is OrderStatus.UNTRIGGERED]


class RestingLeaders(Leaders, RestingHarness):
    """`Leaders` whose entries rest."""

    exchange: PublishingExchange

    def __init__(self, **entry: Any) -> None:
        self.late: list[act.CancelOrder | act.AmendOrder] = []
        super().__init__(entry.pop("config"))
        self.exchange = PublishingExchange()

    def restart(self) -> None:
        self.late += [*getattr(self, "cancels", []), *getattr(self, "amends", [])]
        super().restart()

    def late_ones_arrive(self) -> None:
        """What a leader before had asked for, if it is still valid."""
        late, self.late = self.late, []
        for asked in late:
            match asked:
                case act.CancelOrder(client_order_id=name):
                    self.exchange.cancel(name, self.now_ns)
                case act.AmendOrder(valid_until_ns=valid_until_ns) if self.now_ns <= valid_until_ns:
                    self.exchange.amend(asked, self.now_ns)

    def fills(self, number: int, share: Any) -> None:
        """One of those that rest is taken, in part or whole."""
        at_rest = self.exchange.at_rest
        self.exchange.fill(at_rest[number % len(at_rest)], share, self.now_ns)

    def rows(self) -> list[ev.AnyEvent]:
        said: list[ev.AnyEvent] = [
            ev.OrderSeen(now_ns=self.now_ns, order=order) for order in self.exchange.published
        ]
        said += [ev.ExecutionSeen(now_ns=self.now_ns, execution=e) for e in self.exchange.executions]
        return said

    def view(self) -> ExchangeView:
        full = super().view()
        shown = tuple(o for o in full.open_orders if self._seen(o.client_order_id))
        return msgspec.structs.replace(full, open_orders=shown)

    def let_amends(self, *, arrive: bool = True, answered: bool = True) -> None:
        late = any(self.now_ns > amend.valid_until_ns for amend in self.amends)
        super().let_amends(arrive=arrive and not late, answered=answered)

    def settle(self) -> None:
        for _ in range(3):
            self.late_ones_arrive()
            self.let_cancels()
            self.let_amends()
            super().settle()
