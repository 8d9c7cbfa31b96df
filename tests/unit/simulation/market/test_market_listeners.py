"""What the account side is told, and in which order."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from tradefleet.domain.orders import Side
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.market_view import MarketView

MakeMarket = Callable[..., ReplayMarket]


class Notebook:
    """Writes down every call, and what the market looked like during it."""

    def __init__(self, market: MarketView) -> None:
        self.market = market
        self.calls: list[tuple[str, str, Any]] = []
        self.at: list[int] = []

    def on_book(
        self, symbol: str, restated: Sequence[tuple[Side, Decimal]], replaced: bool, at_ns: int
    ) -> None:
        sizes = [self.market.book(symbol).size_at(side, price) for side, price in restated]
        self.calls.append(("book", symbol, (list(restated), replaced, sizes)))
        assert self.market.now_ns() == at_ns

    def on_trade(self, symbol: str, price: Decimal, qty: Decimal, taker: Side, at_ns: int) -> None:
        self.calls.append(("trade", symbol, (price, qty, taker, at_ns)))
        assert at_ns <= self.market.now_ns()

    def on_mark(self, symbol: str, mark: Decimal, index: Decimal, last: Decimal, at_ns: int) -> None:
        self.calls.append(("mark", symbol, (mark, index, last)))
        assert self.market.mark_price(symbol) == mark
        assert self.market.index_price(symbol) == index
        assert self.market.last_price(symbol) == last


def notes(make_market: MakeMarket, start_ns: int, after_ns: int) -> Notebook:
    market = make_market()
    notebook = Notebook(market)
    market.add_listener(notebook)
    market.advance_to(start_ns + after_ns)
    return notebook


def test_each_book_frame_is_told_after_the_book_has_changed(
    make_market: MakeMarket, start_ns: int, lap_ns: int, recorded_frames: list[dict[str, Any]]
) -> None:
    notebook = notes(make_market, start_ns, lap_ns - 1)

    told = [call[2] for call in notebook.calls if call[:2] == ("book", "ETHUSDT")]
    recorded = [frame["data"] for frame in recorded_frames if frame["topic"] == "orderbook.200.ETHUSDT"][1:]
    assert len(told) == len(recorded)
    for (restated, replaced, sizes), data in zip(told, recorded, strict=True):
        assert restated == [(Side.BUY, Decimal(price)) for price, _ in data["b"]] + [
            (Side.SELL, Decimal(price)) for price, _ in data["a"]
        ]
        assert sizes == [Decimal(size) for _, size in [*data["b"], *data["a"]]]
        assert not replaced


def test_a_new_lap_replaces_the_whole_book(make_market: MakeMarket, start_ns: int, lap_ns: int) -> None:
    notebook = notes(make_market, start_ns, lap_ns)

    replaced = [call for call in notebook.calls if call[0] == "book" and call[2][1]]
    assert sorted(symbol for _, symbol, _ in replaced) == ["BTCUSDT", "DOGEUSDT", "ETHUSDT", "SOLUSDT"]
    assert all(len(restated) == 400 for _, _, (restated, _, _) in replaced)


def test_a_trade_is_told_after_the_book_change_that_belongs_to_it(
    make_market: MakeMarket, start_ns: int, lap_ns: int, recorded_frames: list[dict[str, Any]]
) -> None:
    notebook = notes(make_market, start_ns, lap_ns)

    books = [frame["data"] for frame in recorded_frames if frame["topic"] == "orderbook.200.SOLUSDT"]
    trades = [
        row for frame in recorded_frames if frame["topic"] == "publicTrade.SOLUSDT" for row in frame["data"]
    ]
    calls = [call for call in notebook.calls if call[1] == "SOLUSDT" and call[0] != "mark"]
    told = [(place, call[2]) for place, call in enumerate(calls) if call[0] == "trade"]
    assert [(price, qty, taker) for _, (price, qty, taker, _) in told] == [
        (Decimal(row["p"]), Decimal(row["v"]), Side(row["S"])) for row in trades
    ]
    for (place, _), row in zip(told, trades, strict=True):
        books_before = sum(call[0] == "book" for call in calls[:place])
        if books_before < len(books):
            assert books[books_before]["seq"] >= row["seq"]
        assert books_before == len(books) or books[books_before - 1]["seq"] < row["seq"]


def test_marks_are_told_when_a_price_changed(
    make_market: MakeMarket, start_ns: int, lap_ns: int, recorded_frames: list[dict[str, Any]]
) -> None:
    notebook = notes(make_market, start_ns, lap_ns - 1)

    told = sum(call[:2] == ("mark", "DOGEUSDT") for call in notebook.calls)
    priced = sum(
        frame["topic"] == "tickers.DOGEUSDT"
        and not {"markPrice", "indexPrice", "lastPrice"}.isdisjoint(frame["data"])
        for frame in recorded_frames
    )
    assert told == priced - 1  # the first snapshot was there before anybody listened


def test_the_last_price_is_that_of_the_latest_trade(
    make_market: MakeMarket, start_ns: int, lap_ns: int, recorded_frames: list[dict[str, Any]]
) -> None:
    market = make_market()
    first = next(frame for frame in recorded_frames if frame["topic"] == "tickers.SOLUSDT")
    assert market.last_price("SOLUSDT") == Decimal(first["data"]["lastPrice"])

    market.advance_to(start_ns + lap_ns - 1)

    trades = [frame for frame in recorded_frames if frame["topic"] == "publicTrade.SOLUSDT"]
    assert market.last_price("SOLUSDT") == Decimal(trades[-1]["data"][-1]["p"])


def test_a_market_is_a_market_view(make_market: MakeMarket) -> None:
    view: MarketView = make_market()

    assert view.instruments["BTCUSDT"].tick_size == Decimal("0.10")
    assert view.book("BTCUSDT").size_at(Side.BUY, Decimal("1")) == 0
