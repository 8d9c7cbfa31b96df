"""Bybit's rows as our values: one place for REST and the private stream.

Total: a row becomes a value or raises BadRow that names field and value; a word we do not know
raises UnknownValue, never a default, because a guessed status is a wrong position. Fields that we
do not use are ignored. Source: Bybit V5, "order", "execution", "position", "wallet"; reference B2.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec

from tradefleet.adapters.bybit.charges import charges_of
from tradefleet.adapters.bybit.errors import BadRow, UnknownValue
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.orders.exchange_view import Wallet

Row = Mapping[str, Any]
Word = TypeVar("Word", bound=StrEnum)

MILLISECOND_NS: Final = 1_000_000
SETTLE_COIN: Final = "USDT"

_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?")
_WHOLE: Final = re.compile(r"-?[0-9]{1,30}")
_NOTHING: Final = frozenset({"", "UNKNOWN"})
"""How the exchange writes "none" where a kind of stop or a reason could stand."""


def order_of(row: Row) -> ExchangeOrder:
    """An order row of REST or of the topic `order`; raises BadRow."""
    return ExchangeOrder(
        category=(category := _text(row, "category", default="linear")),
        symbol=_needed(row, "symbol"),
        position_idx=0 if category == "spot" else _whole(row, "positionIdx"),
        order_id=_needed(row, "orderId"),
        client_order_id=_text(row, "orderLinkId"),
        side=_word(row, "side", Side),
        order_type=_word(row, "orderType", OrderType),
        time_in_force=_word(row, "timeInForce", TimeInForce),
        status=_word(row, "orderStatus", OrderStatus),
        reduce_only=_flag(row, "reduceOnly") or closes_on_trigger(row),
        qty=_number(row, "qty"),
        price=_number_or_none(row, "price") or ZERO,
        cum_exec_qty=_number_or_none(row, "cumExecQty") or ZERO,
        avg_price=_price(row, "avgPrice"),
        stop_order_type=_kind(row, "stopOrderType"),
        trigger_price=_price(row, "triggerPrice"),
        create_type=_text(row, "createType"),
        cancel_type=_text(row, "cancelType"),
        reject_reason=_text(row, "rejectReason"),
        created_ns=_ms(row, "createdTime"),
        at_ns=_ms(row, "updatedTime"),
        by_value=_text(row, "marketUnit") == "quoteCoin",
    )


def closes_on_trigger(row: Row) -> bool:
    """Whether an order protects by this flag alone: it only reduces, whatever `reduceOnly` says (reference,
    "closeOnTrigger": without a position it is refused). Taken for an entry it would be cancelled as one."""
    return row.get("closeOnTrigger") is True


def execution_of(row: Row) -> Execution:
    """An execution row of REST or of the topic `execution`; raises BadRow."""
    fee_coin = _text(row, "feeCurrency") or SETTLE_COIN
    charged = charges_of(row, fee_coin)
    return Execution(
        category=_text(row, "category", default="linear"),
        symbol=_needed(row, "symbol"),
        exec_id=_needed(row, "execId"),
        order_id=_text(row, "orderId"),
        client_order_id=_text(row, "orderLinkId"),
        side=_word(row, "side", Side),
        exec_type=_word(row, "execType", ExecutionType),
        price=_number(row, "execPrice"),
        qty=_number(row, "execQty"),
        fee=_number_or_none(row, "execFee") or ZERO,
        is_maker=_flag(row, "isMaker"),
        closed_qty=_number_or_none(row, "closedSize") or ZERO,
        stop_order_type=_kind(row, "stopOrderType"),
        create_type=_text(row, "createType"),
        seq=_whole(row, "seq"),
        at_ns=_ms(row, "execTime"),
        fee_coin=fee_coin,
        charges=charged.charges,
        unread_fees=charged.unread,
    )


def position_of(row: Row) -> ExchangePosition:
    """A position row of REST (`avgPrice`) or of the topic `position` (`entryPrice`); raises BadRow."""
    size = _number(row, "size")
    if size < ZERO:
        raise BadRow("size", row["size"], "a size of zero or more; the side says which way")
    entry = _price(row, "avgPrice" if "avgPrice" in row else "entryPrice")
    return ExchangePosition(
        key=PositionKey(
            category=_text(row, "category", default="linear"),
            symbol=_needed(row, "symbol"),
            position_idx=_whole(row, "positionIdx"),
        ),
        # A flat row's side is "", in frames of 2023 "None": only a size needs a side.
        size=_signed(size, _word(row, "side", Side)) if size else ZERO,
        entry_price=entry if size else None,
        mark_price=_price(row, "markPrice"),
        stop_loss=_price(row, "stopLoss"),
        take_profit=_price(row, "takeProfit"),
        leverage=_price(row, "leverage"),
        seq=_whole(row, "seq"),
        at_ns=_ms(row, "updatedTime"),
    )


def _signed(size: Decimal, side: Side) -> Decimal:
    """Without arithmetic, which an ambient context could round."""
    return size if side is Side.BUY else size.copy_negate()


def wallet_of(row: Row, at_ns: int, coin: str = SETTLE_COIN) -> Wallet | None:
    """One coin of a wallet row, None when the row does not name the coin; raises BadRow.

    at_ns: exchange time of the frame or answer, as the row has none.
    """
    found = next((_coin(held, at_ns) for held in _coins(row) if held.get("coin") == coin), None)
    return None if found is None else with_totals(found, row)


def with_totals(wallet: Wallet, row: Row) -> Wallet:
    """One coin's wallet with what its row says of the whole account; what cannot be read is not known."""
    return msgspec.structs.replace(
        wallet,
        usd={str(held.get("coin")): worth for held in _coins(row) if (worth := _usd(held)) is not None},
        margin_balance=_total(row, "totalMarginBalance"),
        total_equity=_total(row, "totalEquity"),
    )


