"""Rows of the transaction log: trading, money that came or went, and what nobody has a name for."""

from decimal import Decimal
from typing import Any

import pytest

from tradefleet.adapters.bybit.errors import BadRow
from tradefleet.adapters.bybit.money_moves import TRADING, TRANSFERS, MoneyMoved, moved
from tradefleet.core.events import UnknownMove

D = Decimal
AT_MS = 1_767_225_600_000
FROM_NS = AT_MS * 1_000_000


def row(kind: str, change: str = "-500", **fields: Any) -> dict[str, Any]:
    plain = {"id": kind, "type": kind, "category": "", "currency": "USDT", "transactionTime": str(AT_MS)}
    return plain | {"change": change} | fields


def test_every_known_type_that_is_no_trading_is_a_transfer() -> None:
    assert [kind for kind in sorted(TRANSFERS) if moved([row(kind)], FROM_NS).transfers != -500] == []
    assert not TRANSFERS & TRADING


@pytest.mark.parametrize("kind", sorted(TRADING))
@pytest.mark.parametrize(
    ("category", "transfers"), [("linear", 0), ("", 0), ("spot", -500), ("option", -500), ("inverse", -500)]
)
def test_trading_of_what_executions_do_not_tell_is_money_that_came_or_went(
    kind: str, category: str, transfers: int
) -> None:
    assert moved([row(kind, category=category)], FROM_NS).transfers == transfers


@pytest.mark.parametrize("kind", ["", "MOON_SUBSCRIPTION", "transfer_in"])
def test_an_unknown_type_is_named_and_excuses_nothing(kind: str) -> None:
    told = moved([row(kind, id="7"), row("TRANSFER_IN", "3")], FROM_NS)

    assert told == MoneyMoved(
        transfers=D(3),
        unknown=(UnknownMove(move_id="7", kind=kind, currency="USDT", change=D(-500), at_ns=FROM_NS),),
    )


@pytest.mark.parametrize(
    ("at_ms", "transfers", "before", "earlier"),
    [
        (AT_MS - 1, "0", "0", "-7"),
        (AT_MS, "-500", "-500", "0"),
        (AT_MS + 999, "-500", "-500", "0"),
        (AT_MS + 1000, "-500", "0", "0"),
    ],
)
def test_each_row_belongs_to_its_time(at_ms: int, transfers: str, before: str, earlier: str) -> None:
    rows = [
        row("TRANSFER_OUT", transactionTime=str(at_ms)),
        row("TRADE", "-7", category="linear", transactionTime=str(at_ms)),
    ]

    told = moved(rows, FROM_NS, FROM_NS + 1_000_000_000)

    assert (told.transfers, told.before, told.earlier) == (D(transfers), D(before), D(earlier))


def test_a_row_that_stands_on_two_pages_counts_once() -> None:
    assert moved([row("BONUS", "5"), row("BONUS", "5"), row("BONUS", "5", id="b")], FROM_NS).transfers == 10


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("change", ""),
        ("change", "NaN"),
        ("change", "Infinity"),
        ("transactionTime", ""),
        ("transactionTime", None),
    ],
)
def test_a_row_without_its_sum_or_its_time_is_bad(field: str, value: Any) -> None:
    with pytest.raises(BadRow, match=field):
        moved([row("TRANSFER_IN") | {field: value}], FROM_NS)
