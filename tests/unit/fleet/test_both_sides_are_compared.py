"""What `--verify` finds when Postgres and the exchange are laid side by side."""

from decimal import Decimal

import msgspec

from tradefleet.services.fleet.verify_sides import (
    ExecutionFact,
    IntentFact,
    OrderFact,
    Origins,
    Side,
    differences,
    fills_since,
    total_fees,
    unexplained,
)

ENTRY = OrderFact(
    order_id="o1",
    client_order_id="tf1",
    symbol="BTCUSDT",
    side="Buy",
    qty=Decimal("0.010"),
    filled=Decimal("0.010"),
    status="Filled",
)
STOP = OrderFact(
    order_id="o2",
    client_order_id="",
    symbol="BTCUSDT",
    side="Sell",
    qty=Decimal("0.010"),
    filled=Decimal("0.010"),
    status="Filled",
)
ENTRY_FILL = ExecutionFact(
    exec_id="e1",
    order_id="o1",
    symbol="BTCUSDT",
    side="Buy",
    qty=Decimal("0.010"),
    price=Decimal(60_000),
    fee=Decimal("0.33"),
    exec_type="Trade",
    at_ns=100,
)
STOP_FILL = msgspec.structs.replace(ENTRY_FILL, exec_id="e2", order_id="o2", side="Sell", at_ns=200)
INTENT = IntentFact(client_order_id="tf1", signal_id="s1", symbol="BTCUSDT", opens=True, state="done")
ORIGINS = Origins(intents={"tf1": INTENT}, signals={"s1": "shard-a"}, streamed={"s1": "shard-a"})


def side(
    orders: tuple[OrderFact, ...] = (ENTRY, STOP),
    executions: tuple[ExecutionFact, ...] = (ENTRY_FILL, STOP_FILL),
    positions: dict[str, Decimal] | None = None,
) -> Side:
    return Side(
        orders={order.order_id: order for order in orders},
        executions={execution.exec_id: execution for execution in executions},
        positions=positions or {},
    )


def test_equal_sides_agree_also_when_numbers_are_written_differently() -> None:
    written = msgspec.structs.replace(ENTRY, qty=Decimal("0.01"))

    assert differences(side(orders=(written, STOP)), side()) == []


def test_an_execution_that_postgres_lacks_is_named() -> None:
    found = differences(side(executions=(ENTRY_FILL,)), side())

    assert found == ["execution e2: the exchange has it, Postgres has not"]


def test_an_execution_that_only_postgres_has_is_named() -> None:
    found = differences(side(), side(executions=(ENTRY_FILL,)))

    assert found == ["execution e2: Postgres has it, the exchange has not"]


def test_another_status_of_an_order_is_named_with_both_values() -> None:
    ours = msgspec.structs.replace(ENTRY, status="New")

    found = differences(side(orders=(ours, STOP)), side())

    assert found == ["order o1: status is New in Postgres, Filled at the exchange"]


def test_a_stop_that_never_filled_need_not_be_journaled() -> None:
    waiting = msgspec.structs.replace(STOP, filled=Decimal(0), status="Untriggered")

    assert differences(side(orders=(ENTRY,)), side(orders=(ENTRY, waiting))) == []


def test_an_order_of_ours_must_be_journaled_even_unfilled() -> None:
    resting = msgspec.structs.replace(ENTRY, filled=Decimal(0), status="Cancelled")

    assert differences(side(orders=(STOP,)), side(orders=(resting, STOP))) != []


def test_another_position_is_named_with_both_sizes() -> None:
    found = differences(side(positions={"BTCUSDT": Decimal("0.01")}), side())

    assert found == ["position BTCUSDT: Postgres says 0.01, the exchange 0"]


def test_an_entry_and_its_stop_lead_back_to_the_entrys_signal() -> None:
    assert unexplained(side(), ORIGINS, since_ns=0) == []


def test_of_two_legs_a_stop_leads_back_to_the_entry_of_its_own_side() -> None:
    other = msgspec.structs.replace(ENTRY, order_id="o3", client_order_id="tf2", side="Sell")
    other_fill = msgspec.structs.replace(ENTRY_FILL, exec_id="e3", order_id="o3", side="Sell", at_ns=150)
    short = msgspec.structs.replace(INTENT, client_order_id="tf2", signal_id="unknown")
    origins = msgspec.structs.replace(ORIGINS, intents={"tf1": INTENT, "tf2": short})

    found = unexplained(side((ENTRY, STOP, other), (ENTRY_FILL, STOP_FILL, other_fill)), origins, since_ns=0)

    assert found == ["fill e3 of BTCUSDT: signal unknown is not in Postgres"]


def test_the_close_of_a_second_leg_leads_back_to_its_signal() -> None:
    close = msgspec.structs.replace(INTENT, client_order_id="tf9", signal_id="s1/2", opens=False)
    order = msgspec.structs.replace(STOP, client_order_id="tf9")
    origins = msgspec.structs.replace(ORIGINS, intents={"tf1": INTENT, "tf9": close})

    assert unexplained(side(orders=(ENTRY, order)), origins, since_ns=0) == []


def test_a_fill_without_an_intent_is_unexplained() -> None:
    origins = msgspec.structs.replace(ORIGINS, intents={})

    (first, second) = unexplained(side(), origins, since_ns=0)

    assert "no intent has the client order id tf1" in first
    assert "without an entry" in second


def test_a_fill_whose_signal_no_shard_streamed_is_unexplained() -> None:
    origins = msgspec.structs.replace(ORIGINS, streamed={})

    (found,) = unexplained(side(), origins, since_ns=0)

    assert "no shard streamed signal s1" in found


def test_the_stream_need_not_remember_fills_of_earlier_runs() -> None:
    origins = msgspec.structs.replace(ORIGINS, streamed={})

    assert unexplained(side(), origins, since_ns=1_000) == []


def test_funding_is_not_a_fill() -> None:
    funding = msgspec.structs.replace(ENTRY_FILL, exec_id="e3", exec_type="Funding", order_id="none")
    both = side(executions=(funding,))

    assert fills_since(both, 0) == []
    assert unexplained(both, ORIGINS, since_ns=0) == []


def test_fees_add_up() -> None:
    assert total_fees(side().executions.values()) == Decimal("0.66")