def coins_of(row: Row, at_ns: int) -> tuple[Wallet, ...]:
    """Every coin of a wallet row; raises BadRow."""
    return tuple(_coin(held, at_ns) for held in _coins(row))


def _coins(row: Row) -> list[Row]:
    coins = row.get("coin")
    if not isinstance(coins, list):
        raise BadRow("coin", coins, "a list of coins")
    for held in coins:
        if not isinstance(held, dict):
            raise BadRow("coin", held, "an object")
    return coins


def _coin(held: Row, at_ns: int) -> Wallet:
    return Wallet(
        coin=_needed(held, "coin"),
        wallet_balance=_number(held, "walletBalance"),
        equity=_number(held, "equity"),
        at_ns=at_ns,
        locked=_number_or_none(held, "locked") or ZERO,
    )


def _usd(held: Row) -> Decimal | None:
    """US dollars that one of this coin is worth, by what all of it is; None of a coin that is not held."""
    value, equity = _total(held, "usdValue"), _total(held, "equity")
    return None if not value or not equity else MONEY.divide(value, equity)


def _total(row: Row, name: str) -> Decimal | None:
    try:
        return _number_or_none(row, name)
    except BadRow:
        return None


def _text(row: Row, name: str, default: str = "") -> str:
    value = row.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise BadRow(name, value, "a string")
    return value


def _needed(row: Row, name: str) -> str:
    value = _text(row, name)
    if not value:
        raise BadRow(name, row.get(name), "there")
    return value


def _kind(row: Row, name: str) -> str:
    value = _text(row, name)
    return "" if value in _NOTHING else value


def _word(row: Row, name: str, words: type[Word]) -> Word:
    value = row.get(name)
    if not isinstance(value, str):
        raise UnknownValue(name, value)
    try:
        return words(value)
    except ValueError:
        raise UnknownValue(name, value) from None


def _flag(row: Row, name: str) -> bool:
    value = row.get(name)
    if not isinstance(value, bool):
        raise BadRow(name, value, "true or false")
    return value


def _whole(row: Row, name: str) -> int:
    value = row.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = _text(row, name)
    if not _WHOLE.fullmatch(text):
        raise BadRow(name, value, "a whole number")
    return int(text)


def _ms(row: Row, name: str) -> int:
    return _whole(row, name) * MILLISECOND_NS


def _number_or_none(row: Row, name: str) -> Decimal | None:
    """A decimal string, None for ""; floats are refused, they have lost digits already."""
    text = _text(row, name)
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise BadRow(name, text, "a number")
    return Decimal(text)


def _number(row: Row, name: str) -> Decimal:
    value = _number_or_none(row, name)
    if value is None:
        raise BadRow(name, row.get(name), "a number")
    return value


def _price(row: Row, name: str) -> Decimal | None:
    """A price (or leverage), None for "" and for zero, which both mean that there is none."""
    return _number_or_none(row, name) or None
