"""One symbol's ticker: what the latest frames add up to, for snapshots, marks and REST.

A field that a delta does not name is unchanged. nextFundingTime is the one field that cannot be
replayed as recorded: it is worked out from the wall clock and the contract's funding interval, and
told again when it passes. A spot ticker has neither mark nor index: both are its last price.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from tradefleet.simulation.market.clock import MILLISECOND_NS
from tradefleet.simulation.market.track import TickerStep
from tradefleet.simulation.market_view import Funding

_HOUR_MS: Final = 3_600_000
_FUNDING: Final = "nextFundingTime"
_RATE: Final = "fundingRate"
_PRICES: Final = frozenset({"markPrice", "indexPrice", "lastPrice"})

# Fields of dated contracts are there for perpetuals too, empty; so is the order of the exchange's rows.
_SPOT_REST_ROW: Final[Mapping[str, str]] = {
    "symbol": "",
    "bid1Price": "",
    "bid1Size": "",
    "ask1Price": "",
    "ask1Size": "",
    "lastPrice": "",
    "prevPrice24h": "",
    "price24hPcnt": "",
    "highPrice24h": "",
    "lowPrice24h": "",
    "turnover24h": "",
    "volume24h": "",
    "usdIndexPrice": "",
}

_REST_ROW: Final[Mapping[str, str]] = {
    "symbol": "",
    "lastPrice": "",
    "indexPrice": "",
    "markPrice": "",
    "prevPrice24h": "",
    "price24hPcnt": "",
    "highPrice24h": "",
    "lowPrice24h": "",
    "prevPrice1h": "",
    "openInterest": "",
    "openInterestValue": "",
    "turnover24h": "",
    "volume24h": "",
    "fundingRate": "",
    "nextFundingTime": "",
    "predictedDeliveryPrice": "",
    "basisRate": "",
    "deliveryFeeRate": "",
    "deliveryTime": "0",
    "ask1Size": "",
    "bid1Price": "",
    "ask1Price": "",
    "bid1Size": "",
    "basis": "",
    "preOpenPrice": "",
    "preQty": "",
    "curPreListingPhase": "",
    "fundingIntervalHour": "",
    "basisRateYear": "",
    "fundingCap": "",
}


class TickerState:
    """The merged fields of one symbol. funding: what is settled next, None without funding."""

    def __init__(self, symbol: str) -> None:
        self._symbol = symbol
        self.fields: dict[str, str] = {}
        self.cross_seq = 0
        self.funding: Funding | None = None
        self.mark = self.index = self.last = Decimal(0)

    def apply(self, step: TickerStep, cross_seq: int, ts: int) -> tuple[dict[str, str], bool]:
        """Take in one frame; returns the fields to publish, and whether a price is among them.

        cross_seq: re-stamped; ts: ms UTC.
        """
        told = dict(step.fields)
        if step.replaces:
            self.fields = {}
        funding_ms = self._next_funding_ms({**self.fields, **told}, ts)
        if funding_ms is not None and (_FUNDING in told or self.fields.get(_FUNDING) != str(funding_ms)):
            told[_FUNDING] = str(funding_ms)
        self.fields.update(told)
        self.cross_seq = cross_seq
        if _FUNDING in told or _RATE in told:
            self.funding = self._told_funding()
        priced = not _PRICES.isdisjoint(told)
        if priced:
            last = self.fields["lastPrice"]
            self.mark = Decimal(self.fields.get("markPrice", last))
            self.index = Decimal(self.fields.get("indexPrice", last))
            self.last = Decimal(last)
        return told, priced

    @staticmethod
    def _next_funding_ms(fields: Mapping[str, str], ts: int) -> int | None:
        if not fields.get(_FUNDING) or not fields.get("fundingIntervalHour"):
            return None  # a contract without funding (a dated future)
        interval_ms = int(fields["fundingIntervalHour"]) * _HOUR_MS
        return (ts // interval_ms + 1) * interval_ms

    def _told_funding(self) -> Funding | None:
        rate, next_ms = self.fields.get(_RATE), self.fields.get(_FUNDING)
        if not rate or not next_ms:
            return None
        return Funding(Decimal(rate), int(next_ms) * MILLISECOND_NS)

    def rest_row(self) -> dict[str, str]:
        """The row of GET /v5/market/tickers: the stream's fields beside those of dated contracts."""
        stream = {"symbol": self._symbol, **self.fields}
        return {name: stream.get(name, otherwise) for name, otherwise in _REST_ROW.items()}

    def spot_rest_row(self, top: Mapping[str, str]) -> dict[str, str]:
        """The same for a spot pair; top: its best prices and sizes, which the spot stream leaves out."""
        stream = {"symbol": self._symbol, **self.fields, **top}
        return {name: stream.get(name, otherwise) for name, otherwise in _SPOT_REST_ROW.items()}
