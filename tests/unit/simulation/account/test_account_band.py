"""How far from the mark an order may reach."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Side
from tradefleet.simulation.account.band import PremiumAverage, clamp_limit, market_bound

D = Decimal
SECOND = 1_000_000_000


@pytest.fixture
def btc(trader: object) -> Instrument:
    return trader.market.instruments["BTCUSDT"]  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize(
    ("side", "mark", "tick", "ratio", "bound"),
    [
        # Recorded: BTCUSDT 2025-05 and LTCUSDT 2024-03 (reference D3).
        (Side.SELL, "95901.48", "0.1", "0.01", "94942.5"),
        (Side.BUY, "85.07", "0.01", "0.05", "89.32"),
        (Side.BUY, "60000", "0.1", "0.01", "60600"),
    ],
)
def test_a_market_orders_bound_is_the_recorded_one(
    btc: Instrument, side: Side, mark: str, tick: str, ratio: str, bound: str
) -> None:
    instrument = replace(btc, tick_size=D(tick), price_limit_ratio=D(ratio))

    assert market_bound(instrument, side, D(mark)) == D(bound)


@pytest.mark.parametrize(
    ("side", "price", "index", "premium", "resting"),
    [
        (Side.BUY, "60500", "60000", "0", "60500"),
        (Side.BUY, "61000", "60000", "0", "60600"),  # mark (1 + X)
        (Side.BUY, "61000", "60000", "50", "60650"),  # plus a premium above zero
        (Side.BUY, "61000", "60000", "-50", "60600"),
        (Side.BUY, "70000", "60900", "0", "60900"),  # an index beyond the inner edge moves it
        (Side.BUY, "70000", "69000", "0", "61200"),  # but never beyond mark (1 + Y)
        (Side.BUY, "1", "60000", "0", "1"),  # far on the harmless side is no matter
        (Side.SELL, "59000", "60000", "0", "59400"),
        (Side.SELL, "59000", "60000", "-50", "59350"),
        (Side.SELL, "50000", "51000", "0", "58800"),
        (Side.SELL, "90000", "60000", "0", "90000"),
    ],
)
def test_a_limit_price_outside_the_band_is_moved_to_its_edge(
    btc: Instrument, side: Side, price: str, index: str, premium: str, resting: str
) -> None:
    assert clamp_limit(btc, side, D(price), D(60000), D(index), D(premium)) == D(resting)


def test_the_premium_is_averaged_over_thirty_seconds() -> None:
    premium = PremiumAverage()

    for second in range(40):
        premium.add(D(second), second * SECOND)

    assert premium.mean() == sum(D(second) for second in range(9, 40)) / 31
    assert not premium.is_due(39 * SECOND + SECOND // 2)
    assert PremiumAverage().mean() == 0
