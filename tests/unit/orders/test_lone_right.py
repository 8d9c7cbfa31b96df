"""A right without the lease: what it covers, and that it ends."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.plain_orders import resting_order

from tradefleet.domain.orders import ExchangeOrder, Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.orders.client_order_id import PREFIX, WAY_OUT
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.flatten import CancelOne, Close, CoinStanding
from tradefleet.orders.lone_right import FLAT, GROWN, OTHER_SIDE, KnownEntry, LoneRight

SECOND = 1_000_000_000
SINCE = 1_000 * SECOND
LONGEST = 4 * SECOND
BTC = PositionKey(category="linear", symbol="BTCUSDT")
ETH = PositionKey(category="linear", symbol="ETHUSDT")
OURS = PREFIX + "a" * 32


def order(order_id: str = "e", **fields: Any) -> ExchangeOrder:
    """A resting buy of one that opens, made before the right began."""
    return resting_order(order_id, **fields)


def position(size: str, key: PositionKey = BTC) -> ExchangePosition:
    return ExchangePosition(
        key=key,
        size=Decimal(size),
        entry_price=None,
        mark_price=None,
        stop_loss=None,
        take_profit=None,
        leverage=None,
        seq=0,
        at_ns=0,
    )


def reading(
    *sizes: str, orders: tuple[ExchangeOrder, ...] | None = (), at_s: float = 0.0, **fields: Any
) -> list[CoinStanding]:
    """Of the one coin: the sizes of BTCUSDT (none or one)."""
    values: dict[str, Any] = {
        "coin": "USDT",
        "asked_ns": SINCE + int(at_s * SECOND),
        "orders": orders,
        "positions": tuple(position(size) for size in sizes),
    }
    return [CoinStanding(**(values | fields))]


def right(**fields: Any) -> LoneRight:
    values: dict[str, Any] = {
        "latches": frozenset({"l"}),
        "since_ns": SINCE,
        "longest_ns": LONGEST,
    }
    return LoneRight(**(values | fields))


def closes(found: LoneRight, coins: list[CoinStanding]) -> list[tuple[str, Decimal]]:
    return [(a.side.value, a.qty) for a in found.acts(coins, {}) if isinstance(a, Close)]


def cancels(found: LoneRight, coins: list[CoinStanding]) -> list[str]:
    return [a.order_id for a in found.acts(coins, {}) if isinstance(a, CancelOne)]


def after(*steps: list[CoinStanding], **fields: Any) -> tuple[LoneRight, list[tuple[str, Decimal]]]:
    """The right after these readings, and what it closes of the last one."""
    found = right(**fields)
    for step in steps:
        found.look(step)
    return found, closes(found, steps[-1])


# ---- what it covers, and when that is over


@pytest.mark.parametrize(
    ("sizes", "closed", "over"),
    [
        (["1"], [("Sell", "1")], None),
        (["-1"], [("Buy", "1")], None),
        (["1", "0.5"], [("Sell", "0.5")], None),
        (["1", "1"], [("Sell", "1")], None),
        (["1", ""], [], FLAT),
        (["1", "1.001"], [], GROWN),
        (["1", "0.5", "0.501"], [], GROWN),
        (["1", "-0.001"], [], OTHER_SIDE),
        (["-1", "-1.001"], [], GROWN),
        (["-1", "0.001"], [], OTHER_SIDE),
        (["1", "", "1"], [], FLAT),
        (["1", "2", "1"], [], GROWN),
        (["", "1"], [], None),
    ],
)
def test_without_entries_it_ends_for_a_position_that_is_flat_or_grown_or_turned(
    sizes: list[str], closed: list[tuple[str, str]], over: str | None
) -> None:
    found, acted = after(*[reading(*([size] if size else [])) for size in sizes])

    assert acted == [(side, Decimal(qty)) for side, qty in closed]
    assert found.over.get(BTC) == over


@pytest.mark.parametrize(
    ("side", "left", "sizes", "covered"),
    [
        (Side.BUY, "1", ["1", "2"], True),
        (Side.BUY, "1", ["1", "2.001"], False),
        (Side.BUY, "1", ["1", "1.6", "2"], True),
        (Side.BUY, "1", ["1", "1.6", "0.2", "0.7"], False),
        (Side.BUY, "1", ["1", "", "1"], True),
        (Side.BUY, "1", ["1", "", "1.001"], False),
        (Side.BUY, "1", ["", "1"], True),
        (Side.BUY, "1", ["", "1.001"], False),
        (Side.BUY, "1", ["", "-1"], False),
        (Side.SELL, "1", ["1", "-1"], True),
        (Side.SELL, "1", ["1", "-1.001"], False),
        (Side.SELL, "1", ["1", "1.001"], False),
    ],
)
def test_entries_that_were_known_explain_what_they_may_still_fill(
    side: Side, left: str, sizes: list[str], covered: bool
) -> None:
    entry = order(side=side, qty=Decimal(left))

    _, acted = after(*[reading(*([size] if size else []), orders=(entry,)) for size in sizes])

    assert bool(acted) is covered


def test_what_a_known_entry_has_filled_before_explains_nothing() -> None:
    entry = order(qty=Decimal(3), cum_exec_qty=Decimal(2))

    _, acted = after(reading("1", orders=(entry,)), reading("2.5", orders=(entry,)))

    assert acted == []


def test_an_entry_that_came_later_explains_nothing_and_is_not_cancelled() -> None:
    found, acted = after(reading("1"), reading("2", orders=(order("later"),)))

    assert acted == []
    assert cancels(found, reading("2", orders=(order("later"),))) == []


def test_an_entry_that_is_over_explains_the_reading_that_first_lacks_it_and_no_other() -> None:
    known = reading("1", orders=(order(),))

    filled, acted = after(known, reading("2"))
    assert acted == [("Sell", Decimal(2))]

    filled.look(reading("2.5"))
    assert filled.over[BTC] == GROWN


def test_entries_that_were_known_are_cancelled_by_their_ids_and_nothing_that_reduces_is() -> None:
    orders = (order("e"), order("stop", reduce_only=True), order("c", trigger_price=Decimal(1)))
    found, _ = after(reading("1", orders=orders))

    assert cancels(found, reading("1", orders=orders)) == ["e", "c"]


def test_an_entry_of_a_first_list_that_was_made_after_everything_of_ours_is_somebody_elses() -> None:
    orders = (
        order("ours", created_ns=SINCE + LONGEST),
        order("theirs", created_ns=SINCE + LONGEST + 1),
    )
    found, _ = after(reading(orders=orders))

    assert cancels(found, reading(orders=orders)) == ["ours"]


@pytest.mark.parametrize(("at_s", "covered"), [(4.0, True), (4.1, False)])
def test_an_entry_under_way_explains_a_fill_until_it_can_arrive_no_more(at_s: float, covered: bool) -> None:
    entries = {OURS: KnownEntry(BTC, Side.BUY, Decimal(1))}

    _, acted = after(reading("1"), reading("1", at_s=at_s), reading("2", at_s=5.0), entries=entries)

    assert bool(acted) is covered


def test_an_entry_under_way_that_shows_is_one_entry() -> None:
    entries = {OURS: KnownEntry(BTC, Side.BUY, Decimal(1))}
    shown = (order("e", client_order_id=OURS),)

    found, _ = after(reading("1", orders=shown), entries=entries)

    assert list(found.entries) == ["e"]
    assert cancels(found, reading("1", orders=shown)) == ["e"]


def test_a_list_of_orders_that_cannot_be_read_holds_no_close_back() -> None:
    found, acted = after(reading("1", orders=None), reading("0.5", orders=None))

    assert acted == [("Sell", Decimal("0.5"))]
    assert found.coins_of_orders == set()


def test_a_list_of_positions_that_cannot_be_read_ends_nothing_and_closes_nothing() -> None:
    found, acted = after(reading("1"), reading(positions=None))

    assert (acted, found.over) == ([], {})
    again = reading("1")
    found.look(again)
    assert closes(found, again) == [("Sell", Decimal(1))]


@pytest.mark.parametrize("size", [None, Decimal(3)])
def test_a_row_that_is_not_understood_ends_nothing(size: Decimal | None) -> None:
    row = UnclearRow(what="position", symbol="BTCUSDT", size=size)

    found, acted = after(reading("1"), reading(unclear=(row,)))

    assert (acted, found.over, found.flat_ns) == ([], {}, None)


def test_a_row_that_is_read_as_far_as_its_size_is_covered() -> None:
    row = UnclearRow(what="position", symbol="BTCUSDT", size=Decimal(-2), side=Side.SELL)

    _, acted = after(reading(unclear=(row,)))

    assert acted == [("Buy", Decimal(2))]


def test_the_other_coin_is_covered_by_its_own_first_list() -> None:
    usdc = {"coin": "USDC", "positions": (position("1", ETH),)}

    found = right()
    found.look([*reading("1"), *reading(**(usdc | {"positions": None}))])
    found.look([*reading("1"), *reading(**usdc)])

    assert closes(found, [*reading("1"), *reading(**usdc)]) == [("Sell", Decimal(1))] * 2


def test_a_position_above_the_largest_order_is_closed_in_parts_and_a_refused_one_whole() -> None:
    found, _ = after(reading("2.5"))

    parts = found.acts(reading("2.5"), {"BTCUSDT": Decimal(1)})
    whole = found.acts(reading("2.5"), {"BTCUSDT": Decimal(1)}, whole={BTC})

    assert [a.qty for a in parts if isinstance(a, Close)] == [Decimal(1), Decimal(1), Decimal("0.5")]
    assert [a.qty for a in whole if isinstance(a, Close)] == [Decimal(0)]


# ---- when it ends wholly


@pytest.mark.parametrize(
    ("name", "made_ns", "ends"),
    [
        (OURS, SINCE + LONGEST + 1, True),
        (OURS, SINCE + LONGEST, False),
        (WAY_OUT + "a" * 32, SINCE + LONGEST + 1, False),
        ("", SINCE + LONGEST + 1, False),
        ("by-hand", SINCE + LONGEST + 1, False),
    ],
)
@pytest.mark.parametrize("shown", ["open", "ended"])
def test_an_intents_order_that_no_one_of_ours_can_be_ends_it(
    name: str, made_ns: int, ends: bool, shown: str
) -> None:
    made = order("x", client_order_id=name, created_ns=made_ns, symbol="SOLUSDT")
    found, _ = after(reading("1"))

    found.look(reading("1", orders=(made,) if shown == "open" else ()), [made] if shown == "ended" else ())

    assert bool(found.ended) is ends
    assert bool(closes(found, reading("1"))) is not ends


def test_it_is_read_before_anything_is_done() -> None:
    made = order("x", client_order_id=OURS, created_ns=SINCE + LONGEST + 1)

    found, acted = after(reading("1", orders=(made,)))

    assert acted == []
    assert found.ended


@pytest.mark.parametrize(("seconds", "ends"), [(3.999, False), (4.0, True)])
def test_flat_for_as_long_as_anything_may_arrive_ends_it(seconds: float, ends: bool) -> None:
    found, _ = after(reading("1"), reading(at_s=1.0), reading(at_s=1.0 + seconds))

    assert bool(found.ended) is ends


def test_flat_begins_anew_when_it_is_not_known() -> None:
    found, _ = after(reading(), reading(positions=None, at_s=3.0), reading(at_s=4.5), reading(at_s=8.0))

    assert not found.ended
    found.look(reading(at_s=8.5))
    assert found.ended


def test_what_is_not_covered_keeps_it_from_nothing() -> None:
    found, _ = after(reading(), reading("5", at_s=1.0), reading("5", at_s=4.0))

    assert found.ended


def test_the_first_reason_of_an_end_stays() -> None:
    found = right()
    found.end("a")
    found.end("b")

    assert (found.ended, found.acts(reading("1"), {})) == ("a", ())


# ---- the law: it ends


@settings(max_examples=200)
@given(data=st.data())
def test_whatever_somebody_else_does_a_right_ends_and_never_closes_more_than_it_covers(
    data: st.DataObject,
) -> None:
    """The account is closed as the right says, while somebody else opens at any moment, until it leads."""
    steps = st.decimals(min_value=0, max_value=3, places=1)
    held, entry_left = data.draw(steps), data.draw(steps)
    covered = held + entry_left
    found, closed, theirs = right(), Decimal(0), Decimal(0)

    for tick in range(60):
        at_s = tick * 0.5
        listed = (order(qty=entry_left),) if entry_left else ()
        coins = reading(*([str(held)] if held else []), orders=listed, at_s=at_s)
        led = tick > 20
        made = order("x", client_order_id=OURS, created_ns=SINCE + LONGEST + 1)
        found.look(coins, [made] if led and theirs else ())
        for _, qty in closes(found, coins):
            taken = min(held, qty)
            held, closed = held - taken, closed + taken
        if cancels(found, coins):
            filled = data.draw(st.sampled_from([Decimal(0), entry_left]))
            held, entry_left = held + filled, Decimal(0)
        if led and data.draw(st.booleans()):
            held, theirs = held + 1, theirs + 1

    assert found.ended
    # One reading may show theirs in place of ours before its order shows; not more.
    assert closed <= covered + 1
