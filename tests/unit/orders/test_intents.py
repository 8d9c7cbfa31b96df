"""Legs, states and names of what is sent: which word means what."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.journal_rows import make_intent

from tradefleet.domain.orders import Account, OrderType, Trigger, TriggerDirection
from tradefleet.orders.client_order_id import LENGTH, client_order_id, is_ours, is_way_out
from tradefleet.orders.intents import IntentState, Leg

ACCOUNT = Account("bybit", "paper", "100001")


@pytest.mark.parametrize(
    ("leg", "part", "reduces"),
    [
        (Leg.OPEN, False, False),
        (Leg.CLOSE, False, True),
        (Leg.TIMED_EXIT, False, True),
        (Leg.PART_1, True, True),
        (Leg.PART_2, True, True),
        (Leg.PART_3, True, True),
    ],
)
def test_what_a_leg_is(leg: Leg, part: bool, reduces: bool) -> None:
    assert (leg.is_part, leg.reduces) == (part, reduces)


@pytest.mark.parametrize("state", list(IntentState))
def test_three_states_are_final(state: IntentState) -> None:
    assert state.is_final is (state in (IntentState.DONE, IntentState.REJECTED, IntentState.ABSENT))


def test_an_intent_of_a_release_before_rests_not_and_closes_what_it_says() -> None:
    made = make_intent()

    assert (made.rest_until_ns, made.close_on_trigger, made.trigger) == (0, False, None)
    assert not made.closes_all


@pytest.mark.parametrize(
    ("changes", "closes_all"),
    [
        ({}, True),
        ({"close_on_trigger": False}, False),
        ({"reduce_only": False}, False),
        ({"order_type": OrderType.LIMIT}, False),
        ({"trigger": Trigger(price=Decimal(1), direction=TriggerDirection.FALL)}, False),
    ],
)
def test_only_a_market_order_that_waits_for_nothing_closes_all(
    changes: dict[str, object], closes_all: bool
) -> None:
    everything = msgspec.structs.replace(make_intent(), reduce_only=True, close_on_trigger=True)

    assert msgspec.structs.replace(everything, **changes).closes_all is closes_all


def test_a_name_is_the_hash_of_what_the_order_is_for() -> None:
    # Written down once: another hash would send an order a second time after an upgrade.
    assert client_order_id(ACCOUNT, "s1", "open", 0) == "tf1-sac3dldwqfqkyj3lariio47ysbxyallc"


def test_each_part_of_what_it_is_for_makes_another_name() -> None:
    names = {
        client_order_id(ACCOUNT, "s1", "open", 0),
        client_order_id(ACCOUNT, "s1", "open", 1),
        client_order_id(ACCOUNT, "s1", "close", 0),
        client_order_id(ACCOUNT, "s2", "open", 0),
        client_order_id(Account("bybit", "paper", "100002"), "s1", "open", 0),
        client_order_id(Account("bybit", "live", "100001"), "s1", "open", 0),
        client_order_id(Account("other", "paper", "100001"), "s1", "open", 0),
        # No two different keys join to the same bytes.
        client_order_id(ACCOUNT, "s1o", "pen", 0),
    }

    assert len(names) == 8
    assert {len(name) for name in names} == {LENGTH} == {36}


@pytest.mark.parametrize(
    ("name", "ours", "way_out"),
    [
        (f"tf1-{'a' * 32}", True, False),
        (f"tf10-{'a' * 31}", True, False),  # a later version of the hash
        (f"tf100-{'a' * 30}", False, False),
        (f"tfx-{'a' * 32}", True, True),
        (f"tf1-{'a' * 31}", False, False),
        (f"tf1-{'a' * 33}", False, False),
        (f"of1-{'a' * 32}", False, False),
        (f"tf1a{'a' * 32}", False, False),
        ("tfx-", False, True),
        ("", False, False),
    ],
)
def test_whose_an_order_is(name: str, ours: bool, way_out: bool) -> None:
    assert is_ours(name) is ours
    assert is_way_out(name) is way_out
