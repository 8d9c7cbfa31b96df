"""A right without the lease: what entries explain, each by its coin, its side and what is left of it."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.journal_rows import kept_order

from tradefleet.domain.orders import ExchangeOrder, OrderStatus, Side
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.orders.client_order_id import PREFIX
from tradefleet.orders.exchange_view import UnclearRow
from tradefleet.orders.flatten import CancelOne, Close, CoinStanding
from tradefleet.orders.lone_right import FLAT, GROWN, KnownEntry, LoneRight, is_of_an_intent

S = 1_000_000_000
SINCE, LONGEST = 1_000 * S, 4 * S
D = Decimal
BTC = PositionKey(category="linear", symbol="BTCUSDT")
LEG = PositionKey(category="linear", symbol="BTCUSDT", position_idx=1)
ETH = PositionKey(category="linear", symbol="ETHUSDT")
OURS = PREFIX + "a" * 32


def entry(order_id: str = "e", qty: str = "1", **fields: Any) -> ExchangeOrder:
    row = kept_order(OrderStatus.NEW, "0").order
    values: dict[str, Any] = {
        "order_id": order_id,
        "client_order_id": "",
        "qty": D(qty),
        "reduce_only": False,
    }
    told = {"created_ns": 0, "symbol": "BTCUSDT", "side": Side.BUY, "position_idx": 0}
    return msgspec.structs.replace(row, **(values | told | fields))


def odd(what: str = "order", **fields: Any) -> UnclearRow:
    values: dict[str, Any] = {"symbol": "BTCUSDT", "order_id": "odd", "reduce_only": False, "size": D(1)}
    return UnclearRow(what=what, **(values | {"side": Side.BUY} | fields))


def held(size: str, key: PositionKey = BTC) -> ExchangePosition:
    facts: dict[str, Any] = {"entry_price": None, "mark_price": None, "stop_loss": None, "take_profit": None}
    return ExchangePosition(key=key, size=D(size), leverage=None, seq=0, at_ns=0, **facts)


def usdt(*positions: ExchangePosition, at_s: float = 0.0, **fields: Any) -> CoinStanding:
    values: dict[str, Any] = {"coin": "USDT", "asked_ns": SINCE + int(at_s * S), "orders": ()}
    return CoinStanding(**(values | {"positions": positions} | fields))


def right(**fields: Any) -> LoneRight:
    return LoneRight(latches=frozenset({"l"}), since_ns=SINCE, longest_ns=LONGEST, **fields)


def after(*steps: list[CoinStanding], **fields: Any) -> LoneRight:
    found = right(**fields)
    for step in steps:
        found.look(step)
    return found


def closed(found: LoneRight, coins: list[CoinStanding]) -> list[tuple[PositionKey, Decimal]]:
    return [(act.key, act.qty) for act in found.acts(coins, {}) if isinstance(act, Close)]


# ---- what explains


@pytest.mark.parametrize(
    ("entries", "sizes", "over"),
    [
        ([("a", "1"), ("b", "1")], ["1", "3"], None),
        ([("a", "1"), ("b", "1")], ["1", "3.001"], GROWN),
        ([("a", "1"), ("b", "1")], ["1", "2.5", "3"], None),  # what one has left goes on
        ([("a", "1"), ("b", "1")], ["1", "2.5", "3.001"], GROWN),
        ([("a", "1"), ("b", "1")], ["1", "2", "3"], None),
        ([("a", "1"), ("b", "1")], ["1", "2", "3", "3.001"], GROWN),
    ],
)
def test_entries_explain_together_and_each_no_more_than_it_may_fill(
    entries: list[tuple[str, str]], sizes: list[str], over: str | None
) -> None:
    orders = tuple(entry(name, qty) for name, qty in entries)

    found = after(*[[usdt(held(size), orders=orders)] for size in sizes])

    assert found.over.get(BTC) == over


@pytest.mark.parametrize(
    "fields", [{"symbol": "ETHUSDT"}, {"position_idx": 1}, {"side": Side.SELL}, {"cum_exec_qty": D(1)}]
)
def test_an_entry_of_another_key_or_side_or_without_anything_left_explains_nothing(
    fields: dict[str, Any],
) -> None:
    orders = (entry(**fields),)

    assert after([usdt(held("1"), orders=orders)], [usdt(held("1.5"), orders=orders)]).over == {BTC: GROWN}


def test_what_an_entry_has_left_never_grows() -> None:
    first, more = entry(qty="2", cum_exec_qty=D("1.5")), entry(qty="2", cum_exec_qty=D(0))

    assert after([usdt(held("1"), orders=(first,))], [usdt(held("1.6"), orders=(more,))]).over == {BTC: GROWN}


def test_what_has_left_of_an_entry_is_what_its_newest_list_says() -> None:
    first, less = entry(qty="2"), entry(qty="2", cum_exec_qty=D("1.5"))

    assert after([usdt(held("1"), orders=(first,))], [usdt(held("1.6"), orders=(less,))]).over == {BTC: GROWN}


@pytest.mark.parametrize(
    ("row", "sizes", "over"),
    [
        (odd(), ["1", "2"], None),
        (odd(), ["1", "2.001"], GROWN),
        (odd(size=None), ["1", "1.001"], GROWN),
        (odd(side=None), ["1", "2"], None),
        (odd(side=Side.SELL), ["1", "2"], GROWN),
        (odd(order_id=""), ["1", "2"], GROWN),
        (odd(reduce_only=True), ["1", "2"], GROWN),
        (odd(reduce_only=None), ["1", "2"], GROWN),
        (odd(symbol="ETHUSDT"), ["1", "2"], GROWN),
        (odd(position_idx=1), ["1", "2"], GROWN),
    ],
)
def test_an_entry_that_is_not_understood_explains_as_far_as_it_can_be_read(
    row: UnclearRow, sizes: list[str], over: str | None
) -> None:
    found = after(*[[usdt(held(size), unclear=(row,))] for size in sizes])

    assert found.over.get(BTC) == over


def test_one_that_is_not_understood_goes_by_its_id_when_the_first_list_has_shown_it() -> None:
    first, later = usdt(held("1"), unclear=(odd(),)), usdt(held("1"), unclear=(odd(), odd(order_id="other")))
    found = after([first], [later])

    acts = found.acts([later], {})

    assert [act.order_id for act in acts if isinstance(act, CancelOne)] == ["odd"]


# ---- of which coin


def test_an_entry_is_forgotten_by_the_list_of_its_own_coin_alone() -> None:
    mine = usdt(held("1"), orders=(entry(),))
    other = usdt(coin="USDC")
    found = after([mine, other], [other])
    assert list(found.entries) == ["e"]

    found.look([usdt(held("1"))])
    assert list(found.entries) == []


@pytest.mark.parametrize("missing", ["orders", "positions"])
def test_an_entry_is_forgotten_only_when_both_lists_of_its_coin_were_read(missing: str) -> None:
    found = after([usdt(held("1"), orders=(entry(),))], [usdt(held("1"), **{missing: None})])

    assert list(found.entries) == ["e"]


@pytest.mark.parametrize(("at_s", "stays"), [(4.0, True), (4.000000001, False)])
def test_an_entry_under_way_is_forgotten_by_any_coin_when_it_can_arrive_no_more(
    at_s: float, stays: bool
) -> None:
    found = after([usdt(coin="USDC", at_s=at_s)], entries={OURS: KnownEntry(BTC, Side.BUY, D(1))})

    assert bool(found.entries) is stays


def test_an_entry_under_way_that_shows_late_is_known_and_of_that_coin() -> None:
    shown = usdt(held("1"), orders=(entry(client_order_id=OURS),))

    found = after([usdt(held("1"))], [shown], entries={OURS: KnownEntry(BTC, Side.BUY, D(1))})

    assert [(name, known.coin, known.left) for name, known in found.entries.items()] == [("e", "USDT", D(1))]


def test_what_only_reduces_is_no_entry() -> None:
    orders = (entry("stop", reduce_only=True), entry("e"))

    assert list(after([usdt(held("1"), orders=orders)]).entries) == ["e"]


def test_a_position_is_closed_by_the_list_that_shows_it() -> None:
    found = after([usdt(held("1")), usdt(coin="USDC")])

    assert closed(found, [usdt(held("1"), coin="USDC")]) == []
    assert closed(found, [usdt(held("1"))]) == [(BTC, D(1))]


def test_the_list_of_another_coin_says_nothing_of_a_position() -> None:
    found = after([usdt(held("1")), usdt(coin="USDC")], [usdt(coin="USDC")])

    assert (found.over, found.sizes) == ({}, {BTC: D(1)})


# ---- rows of positions that are not understood


@pytest.mark.parametrize(
    ("row", "ends"),
    [
        (odd("position", size=None), False),
        (odd("position", size=None, position_idx=1), True),
        (odd("position", size=None, symbol="ETHUSDT"), True),
        (odd("order", size=None), True),
    ],
)
def test_a_position_is_flat_unless_a_row_of_it_is_not_understood(row: UnclearRow, ends: bool) -> None:
    found = after([usdt(held("1"))], [usdt(unclear=(row,))])

    assert found.over == ({BTC: FLAT} if ends else {})


def test_each_leg_is_judged_by_itself() -> None:
    found = after([usdt(held("1"), held("2", LEG))], [usdt(held("2", LEG))])

    assert found.over == {BTC: FLAT}
    assert closed(found, [usdt(held("2", LEG))]) == [(LEG, D(2))]


def test_a_position_that_a_known_entry_has_made_is_covered_later() -> None:
    listed = {"orders": (entry(qty="2"),)}

    found = after([usdt(**listed)], [usdt(held("2"), **listed)])
    assert closed(found, [usdt(held("2"))]) == [(BTC, D(2))]

    other = after([usdt(**listed)], [usdt(held("2", ETH), **listed)])
    assert (closed(other, [usdt(held("2", ETH))]), other.sizes) == ([], {})


@pytest.mark.parametrize("side", Side)
def test_flat_is_no_end_while_an_entry_may_still_fill(side: Side) -> None:
    orders = (entry(side=side),)

    assert after([usdt(held("1"), orders=orders)], [usdt(orders=orders)]).over == {}


# ---- when it ends wholly


def test_it_does_not_end_while_what_it_covers_is_open_or_nothing_was_read() -> None:
    found = after([usdt(held("1"))], [usdt(held("1"), at_s=9.0)], [])

    assert (found.ended, found.flat_ns) == ("", None)


def test_it_is_flat_since_the_oldest_of_the_readings() -> None:
    found = after([usdt(at_s=2.0), usdt(coin="USDC", at_s=1.0)])
    assert found.flat_ns == SINCE + S

    found.look([usdt(at_s=9.0), usdt(coin="USDC", at_s=4.999)])
    assert not found.ended
    found.look([usdt(at_s=5.0), usdt(coin="USDC", at_s=9.0)])
    assert found.ended == "all that it covers has been flat for 4.0 s"


def test_flat_is_known_when_the_positions_of_every_coin_were_read() -> None:
    found = after([usdt(), usdt(coin="USDC", positions=None)])

    assert found.flat_ns is None


def test_a_position_for_which_it_is_over_keeps_it_from_nothing() -> None:
    found = after([usdt(held("1"))], [usdt(held("9"))], [usdt(held("9"), at_s=4.0)])

    assert found.over == {BTC: GROWN}
    assert found.ended


def test_it_says_when_the_newest_order_of_somebody_who_leads_was_made() -> None:
    made = [
        entry(str(later), client_order_id=OURS, created_ns=SINCE + LONGEST + later) for later in (0, 2, 3, 1)
    ]
    found = right()

    found.look([usdt(held("1"))], made)

    assert found.ended == f"an intent's order was made at {SINCE + LONGEST + 3}: somebody leads"
    assert found.sizes == {}  # nothing of that reading is taken in


@pytest.mark.parametrize(("name", "is_one"), [(OURS, True), ("tfx-" + "a" * 32, False), ("by-hand", False)])
def test_what_an_order_of_an_intent_is(name: str, is_one: bool) -> None:
    assert is_of_an_intent(entry(client_order_id=name)) is is_one


def test_a_right_begins_with_nothing() -> None:
    found = right()

    assert (found.entries, found.sizes, found.coin_of, found.over) == ({}, {}, {}, {})
    assert (found.coins, found.coins_of_orders, found.flat_ns, found.ended) == (set(), set(), None, "")
    assert found.led_after_ns == SINCE + LONGEST


def test_a_position_that_is_read_as_far_as_its_size_is_judged_by_it() -> None:
    assert after([usdt(held("1"))], [usdt(unclear=(odd("position", size=D(3)),))]).over == {BTC: GROWN}


def test_what_grows_from_nothing_has_grown_and_not_turned() -> None:
    listed = {"orders": (entry(),)}

    assert after(*[[usdt(*rows, **listed)] for rows in ((held("1"),), (), (held("1.001"),))]).over == {
        BTC: GROWN
    }


def test_a_reading_of_no_coin_says_nothing() -> None:
    assert (after([]).flat_ns, after([]).ended) == (None, "")


def test_what_has_filled_takes_nothing_from_an_entry_of_another_symbol_or_side() -> None:
    eth = {"orders": (entry("eth", symbol="ETHUSDT"), entry("btc"))}
    steps = [("1", "1"), ("2", "1"), ("2", "2")]
    found = after(*[[usdt(held(btc), held(size, ETH), **eth)] for btc, size in steps])
    assert found.over == {}

    both = {"orders": (entry("s", side=Side.SELL), entry("b"))}
    assert after(*[[usdt(held(size), **both)] for size in ("1", "2", "-1")]).over == {}
