"""Laws of the simulated account's coins, whatever a user and the markets do, in any order.

One random machine: spot orders of every kind, cancels, amends, transfers, contracts beside them (which
may lose the money that spot orders hold back), books, trades, restarts. After each act: coins are
what came in, less what went out, by the executions' own words; nothing is below zero; what is held back
is what the open orders' rows say, and never more than there is.
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
from tests.support.spot_account import pair

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import Side
from tradefleet.simulation.account import reads
from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.orders import Refused

D = Decimal
SYMBOL = "XUSDT"
START = D(2000)
PAIR = pair(
    SYMBOL,
    tick_size="1",
    qty_step="0.1",
    min_qty="0.1",
    max_market_qty="100",
    max_limit_qty="100",
    price_limit_ratio="0.05",
    quote_step="0.01",
)
CONTRACT = Instrument(
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
    max_market_qty=D(500),
    max_limit_qty=D(500),
    min_notional=D(5),
    max_leverage=D(50),
    price_limit_ratio=D("0.2"),
)

prices = st.integers(92, 108).map(str)
sizes = st.integers(1, 60).map(lambda tenths: str(D(tenths) / 10))
sides = st.sampled_from(["Buy", "Sell"])
book_sides = st.sampled_from(list(Side))
chances = st.integers(0, 100)


class SpotMachine(RuleBasedStateMachine):
    """A user, two markets and restarts at random, against one account."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now_ns = 1_800_000_000_000_000_000
        self.published: list[Publication] = []
        self.moved: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.taken: defaultdict[tuple[Side, Decimal], Decimal] = defaultdict(Decimal)
        self.seen = 0

    @initialize(coins=sizes)
    def open(self, coins: str) -> None:
        self.exchange = self._opened()
        self._transfer("X", D(coins))

    def teardown(self) -> None:
        self.exchange.close()
        shutil.rmtree(self.folder)

    def _market(self, instrument: Instrument) -> HandMarket:
        market = HandMarket([instrument], lambda: self.now_ns)
        market.mark(SYMBOL, "100")
        market.replace(SYMBOL, {"99": "3", "98": "5", "96": "9"}, {"101": "3", "102": "5", "104": "9"})
        return market

    def _opened(self) -> SimulatedExchange:
        self.market, self.linear = self._market(PAIR), self._market(CONTRACT)
        self.taken.clear()
        exchange = SimulatedExchange(
            self.linear, self.folder, api_key="k", api_secret="s", start_balance=START, spot=self.market
        )
        exchange.subscribe(self.published.append)
        return exchange

    def _ask(self, act: Any, body: dict[str, Any]) -> None:
        """The exchange may refuse; it may not break."""
        self.now_ns += 1_000_000
        try:
            act({"category": "spot", "symbol": SYMBOL, **body})
        except Refused:
            return

    def _transfer(self, coin: str, amount: Decimal) -> None:
        try:
            self.exchange.transfer(amount, coin)
        except Refused:
            return
        self.moved[coin] += amount

    def _open(self) -> list[Any]:
        return list(self.exchange.engine.state.spot_orders.values())

    # ---- what a user does

    @rule(
        side=sides,
        qty=sizes,
        price=prices,
        time_in_force=st.sampled_from(["GTC", "GTC", "IOC", "FOK", "PostOnly"]),
        stop=st.none() | prices,
        profit=st.none() | prices,
    )
    def limit(
        self, side: str, qty: str, price: str, time_in_force: str, stop: str | None, profit: str | None
    ) -> None:
        body = {"side": side, "orderType": "Limit", "qty": qty, "price": price, "timeInForce": time_in_force}
        body |= {"stopLoss": stop} if stop else {}
        body |= {"takeProfit": profit} if profit else {}
        self._ask(self.exchange.create, body)

    @rule(side=sides, qty=sizes, by_value=st.booleans())
    def market_order(self, side: str, qty: str, by_value: bool) -> None:
        unit = "quoteCoin" if by_value and side == "Buy" else "baseCoin"
        qty = str(D(qty) * 77) if unit == "quoteCoin" else qty
        self._ask(self.exchange.create, {"side": side, "orderType": "Market", "qty": qty, "marketUnit": unit})

    @rule(
        side=sides,
        qty=sizes,
        price=st.none() | prices,
        trigger=prices,
        kind=st.sampled_from(["tpslOrder", "StopOrder"]),
        by_value=st.booleans(),
    )
    def waiting_order(
        self, side: str, qty: str, price: str | None, trigger: str, kind: str, by_value: bool
    ) -> None:
        body = {"side": side, "qty": qty, "triggerPrice": trigger, "orderFilter": kind}
        if price is None:
            by_value = by_value and side == "Buy"
            body |= {"orderType": "Market", "marketUnit": "quoteCoin" if by_value else "baseCoin"}
            body |= {"qty": str(D(qty) * 50)} if by_value else {}
        else:
            body |= {"orderType": "Limit", "price": price}
        self._ask(self.exchange.create, body)

    @rule(which=chances, kind=st.sampled_from(["", "Order", "tpslOrder", "StopOrder"]))
    def cancel(self, which: int, kind: str) -> None:
        if orders := self._open():
            order = orders[which % len(orders)]
            self._ask(self.exchange.cancel, {"orderId": order.order_id, "orderFilter": kind})

    @rule(kind=st.sampled_from(["", "tpslOrder", "StopOrder", "BidirectionalTpslOrder"]))
    def cancel_all(self, kind: str) -> None:
        self._ask(self.exchange.cancel_all, {"orderFilter": kind})

    @rule(which=chances, qty=st.none() | sizes, price=st.none() | prices, trigger=st.none() | prices)
    def amend(self, which: int, qty: str | None, price: str | None, trigger: str | None) -> None:
        if orders := self._open():
            wishes = {"qty": qty, "price": price, "triggerPrice": trigger}
            given = {name: value for name, value in wishes.items() if value is not None}
            order = orders[which % len(orders)]
            self._ask(self.exchange.amend, {"orderId": order.order_id, **given})

    @rule(coin=st.sampled_from(["X", "USDT"]), amount=st.integers(-300, 300))
    def transfer(self, coin: str, amount: int) -> None:
        self._transfer(coin, D(amount))

    @rule(side=sides, qty=st.integers(1, 60).map(str))
    def contract(self, side: str, qty: str) -> None:
        self._ask(
            self.exchange.create, {"category": "linear", "side": side, "orderType": "Market", "qty": qty}
        )

    # ---- what the markets do

    @rule(side=book_sides, price=prices, size=st.integers(0, 9).map(str))
    def book(self, side: Side, price: str, size: str) -> None:
        self.now_ns += 1_000_000
        other = self.market.book(SYMBOL).levels(side.opposite)
        if other and (D(price) - other[0][0]) * side.sign >= 0:
            return  # the exchange shows no crossed book
        self.market.restate(SYMBOL, side, {price: size})
        self.taken.pop((side, D(price)), None)

    @rule(side=book_sides, price=prices, qty=sizes)
    def trade(self, side: Side, price: str, qty: str) -> None:
        self.now_ns += 1_000_000
        self.market.trade(SYMBOL, side, price, qty)

    @rule(mark=prices, factor=st.sampled_from(["1", "1", "0.8", "1.25"]))
    def contract_moves(self, mark: str, factor: str) -> None:
        self.now_ns += 1_000_000
        at = (D(mark) * D(factor)).quantize(D(1))
        self.linear.replace(SYMBOL, {str(at - 1): "99"}, {str(at + 1): "99"})
        self.linear.mark(SYMBOL, str(at))

    @rule(
        qty=st.integers(10, 60).map(str), locked=st.integers(1, 19), factor=st.sampled_from(["0.85", "1.15"])
    )
    def contracts_lose_what_an_order_holds_back(self, qty: str, locked: int, factor: str) -> None:
        self.contract("Buy" if factor < "1" else "Sell", qty)
        self.limit("Buy", str(locked), "92", "PostOnly", None, None)
        self.contract_moves("100", factor)
        self.contract("Sell" if factor < "1" else "Buy", qty)

    @rule()
    def restart(self) -> None:
        self.exchange.close()
        self.exchange = self._opened()

    # ---- the laws

    def _executions(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = reads.executions(
                self.exchange, {"category": "spot", "limit": "100", **({"cursor": cursor} if cursor else {})}
            )
            rows += page["list"]
            cursor = page["nextPageCursor"]
            if not page["list"]:
                return rows

    @invariant()
    def coins_are_conserved_but_for_fees(self) -> None:
        if not hasattr(self, "exchange"):
            return
        coins: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in self._executions():
            sign = 1 if row["side"] == "Buy" else -1
            coins["X"] += sign * D(row["execQty"])
            coins["USDT"] -= sign * D(row["execQty"]) * D(row["execPrice"])
            assert row["feeCurrency"] == ("X" if row["side"] == "Buy" else "USDT")
            assert D(row["execFee"]) == D(row["execQty" if sign > 0 else "execValue"]) * D("0.001")
            coins[row["feeCurrency"]] -= D(row["execFee"])
        state = self.exchange.engine.state
        wallet = state.wallet
        assert state.coins.get("X", D(0)) == coins["X"] + self.moved["X"]
        assert wallet.spot == coins["USDT"]
        assert wallet.balance == (
            START + wallet.realised - wallet.fees - wallet.funding + wallet.transferred + wallet.spot
        )
        assert wallet.transferred == self.moved["USDT"]

    @invariant()
    def nothing_is_held_back_that_is_not_there(self) -> None:
        if not hasattr(self, "exchange"):
            return
        for row in self.exchange.wallet()["coin"]:
            assert 0 <= D(row["locked"]) <= max(D(row["walletBalance"]), D(0))
            if row["coin"] == "X":
                assert D(row["walletBalance"]) >= 0

    @invariant()
    def open_orders_hold_back_what_their_rows_say(self) -> None:
        if not hasattr(self, "exchange"):
            return
        held: defaultdict[str, Decimal] = defaultdict(Decimal)
        for row in reads.open_orders(self.exchange, {"category": "spot", "limit": "50"})["list"]:
            if row["orderStatus"] == "Untriggered" and row["stopOrderType"] == "Stop":
                continue
            if row["side"] == "Sell":
                held["X"] += D(row["leavesQty"])
            elif row["orderType"] == "Limit" or row["marketUnit"] == "quoteCoin":
                held["USDT"] += D(row["leavesValue"])
            else:
                bound = (D(row["triggerPrice"]) * D("1.05")).quantize(D(1), rounding="ROUND_FLOOR")
                held["USDT"] += D(row["leavesQty"]) * bound
        assert len(self._open()) <= 50
        for row in self.exchange.wallet()["coin"]:
            assert D(row["locked"]) == held[row["coin"]]

    @invariant()
    def the_transaction_log_adds_up_to_the_balances(self) -> None:
        if not hasattr(self, "exchange"):
            return
        sums: defaultdict[str, Decimal] = defaultdict(Decimal)
        cursor = ""
        while True:
            page = reads.transaction_log(
                self.exchange, {"limit": "50", **({"cursor": cursor} if cursor else {})}
            )
            for row in page["list"]:
                sums[row["currency"]] += D(row["change"])
            cursor = page["nextPageCursor"]
            if not page["list"]:
                break
        state = self.exchange.engine.state
        assert state.wallet.balance == START + sums["USDT"]
        assert state.coins.get("X", D(0)) == sums["X"]

    @invariant()
    def rows_are_told_in_order_and_ended_orders_stay_ended(self) -> None:
        ended: set[str] = set()
        for publication in self.published:
            for row in publication.rows.get("order", ()):
                assert row["orderId"] not in ended
                if row["orderStatus"] in (
                    "Filled",
                    "Cancelled",
                    "PartiallyFilledCanceled",
                    "Rejected",
                    "Deactivated",
                ):
                    ended.add(row["orderId"])
                    assert (row["orderStatus"] == "PartiallyFilledCanceled") is (
                        row["category"] == "spot"
                        and row["orderStatus"] != "Filled"
                        and D(row["cumExecQty"]) > 0
                    )


TestSpotLaws = SpotMachine.TestCase
TestSpotLaws.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
