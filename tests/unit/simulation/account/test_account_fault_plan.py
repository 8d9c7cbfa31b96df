"""What an ordered fault strikes, how often and for how long; and what it makes of a step's rows."""

from typing import Any

import pytest

from tradefleet.simulation.account.exchange import Publication
from tradefleet.simulation.account.faults import Asked, Fault, FaultError, FaultKind, FaultPlan
from tradefleet.simulation.server.account_faults import hidden, skewed
from tradefleet.simulation.server.row_faults import Part, struck

SECOND_NS = 1_000_000_000
CREATE = Asked("/v5/order/create", symbols=frozenset({"BTCUSDT"}), link_ids=frozenset({"a"}))


class Time:
    now_ns = 0


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def plan(time: Time) -> FaultPlan:
    return FaultPlan(lambda: time.now_ns)


def test_a_fault_strikes_its_endpoint_as_often_as_ordered(plan: FaultPlan) -> None:
    plan.add(Fault(kind=FaultKind.LOST_ANSWER, count=2))

    elsewhere = plan.strike_request(Asked("/v5/order/cancel"))
    strikes = [plan.strike_request(CREATE) is not None for _ in range(3)]

    assert elsewhere is None
    assert strikes == [True, True, False]
    assert plan.idle
    assert plan.struck == {"lost_answer": 2}


def test_a_fault_with_seconds_strikes_every_request_until_it_ends(plan: FaultPlan, time: Time) -> None:
    plan.add(Fault(kind=FaultKind.HTTP_STATUS, endpoint="*", seconds=300))

    during = [plan.strike_request(Asked(path)) for path in ("/v5/order/create", "/v5/market/time") * 3]
    time.now_ns = 300 * SECOND_NS
    after = plan.strike_request(CREATE)

    assert all(during)
    assert after is None
    assert plan.pending() == []


@pytest.mark.parametrize(
    ("fault", "asked", "strikes"),
    [
        ({"kind": "late_order"}, CREATE, True),
        ({"kind": "late_order", "symbol": "BTCUSDT"}, CREATE, True),
        ({"kind": "late_order", "symbol": "ETHUSDT"}, CREATE, False),
        ({"kind": "late_order", "order_link_id": "a"}, CREATE, True),
        ({"kind": "late_order", "order_link_id": "b"}, CREATE, False),
        ({"kind": "cancel_race"}, CREATE, False),
        ({"kind": "cancel_race"}, Asked("/v5/order/cancel"), True),
        ({"kind": "broken_page"}, Asked("/v5/order/realtime"), False),
        ({"kind": "broken_page"}, Asked("/v5/order/realtime", has_cursor=True), True),
        ({"kind": "incomplete_page", "endpoint": "/v5/execution/list"}, Asked("/v5/execution/list"), True),
        ({"kind": "http_status", "endpoint": "*"}, Asked("/v5/private"), True),
        ({"kind": "lost_answer", "endpoint": "*"}, Asked("/v5/private"), False),
        ({"kind": "drop_rows"}, CREATE, False),
        ({"kind": "clock_skew", "skew_ms": 5}, CREATE, False),
    ],
)
def test_a_fault_strikes_what_it_names(
    plan: FaultPlan, fault: dict[str, Any], asked: Asked, strikes: bool
) -> None:
    plan.add(Fault(**{**fault, "kind": FaultKind(fault["kind"])}))

    assert (plan.strike_request(asked) is not None) is strikes


def test_lateness_is_not_how_long_a_fault_lasts(plan: FaultPlan, time: Time) -> None:
    plan.add(Fault(kind=FaultKind.LATE_ANSWER, seconds=3, count=1))
    time.now_ns = 60 * SECOND_NS

    fault = plan.strike_request(CREATE)

    assert fault is not None
    assert fault.lateness_s == 3.0
    assert plan.idle


def test_a_condition_holds_until_its_time_or_until_it_is_cleared(plan: FaultPlan, time: Time) -> None:
    plan.add(Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=1500, seconds=10))
    plan.add(Fault(kind=FaultKind.CLOCK_SKEW, skew_ms=-200))

    both = plan.skew_ns
    time.now_ns = 11 * SECOND_NS
    one = plan.skew_ns
    plan.clear()

    assert (both, one, plan.skew_ns) == (1_300_000_000, -200_000_000, 0)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": FaultKind.LOST_ANSWER, "count": 0},
        {"kind": FaultKind.SLOW, "seconds": -1.0},
        {"kind": FaultKind.LOST_ANSWER, "endpoint": "/order/create"},
        {"kind": FaultKind.CLOCK_SKEW},
        {"kind": FaultKind.HTTP_STATUS, "status": 200},
        {"kind": FaultKind.UNKNOWN_WORD, "topic": "weather"},
        {"kind": FaultKind.REORDERED, "sequence": ("ack", "ack")},
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(plan: FaultPlan, fault: dict[str, Any]) -> None:
    with pytest.raises(FaultError):
        plan.add(Fault(**fault))

    assert plan.idle


