"""Entries that rest, by real processes: a fill that comes late, a cancel that races it, a leader that dies.

They rest three percent away from the replayed market; a trade that the test prints at their price fills them.
How long they rest is configuration, and short here.
"""

import time
from decimal import Decimal
from typing import Any

import pytest
from tests.chaos.fleet import Fleet
from tests.chaos.scenes import calm, flat, takes_over
from tests.support.eventually import eventually
from tests.support.exchange_proxy import Trouble

from tradefleet.domain.orders import OrderStatus, Side
from tradefleet.domain.signals import Target
from tradefleet.simulation.account.orders import Order
from tradefleet.spec.entry import EntryKind, EntryOrder
from tradefleet.spec.trading import Execution, KillSwitch

pytestmark = pytest.mark.process

SYMBOL = "ETHUSDT"
AWAY = Decimal(300)


def entries(rest_seconds: int, kind: EntryKind = EntryKind.POST_ONLY, **more: Any) -> Execution:
    """A spec's section."""
    wish: dict[str, Any] = {"kind": kind, "offset_bps": AWAY, "rest_seconds": rest_seconds, **more}
    return Execution(entry=EntryOrder(**wish))


def open_entries(fleet: Fleet) -> list[Order]:
    """Those of ours that stand at the exchange."""
    orders = fleet.exchange.engine.state.orders.values()
    return [order for order in orders if order.order_link_id and not order.reduce_only]


async def rests(fleet: Fleet) -> Order:
    """A long signal's entry, which stands at the exchange."""
    while not await accepted(fleet):
        pass
    await eventually(lambda: open_entries(fleet))
    return open_entries(fleet)[0]


async def accepted(fleet: Fleet) -> bool:
    """Whether a long signal was followed: the first ones may come before a ticker or a comparison."""
    signal = fleet.signal(Target.LONG, SYMBOL)
    await fleet.bus.publish(signal)
    query = f"SELECT verdict FROM signals WHERE signal_id = '{signal.signal_id}'"
    await eventually(lambda: fleet.rows(query))
    return (await fleet.rows(query))[0]["verdict"] == "accepted"


def trade(fleet: Fleet, order: Order, qty: Decimal) -> None:
    """Somebody sells so much to it: a trade through its price."""
    tick = fleet.market.instruments[SYMBOL].tick_size
    fleet.exchange.on_trade(SYMBOL, order.price - tick, qty, Side.SELL, time.time_ns())


async def over(fleet: Fleet) -> dict[str, Any]:
    """The row of the one intent that opens, once it is final."""
    query = "SELECT state, (payload->>'filled')::numeric AS filled, payload FROM intents"
    await eventually(lambda: fleet.rows(f"{query} WHERE leg = 'open' AND final"))
    (row,) = await fleet.rows(f"{query} WHERE leg = 'open'")
    return row


async def acts(fleet: Fleet) -> list[str]:
    """What the audit tells of orders, in its order."""
    wanted = "('order-cancel', 'order-cancel-answer', 'amend', 'amend-answer')"
    rows = await fleet.rows(f"SELECT act FROM audit WHERE act IN {wanted} ORDER BY seq")
    return [row["act"] for row in rows]


async def moved(fleet: Fleet, times: int) -> bool:
    """Whether so many moves were asked for and answered."""
    return (await acts(fleet)).count("amend-answer") >= times


async def test_it_rests_and_fills_later_with_its_stop(fleet: Fleet) -> None:
    fleet.configure(execution=entries(60))
    leader, _ = await fleet.two()
    order = await rests(fleet)
    assert order.status is OrderStatus.NEW
    await leader.until(lambda status: len(status["resting_entries"]) == 1)

    trade(fleet, order, order.qty)

    await calm(fleet)
    assert fleet.exchange_size(SYMBOL) == order.qty
    (row,) = await fleet.ask("get_positions", symbol=SYMBOL)
    assert order.price * Decimal("0.979") < Decimal(row["stopLoss"]) < order.price * Decimal("0.981")
    assert [create.ret_code for create in fleet.proxy.creates] == [0]
    # Its own attached stop: nothing was asked for.
    assert await fleet.rows("SELECT 1 FROM audit WHERE act = 'stop'") == []


async def test_at_its_end_it_is_cancelled_and_the_audit_tells_it(fleet: Fleet) -> None:
    fleet.configure(execution=entries(2))
    await fleet.two()
    await rests(fleet)

    row = await over(fleet)

    await calm(fleet)
    assert (row["state"], row["filled"], open_entries(fleet)) == ("done", 0, [])
    await eventually(lambda: acts(fleet))
    assert (await acts(fleet))[:2] == ["order-cancel", "order-cancel-answer"]


async def test_a_cancel_races_the_fill_which_counts_once(fleet: Fleet) -> None:
    fleet.configure(execution=entries(2))
    await fleet.two("order.before_cancel")
    order = await rests(fleet)
    await fleet.hit("order.before_cancel")

    trade(fleet, order, order.qty)
    (fleet.folder / "order.before_cancel.go").touch()

    row = await over(fleet)
    await calm(fleet)
    assert row["filled"] == order.qty == fleet.exchange_size(SYMBOL)
    answers = await fleet.rows("SELECT what FROM audit WHERE act = 'order-cancel-answer'")
    assert "110001" in str(answers[0]["what"])


