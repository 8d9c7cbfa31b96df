"""A hedged account of the simulator against the sum of its executions, leg by leg.

The core gets the rows that the exchange would send, through the adapter, in any order, some of them again,
orders before or after their executions or never. Whatever comes first, each leg ends at the exchange's size,
its day's money is the exchange's to the grain, and on the way no leg ever stands on the other side.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from decimal import Decimal
from pathlib import Path
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.account_harness import ACCOUNT
from tests.support.hedge_harness import hedge_config
from tests.support.simulated_account import BTC

from tradefleet.adapters.bybit.rows import execution_of, order_of
from tradefleet.core import events as ev
from tradefleet.core.account import AccountCore
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY
from tradefleet.orders.exchange_view import Wallet
from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.orders import Refused
from tradefleet.simulation.account.rows import Row

SYMBOL = BTC.symbol
BEGAN_NS = 1_800_000_000_000_000_000
GRAIN = Decimal("1e-9")
"""The exchange rounds an entry price to this; so may the sums."""

SIZES = st.sampled_from(["0.001", "0.002", "0.003", "0.005"])
LEGS = st.sampled_from([1, 2])
OPEN = st.tuples(st.just("open"), LEGS, SIZES, st.booleans())
CLOSE = st.tuples(st.just("close"), LEGS, SIZES, st.booleans())
FUND = st.tuples(st.just("fund"), st.sampled_from(["0.001", "-0.002"]))
DELEVERAGE = st.tuples(st.just("adl"), LEGS)
MOVE = st.tuples(st.just("mark"), st.integers(59_000, 61_000))
STEPS = st.lists(st.one_of(OPEN, OPEN, CLOSE, FUND, DELEVERAGE, MOVE), min_size=1, max_size=14)


class Hedged:
    """The simulated account, and what it has pushed."""

    def __init__(self, folder: Path) -> None:
        self.now_ns = BEGAN_NS
        self.market = HandMarket([BTC], lambda: self.now_ns)
        self.exchange = SimulatedExchange(
            self.market, folder, api_key="key", api_secret="secret", start_balance=Decimal(1_000_000)
        )
        self.pushed: list[Publication] = []
        self.move(60_000)
        self.exchange.subscribe(self.pushed.append)
        self.exchange.switch_mode({"category": "linear", "symbol": SYMBOL, "mode": 3})

    def move(self, price: int) -> None:
        """Mark and book go there; stops and targets may fire."""
        self.market.replace(SYMBOL, {str(price - 1): "50"}, {str(price + 1): "50"})
        self.market.mark(SYMBOL, str(price))

    def do(self, step: tuple) -> None:
        """A step that the exchange refuses did not happen."""
        self.now_ns += 1_000_000
        with suppress(Refused):
            match step:
                case ("open", leg, qty, protected):
                    self._order("Buy" if leg == 1 else "Sell", leg, qty, protected)
                case ("close", leg, qty, reduce_only):
                    extra = {"reduceOnly": True} if reduce_only else {}
                    self._order("Sell" if leg == 1 else "Buy", leg, qty, False, **extra)
                case ("fund", rate):
                    self.exchange.fund(SYMBOL, Decimal(rate))
                case ("adl", leg):
                    self.exchange.deleverage(SYMBOL, leg, None, None)
                case ("mark", price):
                    self.move(price)

    def _order(self, side: str, leg: int, qty: str, protected: bool, **extra: object) -> None:
        body = {"category": "linear", "symbol": SYMBOL, "side": side, "qty": qty, "orderType": "Market"}
        if protected:
            mark = self.market.mark_price(SYMBOL)
            away = Decimal(300) if leg == 1 else Decimal(-300)
            body |= {"stopLoss": f"{mark - away:f}", "takeProfit": f"{mark + away:f}"}
        self.exchange.create({**body, "positionIdx": leg, **extra})

    def rows(self, topic: str) -> list[Row]:
        return [row for publication in self.pushed for row in publication.rows.get(topic, [])]

    def events(self) -> list[ev.AnyEvent]:
        """Everything that the private stream has said of orders and executions."""
        executions = (ev.ExecutionSeen(now_ns=1, execution=execution_of(r)) for r in self.rows("execution"))
        return [*executions, *(ev.OrderSeen(now_ns=1, order=order_of(r)) for r in self.rows("order"))]


@contextmanager
def hedged() -> Iterator[Hedged]:
    with tempfile.TemporaryDirectory() as folder:
        account = Hedged(Path(folder))
        try:
            yield account
        finally:
            account.exchange.close()


def core_of(account: Hedged) -> AccountCore:
    """An epoch that has begun before the first execution, and knows the wallet and the mark."""
    core = AccountCore()
    balance = Decimal(1_000_000)
    core.handle(
        ev.Restored(
            now_ns=BEGAN_NS,
            account=ACCOUNT,
            epoch=1,
            config=hedge_config(),
            instruments=(BTC,),
            taker_fee=Decimal("0.00055"),
            intents=(),
            positions=(),
            executions_counted=(),
            seen_signals=(),
            owners=(),
            latches=(),
            baseline=None,
            quiet_until_ns=0,
        )
    )
    wallet = Wallet(coin="USDT", wallet_balance=balance, equity=balance, at_ns=BEGAN_NS)
    core.handle(ev.WalletSeen(now_ns=BEGAN_NS, wallet=wallet))
    assert core.state.baseline is not None
    return core


def key(leg: int) -> PositionKey:
    return PositionKey("linear", SYMBOL, leg)


@settings(max_examples=150, deadline=None)
@given(steps=STEPS, seed=st.integers(0, 2**32), with_orders=st.booleans())
def test_each_leg_is_the_sum_of_its_executions_in_any_order_and_with_repeats(
    steps: list[tuple], seed: int, with_orders: bool
) -> None:
    with hedged() as account:
        for step in steps:
            account.do(step)
        events = [e for e in account.events() if with_orders or isinstance(e, ev.ExecutionSeen)]
        random = Random(seed)
        events += random.choices(events, k=random.randint(0, len(events))) if events else []
        random.shuffle(events)
        core = core_of(account)

        for event in events:
            core.handle(msgspec.structs.replace(event, now_ns=BEGAN_NS + 1))
            for leg, sign in ((1, 1), (2, -1)):
                assert core.state.position(key(leg)).size * sign >= 0

        engine = account.exchange.engine
        for leg in (1, 2):
            ours, theirs = core.state.position(key(leg)), engine.position(SYMBOL, leg)
            assert (ours.size, ours.owed) == (theirs.size, 0)
        assert core.state.position(PositionKey("linear", SYMBOL)).size == 0
        mark = account.market.mark_price(SYMBOL)
        core.state.market(SYMBOL).mark = mark
        open_profit = sum((engine.position(SYMBOL, leg).unrealised(mark) for leg in (1, 2)), Decimal(0))
        theirs = engine.state.wallet.balance - 1_000_000 + open_profit
        assert core.state.baseline is not None
        assert abs(MONEY.add(core.state.baseline.cash, core.state.unrealised()) - theirs) < GRAIN * 100


def test_the_law_is_told_about_stops_funding_deleveraging_and_both_legs() -> None:
    """That the steps above can do what the law is about."""
    with hedged() as account:
        for step in [
            ("open", 1, "0.005", True),
            ("open", 2, "0.003", True),
            ("fund", "0.001"),
            ("close", 2, "0.001", True),
            ("mark", 59_600),
            ("open", 1, "0.002", False),
            ("adl", 1),
        ]:
            account.do(step)

        rows = account.rows("execution")
        assert {row["execType"] for row in rows} == {"Trade", "Funding", "AdlTrade"}
        assert {row["stopOrderType"] for row in rows} >= {"StopLoss", "TakeProfit"}
        assert {row["side"] for row in rows if row["execType"] == "Funding"} == {side.value for side in Side}
        closed = [row for row in rows if Decimal(row["closedSize"]) > 0]
        assert len(closed) == 4
        assert all("positionIdx" not in row for row in rows)
