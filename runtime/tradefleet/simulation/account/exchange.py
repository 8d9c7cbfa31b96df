"""The simulated exchange's account: engine, store and market joined.

Everything happens in one thread, in this order: a request or a market event makes the engine take a
step; the step is committed to the store; only then is it returned to the caller (who answers) and
published to the private streams. The market calls in through `MarketListener`, the wire through the
other methods; `reads` answers questions.

    exchange = SimulatedExchange(market, Path("state"), api_key="k", api_secret="s")
    accepted = exchange.create({"category": "linear", "symbol": "BTCUSDT", ...})
"""

import decimal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import MONEY
from tradefleet.simulation.account import wire
from tradefleet.simulation.account.engine import GONE, AccountEngine
from tradefleet.simulation.account.faults import FaultPlan
from tradefleet.simulation.account.ledger import FeeRates
from tradefleet.simulation.account.orders import LINEAR, SPOT, Order, Refused
from tradefleet.simulation.account.rows import (
    MILLISECOND_NS,
    Row,
    execution_row,
    fast_execution_row,
    order_row,
    position_stream_row,
    wallet_row,
)
from tradefleet.simulation.account.rules import DUPLICATE_LINK, DUPLICATE_TEXT, SETTLE_COIN
from tradefleet.simulation.account.spot.desk import SPOT_FEES
from tradefleet.simulation.account.spot.requests import SpotAccount
from tradefleet.simulation.account.spot.wire import is_spot
from tradefleet.simulation.account.state import MarginMode, Step
from tradefleet.simulation.account.store import StateError, StateStore
from tradefleet.simulation.market_view import Funding, MarketView

RECENT_CLOSED: Final = 500
"""How many ended orders of a category order/realtime remembers; a restart forgets them, as Bybit's does."""

Body = Mapping[str, Any]


class Timing(msgspec.Struct, frozen=True):
    """When things leave, in milliseconds after the engine is done; rows after the ack by default."""

    ack_ms: float = 0.0
    rows_ms: float = 4.0