async def test_filled_in_part_the_rest_is_cancelled_and_the_stop_stays(fleet: Fleet) -> None:
    fleet.configure(execution=entries(3))
    await fleet.two()
    order = await rests(fleet)
    part = fleet.market.instruments[SYMBOL].size_down(order.qty / 3)

    trade(fleet, order, part)

    row = await over(fleet)
    await calm(fleet)
    assert row["filled"] == part == fleet.exchange_size(SYMBOL)
    assert open_entries(fleet) == []
    assert fleet.naked == []
    await fleet.bus.publish(fleet.signal(Target.FLAT, SYMBOL))
    await flat(fleet, (SYMBOL,), 20)
    await calm(fleet)


async def test_its_leader_is_killed_and_the_next_one_cancels_it_at_its_end(fleet: Fleet) -> None:
    fleet.configure(execution=entries(8))
    leader, standby = await fleet.two()
    order = await rests(fleet)

    leader.kill()
    # Leads, and opens nothing in this symbol before the entry is gone: its leverage is not known yet.
    await takes_over(standby, opens=False)
    await standby.until(lambda status: len(status["resting_entries"]) == 1)
    assert [found.order_id for found in open_entries(fleet)] == [order.order_id]

    row = await over(fleet)
    await calm(fleet)
    ended = next(found for found in fleet.exchange.recent["linear"] if found.order_id == order.order_id)
    until_ns = int(row["payload"].split('"rest_until_ns": ')[1].split("}")[0].split(",")[0])
    assert until_ns <= ended.updated_ns < until_ns + 3_000_000_000
    assert [create.ret_code for create in fleet.proxy.creates] == [0]


@pytest.mark.parametrize("boundary", ["order.before_cancel", "order.cancelled"])
async def test_sigkill_around_its_cancel_leaves_nothing_behind(fleet: Fleet, boundary: str) -> None:
    fleet.configure(execution=entries(2))
    leader, standby = await fleet.two(boundary)
    await rests(fleet)
    await fleet.hit(boundary)

    leader.kill()

    await takes_over(standby)
    row = await over(fleet)
    await calm(fleet)
    assert (row["filled"], open_entries(fleet)) == (0, [])


async def test_it_follows_the_touch_and_an_ambiguous_move_is_read_back(fleet: Fleet) -> None:
    follows = {"follow_bps": Decimal("0.5"), "amend_every_seconds": Decimal("0.2"), "max_amends": 1000}
    fleet.configure(execution=entries(60, **follows))
    await fleet.two()
    order = await rests(fleet)
    fleet.proxy.arm(Trouble.LOST, "/v5/order/amend")

    # The recorded touch hardly moves: the distance to it is edited instead.
    for number in (1, 2, 3):
        fleet.configure(execution=entries(60, offset_bps=AWAY + 2 * number, **follows))
        await eventually(lambda number=number: moved(fleet, number))

    told = await acts(fleet)
    assert told[: 2 * (len(told) // 2)] == ["amend", "amend-answer"] * (len(told) // 2)
    answers = await fleet.rows("SELECT what FROM audit WHERE act = 'amend-answer' ORDER BY seq")
    assert "ambiguous" in str(answers[0]["what"])
    (found,) = open_entries(fleet)
    assert found.order_id == order.order_id
    assert found.price != order.price
    assert found.qty <= order.qty
    await fleet.bus.publish(fleet.signal(Target.FLAT, SYMBOL))
    await calm(fleet)
    assert open_entries(fleet) == []


async def test_a_conditional_entry_waits_for_the_mark_and_opens_with_its_stop(fleet: Fleet) -> None:
    fleet.configure(execution=entries(60, EntryKind.CONDITIONAL, offset_bps=Decimal(50)))
    await fleet.two()
    order = await rests(fleet)
    assert order.status is OrderStatus.UNTRIGGERED
    assert order.trigger is not None

    mark = order.trigger.price
    fleet.exchange.on_mark(SYMBOL, mark, mark, mark, time.time_ns())

    await eventually(lambda: fleet.exchange_size(SYMBOL))
    row = await over(fleet)
    await calm(fleet)
    assert row["filled"] == fleet.exchange_size(SYMBOL) > 0
    assert fleet.naked == []


@pytest.mark.parametrize("kind", [EntryKind.POST_ONLY, EntryKind.CONDITIONAL])
async def test_the_kill_switch_takes_it_away(fleet: Fleet, kind: EntryKind) -> None:
    fleet.configure(execution=entries(600, kind))
    leader, _ = await fleet.two()
    await rests(fleet)

    fleet.configure(kill_switch=KillSwitch(engaged=True))

    await leader.until(lambda status: status["kill_switch"]["seconds_to_flat"] is not None)
    assert open_entries(fleet) == []
    await calm(fleet)


async def test_the_bound_on_slippage_is_the_price_of_the_order(fleet: Fleet) -> None:
    fleet.configure(execution=Execution(entry=EntryOrder(max_slippage_bps=Decimal(20))))
    await fleet.two()

    while not await accepted(fleet):
        pass

    await eventually(lambda: fleet.exchange_size(SYMBOL))
    await calm(fleet)
    (order,) = await fleet.orders()
    assert (order["orderType"], order["timeInForce"]) == ("Limit", "IOC")
    mark = fleet.market.mark_price(SYMBOL)
    assert abs(Decimal(order["price"]) / mark - 1) < Decimal("0.01")
