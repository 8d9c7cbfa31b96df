"""The account's answers to questions: filters, windows, pages, rows.

Each function takes the query's parameters (all strings) and returns the `result` of Bybit's answer.
A page with rows always has a cursor, also the last one, as Bybit's lists have: the end is a page
without rows. The account holds linear contracts and, beside a spot market, spot orders; the other
categories answer empty lists.
Source: Bybit V5, "open-order", "order-list", "execution", "position", "wallet-balance",
"account-info", "fee-rate", "apikey-info", "coin-info"; reference A15, C5.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.orders import OrderStatus
from tradefleet.domain.quantities import plain
from tradefleet.simulation.account import wire
from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.orders import LINEAR, SPOT, Order, Refused
from tradefleet.simulation.account.rows import (
    MILLISECOND_NS,
    Row,
    execution_row,
    order_row,
    position_rest_row,
    transaction_row,
)
from tradefleet.simulation.account.rules import SETTLE_COIN
from tradefleet.simulation.account.spot.wire import SpotFilter
from tradefleet.simulation.account.state import TransactionType
from tradefleet.simulation.account.store import HistoryQuery

Params = Mapping[str, str]

DAY_NS: Final = 86_400 * 1_000_000_000
WINDOW_NS: Final = 7 * DAY_NS
"""Lists look back seven days and at most seven days wide."""

UNFILLED_KEPT_NS: Final = DAY_NS
"""Ended orders without a fill leave order/history after a day."""

_KEY_SECTIONS: Final = (
    "ContractTrade",
    "Spot",
    "Wallet",
    "Options",
    "Derivatives",
    "CopyTrading",
    "BlockTrade",
    "Exchange",
    "NFT",
    "Affiliate",
    "Earn",
    "FiatP2P",
    "FiatConvertBroker",
    "FiatGlobalPay",
    "FiatBitPay",
    "BitCard",
    "ByXPost",
)
"""The sections of a key's permissions, in Bybit's order."""

_CURSOR: Final = "page_args%3A"
_EMPTY_CATEGORIES: Final = ("spot", "inverse", "option")


def _is_linear(params: Params) -> bool:
    """False for a category in which this account has nothing; 10001 for one that is none."""
    category = params.get("category", "")
    if category in _EMPTY_CATEGORIES:
        return False
    if category != LINEAR:
        raise wire.bad("Illegal category")
    return True


def _is_spot(exchange: SimulatedExchange, params: Params) -> bool:
    return exchange.spot is not None and params.get("category") == SPOT


def _listing(params: Params, rows: Sequence[Row] = (), cursor: str = "") -> Row:
    return {"list": list(rows), "nextPageCursor": cursor, "category": params.get("category", "")}


def _limit(params: Params, default: int, most: int) -> int:
    """How many rows a page may have: 1 to `most`; more is cut to that."""
    asked = wire.whole(params, "limit") or default
    return max(1, min(asked, most))


def _cursor(number: int) -> str:
    return f"{_CURSOR}{number}"


def _before(params: Params) -> int | None:
    """The cursor's number. Clients send it back as it was, decoded once, or encoded once more."""
    given = params.get("cursor", "")
    if not given:
        return None
    decoded = unquote(unquote(given))
    number = decoded.removeprefix(unquote(_CURSOR))
    if number == decoded or not (number.isascii() and number.isdigit()):
        raise wire.bad("params error: cursor invalid")
    return int(number)


def _window(params: Params, now_ns: int) -> tuple[int, int]:
    """(since, until) in ns: seven days back when nothing is said, never wider than seven days."""
    start, end = wire.whole(params, "startTime"), wire.whole(params, "endTime")
    if start and end:
        if end < start or (end - start) * MILLISECOND_NS > WINDOW_NS:
            raise wire.bad("The time range between startTime and endTime cannot exceed 7 days")
        return start * MILLISECOND_NS, _last_ns(end)
    if start:
        return start * MILLISECOND_NS, start * MILLISECOND_NS + WINDOW_NS
    if end:
        return _last_ns(end) - WINDOW_NS, _last_ns(end)
    return now_ns - WINDOW_NS, now_ns


def _last_ns(end_ms: int) -> int:
    """The last nanosecond that still shows as this millisecond."""
    return end_ms * MILLISECOND_NS + MILLISECOND_NS - 1


def _symbols(exchange: SimulatedExchange, scope: wire.Scope, *, spot: bool = False) -> tuple[str, ...]:
    instruments = exchange.market.instruments
    if spot and exchange.spot is not None:
        instruments = exchange.spot.market.instruments
    if scope.symbol and scope.symbol not in instruments:
        raise wire.bad(f"params error: symbol invalid {scope.symbol}")
    return tuple(symbol for symbol, instrument in instruments.items() if scope.admits(instrument))


