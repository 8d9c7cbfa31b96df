"""A market moved by hand: for tests, and for trying out what the account does.

Implements `MarketView` in memory. `restate` changes levels and tells the listeners, as the
exchange's book frames do; `trade` prints a trade; `mark` moves the mark, index and last price.

    market = HandMarket([btc], clock=lambda: 1_700_000_000_000_000_000)
    market.restate("BTCUSDT", Side.SELL, {"60000.1": "2"})
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side
from tradefleet.domain.quantities import ZERO
from tradefleet.simulation.market_view import Funding, Level, MarketListener


class HandBook:
    """One symbol's displayed book."""

    def __init__(self) -> None:
        self._sizes: dict[Side, dict[Decimal, Decimal]] = {Side.BUY: {}, Side.SELL: {}}

    def levels(self, side: Side) -> Sequence[Level]:
        """Resting levels, best first."""
        return sorted(self._sizes[side].items(), reverse=side is Side.BUY)

    def size_at(self, side: Side, price: Decimal) -> Decimal:
        """Displayed size at one price; zero when there is none."""
        return self._sizes[side].get(price, ZERO)

    def put(self, side: Side, price: Decimal, size: Decimal) -> None:
        """The level now shows `size`; zero takes it away."""
        if size:
            self._sizes[side][price] = size
        else:
            self._sizes[side].pop(price, None)

    def clear(self) -> None:
        """Takes all levels away."""
        for levels in self._sizes.values():
            levels.clear()


class HandMarket:
    """Books, marks and trades as they are told."""

    def __init__(self, instruments: Iterable[Instrument], clock: Callable[[], int]) -> None:
        """clock: the simulator's time, int64 ns UTC."""
        self._instruments = {instrument.symbol: instrument for instrument in instruments}
        self._books = {symbol: HandBook() for symbol in self._instruments}
        self._mark: dict[str, Decimal] = {}
        self._index: dict[str, Decimal] = {}
        self._last: dict[str, Decimal] = {}
        self._funding: dict[str, Funding] = {}
        self._clock = clock
        self._listeners: list[MarketListener] = []

    # ---- by hand

    def restate(self, symbol: str, side: Side, levels: Mapping[str, str]) -> None:
        """These levels are told anew: price -> size, "0" takes a level away."""
        told = [(side, Decimal(price), Decimal(size)) for price, size in levels.items()]
        for level_side, price, size in told:
            self._books[symbol].put(level_side, price, size)
        self._tell_book(symbol, [(level_side, price) for level_side, price, _ in told], replaced=False)

    def replace(self, symbol: str, bids: Mapping[str, str], asks: Mapping[str, str]) -> None:
        """A snapshot: the whole book is told anew."""
        book = self._books[symbol]
        book.clear()
        told = []
        for side, levels in ((Side.BUY, bids), (Side.SELL, asks)):
            for price, size in levels.items():
                book.put(side, Decimal(price), Decimal(size))
                told.append((side, Decimal(price)))
        self._tell_book(symbol, told, replaced=True)

    def trade(self, symbol: str, taker: Side, price: str, qty: str, at_ns: int | None = None) -> None:
        """A trade of the market; `at_ns` when it was made, now when None."""
        self._last[symbol] = Decimal(price)
        made_ns = self._clock() if at_ns is None else at_ns
        for listener in self._listeners:
            listener.on_trade(symbol, Decimal(price), Decimal(qty), taker, made_ns)

    def mark(self, symbol: str, mark: str, index: str | None = None, last: str | None = None) -> None:
        """Mark, index and last price; index and last follow the mark when not given."""
        self._mark[symbol] = Decimal(mark)
        self._index[symbol] = Decimal(index or mark)
        self._last[symbol] = Decimal(last or mark)
        for listener in self._listeners:
            listener.on_mark(
                symbol, self._mark[symbol], self._index[symbol], self._last[symbol], self._clock()
            )

    def set_funding(self, symbol: str, rate: str, next_ns: int) -> None:
        """The rate that is settled next, and when; told with the next mark."""
        self._funding[symbol] = Funding(Decimal(rate), next_ns)

    def _tell_book(self, symbol: str, told: Sequence[tuple[Side, Decimal]], *, replaced: bool) -> None:
        for listener in self._listeners:
            listener.on_book(symbol, told, replaced, self._clock())

    # ---- MarketView

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """Tradable symbols by name."""
        return self._instruments

    def book(self, symbol: str) -> HandBook:
        """The displayed book; raises KeyError for an unknown symbol."""
        return self._books[symbol]

    def mark_price(self, symbol: str) -> Decimal:
        """Latest mark price; raises KeyError before the first."""
        return self._mark[symbol]

    def index_price(self, symbol: str) -> Decimal:
        """Latest index price; raises KeyError before the first."""
        return self._index[symbol]

    def last_price(self, symbol: str) -> Decimal:
        """Price of the latest trade; raises KeyError before the first."""
        return self._last[symbol]

    def funding(self, symbol: str) -> Funding | None:
        """What was set; None before that."""
        return self._funding.get(symbol)

    def now_ns(self) -> int:
        """The simulator's clock, int64 ns UTC."""
        return self._clock()

    def add_listener(self, listener: MarketListener) -> None:
        """Call `listener` at every change from now on."""
        self._listeners.append(listener)
