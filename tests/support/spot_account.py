"""A spot pair, and an account on markets that only the test moves."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tradefleet.domain.instruments import Instrument, InstrumentStatus
from tradefleet.domain.orders import Side
from tradefleet.simulation.account import reads
from tradefleet.simulation.account.exchange import Publication, SimulatedExchange
from tradefleet.simulation.account.hand_market import HandMarket
from tradefleet.simulation.account.orders import Order, Refused
from tradefleet.simulation.account.rows import Row

START_NS = 1_800_000_000_000_000_000
D = Decimal


def pair(symbol: str = "BTCUSDT", **rules: str) -> Instrument:
    """BTCUSDT as the exchange listed it, or another pair with rules of its own."""
    values = {
        "tick_size": "0.1",
        "qty_step": "0.000001",
        "min_qty": "0.000001",
        "max_market_qty": "120",
        "max_limit_qty": "230",
        "min_notional": "5",
        "max_leverage": "1",
        "price_limit_ratio": "0.005",
        "quote_step": "0.0000001",
        **rules,
    }
    return Instrument(
        venue="bybit",
        category="spot",
        symbol=symbol,
        status=InstrumentStatus.TRADING,
        base_coin=symbol.removesuffix("USDT"),
        quote_coin="USDT",
        settle_coin="USDT",
        **{name: Decimal(value) for name, value in values.items()},
    )


def spot_market(clock: Callable[[], int]) -> HandMarket:
    """BTCUSDT: 1 and 5 BTC on the two best asks, as much on the bids."""
    market = HandMarket([pair()], clock)
    market.mark("BTCUSDT", "60000")
    market.replace("BTCUSDT", {"59999.9": "1", "59990": "5"}, {"60000.1": "1", "60010": "5"})
    return market


class SpotTrader:
    """An account of 100,000 USDT and, when told, some BTC; contracts beside it in `linear`."""

    def __init__(self, folder: Path, linear: Instrument) -> None:
        self.folder = folder
        self.now_ns = START_NS
        self._contract = linear
        self.published: list[Publication] = []
        self.exchange = self._opened()

    def clock(self) -> int:
        return self.now_ns

    def _opened(self) -> SimulatedExchange:
        self.linear = HandMarket([self._contract], self.clock)
        self.linear.mark("BTCUSDT", "60000")
        self.linear.replace("BTCUSDT", {"59999.9": "9"}, {"60000.1": "9"})
        self.market = spot_market(self.clock)
        exchange = SimulatedExchange(
            self.linear,
            self.folder,
            api_key="key",
            api_secret="secret",
            start_balance=Decimal(100_000),
            spot=self.market,
        )
        exchange.subscribe(self.published.append)
        return exchange

    def restart(self) -> None:
        """The same folder, a new process, markets as they were at first."""
        self.exchange.close()
        self.exchange = self._opened()

    def create(self, side: str, qty: str, price: str | None = None, **body: Any) -> Order:
        self.now_ns += 1_000_000
        asked = {"category": "spot", "symbol": "BTCUSDT", "side": side, "qty": qty, "orderType": "Market"}
        if price is not None:
            asked |= {"orderType": "Limit", "price": price}
        return self.exchange.create({**asked, **body})

    def refusal(self, act: Callable[[], object]) -> int:
        """The code with which this is refused."""
        with pytest.raises(Refused) as refused:
            act()
        return refused.value.code

    def name(self, order: Order, **body: Any) -> dict[str, Any]:
        return {"category": "spot", "symbol": order.symbol, "orderId": order.order_id, **body}

    def now(self, order: Order) -> Row:
        """The order's row as order/realtime shows it."""
        asked = {"category": "spot", "orderId": order.order_id}
        (row,) = reads.open_orders(self.exchange, asked)["list"]
        return dict(row)

    def open(self, **query: str) -> list[Row]:
        return list(reads.open_orders(self.exchange, {"category": "spot", **query})["list"])

    def balance(self, coin: str) -> tuple[Decimal, Decimal]:
        """(balance, locked) as the wallet's row says."""
        for row in self.exchange.wallet()["coin"]:
            if row["coin"] == coin:
                return Decimal(row["walletBalance"]), Decimal(row["locked"])
        return Decimal(0), Decimal(0)

    def give(self, btc: str) -> None:
        self.exchange.transfer(Decimal(btc), "BTC")

    def trade(self, price: str, qty: str, taker: Side = Side.SELL) -> None:
        self.now_ns += 1_000_000
        self.market.trade("BTCUSDT", taker, price, qty)