# ---- rows of a step


def step(status: str = "Filled") -> Publication:
    row = {"symbol": "BTCUSDT", "orderStatus": status, "cancelType": "UNKNOWN", "rejectReason": "EC_NoError"}
    return Publication(1, {"execution": [{"symbol": "BTCUSDT"}], "order": [row], "wallet": [{}]})


def sent(plan: FaultPlan, publication: Publication) -> list[Part]:
    return list(struck(publication, plan, 0.004))


def test_without_faults_a_step_leaves_whole(plan: FaultPlan) -> None:
    assert sent(plan, step()) == [Part(step())]


def test_a_second_filled_row_names_the_cancel_that_came_too_late(plan: FaultPlan) -> None:
    plan.add(Fault(kind=FaultKind.DOUBLE_FILLED))

    waiting = sent(plan, step("New"))
    first, second = sent(plan, step())

    assert waiting == [Part(step("New"))]
    assert first.publication == step()
    (row,) = second.publication.rows["order"]
    assert (row["orderStatus"], row["cancelType"], row["rejectReason"]) == (
        "Filled",
        "CancelByUser",
        "EC_OrigClOrdIDDoesNotExist",
    )
    assert set(second.publication.rows) == {"order"}


def test_repeated_rows_are_the_same_rows(plan: FaultPlan) -> None:
    plan.add(Fault(kind=FaultKind.REPEAT))

    assert sent(plan, step()) == [Part(step()), Part(step())]


def test_a_sequence_decides_the_order_of_topics_and_when_the_answer_leaves(plan: FaultPlan) -> None:
    plan.add(Fault(kind=FaultKind.REORDERED, sequence=("order", "ack", "execution")))

    parts = sent(plan, step())

    assert [tuple(part.publication.rows) for part in parts] == [("order",), ("execution",), ("wallet",)]
    lateness = [part.late_s for part in parts]
    assert lateness[0] is not None
    assert lateness[1] is not None
    assert lateness[0] < plan.ack_late_s < lateness[1]


def test_an_unknown_word_stands_in_the_row_that_tells_the_outcome(plan: FaultPlan) -> None:
    plan.add(Fault(kind=FaultKind.UNKNOWN_WORD, topic="execution", field="execType", word="Gift"))

    only_order = sent(plan, Publication(1, {"order": [{"symbol": "BTCUSDT", "orderStatus": "New"}]}))
    (part,) = sent(plan, step())

    assert only_order[0].publication.rows["order"][0]["orderStatus"] == "New"
    assert part.publication.rows["execution"][-1]["execType"] == "Gift"
    assert part.publication.rows["order"] == step().rows["order"]


@pytest.mark.parametrize(("symbol", "parts"), [("BTCUSDT", 0), ("ETHUSDT", 1)])
def test_dropped_rows_are_those_of_the_symbol(plan: FaultPlan, symbol: str, parts: int) -> None:
    plan.add(Fault(kind=FaultKind.DROP_ROWS, symbol=symbol))

    assert len(sent(plan, step())) == parts


# ---- answers


@pytest.mark.parametrize(
    ("fault", "left"),
    [
        ({}, []),
        ({"order_link_id": "a"}, ["b"]),
        ({"symbol": "XUSDT"}, ["a", "b"]),
    ],
)
def test_hidden_orders_are_left_out_of_a_list(fault: dict[str, str], left: list[str]) -> None:
    rows = [{"symbol": "BTCUSDT", "orderLinkId": name} for name in ("a", "b")]

    answer = hidden({"result": {"list": rows}}, [Fault(kind=FaultKind.MISSING_ORDER, **fault)])

    assert [row["orderLinkId"] for row in answer["result"]["list"]] == left


def test_a_skewed_clock_shows_in_the_time_and_in_the_envelope() -> None:
    answer = {"time": 5_000, "result": {"timeSecond": "5", "timeNano": "5000000000"}}

    assert skewed(answer, "/v5/market/time", 1_500_000_000) == {
        "time": 6_500,
        "result": {"timeSecond": "6", "timeNano": "6500000000"},
    }
