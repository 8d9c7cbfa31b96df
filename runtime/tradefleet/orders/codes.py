"""Bybit's codes, each with what it says: the one table that `orders.outcome` reads.

A code that is not listed says nothing, and is not guessed about. The same table is shown to people in
docs/reference/bybit-codes.md, and held by a test against tests/fixtures/bybit-codes.csv, the fixture
that lists every code of the documentation with its class.
Source: Bybit V5, "Error Codes" (2026-07), and recorded answers; reference D4.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class Says(StrEnum):
    """What a code says of the request that it answers."""

    TAKEN = "taken"
    """Accepted for processing."""
    REFUSED = "refused"
    """Not taken, and no better later as it stands."""
    LATER = "later"
    """Not taken, but the same request may be taken later."""
    FLAT = "flat"
    """Not taken: there is no position, or none on that side, that it could reduce or protect."""
    ALREADY = "already"
    """Nothing to do: all is as asked."""
    OVER = "over"
    """The order is over or was never there: filled, cancelled, or unknown by that id."""
    OF_SETTINGS = "of settings"
    """Refuses a change of mode, margin or leverage. Answering anything else it proves nothing."""
    UNSURE = "unsure"
    """The request may or may not have been carried out."""


class Reason(StrEnum):
    """Why, in one word: for the journal, the metric's label and the status."""

    NONE = ""
    PARAMETERS = "parameters"
    CLOCK = "clock"
    AUTH = "auth"
    CONFIGURATION = "configuration"
    RATE = "rate"
    FUNDS = "funds"
    LIMIT = "limit"
    BAND = "band"
    SIZE = "size"
    STOP_SIDE = "stop_side"
    REDUCE_ONLY = "reduce_only"
    LIQUIDATION = "liquidation"
    LEVERAGE = "leverage"
    MARKET_CLOSED = "market_closed"
    NO_LIQUIDITY = "no_liquidity"
    POSITION_MODE = "position_mode"
    NO_POSITION = "no_position"
    NOT_MODIFIED = "not_modified"
    ORDER_OVER = "order_over"
    DUPLICATE = "duplicate"
    BUSY = "busy"
    SERVER = "server"
    UNKNOWN_CODE = "unknown_code"
    # Not of a code: what came instead of an answer, or why nothing was sent.
    TRANSPORT = "transport"
    UNREADABLE = "unreadable"
    NOT_CONNECTED = "not_connected"
    TOO_LATE = "too_late"
    FORBIDDEN = "forbidden"
    RATE_BUDGET = "rate_budget"
    CIRCUIT_OPEN = "circuit_open"


class Row(NamedTuple):
    """One line of the table: codes that say the same for the same reason."""

    codes: tuple[int, ...]
    says: Says
    reason: Reason
    meaning: str


_R, _W = Says.REFUSED, Reason

