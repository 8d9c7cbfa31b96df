"""Laws that hold for the simulated account whatever a user and the market do, in any order.

One random machine: orders of every kind, cancels, amends, stops, hedge mode, books, trades, marks,
funding, transfers, auto-deleveraging, liquidation (the marks go far enough), restarts. After each act
every law is checked from the outside: against the executions, the displayed book and the rows that
were pushed.
"""

import shutil
import tempfile
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import OrderStatus, Side
from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.ledger import Position
from tradefleet.simulation.account.orders import Fill, Order, Refused, StopKind
from tradefleet.simulation.account.store import HistoryQuery

D = Decimal
SYMBOL = "XUSDT"
ON_SYMBOL = {"category": "linear", "symbol": SYMBOL}
START = D(400)
INSTRUMENT = Instrument(
    venue="bybit",
    category="linear",
    symbol=SYMBOL,
    status=InstrumentStatus.TRADING,
    base_coin="X",
    quote_coin="USDT",
    settle_coin="USDT",
    tick_size=D(1),
    qty_step=D(1),
    min_qty=D(1),
    max_market_qty=D(100),
    max_limit_qty=D(100),
    min_notional=D(5),
    max_leverage=D(50),
    price_limit_ratio=D("0.05"),
)

prices = st.integers(92, 108).map(str)
sizes = st.integers(1, 6).map(str)
sides = st.sampled_from(["Buy", "Sell"])
book_sides = st.sampled_from(list(Side))
chances = st.integers(0, 100)
TERMINAL = {status.value for status in OrderStatus if status.is_terminal}