def open_orders(exchange: SimulatedExchange, params: Params) -> Row:
    """order/realtime: open orders, or (openOnly=1) the last 500 that ended since the start.

    An id is looked for among both. Newest first.
    """
    spot = _is_spot(exchange, params)
    if not spot and not _is_linear(params):
        return _listing(params)
    scope = wire.read_scope(params, needed=not spot)
    symbols = frozenset(_symbols(exchange, scope, spot=spot))
    kind = _filter(params, spot=spot)
    order_id, link_id = params.get("orderId", ""), params.get("orderLinkId", "")
    state, recent = exchange.engine.state, exchange.recent[SPOT if spot else LINEAR]
    orders: Iterable[Order] = (state.spot_orders if spot else state.orders).values()
    if order_id:
        orders = [o for o in (*orders, *recent) if o.order_id == order_id]
    elif link_id:
        orders = [o for o in (*orders, *recent) if o.order_link_id == link_id]
    elif wire.whole(params, "openOnly") == 1:
        orders = recent
    before, limit = _before(params), _limit(params, 20, 50)
    chosen = [
        order
        for order in orders
        if order.symbol in symbols and kind.admits(order) and (before is None or order.number < before)
    ]
    chosen.sort(key=lambda order: -order.number)
    page = chosen[:limit]
    return _listing(params, [order_row(o) for o in page], _cursor(page[-1].number) if page else "")


def _filter(params: Params, *, spot: bool) -> wire.OrderFilter | SpotFilter:
    if spot:
        return wire.word(params, "orderFilter", SpotFilter, SpotFilter.ALL)
    return wire.word(params, "orderFilter", wire.OrderFilter, wire.OrderFilter.ALL)


def _history_query(exchange: SimulatedExchange, params: Params, limit: int) -> HistoryQuery:
    """The shared part of order/history and execution/list; an id lifts the default window."""
    scope = wire.read_scope(params, needed=False)
    order_id, link_id = params.get("orderId", ""), params.get("orderLinkId", "")
    timed = bool(params.get("startTime") or params.get("endTime"))
    since, until = _window(params, exchange.market.now_ns())
    windowed = timed or not (order_id or link_id)
    return HistoryQuery(
        category=params.get("category", ""),
        symbols=None if scope == wire.Scope() else _symbols(exchange, scope, spot=_is_spot(exchange, params)),
        order_id=order_id,
        link_id=link_id,
        status=params.get("orderStatus", ""),
        since_ns=since if windowed else None,
        until_ns=until if windowed else None,
        before=_before(params),
        limit=limit,
    )


def order_history(exchange: SimulatedExchange, params: Params) -> Row:
    """order/history: orders that have ended, newest first."""
    spot = _is_spot(exchange, params)
    if not spot and not _is_linear(params):
        return _listing(params)
    status = params.get("orderStatus", "")
    if status and status not in {s.value for s in OrderStatus if s.is_terminal}:
        raise Refused(181017, "orderStatus must be a final status")
    query = _history_query(exchange, params, _limit(params, 20, 50))
    kind = _filter(params, spot=spot)
    orders = exchange.store.ended_orders(query, exchange.market.now_ns() - UNFILLED_KEPT_NS)
    rows = [order_row(order) for order in orders if kind.admits(order)]
    return _listing(params, rows, _cursor(orders[-1].number) if orders else "")


def executions(exchange: SimulatedExchange, params: Params) -> Row:
    """execution/list: newest first; Funding rows among them unless `execType` asks otherwise."""
    if not _is_spot(exchange, params) and not _is_linear(params):
        return _listing(params)
    if params.get("execType"):
        wire.word(params, "execType", ExecutionType)
    query = _history_query(exchange, params, _limit(params, 50, 100))
    fills = exchange.store.executions(query, params.get("execType", ""))
    rows = [execution_row(fill) for fill in fills]
    return _listing(params, rows, _cursor(fills[-1].number) if fills else "")


def positions(exchange: SimulatedExchange, params: Params) -> Row:
    """position/list: by symbol a row even when flat, by settle coin only what is open."""
    if not _is_linear(params):
        return _listing(params)
    scope = wire.read_scope(params, needed=True)
    engine = exchange.engine
    held = [
        engine.position(symbol, position_idx)
        for symbol in sorted(_symbols(exchange, scope))
        for position_idx in engine.state.indices(symbol)
    ]
    if not scope.symbol:
        held = [position for position in held if position.size]
    skip, limit = _before(params) or 0, _limit(params, 20, 200)
    page = held[skip : skip + limit]
    rows = [position_rest_row(p, engine.position_figures(p), engine.fees) for p in page]
    more = skip + limit < len(held)
    return _listing(params, rows, _cursor(skip + limit) if more else "")


