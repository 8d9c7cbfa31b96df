"""Coins, what orders hold back of them, and the few ways in which spot orders change.

The settle coin (USDT) lies in the account's one wallet, where the contracts' margin is too; every
other coin is a balance of its own. An order in the book holds back what it may still spend, one that
waits for a trigger only if it occupies (a TP/SL order). A fee is paid in the coin that is received.
Every change of an order goes through `put`, every execution through `fill`.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderStatus, Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.account.band import market_bound
from tradefleet.simulation.account.ledger import FeeRates
from tradefleet.simulation.account.open_orders import OpenOrders
from tradefleet.simulation.account.orders import SPOT, CancelType, Fill, MarketUnit, Order, RejectReason
from tradefleet.simulation.account.rules import SETTLE_COIN
from tradefleet.simulation.account.spot.rules import OCCUPYING
from tradefleet.simulation.account.state import AccountState, Step, Transaction, TransactionType
from tradefleet.simulation.market_view import MarketView

SPOT_FEES: Final = FeeRates(maker=Decimal("0.001"), taker=Decimal("0.001"))
"""Non-VIP (reference E)."""

Lock = tuple[str, Decimal]
"""(coin, amount)."""


def lock_of(instrument: Instrument, order: Order) -> Lock:
    """What an open order holds back: the coin that it pays with, and how much of it."""
    coin = instrument.base_coin if order.side is Side.SELL else instrument.quote_coin
    if order.is_waiting and order.stop_kind not in OCCUPYING:
        return coin, ZERO
    if order.side is Side.SELL or order.market_unit is MarketUnit.QUOTE:
        return coin, order.leaves
    price = order.price
    if not price and order.trigger is not None:  # a market buy that waits: the most that it may come to
        price = market_bound(instrument, Side.BUY, order.trigger.price)
    return coin, order.leaves * price


class SpotDesk(OpenOrders):
    """One account's coins and spot orders beside one spot market."""

    def __init__(
        self, market: MarketView, state: AccountState, fees: FeeRates, margin: Callable[[], Decimal]
    ) -> None:
        """margin: what the contracts leave free of the settle coin, the spot locks taken off already."""
        super().__init__(market, state.spot_orders)
        self.state = state
        self.fees = fees
        self._margin = margin
        self._locks: dict[str, Lock] = {}
        for order in state.spot_orders.values():
            self._lock(order)

    # ---- what others ask

    def balance(self, coin: str) -> Decimal:
        """All there is of a coin, what is held back included."""
        if coin == SETTLE_COIN:
            return self.state.wallet.balance
        return self.state.coins.get(coin, ZERO)

    def locked(self, coin: str) -> Decimal:
        """What open orders hold back of a coin."""
        return sum((amount for each, amount in self._locks.values() if each == coin), ZERO)

    def free(self, coin: str) -> Decimal:
        """What a new order may spend of a coin; of the settle coin no more than the margin leaves."""
        left = self.balance(coin) - self.locked(coin)
        return max(ZERO, min(left, self._margin()) if coin == SETTLE_COIN else left)

    def affords(self, order: Order) -> bool:
        """Is there enough for this order, beside what the others hold back?

        What the order itself holds back already counts as free.
        """
        live = replace(order, status=OrderStatus.NEW) if not order.is_waiting else order
        coin, needed = lock_of(self.market.instruments[order.symbol], live)
        held = self._locks.pop(order.order_id, None)
        enough = needed <= self.free(coin)
        if held is not None:
            self._locks[order.order_id] = held
        return enough

    # ---- what changes

    def fill(
        self, step: Step, order: Order, price: Decimal, qty: Decimal, *, is_maker: bool, seq: int
    ) -> Order:
        """One execution: one coin goes, the other comes less the fee."""
        instrument = self.market.instruments[order.symbol]
        value, rate = qty * price, self.fees.maker if is_maker else self.fees.taker
        buys = order.side is Side.BUY
        fee = (qty if buys else value) * rate
        order = replace(
            order,
            cum_exec_qty=order.cum_exec_qty + qty,
            cum_exec_value=order.cum_exec_value + value,
            cum_exec_fee=order.cum_exec_fee + fee,
            updated_ns=step.at_ns,
        )
        execution = self._execution(step, order, price, qty, fee, rate, is_maker=is_maker, seq=seq)
        step.fills.append(execution)
        base, quote = instrument.base_coin, instrument.quote_coin
        out, into = ((quote, -value), (base, qty)) if buys else ((base, -qty), (quote, value))
        self._move(step, execution, out[0], out[1])
        self._move(step, execution, into[0], into[1] - fee)
        return order

    def _execution(
        self,
        step: Step,
        order: Order,
        price: Decimal,
        qty: Decimal,
        fee: Decimal,
        rate: Decimal,
        *,
        is_maker: bool,
        seq: int,
    ) -> Fill:
        self.state.counters.executions += 1
        number = self.state.counters.executions
        return Fill(
            number=number,
            exec_id=self.state.new_digits("execution", number),
            category=SPOT,
            symbol=order.symbol,
            order_id=order.order_id,
            order_link_id=order.order_link_id,
            side=order.side,
            order_type=order.order_type,
            order_price=order.price,
            order_qty=order.qty,
            leaves=order.leaves,
            create_type=order.create_type,
            stop_kind=order.stop_kind,
            market_unit=order.market_unit,
            price=price,
            qty=qty,
            value=qty * price,
            fee=fee,
            fee_rate=rate,
            fee_coin=order.fee_coin,
            is_maker=is_maker,
            closed_qty=ZERO,
            pnl=ZERO,
            mark_price=ZERO,
            index_price=ZERO,
            seq=seq,
            at_ns=step.at_ns,
        )

    def _move(self, step: Step, fill: Fill, coin: str, change: Decimal) -> None:
        state = self.state
        if coin == SETTLE_COIN:
            state.wallet = state.wallet.exchanged(change)
        else:
            state.coins[coin] = state.coins.get(coin, ZERO) + change
        self._book(step, TransactionType.TRADE, coin, change, fill)

    def transfer(self, step: Step, coin: str, amount: Decimal) -> None:
        """Coins other than the settle coin come in, or go out when below zero."""
        self.state.coins[coin] = self.balance(coin) + amount
        kind = TransactionType.TRANSFER_IN if amount > 0 else TransactionType.TRANSFER_OUT
        self._book(step, kind, coin, amount, None)

    def _book(self, step: Step, kind: TransactionType, coin: str, change: Decimal, fill: Fill | None) -> None:
        self.state.counters.transactions += 1
        step.transactions.append(
            Transaction(
                number=self.state.counters.transactions,
                kind=kind,
                at_ns=step.at_ns,
                change=change,
                balance=self.balance(coin),
                fill=fill,
                coin=coin,
            )
        )

    def numbered(self, order: Order) -> Order:
        """The order with its number and ids; without an orderLinkId it gets the next number as one."""
        self.state.counters.orders += 1
        number = self.state.counters.orders
        order_id = self.state.new_digits("order", 2 * number)
        link_id = order.order_link_id or str(int(order_id) + 1)
        return replace(order, number=number, order_id=order_id, order_link_id=link_id)

    def next_seq(self) -> int:
        """The next cross sequence number."""
        self.state.counters.seq += 1
        return self.state.counters.seq

    def end(
        self,
        step: Step,
        order: Order,
        reason: RejectReason = RejectReason.NONE,
        cancel: CancelType = CancelType.UNKNOWN,
    ) -> Order:
        """The order ends without further fills: one that has some is PartiallyFilledCanceled."""
        status = OrderStatus.CANCELLED
        if order.cum_exec_qty:
            status = OrderStatus.PARTIALLY_FILLED_CANCELLED
        elif order.is_waiting:
            status = OrderStatus.DEACTIVATED
        ended = replace(order, status=status, reject_reason=reason, cancel_type=cancel, updated_ns=step.at_ns)
        return self.put(step, ended)

    def put(self, step: Step, order: Order) -> Order:
        """The order is now so; ended orders leave the book and hold nothing back."""
        step.orders.append(order)
        self.shelve(order)
        if order.status.is_terminal:
            self._locks.pop(order.order_id, None)
        else:
            self._lock(order)
        return order

    def _lock(self, order: Order) -> None:
        self._locks[order.order_id] = lock_of(self.market.instruments[order.symbol], order)