class AccountMachine(RuleBasedStateMachine):
    """A user, a market and restarts at random, against one account."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now_ns = 1_800_000_000_000_000_000
        self.published: list[Publication] = []
        self.checked = 0
        self.fills: list[Fill] = []
        self.taken: defaultdict[tuple[Side, Decimal], Decimal] = defaultdict(Decimal)
        self.links = 0
        self.transferred = D(0)
        self.trailed: dict[str, tuple[Any, Decimal]] = {}

    @initialize(mode=st.sampled_from([0, 3]))
    def open(self, mode: int) -> None:
        self.market = self._market()
        self.exchange = self._exchange()
        self.switch_mode(mode)

    def teardown(self) -> None:
        self.exchange.close()
        shutil.rmtree(self.folder)

    def _clock(self) -> int:
        return self.now_ns

    def _market(self) -> HandMarket:
        market = HandMarket([INSTRUMENT], self._clock)
        market.mark(SYMBOL, "100")
        market.replace(SYMBOL, {"99": "3", "98": "5", "96": "9"}, {"101": "3", "102": "5", "104": "9"})
        return market

    def _exchange(self) -> SimulatedExchange:
        exchange = SimulatedExchange(
            self.market, self.folder, api_key="k", api_secret="s", start_balance=START
        )
        exchange.subscribe(self.published.append)
        return exchange

    def _ask(self, act: Any, body: dict[str, Any]) -> None:
        """The exchange may refuse; it may not break."""
        self.now_ns += 1_000_000
        try:
            act({**ON_SYMBOL, **body})
        except Refused:
            return

    def _orders(self) -> list[Order]:
        return self.exchange.engine.open_orders(SYMBOL)

    def _indices(self) -> tuple[int, ...]:
        return self.exchange.engine.state.indices(SYMBOL)

    def _index(self, which: int) -> int:
        indices = self._indices()
        return indices[which % len(indices)]

    def _positions(self) -> list[Position]:
        return [self.exchange.engine.position(SYMBOL, index) for index in (0, 1, 2)]

    def _trades(self) -> list[Fill]:
        return [fill for fill in self.fills if fill.exec_type is not ExecutionType.FUNDING]

    # ---- what a user does

    @rule(
        side=sides,
        qty=sizes,
        price=st.none() | prices,
        time_in_force=st.sampled_from(["GTC", "GTC", "IOC", "FOK", "PostOnly"]),
        reduce_only=chances,
        protected=chances,
        which=chances,
    )
    def create(
        self,
        side: str,
        qty: str,
        price: str | None,
        time_in_force: str,
        reduce_only: int,
        protected: int,
        which: int,
    ) -> None:
        self.links += 1
        body: dict[str, Any] = {"side": side, "qty": qty, "orderLinkId": f"link-{self.links}"}
        body["positionIdx"] = self._index(which)
        body |= {"orderType": "Market"} if price is None else {"orderType": "Limit", "price": price}
        body |= {} if price is None else {"timeInForce": time_in_force}
        if reduce_only < 25:
            body["reduceOnly"] = True
        elif protected < 50:
            base, way = int(price or 100), 1 if side == "Buy" else -1
            body |= {"stopLoss": str(base - 3 * way), "takeProfit": str(base + 4 * way)}
        self._ask(self.exchange.create, body)

    @rule(
        side=sides,
        qty=sizes,
        trigger=prices,
        direction=st.sampled_from([1, 2]),
        reduce_only=st.booleans(),
        which=chances,
    )
    def create_conditional(
        self, side: str, qty: str, trigger: str, direction: int, reduce_only: bool, which: int
    ) -> None:
        body = {"side": side, "qty": qty, "orderType": "Market", "triggerPrice": trigger}
        body |= {"positionIdx": self._index(which)}
        self._ask(self.exchange.create, {**body, "triggerDirection": direction, "reduceOnly": reduce_only})

    @rule(which=chances)
    def cancel(self, which: int) -> None:
        orders = self._orders()
        if orders:
            self._ask(self.exchange.cancel, {"orderId": orders[which % len(orders)].order_id})

    @rule(which=chances, qty=st.none() | sizes, price=st.none() | prices)
    def amend(self, which: int, qty: str | None, price: str | None) -> None:
        orders = self._orders()
        if orders:
            change = {name: value for name, value in (("qty", qty), ("price", price)) if value}
            self._ask(self.exchange.amend, {"orderId": orders[which % len(orders)].order_id, **change})

    @rule(stop=prices, profit=prices, which=chances)
    def protect(self, stop: str, profit: str, which: int) -> None:
        body = {"stopLoss": stop, "takeProfit": profit, "positionIdx": self._index(which)}
        self._ask(self.exchange.set_protection, body)

    @rule(distance=st.integers(0, 6).map(str), active=st.none() | prices, which=chances, full=st.booleans())
    def trail(self, distance: str, active: str | None, which: int, full: bool) -> None:
        body = {"trailingStop": distance, "positionIdx": self._index(which)}
        body |= {"activePrice": active} if active else {}
        self._ask(self.exchange.set_protection, body | ({} if full else {"tpslMode": "Partial"}))

    @rule(stop=st.none() | prices, profit=st.none() | prices, qty=sizes, limit=chances, which=chances)
    def protect_part(self, stop: str | None, profit: str | None, qty: str, limit: int, which: int) -> None:
        body: dict[str, Any] = {"tpslMode": "Partial", "positionIdx": self._index(which)}
        if stop:
            body |= {"stopLoss": stop, "slSize": qty}
        if profit:
            body |= {"takeProfit": profit, "tpSize": qty}
            body |= {"tpOrderType": "Limit", "tpLimitPrice": profit} if limit < 50 else {}
        self._ask(self.exchange.set_protection, body)

    @rule(mode=st.sampled_from([0, 3]))
    def switch_mode(self, mode: int) -> None:
        self._ask(self.exchange.switch_mode, {"mode": mode})

    @rule(side=sides, qty=st.integers(5, 40).map(str))
    def enter(self, side: str, qty: str) -> None:
        """A position that may be large for the account."""
        self.jump(100, 4, "10")
        index = self._index(int(side == "Sell"))
        self._ask(
            self.exchange.create, {"side": side, "qty": qty, "orderType": "Market", "positionIdx": index}
        )

    @rule(amount=st.integers(-80, 40).map(D))
    def transfer(self, amount: Decimal) -> None:
        self.now_ns += 1_000_000
        try:
            self.exchange.transfer(amount)
        except Refused:
            return
        self.transferred += amount

    # ---- what the exchange does of itself

    @rule(rate=st.sampled_from(["0.0001", "-0.0003", "0.004"]))
    def fund(self, rate: str) -> None:
        self.now_ns += 1_000_000
        sizes_before = [position.size for position in self._positions()]
        told = self.exchange.fund(SYMBOL, D(rate))

        if all(fill.exec_type is ExecutionType.FUNDING for fill in told.fills):
            assert [position.size for position in self._positions()] == sizes_before
        funded = [fill for fill in told.fills if fill.exec_type is ExecutionType.FUNDING]
        assert len(funded) == sum(size != 0 for size in sizes_before)

    @rule(qty=sizes, which=chances)
    def deleverage(self, qty: str, which: int) -> None:
        self.now_ns += 1_000_000
        try:
            self.exchange.deleverage(SYMBOL, self._index(which), D(qty), None)
        except Refused:
            return

    # ---- what the market does

    @rule(side=book_sides, price=prices, size=st.integers(0, 8).map(str))
    def restate(self, side: Side, price: str, size: str) -> None:
        opposite = [p for p, _ in self.market.book(SYMBOL).levels(side.opposite)]
        best = opposite[0] if opposite else None
        crossed = best is not None and (D(price) >= best if side is Side.BUY else D(price) <= best)
        if crossed:
            return
        self.now_ns += 1_000_000
        self.taken.pop((side, D(price)), None)
        self.market.restate(SYMBOL, side, {price: size})

    @rule(middle=st.integers(95, 105), depth=st.integers(1, 4), size=sizes)
    def jump(self, middle: int, depth: int, size: str) -> None:
        self.now_ns += 1_000_000
        self.taken.clear()
        self.market.replace(
            SYMBOL,
            {str(middle - 1 - step): size for step in range(depth)},
            {str(middle + 1 + step): size for step in range(depth)},
        )

    @rule(taker=book_sides, price=prices, qty=sizes, late_ms=st.integers(0, 3))
    def trade(self, taker: Side, price: str, qty: str, late_ms: int) -> None:
        self.now_ns += 1_000_000
        told = len(self.published)
        self.market.trade(SYMBOL, taker, price, qty, at_ns=self.now_ns - late_ms * 1_000_000)

        rows = [row for each in self.published[told:] for row in each.rows.get("execution", [])]
        assert sum(D(row["execQty"]) for row in rows if row["isMaker"]) <= D(qty)

    @rule(mark=st.integers(94, 106).map(str), last=prices)
    def mark(self, mark: str, last: str) -> None:
        self.now_ns += 1_000_000
        self.market.mark(SYMBOL, mark, last=last)

    @rule(mark=st.integers(40, 200).map(str))
    def crash(self, mark: str) -> None:
        self.now_ns += 1_000_000
        told = len(self.published)
        self.market.mark(SYMBOL, mark, last=str(self.market.last_price(SYMBOL)))

        rows = [row for each in self.published[told:] for row in each.rows.get("execution", [])]
        if any(row["execType"] == "BustTrade" for row in rows):
            assert self._orders() == []
            assert all(position.size == 0 for position in self._positions())
            assert self.exchange.engine.state.wallet.balance >= 0
        else:
            assert not self.exchange.engine.figures().is_liquidated
        self.market.mark(SYMBOL, "100")

    # ---- what the operator does

    @rule()
    def restart(self) -> None:
        before = self.exchange.engine.state
        self.exchange.close()
        market = self._market()
        market.mark(SYMBOL, str(self.market.mark_price(SYMBOL)))
        self.market = market
        self.taken.clear()
        self.exchange = self._exchange()

        assert self.exchange.engine.state == before
        assert self._stored_fills() == self.fills
        self.jump(100, 3, "4")  # the market goes on with a snapshot

    def _stored_fills(self) -> list[Fill]:
        return self.exchange.store.executions(HistoryQuery(limit=1_000_000))[::-1]

    # ---- the laws

    @invariant()
    def executions_are_told_once_and_take_only_what_is_displayed(self) -> None:
        self.fills = self._stored_fills()
        for fill in self.fills[self.checked :]:
            assert fill.qty > 0
            if fill.exec_type is ExecutionType.TRADE:
                assert fill.fee == fill.value * (D("0.0002") if fill.is_maker else D("0.00055"))
            if fill.exec_type is ExecutionType.TRADE and not fill.is_maker:
                self.taken[fill.side.opposite, fill.price] += fill.qty
        self.checked = len(self.fills)
        pushed = [row["execId"] for each in self.published for row in each.rows.get("execution", [])]
        assert pushed == [fill.exec_id for fill in self.fills]
        assert len(set(pushed)) == len(pushed)
        book, liquidity = self.market.book(SYMBOL), self.exchange.engine.liquidity(SYMBOL)
        for (side, price), taken in self.taken.items():
            assert taken <= book.size_at(side, price)
            assert liquidity.consumed(side, price) <= book.size_at(side, price)

    @invariant()
    def position_and_wallet_are_the_sum_of_the_executions(self) -> None:
        wallet, mark = self.exchange.engine.state.wallet, D(100)
        everything = START + self.transferred
        in_cash = START + self.transferred
        for position in self._positions():
            rows = [fill for fill in self.fills if fill.position_idx == position.position_idx]
            trades = [fill for fill in rows if fill.exec_type is not ExecutionType.FUNDING]
            signed = sum((fill.side.sign * fill.qty for fill in trades), D(0))
            fees = sum((fill.fee for fill in rows), D(0))  # funding among them
            pnl = sum((fill.pnl for fill in rows), D(0))
            cash = sum((-fill.side.sign * fill.value for fill in trades), D(0))

            assert position.size == signed
            assert position.realised_total == pnl - fees
            everything += pnl - fees
            # And from the cash alone, without trusting any entry price:
            in_cash += cash - fees + signed * mark - position.unrealised(mark)
        assert wallet.balance == everything
        assert wallet.balance == in_cash
        assert wallet.balance == START + wallet.realised - wallet.fees - wallet.funding + wallet.transferred

    @invariant()
    def the_transaction_log_tells_every_movement_of_the_wallet(self) -> None:
        log = self.exchange.store.transactions(HistoryQuery(limit=1_000_000))[::-1]
        balance = START
        for each in log:
            balance += each.change
            assert each.balance == balance
        assert balance == self.exchange.engine.state.wallet.balance

    @invariant()
    def a_leg_never_turns(self) -> None:
        _, long, short = self._positions()
        assert long.size >= 0 >= short.size
        if len(self._indices()) == 1:
            assert (long.size, short.size) == (0, 0)

    @invariant()
    def no_order_fills_more_than_its_quantity_and_reducers_only_reduce(self) -> None:
        held, filled = defaultdict(Decimal), defaultdict(Decimal)
        reducers = {
            row["orderId"]
            for each in self.published
            for row in each.rows.get("order", [])
            if row["reduceOnly"] or row["closeOnTrigger"]
        }
        for fill in self._trades():
            size = held[fill.position_idx]
            after = size + fill.side.sign * fill.qty
            filled[fill.order_id] += fill.qty
            assert filled[fill.order_id] <= fill.order_qty
            if fill.order_id in reducers:
                assert abs(after) == abs(size) - fill.qty
                assert fill.closed_qty == fill.qty
            held[fill.position_idx] = after

    @invariant()
    def protection_fits_the_position(self) -> None:
        for position in self._positions():
            self._protection_fits(position)

    def _protection_fits(self, position: Position) -> None:
        partial = [order for order in self._orders() if order.is_partial and order.key == position.key]
        assert all(position.side is order.side.opposite for order in partial)
        trailing = [
            order
            for order in self._orders()
            if order.stop_kind is StopKind.TRAILING and order.key == position.key
        ]
        assert len(trailing) == (0 if position.trailing is None else 1)
        for order in trailing:
            assert order.qty == abs(position.size)
            self._only_tightens(position, order)
        for kind, wanted in (
            (StopKind.STOP_LOSS, position.stop_loss),
            (StopKind.TAKE_PROFIT, position.take_profit),
        ):
            orders = [order for order in self._orders() if order.key == position.key]
            waiting = [order for order in orders if order.stop_kind is kind]
            assert len(waiting) == (0 if wanted is None else 1)
            for order in waiting:
                assert wanted is not None
                assert position.side is order.side.opposite
                assert order.qty == abs(position.size)
                assert order.trigger is not None
                assert order.trigger.price == wanted.price

    def _only_tightens(self, position: Position, order: Order) -> None:
        """While nobody sets it anew, a trailing stop that follows never loosens."""
        assert position.side is not None
        assert order.trigger is not None
        followed = (position.trailing, order.updated_ns)
        seen = self.trailed.get(order.order_id)
        if seen is not None and seen[0] == followed:
            assert (order.trigger.price - seen[1]) * position.side.sign >= 0
        self.trailed[order.order_id] = (followed, order.trigger.price)

    @invariant()
    def resting_orders_fit(self) -> None:
        engine = self.exchange.engine
        book = self.market.book(SYMBOL)
        for order in self._orders():
            assert order.cum_exec_qty < order.qty
            if not order.is_resting:
                continue
            assert list(engine.liquidity(SYMBOL).available(book, order.side, order.price)) == []
            if order.only_reduces:
                position = engine.position_of(order)
                assert position.side is order.side.opposite
                assert order.leaves <= abs(position.size)

    @invariant()
    def pushed_rows_only_go_forward(self) -> None:
        last: dict[str, tuple[Decimal, int, str]] = {}
        for publication in self.published:
            for row in publication.rows.get("order", []):
                filled, at_ms, status = last.get(row["orderId"], (D(0), 0, ""))
                assert status not in TERMINAL
                assert D(row["cumExecQty"]) >= filled
                assert int(row["updatedTime"]) >= at_ms
                last[row["orderId"]] = (
                    D(row["cumExecQty"]),
                    int(row["updatedTime"]),
                    row["orderStatus"],
                )
        open_ids = {order_id for order_id, (_, _, status) in last.items() if status not in TERMINAL}
        assert open_ids == {order.order_id for order in self._orders()}


TestAccountLaws = AccountMachine.TestCase
TestAccountLaws.settings = settings(
    max_examples=150,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
