"""What a rule may say, and the words in which it says it.

The words are the same in the journal, the metric's label, the status and the dashboard.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec


class Reason(StrEnum):
    """Why a signal was not followed."""

    NOT_OWNER = "not_owner"
    STRATEGY_DISABLED = "strategy_disabled"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NOT_TRADING = "instrument_not_trading"
    STALE_SIGNAL = "stale_signal"
    SUPERSEDED = "superseded"
    NOTHING_TO_CLOSE = "nothing_to_close"
    BOT_DELETED = "bot_deleted"
    NO_RIGHT_TO_OPEN = "no_right_to_open"
    NOT_RECONCILED = "not_reconciled"
    ROW_NOT_UNDERSTOOD = "row_not_understood"
    PREDECESSOR_MAY_SEND = "predecessor_may_send"
    PRIVATE_STREAM_DOWN = "private_stream_down"
    LATCHED = "latched"
    FOREIGN_ORDERS = "foreign_orders"
    PAUSED = "paused"
    MARKET_SILENT = "market_silent"
    NO_PRICE = "no_price"
    MARK_UNKNOWN = "mark_unknown"
    EQUITY_UNKNOWN = "equity_unknown"
    NO_EQUITY = "no_equity"
    DAY_UNKNOWN = "day_unknown"
    DAILY_LOSS = "daily_loss"
    CLOSING_FIRST = "closing_first"
    LEVERAGE_NOT_SET = "leverage_not_set"
    LEFTOVER_ORDERS = "leftover_orders"
    ADOPTED_POSITION = "adopted_position"
    POSITION_UNPROTECTED = "position_unprotected"
    STOP_PASSED = "stop_passed"
    MAX_POSITIONS = "max_positions"
    MAX_POSITIONS_PER_SYMBOL = "max_positions_per_symbol"
    MAX_RISK_PER_TRADE = "max_risk_per_trade"
    SIZE_BELOW_MINIMUM = "size_below_minimum"
    TARGET_BELOW_COSTS = "target_below_costs"
    MAX_SLIPPAGE = "max_slippage"
    ENTRY_PRICE = "entry_price"
    CONDITIONAL_QUOTA = "conditional_quota"
    ACTIVE_QUOTA = "active_quota"


class Refusal(msgspec.Struct, frozen=True):
    """No, and why: a word and figures for a person."""

    reason: Reason
    detail: str


class Resized(msgspec.Struct, frozen=True):
    """Less: the largest size in steps of the instrument that the rule allows, and why."""

    qty: Decimal
    detail: str
