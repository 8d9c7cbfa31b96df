"""What happens to a position without an order of its user: funding, take-over, auto-deleveraging.

Funding moves money and no size, as an execution of its own type. An account whose maintenance
margin has reached its margin balance is taken over: first every open order goes, then every position
is closed at the price at which it uses up its share of what is left, so that the account ends at
nothing and never below. Real liquidation goes down the risk tiers in steps before that; there are no
tiers here. Auto-deleveraging comes on command only. Source: reference E, B2.
"""

from collections.abc import Sequence
from decimal import Decimal

from msgspec.structs import replace

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.quantities import ONE, ZERO, divide
from tradefleet.simulation.account import rules
from tradefleet.simulation.account.ledger import FeeRates, Position, apply_funding
from tradefleet.simulation.account.matching import Matching
from tradefleet.simulation.account.orders import CancelType, CreateType, Fill, Order, Refused, StopKind
from tradefleet.simulation.account.protection import settle
from tradefleet.simulation.account.state import AccountState, Step, TransactionType
from tradefleet.simulation.account.wire import bad
from tradefleet.simulation.market_view import MarketView

TRANSFER_SHORT = 131212


class Upkeep(Matching):
    """The exchange's own acts on an account."""

    def __init__(self, market: MarketView, state: AccountState, fees: FeeRates) -> None:
        super().__init__(market, state, fees)
        self._judged_marks: dict[str, Decimal] = {}

    def on_mark(self, symbol: str, mark: Decimal, index: Decimal, last: Decimal, at_ns: int) -> Step:
        """Fires what watches these prices, then takes over an account that they have ruined."""
        step = super().on_mark(symbol, mark, index, last, at_ns)
        if (self.unjudged or self._judged_marks.get(symbol) != mark) and self.held(symbol):
            self._judged_marks[symbol] = mark
            self._liquidate(step)
        return self.finish(step)

    # ---- money without a trade

    def fund(self, symbol: str, rate: Decimal, at_ns: int) -> Step:
        """Settles funding of the symbol's open positions: a long pays when `rate` is above zero."""
        rules.known(self.market.instruments, symbol)
        step = Step(at_ns)
        for position in self.held(symbol):
            self._fund(step, position, rate)
        self._liquidate(step)
        return self.finish(step)

    def _fund(self, step: Step, position: Position, rate: Decimal) -> None:
        state = self.state
        fee = position.size * self.market.mark_price(position.symbol) * rate
        after = apply_funding(position, fee, step.at_ns, self.next_seq())
        state.positions[position.key] = after
        state.wallet = state.wallet.funded(fee)
        row = self._funding_row(after, fee, rate, step.at_ns)
        step.fills.append(row)
        step.positions.append(after)
        self.book(step, TransactionType.SETTLEMENT, -fee, row, after.size)

    def _funding_row(self, position: Position, fee: Decimal, rate: Decimal, at_ns: int) -> Fill:
        """The execution that looks like a fill of the whole position at the mark."""
        assert position.side is not None  # only open positions are funded
        prices, qty = self.prices(position.symbol), abs(position.size)
        number, exec_id = self.next_execution()
        return Fill(
            number=number,
            exec_id=exec_id,
            exec_type=ExecutionType.FUNDING,
            symbol=position.symbol,
            position_idx=position.position_idx,
            order_id=self.state.new_id("funding", number),
            order_link_id="",
            side=position.side,
            order_type=None,
            order_price=ZERO,
            order_qty=ZERO,
            leaves=ZERO,
            create_type=CreateType.USER,
            stop_kind=StopKind.NONE,
            price=prices.mark,
            qty=qty,
            value=qty * prices.mark,
            fee=fee,
            fee_rate=rate,
            is_maker=False,
            closed_qty=ZERO,
            pnl=ZERO,
            mark_price=prices.mark,
            index_price=prices.index,
            seq=position.seq,
            at_ns=at_ns,
        )

    def transfer(self, amount: Decimal, at_ns: int) -> Step:
        """Money comes in, or goes out when below zero, as far as it is free. No execution."""
        if amount == 0:
            raise bad("params error: amount must not be zero")
        free = min(self.figures().available, self.state.wallet.balance)
        if amount < 0 and -amount > free:
            raise Refused(TRANSFER_SHORT, "user insufficient balance")
        step = Step(at_ns)
        self.state.wallet = self.state.wallet.moved(amount)
        kind = TransactionType.TRANSFER_IN if amount > 0 else TransactionType.TRANSFER_OUT
        self.book(step, kind, amount)
        return step

    # ---- positions taken away

    def deleverage(
        self, symbol: str, position_idx: int, qty: Decimal | None, price: Decimal | None, at_ns: int
    ) -> Step:
        """Auto-deleveraging: `qty` of the position (all when None) goes at `price` (the mark when None)."""
        instrument = rules.known(self.market.instruments, symbol)
        position = self.position(symbol, position_idx)
        size = abs(position.size)
        if not 0 < (size if qty is None else qty) <= size:
            raise bad(f"params error: qty must be above zero and at most the position's {size}")
        rules.check_step(instrument, size if qty is None else qty)
        step = Step(at_ns)
        paid = self.prices(symbol).mark if price is None else price
        self._close(step, position, paid, size if qty is None else qty, ExecutionType.ADL_TRADE)
        return self.finish(step)

    def _liquidate(self, step: Step) -> None:
        """Takes over the account when its maintenance margin has reached its margin balance."""
        self.unjudged = False
        figures = self.figures(orders=())  # what orders hold back does not matter here
        if not figures.is_liquidated:
            return
        for order in tuple(self.state.orders.values()):
            status = OrderStatus.DEACTIVATED if order.is_waiting else OrderStatus.CANCELLED
            self.end(step, order, status, cancel=CancelType.BY_LIQUIDATION)
        for position, price in self._bankruptcy_prices(figures.equity, figures.maintenance_margin):
            self._close(step, position, price, abs(position.size), ExecutionType.BUST_TRADE)

    def _bankruptcy_prices(self, equity: Decimal, maintenance: Decimal) -> Sequence[tuple[Position, Decimal]]:
        """Every open position with the price at which it uses up its share of the margin balance."""
        shares = []
        for position in self.state.positions.values():
            if position.size:
                figures = self.position_figures(position)
                share = divide(equity * figures.maintenance_margin, maintenance)
                instrument = self.market.instruments[position.symbol]
                price = bankruptcy_price(instrument, position, figures.mark, share, self.fees.taker)
                shares.append((position, price))
        return shares

    def _close(
        self, step: Step, position: Position, price: Decimal, qty: Decimal, exec_type: ExecutionType
    ) -> None:
        """The exchange closes `qty` of the position at `price`, whatever the book shows."""
        assert position.side is not None  # only open positions are closed
        bust = exec_type is ExecutionType.BUST_TRADE
        number, order_id = self.next_order()
        order = Order(
            number=number,
            order_id=order_id,
            order_link_id="",
            symbol=position.symbol,
            position_idx=position.position_idx,
            side=position.side.opposite,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            qty=qty,
            price=price if bust else ZERO,
            status=OrderStatus.NEW,
            created_ns=step.at_ns,
            updated_ns=step.at_ns,
            reduce_only=True,
            create_type=CreateType.TAKE_OVER if bust else CreateType.ADL,
            last_price_on_created=self.market.last_price(position.symbol),
        )
        order = self.fill(step, order, price, qty, is_maker=False, seq=self.next_seq(), exec_type=exec_type)
        self.put(step, replace(order, status=OrderStatus.FILLED))
        settle(self, step, position.symbol, position.position_idx)


def bankruptcy_price(
    instrument: Instrument, position: Position, mark: Decimal, share: Decimal, taker: Decimal
) -> Decimal:
    """The price at which closing the position, its fee included, costs exactly `share`.

    On the tick that leaves the account a little rather than owing; at least one tick.
    long: (mark - share / qty) / (1 - taker); short: (mark + share / qty) / (1 + taker).
    """
    a_unit = divide(share, abs(position.size))
    if position.side is Side.BUY:
        exact = divide(mark - a_unit, ONE - taker)
        return max(instrument.tick_size, instrument.price_up(exact))
    return instrument.price_down(divide(mark + a_unit, ONE + taker))
