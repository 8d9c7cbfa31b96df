"""Funding, transfers, auto-deleveraging and liquidation: what the exchange does of itself."""

from decimal import Decimal

import pytest

from tradefleet.domain.fills import ExecutionType
from tradefleet.simulation.account import reads
from tradefleet.simulation.account.ledger import Position
from tradefleet.simulation.account.orders import Refused
from tradefleet.simulation.account.upkeep import bankruptcy_price

from .conftest import BTC, START_NS, Trader

D = Decimal
LINEAR = {"category": "linear"}
HOUR_NS = 3_600_000_000_000


@pytest.mark.parametrize(
    ("side", "rate", "fee"),
    [("Buy", "0.0001", "6"), ("Buy", "-0.0001", "-6"), ("Sell", "0.0001", "-6"), ("Sell", "-0.0001", "6")],
)
def test_a_long_pays_when_the_rate_is_above_zero(trader: Trader, side: str, rate: str, fee: str) -> None:
    trader.create(side, "1")
    before = trader.exchange.engine.state.wallet
    size = trader.size()

    trader.exchange.fund("BTCUSDT", D(rate))

    wallet = trader.exchange.engine.state.wallet
    assert wallet.balance == before.balance - D(fee)
    assert (wallet.fees, wallet.realised) == (before.fees, before.realised)
    assert wallet.funding == D(fee)
    assert trader.size() == size


def test_a_funding_row_looks_like_a_fill_of_the_whole_position(trader: Trader) -> None:
    trader.create("Buy", "0.7", orderLinkId="entry")
    trader.market.mark("BTCUSDT", "60100")
    trader.published.clear()

    trader.exchange.fund("BTCUSDT", D("0.00076104"))

    (row,) = trader.rows("execution")
    assert (row["execType"], row["orderType"], row["orderLinkId"], row["side"]) == (
        "Funding",
        "UNKNOWN",
        "",
        "Buy",
    )
    assert (row["execQty"], row["execPrice"], row["execValue"]) == ("0.7", "60100", "42070")
    assert D(row["execFee"]) == D(42070) * D("0.00076104")
    assert (row["closedSize"], row["execPnl"], row["feeRate"]) == ("0", "0", "0.00076104")
    assert trader.rows("execution.fast") == []
    assert trader.rows("order") == []
    assert [row["size"] for row in trader.rows("position")] == ["0.7"]
    assert len(trader.rows("wallet")) == 1


def test_without_a_position_nothing_is_settled(trader: Trader) -> None:
    trader.exchange.fund("BTCUSDT", D("0.01"))

    assert trader.fills() == []
    assert trader.published == []


def test_an_interval_that_ends_is_settled_once_at_the_rate_shown_before_it(trader: Trader) -> None:
    trader.create("Buy", "1")
    trader.market.set_funding("BTCUSDT", "0.0001", START_NS + HOUR_NS)
    trader.market.mark("BTCUSDT", "60000")
    trader.clock.forward(3600)
    trader.market.mark("BTCUSDT", "60000")
    trader.market.set_funding("BTCUSDT", "0.0005", START_NS + 2 * HOUR_NS)

    for _ in range(3):
        trader.market.mark("BTCUSDT", "60000")

    (row,) = [fill for fill in trader.fills() if fill.exec_type is ExecutionType.FUNDING]
    assert row.fee == 6


def test_executions_can_be_asked_for_by_type(trader: Trader) -> None:
    trader.create("Buy", "0.5")
    trader.exchange.fund("BTCUSDT", D("0.0001"))

    def types(**asked: str) -> list[str]:
        found = reads.executions(trader.exchange, {**LINEAR, "symbol": "BTCUSDT", **asked})
        return [row["execType"] for row in found["list"]]

    assert types() == ["Funding", "Trade"]
    assert types(execType="Trade") == ["Trade"]
    assert types(execType="Funding") == ["Funding"]
    assert types(execType="AdlTrade") == []


# ---- transfers


def test_a_transfer_moves_the_wallet_and_is_no_execution(trader: Trader) -> None:
    trader.exchange.transfer(D("250.5"))
    trader.exchange.transfer(D(-1000))

    assert trader.exchange.engine.state.wallet.balance == D("999250.5")
    assert trader.fills() == []
    assert [row["totalWalletBalance"] for row in trader.rows("wallet")] == ["1000250.5", "999250.5"]


@pytest.mark.parametrize("amount", ["-1000001", "-994100", "0"])
def test_only_what_is_free_can_be_taken_out(trader: Trader, amount: str) -> None:
    trader.create("Buy", "1", "59000")  # holds 5,900 and fees

    with pytest.raises(Refused):
        trader.exchange.transfer(D(amount))

    assert trader.exchange.engine.state.wallet.balance == 1_000_000


