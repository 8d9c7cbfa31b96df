"""A replayed market's funding interval ends while a position is open."""

from decimal import Decimal
from pathlib import Path

from tradefleet.domain.fills import ExecutionType
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.store import HistoryQuery
from tradefleet.simulation.market.replay import ReplayMarket
from tradefleet.simulation.recording import load_recording

SECOND_NS = 1_000_000_000
BOUNDARY_NS = 1_800_000_000 * SECOND_NS - 1_800_000_000 * SECOND_NS % (8 * 3600 * SECOND_NS)


def test_the_replayed_rate_is_settled_once_when_the_interval_ends(tmp_path: Path) -> None:
    market = ReplayMarket(load_recording(), start_ns=BOUNDARY_NS - 5 * SECOND_NS)
    exchange = SimulatedExchange(market, tmp_path, api_key="k", api_secret="s")
    market.advance_to(BOUNDARY_NS - 2 * SECOND_NS)
    shown = market.funding("DOGEUSDT")
    exchange.create(
        {"category": "linear", "symbol": "DOGEUSDT", "side": "Buy", "orderType": "Market", "qty": "500"}
    )

    market.advance_to(BOUNDARY_NS - SECOND_NS // 10)
    before = exchange.store.executions(HistoryQuery(), ExecutionType.FUNDING)
    market.advance_to(BOUNDARY_NS + 30 * SECOND_NS)
    after = exchange.store.executions(HistoryQuery(), ExecutionType.FUNDING)
    exchange.close()

    assert shown is not None
    assert shown.next_ns == BOUNDARY_NS
    assert before == []
    (row,) = after
    assert (row.qty, row.fee_rate) == (Decimal(500), shown.rate)
    assert row.fee == 500 * row.mark_price * shown.rate
    assert 0 <= row.at_ns - BOUNDARY_NS < 2 * SECOND_NS
