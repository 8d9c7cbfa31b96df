"""What a user may ask of the account: create, amend, cancel, protect, set leverage.

Each request is judged by `rules` before anything is changed; what passes is carried out by
`Matching` and told as a `Step`. Pure: the caller persists the step, then answers, then pushes it.
"""

import random
from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderStatus, OrderType
from tradefleet.domain.quantities import ONE, ZERO
from tradefleet.simulation.account import rules
from tradefleet.simulation.account.band import clamp_limit, market_bound, tolerated
from tradefleet.simulation.account.orders import (
    AmendRequest,
    CancelType,
    Order,
    OrderRequest,
    Protection,
    Refused,
    RejectReason,
    StopKind,
)
from tradefleet.simulation.account.state import MarginMode, Step
from tradefleet.simulation.account.trading_stop import TradingStop
from tradefleet.simulation.account.wire import bad, not_simulated

GONE = 110001
AMEND_BELOW_FILLED = 110064
LEVERAGE_NOT_MODIFIED = 110043
MARGIN_SHORT = 110012
MODE_POSITION = 110024
MODE_NOT_MODIFIED = 110025
MODE_ORDERS = 110028
MARGIN_MODE_FAILED = 3400045


class AccountEngine(TradingStop):
    """The account's requests on top of its matching and upkeep."""

    # ---- create

    def create(self, request: OrderRequest, at_ns: int) -> Step:
        """Accepts the order or raises Refused; the step tells what became of it at once.

        Uniqueness of the orderLinkId is the store's to judge, before this.
        """
        instrument = rules.known(self.market.instruments, request.symbol)
        rules.check_position_idx(request.position_idx, self.state.indices(request.symbol))
        rules.check_settle_coin(instrument)
        rules.check_live(instrument, request.only_reduces)
        self._require_cross_margin(request.only_reduces)
        qty = self._judged_qty(instrument, request)
        price = self._judged_price(instrument, request)
        self._judge_protection(instrument, request, price)
        open_orders = self.open_orders(request.symbol)
        active = sum(order.is_resting for order in open_orders)
        waiting = sum(order.is_waiting and order.stop_kind is StopKind.STOP for order in open_orders)
        rules.check_counts(active, waiting, request.trigger is not None)
        if request.trigger is not None:
            rules.check_trigger(instrument, request.trigger, self.prices(request.symbol))
        elif not request.only_reduces:
            at_mark = price if request.order_type is OrderType.LIMIT else self.prices(request.symbol).mark
            rules.check_notional(instrument, qty, at_mark)
        pieces = rules.pieces(instrument, request, qty)
        first = self._new_order(request, pieces[0], price, at_ns)
        if request.trigger is None and not self.affords(first):
            raise Refused(rules.NO_FUNDS, rules.NO_FUNDS_TEXT)
        step = Step(at_ns)
        step.order = self._enter(step, first)
        for piece in pieces[1:]:
            self._enter(step, replace(first, qty=piece, order_link_id=""))
        return self.finish(step)

    def _enter(self, step: Step, order: Order) -> Order:
        """The order gets its number only now: a refused request leaves no trace."""
        number, order_id = self.next_order()
        order = replace(order, number=number, order_id=order_id)
        return self.put(step, order) if order.is_waiting else self.arrive(step, order)

    def _judged_qty(self, instrument: Instrument, request: OrderRequest) -> Decimal:
        """The size that enters: cut to the position when the order only reduces.

        A conditional order that only reduces is measured against the position when it fires; its
        quantity may then be zero, for "all there is".
        """
        if request.qty:
            rules.check_step(instrument, request.qty)
        qty = request.qty
        if request.only_reduces and request.trigger is None:
            qty = rules.reducible(request, self.position(instrument.symbol, request.position_idx))
            if not request.qty:
                return min(qty, rules.max_qty(instrument, request.order_type))
            return qty  # one larger than the maximum is split
        rules.check_max(instrument, request.order_type, qty)
        return qty

    def _judged_price(self, instrument: Instrument, request: OrderRequest) -> Decimal:
        """Limit price inside the band, or a market order's bound; zero while that has to wait."""
        prices = self.prices(request.symbol)
        if request.price is None:
            if request.trigger is not None:
                return ZERO
            if request.tolerance is None:
                return market_bound(instrument, request.side, prices.mark)
            rules.check_tolerance(request.tolerance)
            best = self.market.book(request.symbol).levels(request.side.opposite)
            asked = tolerated(
                instrument, request.side, best[0][0] if best else prices.mark, request.tolerance
            )
        else:
            asked = request.price
            rules.check_price(instrument, asked)
        premium = self.premium(request.symbol).mean()
        return clamp_limit(instrument, request.side, asked, prices.mark, prices.index, premium)

    def _judge_protection(self, instrument: Instrument, request: OrderRequest, price: Decimal) -> None:
        """Attached stop and target lie on their sides of the base price.

        The base is a limit order's price, a conditional market order's trigger, else the price
        that the stop or target itself watches.
        """
        if request.stop_loss is None and request.take_profit is None:
            return
        if request.only_reduces:
            raise bad("TP/SL cannot be set for a reduce-only order")
        prices = self.prices(request.symbol)

        def base(protection: Protection) -> Decimal:
            if request.order_type is OrderType.LIMIT:
                return price
            return request.trigger.price if request.trigger else prices.of(protection.by)

        if request.stop_loss is not None:
            rules.check_stop(instrument, request.side, request.stop_loss, base(request.stop_loss))
        if request.take_profit is not None:
            rules.check_target(instrument, request.side, request.take_profit, base(request.take_profit))

    def _new_order(self, request: OrderRequest, qty: Decimal, price: Decimal, at_ns: int) -> Order:
        waiting = request.trigger is not None
        return Order(
            number=0,
            order_id="",
            order_link_id=request.order_link_id,
            symbol=request.symbol,
            position_idx=request.position_idx,
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            qty=qty,
            price=price,
            status=OrderStatus.UNTRIGGERED if waiting else OrderStatus.NEW,
            created_ns=at_ns,
            updated_ns=at_ns,
            reduce_only=request.reduce_only,
            close_on_trigger=request.close_on_trigger,
            stop_kind=StopKind.STOP if waiting else StopKind.NONE,
            trigger=request.trigger,
            armed_ns=at_ns,
            take_profit=request.take_profit,
            stop_loss=request.stop_loss,
            smp_type=request.smp_type,
            tolerance=request.tolerance,
            last_price_on_created=self.market.last_price(request.symbol),
        )

    def _require_cross_margin(self, only_reduces: bool) -> None:
        """The other modes can be set and seen; what they would do to margin is not simulated."""
        mode = self.state.settings.margin_mode
        if mode is not MarginMode.CROSS and not only_reduces:
            raise not_simulated(f"opening in {mode}")

    # ---- cancel

    def cancel(self, order_id: str, at_ns: int) -> Step:
        """Cancels an open order; 110001 when it is not open."""
        return self.cancel_where(lambda order: order.order_id == order_id, at_ns, at_least_one=True)

    def cancel_where(
        self, chosen: Callable[[Order], bool], at_ns: int, *, at_least_one: bool = False, at_most: int = 500
    ) -> Step:
        """Cancels the open orders that `chosen` picks; of more than 500 a random 500, as Bybit does.

        The choice is a function of the account's state, so that a run can be repeated.
        """
        step = Step(at_ns)
        picked = [order for order in self.state.orders.values() if chosen(order)]
        if len(picked) > at_most:
            drawn = random.Random(f"{self.state.salt}/{self.state.counters}").sample(picked, at_most)
            picked = sorted(drawn, key=lambda order: order.number)
        if at_least_one and not picked:
            raise Refused(GONE, "order not exists or too late to cancel")
        for order in picked:
            status = OrderStatus.DEACTIVATED if order.is_waiting else OrderStatus.CANCELLED
            step.order = self.end(step, order, status, RejectReason.CANCEL_REQUEST, cancel=CancelType.BY_USER)
            if order.is_protective:
                self.set_protection(step, self.position_of(order), order.stop_kind, None)
        return self.finish(step)

    # ---- amend

    def amend(self, order_id: str, request: AmendRequest, at_ns: int) -> Step:
        """Changes an open order; it goes to the back of the queue unless only its size shrinks."""
        order = self.state.orders.get(order_id)
        if order is None:
            raise Refused(GONE, "order not exists or too late to replace")
        if order.is_protective:
            return self.amend_protection(order, request, at_ns)
        changed = self._amended(order, request, at_ns)
        if replace(changed, updated_ns=order.updated_ns, armed_ns=order.armed_ns) == order:
            raise bad("The order remains unchanged as the parameters entered match the existing ones.")
        self._judge_amended(order, changed)
        step = Step(at_ns)
        if changed.is_waiting or (changed.price == order.price and changed.qty < order.qty):
            step.order = self.put(step, changed)
        else:
            self.liquidity(order.symbol).leave(order_id)
            step.order = self.arrive(step, changed)
        return self.finish(step)

    def _amended(self, order: Order, request: AmendRequest, at_ns: int) -> Order:
        instrument = self.market.instruments[order.symbol]
        changed = replace(order, updated_ns=at_ns)
        if request.qty is not None:
            rules.check_step(instrument, request.qty)
            rules.check_max(instrument, order.order_type, request.qty)
            if request.qty <= order.cum_exec_qty:
                raise Refused(AMEND_BELOW_FILLED, "The modified order quantity is below the filled one")
            qty = request.qty
            if order.reduce_only and order.is_resting:
                position = self.position_of(order)
                qty = min(qty, order.cum_exec_qty + abs(position.size))
            changed = replace(changed, qty=qty)
        if request.price is not None and order.order_type is OrderType.LIMIT:
            rules.check_price(instrument, request.price)
            prices, premium = self.prices(order.symbol), self.premium(order.symbol).mean()
            price = clamp_limit(instrument, order.side, request.price, prices.mark, prices.index, premium)
            changed = replace(changed, price=price)
        if request.trigger_price is not None and order.trigger is not None and order.is_waiting:
            trigger = replace(order.trigger, price=request.trigger_price)
            rules.check_trigger(instrument, trigger, self.prices(order.symbol))
            changed = replace(changed, trigger=trigger, armed_ns=at_ns)
        return changed

    def _judge_amended(self, order: Order, changed: Order) -> None:
        if changed.is_waiting or changed.only_reduces:
            return
        instrument = self.market.instruments[order.symbol]
        rules.check_notional(instrument, changed.qty, changed.price)
        if order.stop_loss is not None and not order.handed_over:
            rules.check_stop(instrument, order.side, order.stop_loss, changed.price)
        if order.take_profit is not None and not order.handed_over:
            rules.check_target(instrument, order.side, order.take_profit, changed.price)
        if not self.affords(changed):
            raise Refused(rules.NO_FUNDS, rules.NO_FUNDS_TEXT)

    # ---- position

    def set_leverage(self, symbol: str, leverage: Decimal, at_ns: int) -> Step:
        """Changes the symbol's leverage, 1 to the instrument's maximum; margin must suffice."""
        instrument = rules.known(self.market.instruments, symbol)
        if not ONE <= leverage <= instrument.max_leverage:
            raise bad("leverage invalid")
        # The one-way position keeps the symbol's leverage, also while the symbol is hedged.
        before = [self.position(symbol, idx) for idx in dict.fromkeys((0, *self.state.indices(symbol)))]
        if leverage == before[0].leverage:
            raise Refused(LEVERAGE_NOT_MODIFIED, "leverage not modified")
        changed = [replace(position, leverage=leverage, updated_ns=at_ns) for position in before]
        self.state.positions |= {position.key: position for position in changed}
        needs_margin = bool(self.held(symbol)) or self.has_open(symbol)
        if needs_margin and leverage < before[0].leverage and self.figures().available < 0:
            self.state.positions |= {position.key: position for position in before}
            raise Refused(MARGIN_SHORT, "Insufficient available balance")
        return Step(at_ns, positions=changed)

    def set_margin_mode(self, mode: MarginMode, at_ns: int) -> Step:
        """The account's margin mode; neither positions nor orders may be open."""
        if mode is self.state.settings.margin_mode:
            return Step(at_ns)
        if self.state.orders or any(position.size for position in self.state.positions.values()):
            raise Refused(MARGIN_MODE_FAILED, "Set margin mode failed")
        self.state.settings = replace(self.state.settings, margin_mode=mode)
        return Step(at_ns, quiet=True)

    def switch_mode(self, symbols: Sequence[str], *, hedged: bool, at_ns: int) -> Step:
        """One-way or hedge mode for these symbols; neither positions nor orders may be open."""
        before = self.state.settings
        after = before.hedged.union(symbols) if hedged else before.hedged.difference(symbols)
        if after == before.hedged:
            raise Refused(MODE_NOT_MODIFIED, "Position mode is not modified")
        for symbol in symbols:
            if self.held(symbol):
                raise Refused(MODE_POSITION, "Existing position, cannot switch position mode")
            if self.has_open(symbol):
                raise Refused(MODE_ORDERS, "Existing open orders, cannot switch position mode")
        self.state.settings = replace(before, hedged=after)
        return Step(at_ns, quiet=True)