ROWS: Final[tuple[Row, ...]] = (
    Row((0,), Says.TAKEN, _W.NONE, "accepted for processing"),
    # ---- about the request itself
    Row((10001,), _R, _W.PARAMETERS, "a parameter is wrong; the text says which, see the texts below"),
    Row((170130,), _R, _W.PARAMETERS, "spot: a parameter is wrong"),
    Row((110018, 110019, 110032), _R, _W.PARAMETERS, "an id or the order is not legal"),
    Row((10002,), Says.LATER, _W.CLOCK, "outside the receive window; refused before anything else"),
    Row((-1,), Says.UNSURE, _W.CLOCK, "the request has expired"),
    Row((10003, 10004, 10005, 10007, 10010), _R, _W.AUTH, "key, signature, permission or address"),
    Row((33004, -2015), _R, _W.AUTH, "the key has expired"),
    Row((10006,), Says.LATER, _W.RATE, "too many visits; refused before anything else"),
    Row((10018, 10403, 20003), Says.UNSURE, _W.RATE, "limit of an address or a session"),
    Row((170005, 170222), Says.UNSURE, _W.RATE, "spot: too many orders"),
    Row((10008, 10009, 10024, 10027), _R, _W.CONFIGURATION, "banned, or not from this place"),
    Row((10032,), _R, _W.CONFIGURATION, "demo does not serve this path"),
    Row((10017,), _R, _W.CONFIGURATION, "no such path"),
    Row((10028, 100028, 110088), _R, _W.CONFIGURATION, "not for this type of account"),
    Row((10029,), _R, _W.CONFIGURATION, "symbol not allowed for this key"),
    Row((10404,), Says.OF_SETTINGS, _W.CONFIGURATION, "trade socket: no such operation or category"),
    # ---- the exchange's side
    Row((429, 10429), Says.UNSURE, _W.SERVER, "overloaded"),
    Row((5004, 10000), Says.UNSURE, _W.SERVER, "timed out inside the exchange"),
    Row((10016, 10019), Says.UNSURE, _W.SERVER, "internal error, restarting or draining"),
    Row((170001, 170007, 170032, 170146, 170147, 170310), Says.UNSURE, _W.SERVER, "spot: internal"),
    Row((110079, 40004), Says.UNSURE, _W.BUSY, "the order is being processed, or changed meanwhile"),
    Row((170144, 170191, 170212), Says.UNSURE, _W.BUSY, "spot: locked, or a cancel is under way"),
    Row((10014, 20006), Says.UNSURE, _W.DUPLICATE, "the same request again"),
    Row((110072, 170141), Says.UNSURE, _W.DUPLICATE, "the client order id has been used before"),
    Row((20001,), Says.UNSURE, _W.PARAMETERS, "trade socket: authenticated twice"),
    Row((181017,), Says.UNSURE, _W.PARAMETERS, "of a history query: a status that is not final"),
    Row((130021, 130125), Says.UNSURE, _W.PARAMETERS, "of the retired V3"),
    # ---- money and limits
    Row((110004, 110006, 110007, 110012), _R, _W.FUNDS, "balance too small"),
    Row((110044, 110045, 110051, 110052, 110053), _R, _W.FUNDS, "margin or balance too small"),
    Row((170131, 170033), _R, _W.FUNDS, "spot: balance too small"),
    Row((110009, 110020, 110061, 110021, 110022), _R, _W.LIMIT, "too many orders, or too large together"),
    Row((170124, 170136, 170140, 170381, 170382), _R, _W.SIZE, "spot: size or value"),
    Row((110094,), _R, _W.SIZE, "below the least notional"),
    Row((110064,), _R, _W.SIZE, "amended size not above what is filled"),
    Row((110003, 30208, 30209, 110120, 110121), _R, _W.BAND, "price outside the band, or not valid"),
    Row((170132, 170133, 170134, 170137, 170148), _R, _W.BAND, "spot: price, or its decimals"),
    Row((170192, 170193, 170194, 170371, 170372), _R, _W.BAND, "spot: price outside the band"),
    Row((110108, 110109), _R, _W.BAND, "slippage tolerance out of range"),
    Row((110092, 110093), _R, _W.STOP_SIDE, "trigger on the wrong side of the price"),
    Row((110059, 110060), _R, _W.STOP_SIDE, "this stop or target may not be changed"),
    Row((110011, 110040, 110046), _R, _W.LIQUIDATION, "would be liquidated"),
    Row((110013, 110086, 110089, 110090, 3400139), _R, _W.LEVERAGE, "leverage or risk tier"),
    Row((30228, 110023, 110042), _R, _W.REDUCE_ONLY, "only reducing is allowed now"),
    # ---- positions
    Row((110017,), Says.FLAT, _W.REDUCE_ONLY, "nothing to reduce, or the wrong side"),
    Row((110033, 110034), Says.FLAT, _W.NO_POSITION, "no position"),
    # ---- the market
    Row((110005, 110035, 110066), Says.LATER, _W.MARKET_CLOSED, "state of position or market forbids it now"),
    Row((110063,), Says.LATER, _W.MARKET_CLOSED, "settlement under way"),
    Row((110074,), _R, _W.MARKET_CLOSED, "the contract is not live"),
    Row((110095, 110096, 110097, 110098, 110099, 110100, 110103), _R, _W.MARKET_CLOSED, "before the market"),
    Row((170121, 170151, 170157), _R, _W.MARKET_CLOSED, "spot: symbol not valid or not open"),
    Row((110118,), _R, _W.NO_LIQUIDITY, "no price for a market order"),
    Row((170210, 170218), _R, _W.NO_LIQUIDITY, "spot: new order or limit-maker refused"),
    Row((110119, 170355), _R, _W.CONFIGURATION, "retail price improvement is not permitted"),
    Row((110123, 110124, 110125, 110132), _R, _W.CONFIGURATION, "terms, cool-off period or region"),
    # ---- settings
    Row((110029,), _R, _W.POSITION_MODE, "hedge mode is not supported"),
    Row((110024,), Says.OF_SETTINGS, _W.POSITION_MODE, "a position is in the way of the mode"),
    Row((110028,), Says.OF_SETTINGS, _W.POSITION_MODE, "orders are in the way of the mode"),
    Row((110036, 110038), Says.OF_SETTINGS, _W.LEVERAGE, "leverage is fixed by the margin mode"),
    Row((110073,), Says.OF_SETTINGS, _W.CONFIGURATION, "the margin mode could not be set"),
    Row((34040, 110043), Says.ALREADY, _W.NOT_MODIFIED, "stop, target or leverage is as asked"),
    Row((110025, 110026, 110027, 110075), Says.ALREADY, _W.NOT_MODIFIED, "mode, margin or risk is as asked"),
    # ---- the order is over
    Row((110001,), Says.OVER, _W.ORDER_OVER, "no such order, or too late for it: it may have filled"),
    Row((110008, 110010), Says.OVER, _W.ORDER_OVER, "completed or cancelled"),
    Row((170139, 170142, 170190, 170143, 170213), Says.OVER, _W.ORDER_OVER, "spot: over, or not found"),
)


