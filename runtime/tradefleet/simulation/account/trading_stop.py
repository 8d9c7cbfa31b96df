"""A position's protection on request: trading-stop, and the amends of the orders that it made.

Full sets, changes and removes the whole position's stop, target and trailing distance. Partial only
adds: each request makes waiting orders of their own size, up to twenty a position, which go when the
position does. Source: reference C5 (trading-stop), D4 (110061, 34040).
"""

from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderType, Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account import rules
from tradefleet.simulation.account.ledger import Position, Trailing
from tradefleet.simulation.account.orders import (
    AmendRequest,
    Order,
    Protection,
    Refused,
    StopKind,
)
from tradefleet.simulation.account.protection import (
    protective_order,
    settle,
    trailing_trigger,
    trigger_of,
)
from tradefleet.simulation.account.state import Step
from tradefleet.simulation.account.upkeep import Upkeep
from tradefleet.simulation.account.wire import PartialSize, ProtectionRequest, bad

NOT_MODIFIED: Final = 34040
TOO_MANY_PARTIAL: Final = 110061
MAX_PARTIAL: Final = 20


class TradingStop(Upkeep):
    """Stops, targets and trailing stops of positions."""

    def protect(self, wish: ProtectionRequest, at_ns: int) -> Step:
        """Carries out a trading-stop request, or raises Refused and changes nothing."""
        instrument = rules.known(self.market.instruments, wish.symbol)
        rules.check_position_idx(wish.position_idx, self.state.indices(wish.symbol))
        before = self.position(wish.symbol, wish.position_idx)
        if before.side is None:
            raise bad("can not set tp/sl/ts for zero position")
        self._judge(instrument, before, before.side, wish)
        step = Step(at_ns)
        if wish.partial:
            self._add_partial(step, before, wish)
        else:
            self._set_full(step, before, wish)
        self._set_trailing(step, wish)
        after = self.position(wish.symbol, wish.position_idx)
        if not step.orders and after.protection == before.protection:
            self.state.positions[before.key] = before
            raise Refused(NOT_MODIFIED, "not modified")
        settle(self, step, wish.symbol, wish.position_idx)
        return self.finish(step)

    # ---- judged first

    def _judge(self, instrument: Instrument, position: Position, side: Side, wish: ProtectionRequest) -> None:
        prices = self.prices(wish.symbol)
        stop, target = wish.stop_loss, wish.take_profit
        if stop is not None and stop.price > 0:
            rules.check_stop(instrument, side, stop, prices.of(stop.by))
        if target is not None and target.price > 0:
            rules.check_target(instrument, side, target, prices.of(target.by))
        if wish.trailing:
            _judge_trailing(instrument, side, wish.trailing, wish.active_price, prices.last)
        if wish.partial:
            self._judge_partial(instrument, position, wish)

    def _judge_partial(self, instrument: Instrument, position: Position, wish: ProtectionRequest) -> None:
        added = 0
        for protection, size in ((wish.stop_loss, wish.stop_size), (wish.take_profit, wish.target_size)):
            if protection is None or protection.price == 0:
                continue
            added += 1
            if size is None:
                raise bad("params error: tpSize or slSize is required in Partial mode")
            rules.check_step(instrument, size.qty)
            if size.qty > abs(position.size):
                raise bad("params error: TP/SL size must not be larger than the position")
            if size.limit is not None:
                rules.check_price(instrument, size.limit)
        present = sum(o.key == position.key and o.is_partial for o in self.open_orders(position.symbol))
        if present + added > MAX_PARTIAL:
            raise Refused(
                TOO_MANY_PARTIAL, f"The number of TP/SL orders exceeds the maximum of {MAX_PARTIAL}"
            )

    # ---- then done

    def _set_full(self, step: Step, position: Position, wish: ProtectionRequest) -> None:
        for kind, wanted in (
            (StopKind.STOP_LOSS, wish.stop_loss),
            (StopKind.TAKE_PROFIT, wish.take_profit),
        ):
            if wanted is not None:
                present = self.position(position.symbol, position.position_idx)
                self.set_protection(step, present, kind, wanted if wanted.price > 0 else None)

    def _set_trailing(self, step: Step, wish: ProtectionRequest) -> None:
        """The distance, from now on: what was followed before is forgotten."""
        if wish.trailing is None:
            return
        position = self.position(wish.symbol, wish.position_idx)
        wanted = Trailing(wish.trailing, wish.active_price) if wish.trailing else None
        if wanted == position.trailing:
            return
        position = replace(position, trailing=wanted, updated_ns=step.at_ns)
        self.state.positions[position.key] = position
        for order in self.open_orders(position.symbol):
            if order.key == position.key and order.stop_kind is StopKind.TRAILING and wanted is not None:
                trigger = trailing_trigger(position, wanted, self.market.last_price(position.symbol))
                self.put(step, replace(order, trigger=trigger, armed_ns=step.at_ns, updated_ns=step.at_ns))

    def _add_partial(self, step: Step, position: Position, wish: ProtectionRequest) -> None:
        for kind, wanted, size in (
            (StopKind.PARTIAL_STOP_LOSS, wish.stop_loss, wish.stop_size),
            (StopKind.PARTIAL_TAKE_PROFIT, wish.take_profit, wish.target_size),
        ):
            if wanted is not None and wanted.price > 0 and size is not None:
                self.put(step, self._partial_order(step, position, kind, wanted, size))

    def _partial_order(
        self, step: Step, position: Position, kind: StopKind, wanted: Protection, size: PartialSize
    ) -> Order:
        order = protective_order(self, step, position, kind, trigger_of(position, kind, wanted))
        order = replace(order, qty=size.qty)
        if size.limit is None:
            return order
        return replace(order, order_type=OrderType.LIMIT, price=size.limit, time_in_force=size.limit_in_force)

    # ---- amends

    def amend_protection(self, order: Order, request: AmendRequest, at_ns: int) -> Step:
        """Amending the waiting order of the position's stop or target changes the position's."""
        if request.trigger_price is None or order.trigger is None or order.stop_kind is StopKind.TRAILING:
            raise bad("only the trigger price of a position's stop or target can be amended")
        protection = Protection(request.trigger_price, order.trigger.by)
        stop = order.stop_kind is StopKind.STOP_LOSS
        wish = ProtectionRequest(
            symbol=order.symbol,
            position_idx=order.position_idx,
            stop_loss=protection if stop else None,
            take_profit=None if stop else protection,
        )
        step = self.protect(wish, at_ns)
        step.order = self.state.orders[order.order_id]
        return step


def _judge_trailing(
    instrument: Instrument, side: Side, distance: Decimal, active_price: Decimal | None, last: Decimal
) -> None:
    """A distance on the tick that leaves a trigger above zero; an activation price still to come."""
    rules.check_price(instrument, distance)
    if distance >= last:
        raise bad("params error: trailingStop must be smaller than the last price")
    if active_price is None:
        return
    rules.check_price(instrument, active_price)
    ahead = (active_price - last) * side.sign
    if ahead <= ZERO:
        way = "greater" if side is Side.BUY else "lower"
        asked, now = rules.scaled(instrument, active_price), rules.scaled(instrument, last)
        raise bad(f"TrailingProfit:{asked} set for {side} position should be {way} than base_price:{now}")
