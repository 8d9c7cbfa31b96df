"""Spot orders against the spot market: they arrive, rest, wait, fill, end.

As `account.matching` does for contracts, with spot's own rules: a price outside the band is refused
and not moved, an order that ends with fills is PartiallyFilledCanceled, stop and target of a limit
order become one waiting order of what it has bought or sold, and nothing can be bought without the
coin for it. Time is passed in; what happened comes back as a `Step`.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from msgspec.structs import replace

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ZERO, divide, floor_to
from tradefleet.simulation.account.band import market_bound
from tradefleet.simulation.account.liquidity import reaches
from tradefleet.simulation.account.orders import (
    SPOT,
    CancelType,
    CreateType,
    Direction,
    MarketUnit,
    Order,
    Protection,
    Refused,
    RejectReason,
    StopKind,
    Trigger,
)
from tradefleet.simulation.account.rules import SETTLE_COIN
from tradefleet.simulation.account.spot import rules
from tradefleet.simulation.account.spot.desk import SpotDesk
from tradefleet.simulation.account.spot.wire import SpotAmend, SpotRequest, invalid
from tradefleet.simulation.account.state import Step

AMEND_UNCHANGED = 170130


class SpotEngine(SpotDesk):
    """One account's spot orders against one spot market."""

    # ---- create

    def create(self, request: SpotRequest, at_ns: int) -> Step:
        """Accepts the order or raises Refused. Whether its orderLinkId is new is judged before."""
        instrument = rules.known(self.market.instruments, request.symbol)
        last = self.market.last_price(request.symbol)
        rules.check_qty(instrument, request.order_type, request.unit, request.qty)
        self._judge_prices(instrument, request, last)
        rules.check_counts(self.open_orders(request.symbol), request)
        order = self._new_order(instrument, request, last, at_ns)
        self._judge_value(instrument, order, last)
        if not self.affords(order):
            raise Refused(rules.NO_FUNDS, rules.NO_FUNDS_TEXT)
        step = Step(at_ns)
        order = self.numbered(order)
        step.order = self.put(step, order) if order.is_waiting else self._arrive(step, order)
        return step

    def _judge_prices(self, instrument: Instrument, request: SpotRequest, last: Decimal) -> None:
        for price in (request.price, request.trigger, request.take_profit, request.stop_loss):
            if price is not None:
                rules.check_price(instrument, price)
        if request.trigger == last:
            raise invalid("triggerPrice")
        if request.price is not None:
            rules.check_band(instrument, request.side, request.price, request.trigger or last)
            rules.check_attached(request, request.price)

    @staticmethod
    def _judge_value(instrument: Instrument, order: Order, last: Decimal) -> None:
        if order.market_unit is MarketUnit.QUOTE:
            rules.check_value(instrument, order.qty)
            return
        at = order.trigger.price if order.trigger else last
        rules.check_value(
            instrument, order.qty * (order.price if order.order_type is OrderType.LIMIT else at)
        )

    def _new_order(self, instrument: Instrument, request: SpotRequest, last: Decimal, at_ns: int) -> Order:
        trigger = None if request.trigger is None else _trigger(request.trigger, last)
        kind = StopKind.NONE
        if trigger is not None:
            kind = StopKind.TPSL if request.occupies else StopKind.STOP
        price = request.price
        if price is None:
            price = ZERO if trigger else market_bound(instrument, request.side, last)
        buys = request.side is Side.BUY
        return Order(
            number=0,
            order_id="",
            category=SPOT,
            order_link_id=request.order_link_id,
            symbol=request.symbol,
            side=request.side,
            order_type=request.order_type,
            time_in_force=request.time_in_force,
            qty=request.qty,
            market_unit=request.unit,
            price=price,
            fee_coin=instrument.base_coin if buys else instrument.quote_coin,
            status=OrderStatus.NEW if trigger is None else OrderStatus.UNTRIGGERED,
            created_ns=at_ns,
            updated_ns=at_ns,
            armed_ns=at_ns,
            stop_kind=kind,
            trigger=trigger,
            take_profit=None if request.take_profit is None else Protection(request.take_profit),
            stop_loss=None if request.stop_loss is None else Protection(request.stop_loss),
            smp_type=request.smp_type,
            last_price_on_created=last,
        )

    # ---- an order is live

    def _arrive(self, step: Step, order: Order) -> Order:
        """It takes what it may, then rests, ends or is filled."""
        book, liquidity = self.market.book(order.symbol), self.liquidity(order.symbol)
        if order.time_in_force is TimeInForce.POST_ONLY:
            if any(True for _ in liquidity.available(book, order.side, order.price)):
                return self.end(step, order, RejectReason.POST_ONLY_TAKES)
            return self._rest(step, order)
        if order.time_in_force is TimeInForce.FOK:
            there = sum((size for _, size in liquidity.available(book, order.side, order.price)), ZERO)
            if there < order.leaves:
                return self.end(step, order, RejectReason.NOT_ENOUGH_QTY)
        order, dust = self._take(step, order)
        if order.leaves == 0:
            return self._settled(step, self.put(step, replace(order, status=OrderStatus.FILLED)))
        if order.time_in_force is TimeInForce.GTC:
            return self._rest(step, order)
        reason = RejectReason.NONE if dust else RejectReason.NO_IMMEDIATE_QTY
        return self._settled(step, self.end(step, order, reason))

    def _take(self, step: Step, order: Order) -> tuple[Order, bool]:
        """Trades with the displayed levels; whether what is left is too little for one step."""
        book, liquidity = self.market.book(order.symbol), self.liquidity(order.symbol)
        instrument, seq = self.market.instruments[order.symbol], self.next_seq()
        while order.leaves:
            best = next(liquidity.available(book, order.side, order.price), None)
            if best is None:
                return order, False
            price, there = best
            wanted = order.leaves
            if order.market_unit is MarketUnit.QUOTE:
                wanted = instrument.size_down(divide(order.leaves, price))
            if wanted == 0:
                return order, True
            ((_, size),) = liquidity.take(book, order.side, price, min(there, wanted))
            order = self.fill(step, order, price, size, is_maker=False, seq=seq)
        return order, False

    def _rest(self, step: Step, order: Order) -> Order:
        status = OrderStatus.PARTIALLY_FILLED if order.cum_exec_qty else OrderStatus.NEW
        order = self.put(step, replace(order, status=status))
        self.liquidity(order.symbol).join(self.market.book(order.symbol), order, step.at_ns)
        return order

    def _settled(self, step: Step, order: Order) -> Order:
        """An ended order hands its stop and target to what it has bought or sold."""
        stop, target = order.stop_loss, order.take_profit
        if order.cum_exec_qty and order.stop_kind is StopKind.NONE and (stop or target):
            child = self._child(step, order, stop, target)
            if child is not None and self.affords(child):
                self.put(step, self.numbered(child))
        return order

    def _child(
        self, step: Step, order: Order, stop: Protection | None, target: Protection | None
    ) -> Order | None:
        """The order that gives back what came in: market, occupying, at the stop or the target."""
        instrument = self.market.instruments[order.symbol]
        buys = order.side is Side.BUY
        came = (order.cum_exec_qty if buys else order.cum_exec_value) - order.cum_exec_fee
        qty = floor_to(came, instrument.qty_step if buys else instrument.quote_step)
        if qty == 0:
            return None
        both = stop is not None and target is not None
        falls = stop if buys else target
        only = stop or target
        assert only is not None  # one of them is there
        direction = Direction.FALL if only is falls else Direction.RISE
        return Order(
            number=0,
            order_id="",
            category=SPOT,
            order_link_id="",
            symbol=order.symbol,
            side=order.side.opposite,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            qty=qty,
            market_unit=MarketUnit.BASE if buys else MarketUnit.QUOTE,
            price=ZERO,
            fee_coin=instrument.quote_coin if buys else instrument.base_coin,
            status=OrderStatus.UNTRIGGERED,
            created_ns=step.at_ns,
            updated_ns=step.at_ns,
            armed_ns=step.at_ns,
            create_type=CreateType.STOP_LOSS if stop else CreateType.TAKE_PROFIT,
            stop_kind=StopKind.BIDIRECTIONAL if both else StopKind.TPSL,
            trigger=Trigger(only.price, direction),
            take_profit=target if both else None,
            stop_loss=stop if both else None,
            last_price_on_created=self.market.last_price(order.symbol),
        )

    # ---- the market moves

    def on_book(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool, at_ns: int
    ) -> Step:
        """Displayed sizes are fresh again; a book that crosses a resting order fills it."""
        step = Step(at_ns)
        for order, qty in self.crossed(symbol, restated, replaced):
            self._fill_resting(step, order, qty)
        return step

    def on_trade(
        self, symbol: str, price: Decimal, qty: Decimal, taker: Side, traded_ns: int, at_ns: int
    ) -> Step:
        """A trade fills whom it reaches, then fires what watches the last price."""
        step, used = Step(at_ns), ZERO
        for stale in self.resting(symbol):
            order = self.state.spot_orders.get(stale.order_id)
            if order is None or not order.is_resting:
                continue
            reached = self._reached(order, price, qty, used, taker)
            if reached > 0 and self.liquidity(symbol).spot(order.order_id).since_ns <= traded_ns:
                size = min(order.leaves, reached)
                used += size
                self._fill_resting(step, order, size)
        self._fire(step, symbol, price, traded_ns)
        return step

    def _reached(self, order: Order, price: Decimal, qty: Decimal, used: Decimal, taker: Side) -> Decimal:
        """How much of a trade comes through to a resting order (see `account.matching`)."""
        if price == order.price:
            if taker is order.side:
                return ZERO
            return self.liquidity(order.symbol).spot(order.order_id).pass_trade(qty) - used
        return qty - used if reaches(order.side, order.price, price) else ZERO

    def on_last(self, symbol: str, last: Decimal, at_ns: int) -> Step:
        """Fires what watches the last price."""
        step = Step(at_ns)
        self._fire(step, symbol, last, at_ns)
        return step

    def fill_resting(self, order_id: str, at_ns: int) -> Step:
        """All of a resting order is taken at its own price, as if by a trade that reached it."""
        step, order = Step(at_ns), self.state.spot_orders.get(order_id)
        if order is not None and order.is_resting:
            self._fill_resting(step, order, order.leaves)
        return step

    def _fill_resting(self, step: Step, order: Order, qty: Decimal) -> None:
        order = self.fill(step, order, order.price, qty, is_maker=True, seq=self.next_seq())
        status = OrderStatus.PARTIALLY_FILLED if order.leaves else OrderStatus.FILLED
        order = self.put(step, replace(order, status=status))
        if status is OrderStatus.FILLED:
            self._settled(step, order)

    def _fire(self, step: Step, symbol: str, last: Decimal, as_of_ns: int) -> None:
        """Fires every waiting order whose trigger is reached, oldest first."""
        for stale in [order for order in self.open_orders(symbol) if order.is_waiting]:
            order = self.state.spot_orders.get(stale.order_id)
            if order is None or not order.is_waiting or order.armed_ns > as_of_ns:
                continue
            if any(trigger.fires(last) for trigger in _triggers(order)):
                self._triggered(step, order)

    def _triggered(self, step: Step, order: Order) -> None:
        order = self.put(step, replace(order, status=OrderStatus.TRIGGERED, updated_ns=step.at_ns))
        if order.order_type is OrderType.MARKET:
            instrument = self.market.instruments[order.symbol]
            bound = market_bound(instrument, order.side, self.market.last_price(order.symbol))
            order = replace(order, price=bound)
        if not self.affords(order):
            self.put(step, replace(order, status=OrderStatus.REJECTED, reject_reason=RejectReason.OTHERS))
            return
        self._arrive(step, order)

    # ---- cancel, amend

    def cancel_where(self, chosen: Callable[[Order], bool], at_ns: int) -> Step:
        """Cancels the open orders that `chosen` picks."""
        step = Step(at_ns)
        for order in [each for each in self.state.spot_orders.values() if chosen(each)]:
            step.order = self._settled(
                step, self.end(step, order, RejectReason.CANCEL_REQUEST, CancelType.BY_USER)
            )
        return step

    def release(self, step: Step) -> None:
        """Ends the youngest buys when the contracts have lost the money that they hold back."""
        for order in reversed(list(self.state.spot_orders.values())):  # nearly always none
            if self.locked(SETTLE_COIN) <= max(ZERO, self.balance(SETTLE_COIN)):
                return
            if self._locks[order.order_id][0] == SETTLE_COIN and self._locks[order.order_id][1]:
                self._settled(step, self.end(step, order, RejectReason.OTHERS))

    def amend(self, order: Order, request: SpotAmend, at_ns: int) -> Step:
        """Changes an open order; it goes to the back of the queue unless only its size shrinks."""
        changed = self._amended(order, request, at_ns)
        if replace(changed, updated_ns=order.updated_ns, armed_ns=order.armed_ns) == order:
            raise Refused(AMEND_UNCHANGED, "The order remains unchanged.")
        if not self.affords(changed):
            raise Refused(rules.NO_FUNDS, rules.NO_FUNDS_TEXT)
        step = Step(at_ns)
        if changed.is_waiting or (changed.price == order.price and changed.qty < order.qty):
            step.order = self.put(step, changed)
        else:
            self.liquidity(order.symbol).leave(order.order_id)
            step.order = self._arrive(step, changed)
        return step

    def _amended(self, order: Order, request: SpotAmend, at_ns: int) -> Order:
        instrument, last = self.market.instruments[order.symbol], self.market.last_price(order.symbol)
        changed = replace(order, updated_ns=at_ns)
        if request.qty is not None:
            rules.check_qty(instrument, order.order_type, order.market_unit, request.qty)
            if request.qty <= order.cum_exec_qty:
                raise invalid("qty")
            changed = replace(changed, qty=request.qty)
        if request.trigger_price is not None and order.is_waiting:
            rules.check_price(instrument, request.trigger_price)
            if request.trigger_price == last or order.stop_kind is StopKind.BIDIRECTIONAL:
                raise invalid("triggerPrice")
            changed = replace(changed, trigger=_trigger(request.trigger_price, last), armed_ns=at_ns)
        if request.price is not None and order.order_type is OrderType.LIMIT:
            rules.check_price(instrument, request.price)
            at = changed.trigger.price if changed.is_waiting and changed.trigger else last
            rules.check_band(instrument, order.side, request.price, at)
            changed = replace(changed, price=request.price)
        self._judge_value(instrument, changed, last)
        return changed


def _trigger(price: Decimal, last: Decimal) -> Trigger:
    """Spot has no triggerDirection: the price comes from where it is now."""
    return Trigger(price, Direction.RISE if price > last else Direction.FALL)


def _triggers(order: Order) -> list[Trigger]:
    """One, or the stop's and the target's of an order that has both."""
    stop, target = order.stop_loss, order.take_profit
    if order.stop_kind is not StopKind.BIDIRECTIONAL or stop is None or target is None:
        return [] if order.trigger is None else [order.trigger]
    sells = order.side is Side.SELL
    return [
        Trigger(stop.price, Direction.FALL if sells else Direction.RISE),
        Trigger(target.price, Direction.RISE if sells else Direction.FALL),
    ]