class ApiKey(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """What user/query-api says of the key; shown, not enforced, but for readOnly.

    permissions: by section; a section that is not named is empty. expired_at: ISO 8601.
    """

    permissions: dict[str, list[str]] = msgspec.field(
        default_factory=lambda: {
            "ContractTrade": ["Order", "Position"],
            "Derivatives": ["DerivativesTrade"],
            "Spot": ["SpotTrade"],
        }
    )
    read_only: bool = False
    expired_at: str = "2099-12-31T00:00:00Z"
    ips: tuple[str, ...] = ("*",)


class Publication(msgspec.Struct, frozen=True):
    """One step for the private streams: rows by topic, in the order in which topics are sent."""

    at_ns: int
    rows: dict[str, list[Row]]


Subscriber = Callable[[Publication], None]


class SimulatedExchange:
    """One account of a Bybit V5 unified account: linear contracts in cross margin, and spot."""

    def __init__(
        self,
        market: MarketView,
        state_folder: Path,
        *,
        api_key: str,
        api_secret: str,
        uid: str = "100001",
        start_balance: Decimal = Decimal("10000"),
        fees: FeeRates | None = None,
        timing: Timing | None = None,
        spot: MarketView | None = None,
        spot_fees: FeeRates = SPOT_FEES,
    ) -> None:
        """Opens the folder's account, or makes one with `start_balance` USDT. spot: the market in which
        coins are traded; without one, category spot is not simulated.

        Raises StateError when the folder's file cannot be used.
        """
        self.market = market
        self.api_key = api_key
        self.api_secret = api_secret
        self.uid = uid
        self.timing = timing or Timing()
        self.faults = FaultPlan(market.now_ns)
        self.recent = {category: deque[Order](maxlen=RECENT_CLOSED) for category in (LINEAR, SPOT)}
        self.store = StateStore.open(state_folder, uid, start_balance, market.now_ns())
        self._subscribers: list[Subscriber] = []
        self._broken: StateError | None = None
        self._last_step_ns = 0
        self._next_funding: dict[str, Funding] = {}
        self.key = ApiKey()
        state = self.store.load()
        self._require_symbols(market, [*(order.symbol for order in state.orders.values())])
        self._require_symbols(market, [p.symbol for p in state.positions.values() if p.size])
        self._require_symbols(spot, [order.symbol for order in state.spot_orders.values()])
        self.engine = AccountEngine(market, state, fees or FeeRates())
        self.spot: SpotAccount | None = None
        if spot is not None:
            self.spot = SpotAccount(spot, self.engine, self.store, self._carry_out, spot_fees)
        market.add_listener(self)

    def _require_symbols(self, market: MarketView | None, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            if market is None or symbol not in market.instruments:
                self.store.close()
                what = "a spot order" if market is not self.market else "an order or position"
                raise StateError(
                    self.store.path,
                    f"has {what} in {symbol}, which this market does not have: "
                    "replay that symbol, or name another folder",
                )

    def close(self) -> None:
        """Closes the state's file; the exchange may not be used afterwards."""
        self.store.close()

    def server_ms(self) -> int:
        """The clock that the exchange shows and judges by, as an ordered skew has it."""
        return (self.market.now_ns() + self.faults.skew_ns) // MILLISECOND_NS

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Calls `subscriber` after each step that changed something; returns the way to stop."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    # ---- requests

    def create(self, body: Body) -> Order:
        """order/create: the accepted order as it is after its first match. Raises Refused."""
        if self.spot is not None and is_spot(body):
            return self.spot.create(body)
        request = wire.read_create(body)
        if request.order_link_id and self.store.link_is_used(request.order_link_id):
            raise Refused(DUPLICATE_LINK, DUPLICATE_TEXT)
        return _order_of(self._carry_out(lambda at_ns: self.engine.create(request, at_ns)))

    def amend(self, body: Body) -> Order:
        """order/amend. Raises Refused."""
        if self.spot is not None and is_spot(body):
            return self.spot.amend(body)
        chosen, request = wire.read_chosen(body), wire.read_amend(body)
        order = self._find_open(chosen, "order not exists or too late to replace")
        return _order_of(self._carry_out(lambda at_ns: self.engine.amend(order.order_id, request, at_ns)))

    def cancel(self, body: Body) -> Order:
        """order/cancel. Raises Refused."""
        if self.spot is not None and is_spot(body):
            return self.spot.cancel(body)
        order = self._find_open(wire.read_chosen(body), "order not exists or too late to cancel")
        return _order_of(self._carry_out(lambda at_ns: self.engine.cancel(order.order_id, at_ns)))

    def cancel_all(self, body: Body) -> list[Order]:
        """order/cancel-all: the cancelled orders, at most 500. Raises Refused."""
        if self.spot is not None and is_spot(body):
            return self.spot.cancel_all(body)
        wire.require_linear(body)
        scope = wire.read_scope(body, needed=True)
        chosen_filter = wire.word(body, "orderFilter", wire.OrderFilter, wire.OrderFilter.ALL)
        stop_kind = wire.text(body, "stopOrderType")
        instruments = self.market.instruments
        if scope.symbol and scope.symbol not in instruments:
            raise wire.bad(f"params error: symbol invalid {scope.symbol}")

        def chosen(order: Order) -> bool:
            return (
                scope.admits(instruments[order.symbol])
                and chosen_filter.admits(order)
                and (not stop_kind or order.stop_kind.value == stop_kind)
            )

        step = self._carry_out(lambda at_ns: self.engine.cancel_where(chosen, at_ns))
        return [order for order in step.final_orders().values() if order.category != SPOT]

    def set_protection(self, body: Body) -> None:
        """position/trading-stop. Raises Refused."""
        wish = wire.read_protection(body)
        self._carry_out(lambda at_ns: self.engine.protect(wish, at_ns))

    def set_leverage(self, body: Body) -> None:
        """position/set-leverage. Raises Refused."""
        symbol, leverage = wire.read_leverage(body)
        self._carry_out(lambda at_ns: self.engine.set_leverage(symbol, leverage, at_ns))

    def switch_mode(self, body: Body) -> None:
        """position/switch-mode for a symbol, or for all contracts of a coin. Raises Refused."""
        scope, hedged = wire.read_mode(body)
        symbols = [name for name, each in self.market.instruments.items() if scope.admits(each)]
        if not symbols:
            raise wire.bad(f"params error: symbol invalid {scope.symbol or scope.settle_coin}")
        self._carry_out(lambda at_ns: self.engine.switch_mode(symbols, hedged=hedged, at_ns=at_ns))

    def set_margin_mode(self, body: Body) -> None:
        """account/set-margin-mode: kept and shown; only cross margin can be traded in. Raises Refused."""
        mode = wire.word(body, "setMarginMode", MarginMode)
        self._carry_out(lambda at_ns: self.engine.set_margin_mode(mode, at_ns))

    def resting_order(self, body: Body) -> Order:
        """The order in the book that a cancel names. Raises Refused."""
        if self.spot is not None and is_spot(body):
            return self.spot.resting_order(body)
        order = self._find_open(wire.read_chosen(body), "order not exists or too late to cancel")
        if not order.is_resting:
            raise Refused(GONE, "order not exists or too late to cancel")
        return order

    def fill_resting(self, order_id: str) -> None:
        """Somebody takes all of this resting order at its own price; nothing when it is gone."""
        if self.spot is not None and order_id in self.engine.state.spot_orders:
            self.spot.fill_resting(order_id)
            return
        self._carry_out(lambda at_ns: self.engine.fill_resting(order_id, at_ns))

    def _find_open(self, chosen: wire.Chosen, gone_text: str) -> Order:
        for order in self.engine.state.orders.values():
            by_id = order.order_id == chosen.order_id if chosen.order_id else False
            by_link = not chosen.order_id and order.order_link_id == chosen.link_id
            if (by_id or by_link) and order.symbol == chosen.symbol:
                return order
        raise Refused(GONE, gone_text)

    # ---- what the exchange does of itself

    def fund(self, symbol: str, rate: Decimal) -> Step:
        """Settles funding of the symbol's positions now. Raises Refused for an unknown symbol."""
        return self._carry_out(lambda at_ns: self.engine.fund(symbol, rate, at_ns))

    def transfer(self, amount: Decimal, coin: str = SETTLE_COIN) -> Step:
        """Moves USDT (or coins of a spot pair) into the account, or out of it when below zero. Raises
        Refused."""
        if coin != SETTLE_COIN:
            if self.spot is None or amount == 0:
                raise wire.bad(f"params error: {coin} is not kept here, or the amount is zero")
            return self.spot.transfer(coin, amount)
        return self._carry_out(lambda at_ns: self.engine.transfer(amount, at_ns))

    def deleverage(self, symbol: str, position_idx: int, qty: Decimal | None, price: Decimal | None) -> Step:
        """Auto-deleverages a position. Raises Refused when there is none."""
        return self._carry_out(lambda at_ns: self.engine.deleverage(symbol, position_idx, qty, price, at_ns))

    def _settle_when_due(self, symbol: str) -> None:
        """The market tells its next settlement anew when one has passed: that one is settled now."""
        now, before = self.market.funding(symbol), self._next_funding.get(symbol)
        if now is None or now is before:
            return
        self._next_funding[symbol] = now
        if before is not None and before.next_ns != now.next_ns and before.next_ns <= self.market.now_ns():
            self.fund(symbol, before.rate)

    # ---- MarketListener

    def on_book(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool, at_ns: int
    ) -> None:
        """The exchange has restated these levels; a funding interval may have ended."""
        self._settle_when_due(symbol)  # books are told most often: seldom more than 100 ms late
        self._carry_out(lambda now_ns: self.engine.on_book(symbol, restated, replaced, now_ns))

    def on_trade(self, symbol: str, price: Decimal, qty: Decimal, taker: Side, at_ns: int) -> None:
        """A replayed trade."""
        self._carry_out(lambda now_ns: self.engine.on_trade(symbol, price, qty, taker, at_ns, now_ns))

    def on_mark(self, symbol: str, mark: Decimal, index: Decimal, last: Decimal, at_ns: int) -> None:
        """Mark, index or last price changed; a funding interval may have ended."""
        self._settle_when_due(symbol)
        self._carry_out(lambda now_ns: self.engine.on_mark(symbol, mark, index, last, now_ns))

    # ---- one step

    def _carry_out(self, action: Callable[[int], Step]) -> Step:
        """Decide, write down, publish. A state that cannot be written ends the exchange."""
        if self._broken is not None:
            raise self._broken
        with decimal.localcontext(MONEY):
            # Steps never go back in time, whatever the wall clock does: rows are ordered by it.
            self._last_step_ns = max(self._last_step_ns, self.market.now_ns())
            step = action(self._last_step_ns)
            if self.spot is not None:
                self.spot.engine.release(step)
            if not step:
                return step
            try:
                self.store.commit(step, self.engine.state)
            except StateError as error:
                # Memory is now ahead of the file: nothing may be answered from it any more.
                self._broken = error
                raise
            for order in step.final_orders().values():
                if order.status.is_terminal:
                    self.recent[order.category].append(order)
            if self._subscribers:
                publication = self._publication(step)
                for subscriber in tuple(self._subscribers if publication.rows else ()):
                    subscriber(publication)
        return step

    def _publication(self, step: Step) -> Publication:
        rows: dict[str, list[Row]] = {}
        if step.fills:
            rows["execution"] = [execution_row(fill) for fill in step.fills]
            fast = [f for f in step.fills if f.exec_type is ExecutionType.TRADE]
            if fast:
                rows["execution.fast"] = [fast_execution_row(fill) for fill in fast]
        if step.orders:
            rows["order"] = [order_row(order) for order in step.orders]
        if step.positions:
            rows["position"] = [
                position_stream_row(position, self.engine.position_figures(position), self.engine.fees)
                for position in step.positions
            ]
        if step.transactions:
            rows["wallet"] = [self.wallet()]
        return Publication(step.at_ns, rows)

    def wallet(self) -> Row:
        """The wallet's row as it is now."""
        return wallet_row(self.engine.figures(), self.spot.coins() if self.spot else ())


def _order_of(step: Step) -> Order:
    """The order that the request was about."""
    assert step.order is not None  # every operation on one order names it
    return step.order
