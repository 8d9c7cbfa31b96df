"""One account on a hand-moved market: BTCUSDT around 60,000 and DOGEUSDT around 0.2."""

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import Side
from tradefleet.simulation.account import reads
from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.orders import Fill, Order, Refused
from tradefleet.simulation.account.rows import Row

START_NS = 1_800_000_000_000_000_000
PAYLOADS = Path(__file__).parents[3] / "fixtures" / "bybit-payloads" / "account"


def _instrument(symbol: str, **rules: str) -> Instrument:
    values = {
        "tick_size": "0.1",
        "qty_step": "0.001",
        "min_qty": "0.001",
        "max_market_qty": "150",
        "max_limit_qty": "1500",
        "min_notional": "5",
        "max_leverage": "100",
        "price_limit_ratio": "0.01",
        **rules,
    }
    return Instrument(
        venue="bybit",
        category="linear",
        symbol=symbol,
        status=InstrumentStatus.TRADING,
        base_coin=symbol.removesuffix("USDT"),
        quote_coin="USDT",
        settle_coin="USDT",
        **{name: Decimal(value) for name, value in values.items()},
    )


BTC = _instrument("BTCUSDT")
DOGE = _instrument(
    "DOGEUSDT",
    tick_size="0.00001",
    qty_step="1",
    min_qty="20",
    max_market_qty="5000000",
    max_limit_qty="9000000",
)


class Clock:
    """Time that moves only when told."""

    def __init__(self) -> None:
        self.now_ns = START_NS

    def __call__(self) -> int:
        return self.now_ns

    def forward(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)


class Trader:
    """An exchange on a hand-moved market, and short ways to use both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = Clock()
        self.market = HandMarket([BTC, DOGE], self.clock)
        self.market.mark("BTCUSDT", "60000")
        self.market.replace(
            "BTCUSDT",
            {"59999.9": "1", "59999.8": "2", "59990": "5", "59000": "9"},
            {"60000.1": "1", "60000.2": "2", "60010": "5", "61000": "9"},
        )
        self.market.mark("DOGEUSDT", "0.2")
        self.market.replace("DOGEUSDT", {"0.19999": "5000"}, {"0.20001": "5000"})
        self.published: list[Publication] = []
        self.exchange = self._opened()

    def _opened(self) -> SimulatedExchange:
        exchange = SimulatedExchange(
            self.market, self.folder, api_key="key", api_secret="secret", start_balance=Decimal(1_000_000)
        )
        exchange.subscribe(self.published.append)
        return exchange

    def restart(self) -> SimulatedExchange:
        """The same folder, a new process: returns the exchange that was before."""
        before = self.exchange
        before.close()
        self.market = _copy_of(self.market)
        self.exchange = self._opened()
        return before

    def create(self, side: str = "Buy", qty: str = "0.1", price: str | None = None, **more: Any) -> Order:
        """A limit order when there is a price, else a market order."""
        body = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": side,
            "qty": qty,
            "orderType": "Market" if price is None else "Limit",
            **({} if price is None else {"price": price}),
            **more,
        }
        return self.exchange.create(body)

    def refusal(self, **body: Any) -> tuple[int, str]:
        """(code, text) with which the exchange refuses such a create."""
        with pytest.raises(Refused) as refused:
            self.create(**body)
        return refused.value.code, refused.value.text

    def order(self, order: Order) -> Order:
        """The order as it is now, open or ended."""
        found = self.exchange.engine.state.orders.get(order.order_id)
        return found or next(o for o in self.exchange.recent["linear"] if o.order_id == order.order_id)

    def fills(self, order: Order | None = None) -> list[Fill]:
        """Executions, oldest first."""
        query = reads.HistoryQuery(order_id=order.order_id if order else "", limit=10_000)
        return self.exchange.store.executions(query)[::-1]

    def size(self, symbol: str = "BTCUSDT") -> Decimal:
        """The position's signed size."""
        return self.exchange.engine.position(symbol).size

    def waiting(self, symbol: str = "BTCUSDT") -> dict[str, Order]:
        """The symbol's waiting conditional orders by kind."""
        orders = self.exchange.engine.open_orders(symbol)
        return {order.stop_kind.value: order for order in orders if order.is_waiting}

    def rows(self, topic: str) -> list[Row]:
        """All rows pushed so far on a topic."""
        return [row for publication in self.published for row in publication.rows.get(topic, [])]

    def sell_trade(self, price: str, qty: str = "1") -> None:
        """A trade of the market that hits bids."""
        self.market.trade("BTCUSDT", Side.SELL, price, qty)

    def buy_trade(self, price: str, qty: str = "1") -> None:
        """A trade of the market that lifts asks."""
        self.market.trade("BTCUSDT", Side.BUY, price, qty)


def _copy_of(market: HandMarket) -> HandMarket:
    """The same prices without the old listeners."""
    copy = HandMarket(market.instruments.values(), market.now_ns)
    for symbol in market.instruments:
        copy.mark(
            symbol,
            str(market.mark_price(symbol)),
            str(market.index_price(symbol)),
            str(market.last_price(symbol)),
        )
        bids, asks = (
            {str(price): str(size) for price, size in market.book(symbol).levels(side)} for side in Side
        )
        copy.replace(symbol, bids, asks)
    return copy


@pytest.fixture
def trader(tmp_path: Path) -> Iterator[Trader]:
    trader = Trader(tmp_path / "state")
    yield trader
    trader.exchange.close()


@pytest.fixture
def payload() -> Callable[[str], Any]:
    """A recorded payload by file name."""
    return lambda name: json.loads((PAYLOADS / name).read_text())
