"""An entry that rests is moved with the touch: desired state, one request in flight, read back."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.resting_harness import RestingHarness

from tradefleet.core import actions as act
from tradefleet.core import events as ev

AWAY, FURTHER = Decimal("100.5"), Decimal("101.0")


def following(**entry: Any) -> RestingHarness:
    """Ready, past the time in which a former leader's amend could still arrive, with one entry at rest."""
    world = RestingHarness(**{"follow_bps": Decimal(20), "rest_seconds": 600, **entry})
    world.ready()
    world.wait(3)
    world.rest()
    return world


def price(world: RestingHarness) -> Decimal:
    (order,) = world.exchange.orders.values()
    return order.price


def asked_about(world: RestingHarness) -> list[act.AskForOrder]:
    return [question for question in world.questions if isinstance(question, act.AskForOrder)]


def test_it_is_moved_when_the_touch_has_moved_far_enough() -> None:
    world = following()
    first = world.tracked().intent

    world.prices(Decimal("100.1"))
    assert world.amends == []
    world.prices(AWAY)

    (amend,) = world.amends
    assert amend.price == AWAY - Decimal("0.1")
    # Further from its stop, it is smaller: it never risks more than was judged.
    assert amend.qty < first.qty
    assert amend.sign_by_ns == world.now_ns + 500_000_000


def test_the_status_shows_what_is_left_of_it_as_it_stands() -> None:
    world = following()
    world.prices(AWAY)
    (amend,) = world.amends
    world.let_amends()
    world.deliver()

    (shown,) = world.core.status(world.now_ns)["resting_entries"]

    assert (shown["price"], shown["left"]) == (f"{amend.price:f}", f"{amend.qty:f}")


def test_one_request_at_a_time_and_not_more_often_than_asked_for() -> None:
    world = following()
    world.prices(AWAY)
    world.prices(FURTHER)
    assert len(world.amends_asked) == 1

    world.let_amends()
    world.deliver()
    world.now_ns += 900_000_000
    world.prices(FURTHER)
    assert len(world.amends_asked) == 1
    world.now_ns += 100_000_000
    world.prices(FURTHER)

    assert [amend.price for amend in world.amends_asked] == [AWAY - Decimal("0.1"), FURTHER - Decimal("0.1")]


@pytest.mark.parametrize("arrives", [True, False])
def test_after_an_ambiguous_one_it_is_read_before_another(arrives: bool) -> None:
    world = following()
    world.prices(AWAY)
    world.let_amends(arrive=arrives, answered=False)

    # Until it can act no more, and has been read since, nothing is known.
    world.prices(FURTHER)
    world.now_ns += 2_000_000_000
    world.prices(FURTHER)
    assert len(world.amends_asked) == 1
    for _ in range(4):
        world.wait(1)
    assert len(asked_about(world)) == 1
    assert len(world.amends_asked) == 1
    world.answer_all()
    world.prices(FURTHER)

    assert len(world.amends_asked) == 2
    world.let_amends()
    assert price(world) == FURTHER - Decimal("0.1")


def test_a_row_that_shows_it_ends_the_doubt() -> None:
    world = following()
    world.prices(AWAY)
    world.let_amends(answered=False)

    world.deliver()
    world.now_ns += 1_000_000_000
    world.prices(FURTHER)

    assert len(world.amends_asked) == 2


def test_one_that_never_left_is_asked_for_again() -> None:
    world = following()
    world.prices(AWAY)
    (amend,) = world.amends
    world.amends.clear()
    answer = ev.AmendAnswered(
        now_ns=world.now_ns,
        client_order_id=amend.client_order_id,
        outcome=ev.Outcome.NOT_SENT,
        ret_code=None,
        message="lease",
    )
    world.tell(answer)

    world.now_ns += 1_000_000_000
    world.prices(AWAY)

    assert len(world.amends_asked) == 2


def test_it_is_moved_no_more_often_than_the_spec_says() -> None:
    world = following(max_amends=2)
    for mark in ("100.3", "100.6", "100.9", "101.2"):
        world.prices(Decimal(mark))
        world.let_amends()
        world.deliver()
        world.now_ns += 1_000_000_000

    assert len(world.amends_asked) == 2


def test_its_size_never_grows_again() -> None:
    world = following()
    for mark in (FURTHER, Decimal(100), Decimal("99.5")):
        world.prices(mark)
        world.let_amends()
        world.deliver()
        world.now_ns += 1_000_000_000

    sizes = [amend.qty for amend in world.amends_asked]
    assert len(sizes) == 3
    assert sizes == sorted(sizes, reverse=True)


def test_what_is_filled_meanwhile_counts_once_and_the_rest_is_done_at_its_smaller_size() -> None:
    world = following()
    qty = world.tracked().intent.qty
    world.prices(FURTHER)
    world.fill("0.3")
    world.let_amends()
    world.deliver()

    world.fill("1")
    world.deliver()

    assert world.tracked().is_final
    assert 0 < world.size < qty
    assert world.size == world.exchange.sizes["ABCUSDT"]


def test_a_new_leader_waits_until_no_amend_of_the_old_one_can_arrive() -> None:
    world = following()
    world.restart()
    world.ready()
    world.answer_all()

    world.wait(1)
    world.answer_all()
    world.prices(AWAY)
    assert world.amends == []
    world.now_ns += 2_000_000_000
    world.prices(AWAY)

    assert len(world.amends) == 1


def test_nothing_is_moved_while_nothing_may_open_or_once_it_is_to_go() -> None:
    world = following()
    world.tell(ev.RightToOpenChanged(now_ns=world.now_ns, granted=False, reason="lease"))
    world.prices(AWAY)
    assert world.amends_asked == []

    spec = msgspec.structs.replace(world.config.spec, paused=True)
    world.configure(msgspec.structs.replace(world.config, spec=spec))
    world.tell(ev.RightToOpenChanged(now_ns=world.now_ns, granted=True, reason=""))
    world.prices(FURTHER)

    assert world.amends_asked == []
    assert len(world.cancels) == 1


def test_the_status_shows_what_a_smaller_order_has_left() -> None:
    world = following()
    world.prices(AWAY)
    (amend,) = world.amends
    world.let_amends()
    world.deliver()

    (shown,) = world.core.status(world.now_ns)["resting_entries"]

    assert (shown["price"], shown["left"]) == (f"{amend.price:f}", f"{amend.qty:f}")