def test_the_transaction_log_tells_trades_settlements_and_transfers(trader: Trader) -> None:
    trader.create("Buy", "1")
    trader.exchange.fund("BTCUSDT", D("0.0001"))
    trader.exchange.transfer(D(100))
    trader.exchange.transfer(D(-40))

    def log(**asked: str) -> list[dict[str, str]]:
        found = reads.transaction_log(trader.exchange, {"accountType": "UNIFIED", **asked})["list"]
        return [{name: row[name] for name in ("type", "change", "funding", "symbol")} for row in found]

    assert log() == [
        {"type": "TRANSFER_OUT", "change": "-40", "funding": "", "symbol": ""},
        {"type": "TRANSFER_IN", "change": "100", "funding": "", "symbol": ""},
        {"type": "SETTLEMENT", "change": "-6", "funding": "-6", "symbol": "BTCUSDT"},
        {"type": "TRADE", "change": "-33.000055", "funding": "", "symbol": "BTCUSDT"},
    ]
    assert [row["type"] for row in log(type="SETTLEMENT")] == ["SETTLEMENT"]
    assert len(log(baseCoin="BTC")) == 2
    assert log(currency="BTC") == []
    page = reads.transaction_log(trader.exchange, {"limit": "3"})
    rest = reads.transaction_log(trader.exchange, {"limit": "3", "cursor": page["nextPageCursor"]})
    assert (len(page["list"]), len(rest["list"])) == (3, 1)
    assert D(page["list"][0]["cashBalance"]) == trader.exchange.engine.state.wallet.balance


# ---- positions taken away


def test_deleveraging_closes_at_the_mark_without_a_fee(trader: Trader) -> None:
    trader.create("Sell", "1", stopLoss="61000")
    trader.published.clear()

    trader.exchange.deleverage("BTCUSDT", 0, D("0.4"), None)

    (row,) = trader.rows("execution")
    assert (row["execType"], row["createType"], row["side"], row["execQty"]) == (
        "AdlTrade",
        "CreateByAdl_PassThrough",
        "Buy",
        "0.4",
    )
    assert (row["execFee"], row["execPrice"], row["orderLinkId"]) == ("0", "60000", "")
    assert trader.size() == D("-0.6")
    assert trader.waiting()["StopLoss"].qty == D("0.6")


@pytest.mark.parametrize("qty", ["1.5", "0", "0.0005"])
def test_deleveraging_needs_a_position_of_that_size(trader: Trader, qty: str) -> None:
    trader.create("Buy", "1")

    with pytest.raises(Refused):
        trader.exchange.deleverage("BTCUSDT", 0, D(qty), None)

    assert trader.size() == 1


@pytest.mark.parametrize(
    ("side", "last_safe", "ruin"), [("Buy", "45000", "40000"), ("Sell", "75000", "80000")]
)
def test_an_account_that_cannot_hold_its_margin_is_taken_over(
    trader: Trader, side: str, last_safe: str, ruin: str
) -> None:
    trader.exchange.transfer(D(-970_000))  # 30,000 left
    trader.create(side, "1.5", stopLoss="30000" if side == "Buy" else "90000")
    trader.create("Buy", "0.1", "59500", orderLinkId="resting")
    trader.market.mark("BTCUSDT", last_safe, last="60000")
    trader.published.clear()

    trader.market.mark("BTCUSDT", ruin, last="60000")

    ended = {row["orderLinkId"] or row["stopOrderType"]: row for row in trader.rows("order")}
    (row,) = trader.rows("execution")
    assert ended["resting"]["cancelType"] == "CancelByPrepareLiq"
    assert ended["StopLoss"]["cancelType"] == "CancelByPrepareLiq"
    assert (row["execType"], row["createType"], row["orderLinkId"]) == (
        "BustTrade",
        "CreateByTakeOver_PassThrough",
        "",
    )
    assert trader.size() == 0
    assert 0 <= trader.exchange.engine.state.wallet.balance < 1
    assert trader.exchange.engine.state.orders == {}


def test_losses_beyond_the_margin_are_not_the_accounts(trader: Trader) -> None:
    trader.exchange.transfer(D(-990_000))
    trader.create("Buy", "1")

    trader.market.mark("BTCUSDT", "20000", last="60000")

    assert 0 <= trader.exchange.engine.state.wallet.balance < 1


def test_the_bankruptcy_price_uses_up_exactly_the_share() -> None:
    taker = D("0.00055")
    for sign in (1, -1):
        position = Position(symbol="BTCUSDT", leverage=D(10), size=D(2) * sign, cost=D(120_000))
        price = bankruptcy_price(BTC, position, D(60_000), D(900), taker)

        spent = (D(60_000) - price) * 2 * sign + 2 * price * taker
        assert 0 <= D(900) - spent < D("0.2") * (1 + taker)
