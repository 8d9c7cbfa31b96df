"""The account harness with an exchange at which orders rest: the test fills, cancels, amends, triggers.

What the core asks for lies in `cancels` and `amends` until the test lets it arrive, or not, and lets its
answer come, or not.
"""

from decimal import Decimal
from typing import Any

import msgspec
from tests.support.account_harness import Harness, ToyExchange, account_config

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType
from tradefleet.domain.signals import Target
from tradefleet.orders.exchange_view import ExchangeView
from tradefleet.orders.intents import Intent
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.tracked import Tracked
from tradefleet.spec.entry import EntryKind, EntryOrder
from tradefleet.spec.snapshot import ConfigSnapshot

OVER = 110001


class RestingExchange(ToyExchange):
    """Orders that may rest wait in `orders` until `fill`, `cancel` or `trigger` is called."""

    def __init__(self) -> None:
        super().__init__()
        self.meant: dict[str, Intent] = {}
        self.naked: list[str] = []

    def create(self, intent: Intent, now_ns: int) -> tuple[Outcome, int]:
        if intent.rest_until_ns == 0 or intent.client_order_id in self.orders:
            return super().create(intent, now_ns)
        self.meant[intent.client_order_id] = intent
        waits = intent.trigger is not None
        self.orders[intent.client_order_id] = ExchangeOrder(
            category="linear",
            symbol=intent.key.symbol,
            position_idx=0,
            order_id=f"order-{len(self.orders) + 1}",
            client_order_id=intent.client_order_id,
            side=intent.side,
            order_type=intent.order_type,
            time_in_force=intent.time_in_force,
            status=OrderStatus.UNTRIGGERED if waits else OrderStatus.NEW,
            reduce_only=False,
            qty=intent.qty,
            price=intent.price or Decimal(0),
            cum_exec_qty=Decimal(0),
            avg_price=None,
            stop_order_type="Stop" if waits else "",
            trigger_price=intent.trigger.price if intent.trigger is not None else None,
            create_type="CreateByUser",
            cancel_type="UNKNOWN",
            reject_reason="EC_NoError",
            created_ns=now_ns,
            at_ns=now_ns,
        )
        return Outcome.ACCEPTED, 0

    @property
    def at_rest(self) -> list[str]:
        """Names of the orders that are not over."""
        return [name for name, order in self.orders.items() if not order.status.is_terminal]

    def fill(self, name: str, share: Decimal, now_ns: int) -> None:
        """This share of what is left is taken; a conditional order is triggered, and its rest cancelled."""
        order = self.orders[name]
        if order.status.is_terminal:
            return
        left = order.qty - order.cum_exec_qty
        qty = min(left, max(Decimal("0.01"), (left * share).quantize(Decimal("0.01"))))
        over = order.cum_exec_qty + qty
        status = OrderStatus.FILLED if over == order.qty else OrderStatus.PARTIALLY_FILLED
        if order.status is OrderStatus.UNTRIGGERED and status is OrderStatus.PARTIALLY_FILLED:
            status = OrderStatus.CANCELLED
        self._set(name, now_ns, status=status, cum_exec_qty=over)
        intent, symbol = self.meant[name], order.symbol
        held = self.sizes.get(symbol, Decimal(0))
        self._execute(name, order.order_id, symbol, order.side, qty, now_ns, "")
        if held * order.side.sign >= 0 and order.cum_exec_qty == 0:
            # The first fill brings the attached stop; later ones find what stands there.
            assert intent.stop_loss is not None
            self.stops[symbol] = intent.stop_loss
            if intent.take_profit is not None:
                self.targets[symbol] = intent.take_profit
        if self.sizes[symbol] and symbol not in self.stops:
            self.naked.append(name)

    def cancel(self, name: str, now_ns: int) -> tuple[Outcome, int]:
        order = self.orders.get(name)
        if order is None or order.status.is_terminal:
            return Outcome.GONE, OVER
        self._set(name, now_ns, status=OrderStatus.CANCELLED, cancel_type="CancelByUser")
        return Outcome.ACCEPTED, 0

    def amend(self, wish: act.AmendOrder, now_ns: int) -> tuple[Outcome, int]:
        order = self.orders.get(wish.client_order_id)
        if order is None or order.status.is_terminal or order.order_type is not OrderType.LIMIT:
            return Outcome.REJECTED, OVER
        if wish.qty <= order.cum_exec_qty:
            return Outcome.REJECTED, 110064
        self._set(wish.client_order_id, now_ns, price=wish.price, qty=wish.qty)
        return Outcome.ACCEPTED, 0

    def _set(self, name: str, now_ns: int, **fields: Any) -> None:
        order = self.orders[name]
        # No two rows of an order are of one instant.
        at_ns = max(now_ns, order.at_ns + 1)
        self.orders[name] = msgspec.structs.replace(order, at_ns=at_ns, **fields)

    def view(self, asked_ns: int) -> ExchangeView:
        orders = self.orders.values()
        return msgspec.structs.replace(
            super().view(asked_ns),
            open_orders=tuple(order for order in orders if not order.status.is_terminal),
            closed_orders=tuple(order for order in orders if order.status.is_terminal),
        )


