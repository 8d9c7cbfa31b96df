"""Every row has the fields of the recorded payloads, in the recorded types."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tradefleet.simulation.account import reads

Trader = Any
Payload = Callable[[str], Any]
Row = dict[str, Any]

# Field names of Bybit's documentation examples, written down as facts (docs @072c197, 2026-07):
# "private/order" and "order/order-list".
DOCUMENTED_ORDER = """symbol orderId side orderType cancelType price qty orderIv timeInForce orderStatus
orderLinkId lastPriceOnCreated reduceOnly leavesQty leavesValue cumExecQty cumExecValue avgPrice
blockTradeId positionIdx cumExecFee closedPnl createdTime updatedTime rejectReason stopOrderType tpslMode
triggerPrice takeProfit stopLoss tpTriggerBy slTriggerBy tpLimitPrice slLimitPrice triggerDirection
triggerBy closeOnTrigger category placeType smpType smpGroup smpOrderId feeCurrency cumFeeDetail
rpiTakerAccess rpiMatchedQty isLeverage slippageToleranceType slippageTolerance extraFees createType
parentOrderLinkId ocoTriggerBy marketUnit"""
# "private/execution" and "order/execution".
DOCUMENTED_EXECUTION = """category symbol closedSize execFee execId execPrice execQty execType execValue
feeRate tradeIv markIv blockTradeId markPrice indexPrice underlyingPrice leavesQty orderId orderLinkId
orderPrice orderQty orderType stopOrderType side execTime isLeverage isMaker seq marketUnit execPnl
createType extraFees feeCurrency"""
# "private/fast-execution".
DOCUMENTED_FAST = """category symbol execId execPrice execQty orderId isMaker orderLinkId side execTime
seq"""
# "private/position" and "position/position": they differ in two names.
DOCUMENTED_POSITION = """positionIdx tradeMode riskId riskLimitValue symbol side size leverage
breakEvenPrice positionValue positionBalance markPrice positionIM positionIMByMp positionMM positionMMByMp
takeProfit stopLoss trailingStop unrealisedPnl curRealisedPnl cumRealisedPnl sessionAvgPrice createdTime
updatedTime tpslMode liqPrice bustPrice positionStatus adlRankIndicator autoAddMargin
leverageSysUpdatedTime seq isReduceOnly"""
DOCUMENTED_STREAM_POSITION = f"{DOCUMENTED_POSITION} entryPrice category mmrSysUpdatedTime"
DOCUMENTED_REST_POSITION = f"{DOCUMENTED_POSITION} avgPrice mmrSysUpdateTime"
# "private/wallet" and "account/wallet-balance".
DOCUMENTED_WALLET = """accountIMRate accountIMRateByMp accountMMRate accountMMRateByMp totalEquity
totalWalletBalance totalMarginBalance totalAvailableBalance totalPerpUPL totalInitialMargin
totalInitialMarginByMp totalMaintenanceMargin totalMaintenanceMarginByMp coin accountLTV accountType"""
DOCUMENTED_COIN = """coin equity usdValue walletBalance availableToWithdraw availableToBorrow borrowAmount
accruedInterest totalOrderIM totalPositionIM totalPositionMM unrealisedPnl cumRealisedPnl bonus
collateralSwitch marginCollateral locked spotHedgingQty spotBorrow"""
# "user/apikey-info", "account/account-info".
DOCUMENTED_KEY = """id note apiKey readOnly secret permissions ips type deadlineDay expiredAt createdAt
unified uta userID inviterID vipLevel mktMakerLevel affiliateID rsaPublicKey isMaster parentUid kycLevel
kycRegion userIDInt64 inviterIDInt64 affiliateIDInt64"""
DOCUMENTED_ACCOUNT = """marginMode updatedTime unifiedMarginStatus dcpStatus timeWindow smpGroup
isMasterTrader spotHedgingStatus"""

NUMBERS = frozenset(
    [
        "positionIdx",
        "triggerDirection",
        "smpGroup",
        "tradeMode",
        "riskId",
        "adlRankIndicator",
        "autoAddMargin",
        "seq",
        "openTime",
    ]
)
FLAGS = frozenset(
    [
        "reduceOnly",
        "closeOnTrigger",
        "rpiTakerAccess",
        "isMaker",
        "isReduceOnly",
        "collateralSwitch",
        "marginCollateral",
    ]
)


@pytest.fixture
def busy(trader: Trader) -> Trader:
    """An account with fills, a position with protection, resting, waiting and ended orders."""
    trader.create("Buy", "1.2", stopLoss="59000", takeProfit="61000")
    trader.create("Sell", "0.2", reduceOnly=True)
    trader.create("Buy", "0.5", "59999.9", orderLinkId="resting")
    trader.create("Buy", "0.1", triggerPrice="60500", triggerDirection=1)
    trader.create("Buy", "0.1", "60001", timeInForce="PostOnly")
    trader.sell_trade("59999.8", "0.1")
    trader.exchange.fund("BTCUSDT", Decimal("0.0001"))
    trader.exchange.deleverage("BTCUSDT", 0, Decimal("0.1"), None)
    trader.exchange.transfer(Decimal(5))
    return trader


def ask(trader: Trader, question: Callable[..., Any], **params: str) -> Any:
    return question(trader.exchange, {"category": "linear", **params})


def served(trader: Trader, kind: str) -> list[Row]:
    """All rows of a kind, from REST and from the stream."""
    exchange = trader.exchange
    by_kind: dict[str, list[Row]] = {
        "order": [
            *trader.rows("order"),
            *ask(trader, reads.open_orders, symbol="BTCUSDT")["list"],
            *ask(trader, reads.order_history)["list"],
        ],
        "execution": [*trader.rows("execution"), *ask(trader, reads.executions)["list"]],
        "fast": trader.rows("execution.fast"),
        "stream_position": trader.rows("position"),
        "rest_position": [
            *ask(trader, reads.positions, settleCoin="USDT")["list"],
            *ask(trader, reads.positions, symbol="DOGEUSDT")["list"],
        ],
        "wallet": [
            *trader.rows("wallet"),
            *reads.wallet_balance(exchange, {"accountType": "UNIFIED"})["list"],
        ],
        "fee": ask(trader, reads.fee_rates)["list"],
        "key": [reads.api_key_info(exchange, {})],
        "account": [reads.account_info(exchange, {})],
        "coin_info": reads.coin_info(exchange, {})["rows"],
        "transaction": reads.transaction_log(exchange, {})["list"],
    }
    by_kind["coin"] = [coin for wallet in by_kind["wallet"] for coin in wallet["coin"]]
    assert by_kind[kind]
    return by_kind[kind]


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("order", DOCUMENTED_ORDER),
        ("execution", DOCUMENTED_EXECUTION),
        ("fast", DOCUMENTED_FAST),
        ("stream_position", DOCUMENTED_STREAM_POSITION),
        ("rest_position", DOCUMENTED_REST_POSITION),
        ("wallet", DOCUMENTED_WALLET),
        ("coin", DOCUMENTED_COIN),
        ("key", DOCUMENTED_KEY),
        ("account", DOCUMENTED_ACCOUNT),
    ],
)
def test_every_row_has_every_documented_field(busy: Trader, kind: str, names: str) -> None:
    for row in served(busy, kind):
        assert set(names.split()) - set(row) == set()


def stream_rows(frames: Any) -> list[Row]:
    return [row for f in frames if f["dir"] == "server" for row in f["frame"].get("data", [])]


def rest_rows(body: Any) -> list[Row]:
    result = body.get("response", body)["result"]
    rows = result.get("list", result.get("rows"))
    return rows if isinstance(rows, list) else [result]


@pytest.mark.parametrize(
    ("kind", "file", "rows_of"),
    [
        ("order", "net_Private_Order", stream_rows),
        ("order", "net_Trading_GetOrders", rest_rows),
        ("order", "net_Trading_GetOrderHistory", rest_rows),
        ("order", "ccxt_fetch_order", rest_rows),
        ("order", "ccxt_fetch_orders_classic", rest_rows),
        ("execution", "net_Private_UserTrades", stream_rows),
        ("execution", "net_Trading_GetUserTrades", rest_rows),
        ("execution", "ccxt_fetch_my_trades", rest_rows),
        ("execution", "real_2024_execution_list_linear_market", rest_rows),
        ("fast", "net_Private_MinimalUserTrades", stream_rows),
        ("stream_position", "net_Private_Position", stream_rows),
        ("rest_position", "net_Trading_GetPositions", rest_rows),
        ("rest_position", "ccxt_fetch_position", rest_rows),
        ("wallet", "net_Private_Balance", stream_rows),
        ("wallet", "net_Account_GetBalances", rest_rows),
        ("fee", "net_Account_GetFeeRate", rest_rows),
        ("key", "net_Account_GetApiKeyInfo", rest_rows),
        ("account", "net_Account_GetMarginAccountInfo", rest_rows),
        ("coin_info", "net_Account_GetAssetInfo", rest_rows),
        ("transaction", "net_Account_GetTransactionHistory", rest_rows),
    ],
)
def test_every_row_has_the_recorded_fields_in_the_recorded_types(
    busy: Trader, payload: Payload, kind: str, file: str, rows_of: Callable[[Any], list[Row]]
) -> None:
    for recorded in rows_of(payload(f"{file}.json")):
        for row in served(busy, kind):
            _assert_like(row, recorded)


def _assert_like(row: Row, recorded: Row) -> None:
    for name, value in recorded.items():
        assert name in row
        assert type(row[name]) is type(value), name
        if isinstance(value, list) and value and isinstance(value[0], dict) and row[name]:
            _assert_like(row[name][0], value[0])


@pytest.mark.parametrize(
    "kind", ["order", "execution", "fast", "stream_position", "rest_position", "wallet", "coin"]
)
def test_everything_is_a_string_but_the_known_numbers_and_flags(busy: Trader, kind: str) -> None:
    for row in served(busy, kind):
        for name, value in row.items():
            if name in NUMBERS:
                assert type(value) is int
            elif name in FLAGS:
                assert type(value) is bool
            elif name not in ("cumFeeDetail", "coin") or isinstance(value, str):
                assert type(value) is str, name


def test_numbers_have_no_exponent_and_no_negative_zero(busy: Trader) -> None:
    for kind in ("order", "execution", "stream_position", "rest_position", "wallet", "coin"):
        for row in served(busy, kind):
            numbers = [
                v for v in row.values() if isinstance(v, str) and v[:1] in "-0123456789" and v.count("-") < 2
            ]
            assert not [v for v in numbers if "E" in v or v == "-0"]


def test_stream_and_rest_tell_the_same_of_one_order_and_one_execution(busy: Trader) -> None:
    streamed = {row["orderId"]: row for row in busy.rows("order")}
    executed = {row["execId"]: row for row in busy.rows("execution")}

    for row in ask(busy, reads.open_orders, symbol="BTCUSDT")["list"]:
        assert row == streamed[row["orderId"]]
    for row in ask(busy, reads.executions)["list"]:
        assert row == executed[row["execId"]]


def test_a_fast_execution_of_a_maker_has_no_order_link_id(busy: Trader) -> None:
    makers = [row for row in busy.rows("execution.fast") if row["isMaker"]]

    assert [row["orderLinkId"] for row in makers] == [""]
    assert [row["orderLinkId"] for row in busy.rows("execution") if row["isMaker"]] == ["resting"]


def test_the_figures_of_a_position_can_be_worked_out_by_hand(trader: Trader) -> None:
    trader.create("Buy", "1")
    trader.create("Sell", "0.5")
    trader.market.mark("BTCUSDT", "60100")

    (row,) = ask(trader, reads.positions, symbol="BTCUSDT")["list"]

    assert (row["side"], row["size"], row["avgPrice"]) == ("Buy", "0.5", "60000.1")
    assert row["positionValue"] == "30000.05"
    assert row["unrealisedPnl"] == "49.95"
    # Opening fee 33.000055, closing fee 16.4999725, realised -0.1.
    assert row["curRealisedPnl"] == "-49.6000275"
    # 30050 / 10 + 0.5 x 54000.09 x 0.00055
    assert row["positionIM"] == "3019.85002475"
    (wallet,) = reads.wallet_balance(trader.exchange, {"accountType": "UNIFIED"})["list"]
    assert wallet["totalWalletBalance"] == "999950.3999725"
    assert wallet["totalEquity"] == "1000000.3499725"
    assert wallet["totalAvailableBalance"] == "996980.49994775"
    assert wallet["totalInitialMargin"] == "3019.85002475"


@pytest.mark.parametrize("side", ["Buy", "Sell"])
def test_closing_at_the_break_even_price_pays_all_fees_and_no_more(trader: Trader, side: str) -> None:
    trader.create(side, "1")
    position = trader.exchange.engine.position("BTCUSDT")

    (row,) = ask(trader, reads.positions, symbol="BTCUSDT")["list"]

    price = Decimal(row["breakEvenPrice"])
    gained = position.unrealised(price) + position.realised_now - price * Decimal("0.00055")
    assert abs(gained) < Decimal("1e-7")