def _by_code() -> Mapping[int, Row]:
    table: dict[int, Row] = {}
    for row in ROWS:
        for code in row.codes:
            if code in table:
                raise ValueError(f"code {code} stands in two rows of the table")
            table[code] = row
    return MappingProxyType(table)


BY_CODE: Final = _by_code()

OF_SIZE: Final = frozenset({Reason.SIZE})
"""Reasons that speak of an order's size whatever it was."""

OF_SIZE_OFF_GRID: Final = frozenset({10001, 110003, 110017, 170130})
"""Codes that may speak of the size of an order that was not of whole steps, or below the least: a parameter
that is wrong, a number that is not valid, "truncated to zero"."""


def refuses_size(ret_code: int | None, reason: str, *, on_grid: bool) -> bool:
    """Whether an order was refused for its size. reason: a word of `Reason`. on_grid: its size was of whole
    steps and not below the least."""
    row = None if ret_code is None else BY_CODE.get(ret_code)
    if reason in OF_SIZE or (row is not None and row.reason in OF_SIZE):
        return True
    return not on_grid and ret_code in OF_SIZE_OFF_GRID


TEXTS: Final[tuple[tuple[str, Says, Reason], ...]] = (
    ("not modified", Says.ALREADY, Reason.NOT_MODIFIED),
    ("remains unchanged", Says.ALREADY, Reason.NOT_MODIFIED),
    ("zero position", Says.FLAT, Reason.NO_POSITION),
    ("position idx not match", Says.REFUSED, Reason.POSITION_MODE),
    ("position_mode", Says.REFUSED, Reason.POSITION_MODE),
    ("stoploss:", Says.REFUSED, Reason.STOP_SIDE),
    ("takeprofit:", Says.REFUSED, Reason.STOP_SIDE),
    ("expect rising", Says.REFUSED, Reason.STOP_SIDE),
    ("expect fall", Says.REFUSED, Reason.STOP_SIDE),
    ("number of contracts", Says.REFUSED, Reason.SIZE),
    ("qty invalid", Says.REFUSED, Reason.SIZE),
    ("qty err", Says.REFUSED, Reason.SIZE),
)
"""10001 stands for many things; what its text holds, in small letters, says which. First match wins."""
