"""The account at work: its open orders and its money, and the few ways in which they change.

`Desk` is what `matching`, `protection` and `engine` stand on. Every change of an order goes through
`put` and every execution through `fill`, so that the step tells all of it and nothing of it twice.
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.orders import OrderStatus, Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.band import PremiumAverage
from tradefleet.simulation.account.ledger import Effect, FeeRates, Position, apply_fill
from tradefleet.simulation.account.margin import (
    AccountFigures,
    PositionFigures,
    opening_parts,
    order_margin,
    value_account,
    value_position,
)
from tradefleet.simulation.account.open_orders import OpenOrders
from tradefleet.simulation.account.orders import (
    CancelType,
    Fill,
    Order,
    Protection,
    RejectReason,
    StopKind,
)
from tradefleet.simulation.account.rules import Prices
from tradefleet.simulation.account.state import AccountState, Step, Transaction, TransactionType
from tradefleet.simulation.market_view import MarketView


class Desk(OpenOrders):
    """One account's state beside one market.

    unjudged: the wallet has moved since it was last asked whether the margin is enough.
    locked: what spot orders hold back of the settle coin.
    """

    locked: Callable[[], Decimal] = staticmethod(lambda: ZERO)

    def __init__(self, market: MarketView, state: AccountState, fees: FeeRates) -> None:
        super().__init__(market, state.orders)
        self.state = state
        self.fees = fees
        self.unjudged = True
        self._premium = {symbol: PremiumAverage() for symbol in market.instruments}

    # ---- what others ask

    def prices(self, symbol: str) -> Prices:
        """Last, mark and index price as the market has them now."""
        market = self.market
        return Prices(market.last_price(symbol), market.mark_price(symbol), market.index_price(symbol))

    def premium(self, symbol: str) -> PremiumAverage:
        """The symbol's premium, for the price band."""
        return self._premium[symbol]

    def position(self, symbol: str, position_idx: int = 0) -> Position:
        """The symbol's position (of this leg), flat when it was never touched."""
        return self.state.position(self.market.instruments[symbol], position_idx)

    def position_of(self, order: Order) -> Position:
        """The position that an order is for."""
        return self.position(order.symbol, order.position_idx)

    def held(self, symbol: str) -> list[Position]:
        """The symbol's open positions: one, or up to two in hedge mode."""
        found = [self.position(symbol, position_idx) for position_idx in self.state.indices(symbol)]
        return [position for position in found if position.size]

    def figures(self, orders: Iterable[Order] | None = None) -> AccountFigures:
        """The account valued at the current marks, with all its open orders or only these."""
        state = self.state
        return value_account(
            state.wallet,
            state.positions,
            state.orders.values() if orders is None else orders,
            self.market.instruments,
            self.fees,
            self.market.mark_price,
            self.locked(),
        )

    def position_figures(self, position: Position) -> PositionFigures:
        """One position valued at its current mark."""
        instrument = self.market.instruments[position.symbol]
        return value_position(position, self.market.mark_price(position.symbol), instrument, self.fees)

    def affords(self, order: Order) -> bool:
        """Does the margin that this new order needs fit the available balance?

        A sell below the best bid will trade at the bid, so it is valued there.
        """
        if order.only_reduces:
            return True
        live = replace(order, status=OrderStatus.NEW)
        others = [other for other in self.state.orders.values() if other.order_id != order.order_id]
        parts = opening_parts([*others, live], self.state.positions)
        opening = next(part for each, part in parts if each is live)
        if opening == 0:
            return True
        price = order.price
        if order.side is Side.SELL:
            bids = self.market.book(order.symbol).levels(Side.BUY)
            price = max(price, bids[0][0]) if bids else price
        leverage = self.position_of(order).leverage
        needed = order_margin(order.side, opening, price, leverage, self.fees)
        return needed <= self.figures(others).available

    # ---- what changes

    def fill(
        self,
        step: Step,
        order: Order,
        price: Decimal,
        qty: Decimal,
        *,
        is_maker: bool,
        seq: int,
        exec_type: ExecutionType = ExecutionType.TRADE,
    ) -> Order:
        """One execution: ledger, wallet, position, and the order's own sums."""
        state, symbol = self.state, order.symbol
        rate = self._fee_rate(exec_type, is_maker)
        value = qty * price
        fee = value * rate
        before = self.position_of(order)
        effect = apply_fill(before, order.side, qty, price, fee, step.at_ns, seq)
        position = self._hand_over(order, before, effect.position)
        state.positions[position.key] = position
        state.wallet = state.wallet.settled(effect.pnl, fee)
        order = _summed_up(order, qty, price, fee, effect, step.at_ns)
        number, exec_id = self.next_execution()
        execution = Fill(
            number=number,
            exec_id=exec_id,
            exec_type=exec_type,
            price=price,
            qty=qty,
            value=value,
            fee=fee,
            fee_rate=rate,
            is_maker=is_maker,
            closed_qty=effect.closed_qty,
            pnl=effect.pnl,
            mark_price=self.market.mark_price(symbol),
            index_price=self.market.index_price(symbol),
            seq=seq,
            at_ns=step.at_ns,
            **_as_it_was(order),
        )
        step.fills.append(execution)
        step.positions.append(position)
        self.book(step, TransactionType.TRADE, effect.pnl - fee, execution, position.size)
        return order

    def _fee_rate(self, exec_type: ExecutionType, is_maker: bool) -> Decimal:
        """Nothing for auto-deleveraging; a take-over pays the taker's fee at its price."""
        if exec_type is ExecutionType.ADL_TRADE:
            return ZERO
        return self.fees.maker if is_maker else self.fees.taker

    def book(
        self,
        step: Step,
        kind: TransactionType,
        change: Decimal,
        fill: Fill | None = None,
        size: Decimal = ZERO,
    ) -> None:
        """Writes a movement of the wallet, which has been made already, into the transaction log."""
        self.unjudged = True
        self.state.counters.transactions += 1
        step.transactions.append(
            Transaction(
                number=self.state.counters.transactions,
                kind=kind,
                at_ns=step.at_ns,
                change=change,
                balance=self.state.wallet.balance,
                fill=fill,
                size=size,
            )
        )

    @staticmethod
    def _hand_over(order: Order, before: Position, after: Position) -> Position:
        """A position that ended takes its protection along; a new fill brings the order's."""
        if after.side is not before.side:
            after = replace(after, stop_loss=None, take_profit=None, trailing=None)
        if after.side is order.side and not order.handed_over:
            after = replace(
                after,
                stop_loss=order.stop_loss or after.stop_loss,
                take_profit=order.take_profit or after.take_profit,
            )
        return after

    def set_protection(
        self, step: Step, position: Position, kind: StopKind, protection: Protection | None
    ) -> None:
        """Changes what the position shows; `settle` then makes the orders follow.

        A trailing stop can only be taken away so.
        """
        if kind is StopKind.STOP_LOSS:
            position = replace(position, stop_loss=protection, updated_ns=step.at_ns)
        elif kind is StopKind.TAKE_PROFIT:
            position = replace(position, take_profit=protection, updated_ns=step.at_ns)
        else:
            position = replace(position, trailing=None, updated_ns=step.at_ns)
        self.state.positions[position.key] = position

    def next_execution(self) -> tuple[int, str]:
        """(number, id) for a new execution."""
        self.state.counters.executions += 1
        number = self.state.counters.executions
        return number, self.state.new_id("execution", number)

    def next_order(self) -> tuple[int, str]:
        """(number, id) for a new order."""
        self.state.counters.orders += 1
        number = self.state.counters.orders
        return number, self.state.new_id("order", number)

    def next_seq(self) -> int:
        """The next cross sequence number."""
        self.state.counters.seq += 1
        return self.state.counters.seq

    def end(
        self,
        step: Step,
        order: Order,
        status: OrderStatus,
        reason: RejectReason = RejectReason.NONE,
        cancel: CancelType = CancelType.UNKNOWN,
    ) -> Order:
        """The order ends without (further) fills."""
        return self.put(
            step,
            replace(order, status=status, reject_reason=reason, cancel_type=cancel, updated_ns=step.at_ns),
        )

    def put(self, step: Step, order: Order) -> Order:
        """The order is now so; ended orders leave the book."""
        step.orders.append(order)
        # From its first order on a symbol's position, with its leverage, is part of the account.
        self.state.positions.setdefault(order.key, self.position_of(order))
        self.shelve(order)
        return order

    def keep(self, step: Step, order: Order, position: Position | None = None) -> None:
        """The order (and its position) is now so, written down and not pushed.

        What the step has told already it tells again: the last word must be the true one.
        """
        self.state.orders[order.order_id] = order
        if any(told.order_id == order.order_id for told in step.orders):
            step.orders.append(order)
        else:
            step.kept_orders[order.order_id] = order
        if position is not None:
            self.state.positions[position.key] = position
            if any(told.key == position.key for told in step.positions):
                step.positions.append(position)
            else:
                step.kept_positions[position.key] = position

    def finish(self, step: Step) -> Step:
        """Adds a position row for every symbol with an order operation that has none yet.

        Bybit pushes the position after each create, amend and cancel, changed or not.
        """
        shown = {position.key: position for position in step.positions}
        for symbol, position_idx in dict.fromkeys((o.symbol, o.position_idx) for o in step.orders):
            position = self.position(symbol, position_idx)
            if shown.get(position.key) != position:
                step.positions.append(position)
        return step


def _summed_up(order: Order, qty: Decimal, price: Decimal, fee: Decimal, effect: Effect, at_ns: int) -> Order:
    """The order after one execution of it; its stop and target have gone to what it opened."""
    return replace(
        order,
        cum_exec_qty=order.cum_exec_qty + qty,
        cum_exec_value=order.cum_exec_value + qty * price,
        cum_exec_fee=order.cum_exec_fee + fee,
        closed_pnl=order.closed_pnl + effect.closed_pnl,
        handed_over=order.handed_over or effect.position.side is order.side,
        updated_ns=at_ns,
    )


def _as_it_was(order: Order) -> dict[str, Any]:
    """What an execution remembers of its order."""
    return {
        "symbol": order.symbol,
        "order_id": order.order_id,
        "order_link_id": order.order_link_id,
        "side": order.side,
        "order_type": order.order_type,
        "order_price": order.price,
        "order_qty": order.qty,
        "leaves": order.leaves,
        "create_type": order.create_type,
        "stop_kind": order.stop_kind,
        "position_idx": order.position_idx,
    }
