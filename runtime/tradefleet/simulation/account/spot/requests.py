"""The spot side of the simulated exchange: its requests, and the spot market's events.

`SimulatedExchange` hands a request of category spot on to here; each becomes a step that the exchange
writes down, answers and publishes like every other.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account import wire as account_wire
from tradefleet.simulation.account.engine import AccountEngine
from tradefleet.simulation.account.ledger import FeeRates
from tradefleet.simulation.account.orders import Order, Refused
from tradefleet.simulation.account.rows import Coin
from tradefleet.simulation.account.rules import SETTLE_COIN
from tradefleet.simulation.account.spot import rules, wire
from tradefleet.simulation.account.spot.engine import SpotEngine
from tradefleet.simulation.account.spot.wire import SpotFilter
from tradefleet.simulation.account.state import Step
from tradefleet.simulation.account.store import StateStore
from tradefleet.simulation.market_view import MarketView

TRANSFER_SHORT: Final = 131212

Body = Mapping[str, Any]
CarryOut = Callable[[Callable[[int], Step]], Step]


class SpotAccount:
    """Spot of one account. engine: its orders and coins."""

    def __init__(
        self,
        market: MarketView,
        contracts: AccountEngine,
        store: StateStore,
        carry_out: CarryOut,
        fees: FeeRates,
    ) -> None:
        """carry_out: takes a step at the exchange's time, writes it down and publishes it."""
        self.market = market
        self._store = store
        self._carry_out = carry_out
        self.engine = SpotEngine(market, contracts.state, fees, lambda: contracts.figures().available)
        contracts.locked = lambda: self.engine.locked(SETTLE_COIN)
        market.add_listener(self)

    # ---- requests

    def create(self, body: Body) -> Order:
        """order/create. Raises Refused."""
        request = wire.read_create(body)
        if request.order_link_id and self._store.link_is_used(request.order_link_id):
            raise Refused(rules.DUPLICATE_LINK, rules.DUPLICATE_TEXT)
        return _order_of(self._carry_out(lambda at_ns: self.engine.create(request, at_ns)))

    def amend(self, body: Body) -> Order:
        """order/amend. Raises Refused."""
        order = self._find_open(body, SpotFilter.ALL)
        request = wire.read_amend(body)
        return _order_of(self._carry_out(lambda at_ns: self.engine.amend(order, request, at_ns)))

    def cancel(self, body: Body) -> Order:
        """order/cancel: without orderFilter only what does not wait for a trigger. Raises Refused."""
        order = self._find_open(body, wire.read_filter(body, SpotFilter.ORDER))
        return _order_of(
            self._carry_out(
                lambda at_ns: self.engine.cancel_where(lambda each: each.order_id == order.order_id, at_ns)
            )
        )

    def cancel_all(self, body: Body) -> list[Order]:
        """order/cancel-all, of everything when no symbol or coin is named. Raises Refused."""
        scope = account_wire.read_scope(body, needed=False)
        kind = wire.read_filter(body, SpotFilter.ORDER)
        instruments = self.market.instruments
        if scope.symbol:
            rules.known(instruments, scope.symbol)
        chosen = {
            order.order_id
            for order in self.engine.state.spot_orders.values()
            if scope.admits(instruments[order.symbol]) and kind.admits(order)
        }
        step = self._carry_out(
            lambda at_ns: self.engine.cancel_where(lambda order: order.order_id in chosen, at_ns)
        )
        return [order for order in step.final_orders().values() if order.order_id in chosen]

    def resting_order(self, body: Body) -> Order:
        """The order in the book that a cancel names. Raises Refused."""
        return self._find_open(body, SpotFilter.ORDER)

    def fill_resting(self, order_id: str) -> None:
        """Somebody takes all of this resting order at its own price; nothing when it is gone."""
        self._carry_out(lambda at_ns: self.engine.fill_resting(order_id, at_ns))

    def transfer(self, coin: str, amount: Decimal) -> Step:
        """Moves coins in, or out as far as they are free. Raises Refused."""

        def move(at_ns: int) -> Step:
            if -amount > self.engine.free(coin):
                raise Refused(TRANSFER_SHORT, "user insufficient balance")
            step = Step(at_ns)
            self.engine.transfer(step, coin, amount)
            return step

        return self._carry_out(move)

    def _find_open(self, body: Body, kind: SpotFilter) -> Order:
        chosen = wire.read_chosen(body)
        for order in self.engine.state.spot_orders.values():
            named = (
                order.order_id == chosen.order_id
                if chosen.order_id
                else order.order_link_id == chosen.link_id
            )
            if named and order.symbol == chosen.symbol and kind.admits(order):
                return order
        raise Refused(rules.NOT_FOUND, rules.NOT_FOUND_TEXT)

    # ---- what is there

    def coins(self) -> list[Coin]:
        """Every coin beside the settle coin that the account has ever had, by name."""
        return [
            Coin(name, balance, self.engine.locked(name), self._dollars(name))
            for name, balance in sorted(self.engine.state.coins.items())
        ]

    def _dollars(self, coin: str) -> Decimal:
        symbol = f"{coin}{SETTLE_COIN}"
        return self.market.last_price(symbol) if symbol in self.market.instruments else ZERO

    # ---- MarketListener

    def on_book(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool, at_ns: int
    ) -> None:
        """The exchange has restated these levels."""
        self._carry_out(lambda now_ns: self.engine.on_book(symbol, restated, replaced, now_ns))

    def on_trade(self, symbol: str, price: Decimal, qty: Decimal, taker: Side, at_ns: int) -> None:
        """A replayed trade."""
        self._carry_out(lambda now_ns: self.engine.on_trade(symbol, price, qty, taker, at_ns, now_ns))

    def on_mark(self, symbol: str, mark: Decimal, index: Decimal, last: Decimal, at_ns: int) -> None:
        """The last price was told."""
        self._carry_out(lambda now_ns: self.engine.on_last(symbol, last, now_ns))


def _order_of(step: Step) -> Order:
    assert step.order is not None  # every operation on one order names it
    return step.order