def wallet_balance(exchange: SimulatedExchange, params: Params) -> Row:
    """account/wallet-balance: one unified account, USDT and every coin that it has had."""
    if params.get("accountType", "") != "UNIFIED":
        raise wire.bad("accountType only support UNIFIED.")
    row = exchange.wallet()
    coins = [coin.strip() for coin in params.get("coin", "").split(",") if coin.strip()]
    if coins:
        row["coin"] = [each for each in row["coin"] if each["coin"] in coins]
    return {"list": [row]}


def account_info(exchange: SimulatedExchange, params: Params) -> Row:
    """account/info: a unified account 2.0 in cross margin."""
    return {
        "marginMode": exchange.engine.state.settings.margin_mode.value,
        "updatedTime": str(exchange.market.now_ns() // MILLISECOND_NS),
        "unifiedMarginStatus": 5,
        "dcpStatus": "OFF",
        "timeWindow": 10,
        "smpGroup": 0,
        "isMasterTrader": False,
        "spotHedgingStatus": "OFF",
    }


def fee_rates(exchange: SimulatedExchange, params: Params) -> Row:
    """account/fee-rate: the same rates for every symbol of a category."""
    spot = _is_spot(exchange, params)
    if not spot and not _is_linear(params):
        return {"list": []}
    fees = exchange.spot.engine.fees if spot and exchange.spot else exchange.engine.fees
    return {
        "list": [
            {"symbol": symbol, "takerFeeRate": plain(fees.taker), "makerFeeRate": plain(fees.maker)}
            for symbol in _symbols(exchange, wire.read_scope(params, needed=False), spot=spot)
        ]
    }


def api_key_info(exchange: SimulatedExchange, params: Params) -> Row:
    """user/query-api: whose key it is (`userID`) and what it may do: trade contracts, not withdraw."""
    user_id = int(exchange.uid) if exchange.uid.isdigit() else 0
    key = exchange.key
    granted = {section: key.permissions.get(section, []) for section in _KEY_SECTIONS}
    return {
        "id": exchange.uid,
        "note": "tradefleet simulator",
        "apiKey": exchange.api_key,
        "readOnly": int(key.read_only),
        "secret": "",
        "permissions": granted,
        "ips": list(key.ips),
        "type": 1,
        "deadlineDay": 90,
        "expiredAt": key.expired_at,
        "createdAt": "2024-01-01T00:00:00Z",
        "unified": 0,
        "uta": 1,
        "userID": user_id,
        "inviterID": 0,
        "vipLevel": "No VIP",
        "mktMakerLevel": "0",
        "affiliateID": 0,
        "rsaPublicKey": "",
        "isMaster": True,
        "parentUid": "0",
        "kycLevel": "LEVEL_DEFAULT",
        "kycRegion": "",
        "userIDInt64": exchange.uid,
        "inviterIDInt64": "0",
        "affiliateIDInt64": "0",
    }


def coin_info(exchange: SimulatedExchange, params: Params) -> Row:
    """asset/coin/query-info: the coins of the market, with no chain to move them on."""
    coins = {SETTLE_COIN}
    pairs = exchange.spot.market.instruments.values() if exchange.spot else ()
    for instrument in (*exchange.market.instruments.values(), *pairs):
        coins |= {instrument.base_coin, instrument.settle_coin}
    asked: Any = params.get("coin", "")
    rows = [
        {"name": coin, "coin": coin, "remainAmount": "0", "chains": []}
        for coin in sorted(coins)
        if not asked or coin == asked
    ]
    return {"rows": rows}


def transaction_log(exchange: SimulatedExchange, params: Params) -> Row:
    """account/transaction-log: every movement of the wallet, newest first."""
    kind = wire.word(params, "type", TransactionType) if params.get("type") else None
    base_coin = params.get("baseCoin", "")
    since, until = _window(params, exchange.market.now_ns())
    scope = wire.Scope(base_coin=base_coin)
    named = {*_symbols(exchange, scope), *_symbols(exchange, scope, spot=True)} if base_coin else None
    query = HistoryQuery(
        category=params.get("category", ""),
        coin=params.get("currency", ""),
        symbols=None if named is None else tuple(sorted(named)),
        since_ns=since,
        until_ns=until,
        before=_before(params),
        limit=_limit(params, 20, 50),
    )
    found = exchange.store.transactions(query, kind.value if kind else "")
    return {
        "list": [transaction_row(each) for each in found],
        "nextPageCursor": _cursor(found[-1].number) if found else "",
    }