class RestingHarness(Harness):
    """A harness whose entries rest as `entry` says."""

    exchange: RestingExchange

    def __init__(self, config: ConfigSnapshot | None = None, **entry: Any) -> None:
        self.cancels: list[act.CancelOrder] = []
        self.amends: list[act.AmendOrder] = []
        self.cancels_asked: list[act.CancelOrder] = []
        self.amends_asked: list[act.AmendOrder] = []
        super().__init__(config or resting_config(**entry))
        self.exchange = RestingExchange()

    def restart(self) -> None:
        self.cancels.clear()
        self.amends.clear()
        super().restart()

    def configure(self, config: ConfigSnapshot) -> None:
        """A newer generation."""
        self.config = msgspec.structs.replace(config, generation=self.config.generation + 1)
        self.tell(ev.ConfigApplied(now_ns=self.now_ns, config=self.config))

    def rest(self, name: str = "one", target: Target = Target.LONG, **signal: Any) -> Tracked:
        """A signal's entry, which rests at the exchange, and whose row has been seen."""
        self.signal(name, target, **signal)
        self.send()
        self.deliver()
        return self.tracked()

    def tracked(self, number: int = -1) -> Tracked:
        """What is known of an intent, the newest by default."""
        return self.core.state.tracked[self.submitted[number].client_order_id]

    def fill(self, share: str = "1", number: int = -1) -> None:
        """The exchange fills a share of what is left of an order; nobody has been told."""
        self.exchange.fill(self.submitted[number].client_order_id, Decimal(share), self.now_ns)

    def let_cancels(self, *, arrive: bool = True, answered: bool = True) -> None:
        """Every cancel on its way arrives, or does not, and is answered, or is not."""
        asked, self.cancels = self.cancels, []
        for cancel in asked:
            name = cancel.client_order_id
            outcome, code = self.exchange.cancel(name, self.now_ns) if arrive else (Outcome.AMBIGUOUS, 0)
            self.tell(
                ev.CancelAnswered(
                    now_ns=self.now_ns,
                    client_order_id=name,
                    outcome=outcome if answered else Outcome.AMBIGUOUS,
                    ret_code=code if answered else None,
                    message="",
                )
            )

    def let_amends(self, *, arrive: bool = True, answered: bool = True) -> None:
        """As `let_cancels`, for amends."""
        asked, self.amends = self.amends, []
        for amend in asked:
            outcome, code = self.exchange.amend(amend, self.now_ns) if arrive else (Outcome.AMBIGUOUS, 0)
            self.tell(
                ev.AmendAnswered(
                    now_ns=self.now_ns,
                    client_order_id=amend.client_order_id,
                    outcome=outcome if answered else Outcome.AMBIGUOUS,
                    ret_code=code if answered else None,
                    message="",
                )
            )

    def settle(self) -> None:
        for _ in range(3):
            self.let_cancels()
            self.let_amends()
            super().settle()

    def _keep(self, action: act.AnyAction) -> None:
        if isinstance(action, act.CancelOrder):
            self.cancels.append(action)
            self.cancels_asked.append(action)
        elif isinstance(action, act.AmendOrder):
            self.amends.append(action)
            self.amends_asked.append(action)
        else:
            super()._keep(action)


def resting_config(risk: dict[str, Any] | None = None, **entry: Any) -> ConfigSnapshot:
    """A bot whose entries rest; post-only when nothing else is said."""
    snapshot = account_config(**(risk or {}))
    order = EntryOrder(**{"kind": EntryKind.POST_ONLY, **entry})
    execution = msgspec.structs.replace(snapshot.spec.execution, entry=order)
    spec = msgspec.structs.replace(snapshot.spec, execution=execution)
    return msgspec.structs.replace(snapshot, spec=spec)
