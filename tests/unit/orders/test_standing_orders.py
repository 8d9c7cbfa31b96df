"""Orders that stand: the newest list, and the rows since."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.plain_orders import resting_order

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, OrderType, TimeInForce
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.standing import ENDED_REMEMBERED, StandingOrders, is_active, rests_as_target


def order(order_id: str = "1", **fields: Any) -> ExchangeOrder:
    """A resting buy that opens, told at 10."""
    return resting_order(order_id, **({"at_ns": 10} | fields))


TARGET: dict[str, Any] = {"reduce_only": True}
STOP: dict[str, Any] = {"reduce_only": True, "status": OrderStatus.UNTRIGGERED}


def ids(standing: StandingOrders, symbol: str = "BTCUSDT") -> list[str]:
    return [found.order_id for found in standing.of(symbol)]


def unclear(reduce_only: bool | None, symbol: str = "BTCUSDT", what: str = "order") -> UnclearRow:
    return UnclearRow(what=what, symbol=symbol, order_id="u", reduce_only=reduce_only)


def test_a_list_ends_what_it_does_not_show() -> None:
    standing = StandingOrders()
    standing.take_list([order("1"), order("2"), order("3", symbol="ETHUSDT")], asked_ns=20)

    standing.take_list([order("2")], asked_ns=30)

    assert ids(standing) == ["2"]
    assert standing.symbols() == ["BTCUSDT"]
    assert standing.listed_ns == 30


@pytest.mark.parametrize(("row_ns", "kept"), [(29, False), (30, True), (31, True)])
def test_a_row_that_is_newer_than_a_list_wins(row_ns: int, kept: bool) -> None:
    standing = StandingOrders()
    standing.take_row(order("1", at_ns=row_ns))

    standing.take_list([], asked_ns=30)

    assert bool(ids(standing)) is kept


def test_a_list_that_was_asked_for_earlier_says_nothing() -> None:
    standing = StandingOrders()
    standing.take_list([order("1")], asked_ns=30)

    standing.take_list([], asked_ns=29)

    assert ids(standing) == ["1"]


def test_the_list_of_one_symbol_ends_nothing_elsewhere() -> None:
    standing = StandingOrders()
    standing.take_list([order("1"), order("2", symbol="ETHUSDT")], asked_ns=20)

    standing.take_symbol("BTCUSDT", [order("3"), order("4", symbol="ETHUSDT")], asked_ns=30)

    assert ids(standing) == ["3"]
    assert ids(standing, "ETHUSDT") == ["2"]
    assert standing.listed_ns == 20


def test_an_order_that_has_ended_does_not_come_back_by_a_late_row_or_list() -> None:
    standing = StandingOrders()
    standing.take_row(order("1"))
    standing.take_row(order("1", status=OrderStatus.CANCELLED, at_ns=20))

    standing.take_row(order("1", at_ns=15))
    standing.take_list([order("1")], asked_ns=30)

    assert ids(standing) == []
    assert standing.symbols() == []


def test_an_older_row_of_the_same_order_is_passed_over() -> None:
    standing = StandingOrders()
    standing.take_row(order("1", at_ns=20, qty=Decimal(2)))
    standing.take_row(order("1", at_ns=19, qty=Decimal(1)))

    assert [found.qty for found in standing.of("BTCUSDT")] == [Decimal(2)]


def test_what_has_ended_is_remembered_for_so_many_orders() -> None:
    standing = StandingOrders()
    for number in range(ENDED_REMEMBERED + 1):
        standing.over("BTCUSDT", str(number))

    standing.take_row(order("0"))
    standing.take_row(order("1"))

    assert ids(standing) == ["0"]


def test_entries_and_targets_are_counted_while_they_stand() -> None:
    standing = StandingOrders()
    standing.take_list([order("entry"), order("target", **TARGET), order("stop", **STOP)], asked_ns=20)
    assert ([e.order_id for e in standing.entries], standing.has_targets) == (["entry"], True)

    standing.take_list([order("stop", **STOP)], asked_ns=30)
    assert (standing.entries, standing.has_targets) == ((), False)


def test_symbols_with_orders_that_only_reduce_are_known_until_the_last_one_ends() -> None:
    standing = StandingOrders()
    standing.take_list([order("entry"), order("t", **TARGET), order("s", **STOP)], asked_ns=20)
    standing.take_row(order("s", **STOP, at_ns=25))
    assert standing.reducing_symbols() == ["BTCUSDT"]

    standing.over("BTCUSDT", "t")
    assert standing.reducing_symbols() == ["BTCUSDT"]
    standing.over("BTCUSDT", "s")
    standing.over("BTCUSDT", "s")
    assert standing.reducing_symbols() == []
    assert ids(standing) == ["entry"]


def test_its_version_says_that_a_list_or_an_unknown_order_has_come() -> None:
    standing = StandingOrders()
    versions = [standing.version]
    standing.take_row(order("1"))
    versions.append(standing.version)
    standing.take_row(order("1", at_ns=11))
    versions.append(standing.version)
    standing.take_list([order("1")], asked_ns=20)
    versions.append(standing.version)

    assert versions == [0, 1, 1, 2]


def test_a_stop_that_was_triggered_is_a_target_no_less() -> None:
    standing = StandingOrders()
    standing.take_row(order("stop", **STOP))
    assert not standing.has_targets

    standing.take_row(order("stop", reduce_only=True, at_ns=11))
    assert standing.has_targets


@pytest.mark.parametrize(("reduce_only", "may_be"), [(True, True), (None, True), (False, False)])
def test_an_order_that_is_not_understood_may_be_one_that_only_reduces(
    reduce_only: bool | None, may_be: bool
) -> None:
    standing = StandingOrders()

    standing.take_list([], asked_ns=20, unclear=[unclear(reduce_only), unclear(None, what="position")])

    assert standing.has_targets is may_be


def test_a_reading_of_its_symbol_replaces_what_was_not_understood() -> None:
    standing = StandingOrders()
    standing.take_list([], asked_ns=20, unclear=[unclear(True), unclear(True, "ETHUSDT")])

    standing.take_symbol("BTCUSDT", [], 30, [unclear(False, "SOLUSDT")])

    assert [row.symbol for row in standing.unclear] == ["ETHUSDT"]


@pytest.mark.parametrize(
    ("fields", "active", "target"),
    [
        ({}, True, False),
        (TARGET, True, True),
        (STOP, False, False),
        (TARGET | {"order_type": OrderType.MARKET}, True, False),
        (TARGET | {"time_in_force": TimeInForce.IOC}, True, False),
        (TARGET | {"time_in_force": TimeInForce.FOK}, True, False),
        (TARGET | {"time_in_force": TimeInForce.POST_ONLY}, True, True),
        (TARGET | {"status": OrderStatus.TRIGGERED}, True, True),
        (TARGET | {"status": OrderStatus.PARTIALLY_FILLED}, True, True),
    ],
)
def test_what_a_cancel_of_all_active_orders_would_take(
    fields: dict[str, Any], active: bool, target: bool
) -> None:
    assert (is_active(order(**fields)), rests_as_target(order(**fields))) == (active, target)


def test_a_row_of_the_same_time_and_a_list_of_the_same_question_are_taken() -> None:
    standing = StandingOrders()
    assert (standing.listed_ns, standing.version, ENDED_REMEMBERED) == (0, 0, 1000)
    standing.take_row(order("1", qty=Decimal(2)))
    standing.take_row(order("1", qty=Decimal(1)))
    assert [found.qty for found in standing.of("BTCUSDT")] == [Decimal(1)]

    standing.take_list([order("1")], asked_ns=20)
    standing.take_list([order("2")], asked_ns=20)
    assert ids(standing) == ["2"]


def test_a_reading_of_a_symbol_keeps_its_orders_that_are_not_understood() -> None:
    standing = StandingOrders()

    standing.take_symbol("BTCUSDT", [], 30, [unclear(True), unclear(True, what="position")])

    assert standing.unclear == (unclear(True),)
