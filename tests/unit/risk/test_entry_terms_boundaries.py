"""An entry's price at the edges: of the grid, of the touch, of the band, of zero; and where a move stops."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.raw_frames import make_instrument

from tradefleet.domain.orders import Side, TriggerDirection
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry_terms import Moved, Quotes, Resting, Terms, entry_terms, followed
from tradefleet.spec.entry import EntryKind, EntryOrder

BUY, SELL = Side.BUY, Side.SELL
D = Decimal
SEEN = D("100.5")
INSTRUMENT = msgspec.structs.replace(
    make_instrument("ABCUSDT"), max_market_qty=D(7), max_limit_qty=D(9), price_limit_ratio=D("0.0123")
)


def quotes(bid: str | None = "99.9", ask: str | None = "100.1", mark: str | None = "100.0") -> Quotes:
    bid_, ask_, mark_ = (None if price is None else D(price) for price in (bid, ask, mark))
    return Quotes(bid=bid_, ask=ask_, mark=mark_)


def wish(kind: EntryKind, offset: str = "0", slippage: str = "0", **more: Any) -> EntryOrder:
    return EntryOrder(kind=kind, offset_bps=D(offset), max_slippage_bps=D(slippage), **more)


def terms(asked: EntryOrder, side: Side, told: Quotes, tick: str = "0.1") -> Terms | Refusal:
    return entry_terms(asked, side, told, SEEN, msgspec.structs.replace(INSTRUMENT, tick_size=D(tick)))


def test_a_market_and_a_limit_order_have_each_their_own_largest_size() -> None:
    market = terms(wish(EntryKind.MARKET), BUY, quotes())
    limit = terms(wish(EntryKind.LIMIT), BUY, quotes())

    assert isinstance(market, Terms)
    assert isinstance(limit, Terms)
    assert (market.largest(INSTRUMENT), limit.largest(INSTRUMENT)) == (D(7), D(9))


@pytest.mark.parametrize(
    ("side", "kind", "told", "tick", "price"),
    [
        # a basis point is a ten thousandth: 9999 of them leave a ten thousandth of the price
        (BUY, wish(EntryKind.LIMIT, "9999"), quotes("100", "101", None), "0.0001", "0.0100"),
        # at a tick as large as the price a buy would be at zero
        (BUY, wish(EntryKind.LIMIT, "1"), quotes("0.9", "1", None), "1", None),
        (BUY, wish(EntryKind.LIMIT, "0"), quotes("1", "2", None), "1", "1"),
        # the other side of the book is not known
        (BUY, wish(EntryKind.POST_ONLY), quotes("99.9", None), "0.1", "99.9"),
        (SELL, wish(EntryKind.POST_ONLY), quotes(None, "100.1"), "0.1", "100.1"),
        # ten points behind the touch: never pulled up to it
        (BUY, wish(EntryKind.POST_ONLY, "10"), quotes("99.9", None), "0.1", "99.8"),
        (SELL, wish(EntryKind.POST_ONLY, "10"), quotes(None, "100.1"), "0.1", "100.3"),
        # a book that is crossed for a moment
        (BUY, wish(EntryKind.POST_ONLY), quotes("100.1", "100.1"), "0.1", "100.0"),
        (SELL, wish(EntryKind.POST_ONLY), quotes("100.1", "100.1"), "0.1", "100.2"),
        # the band of 1.23 % around the mark, inwards
        (BUY, wish(EntryKind.LIMIT), quotes("103", "104", "100"), "0.1", "101.2"),
        (SELL, wish(EntryKind.LIMIT), quotes("96", "97", "100"), "0.1", "98.8"),
        (BUY, wish(EntryKind.LIMIT), quotes("103", "104", None), "0.1", "103"),
        (SELL, wish(EntryKind.LIMIT), quotes("96", "97", None), "0.1", "97"),
    ],
)
def test_where_an_order_in_the_book_stands(
    side: Side, kind: EntryOrder, told: Quotes, tick: str, price: str | None
) -> None:
    found = terms(kind, side, told, tick)

    if price is None:
        assert isinstance(found, Refusal)
        assert found.reason is Reason.ENTRY_PRICE
    else:
        assert isinstance(found, Terms)
        assert found.price == found.reference == D(price)
        assert found.rests


@pytest.mark.parametrize(
    ("side", "offset", "mark", "tick", "trigger"),
    [
        (BUY, "33", "100", "0.1", "100.4"),  # 100.33: away from the mark
        (SELL, "33", "100", "0.1", "99.6"),
        (BUY, "33", "100", "1", "101"),
        (SELL, "33", "100", "1", "99"),
        (SELL, "9999", "1", "1", None),  # a trigger at zero
        (SELL, "1", "2", "1", "1"),
    ],
)
def test_a_trigger_stands_away_from_the_mark_and_above_zero(
    side: Side, offset: str, mark: str, tick: str, trigger: str | None
) -> None:
    found = terms(wish(EntryKind.CONDITIONAL, offset), side, quotes(mark=mark), tick)

    if trigger is None:
        assert isinstance(found, Refusal)
        assert found.reason is Reason.ENTRY_PRICE
        return
    assert isinstance(found, Terms)
    assert found.trigger is not None
    assert found.trigger.price == D(trigger)
    assert found.trigger.direction is (TriggerDirection.RISE if side is BUY else TriggerDirection.FALL)
    assert found.price is None
    assert found.rests


@pytest.mark.parametrize(
    ("slippage", "bound"), [("0", None), ("0.5", "100.5"), ("1", "100.5"), ("20", "100.7")]
)
def test_a_trigger_with_any_slippage_has_a_bound(slippage: str, bound: str | None) -> None:
    found = terms(wish(EntryKind.CONDITIONAL, "50", slippage), BUY, quotes())

    assert isinstance(found, Terms)
    assert found.price == (None if bound is None else D(bound))


@pytest.mark.parametrize(
    ("side", "told", "bound"),
    [
        (BUY, quotes(ask="100.13", mark=None), "100.1"),  # paid off the grid: the bound not above it
        (SELL, quotes(bid="99.87", mark=None), "99.9"),
    ],
)
def test_a_bound_of_less_than_a_tick_is_refused_rather_than_widened(
    side: Side, told: Quotes, bound: str
) -> None:
    found = terms(wish(EntryKind.MARKET, slippage="0.1"), side, told)

    assert isinstance(found, Refusal)
    assert bound in found.detail


# ---- where one that rests is moved to


def resting(side: Side = BUY, **facts: Any) -> Resting:
    stop, target = (D(98), D(104)) if side is BUY else (D(102), D(96))
    plain = Resting(
        side=side,
        price=D(100),
        qty=D(1),
        filled=D(0),
        first_price=D(100),
        first_qty=D(1),
        stop_loss=stop,
        take_profit=target,
    )
    return msgspec.structs.replace(plain, **facts)


@pytest.mark.parametrize(
    ("order", "target", "changes", "expected"),
    [
        # judged at half a point from its stop
        (resting(first_price=D("98.5"), price=D("98.5")), "98.3", {}, ("98.3", "1")),
        (resting(first_price=D("98.5"), price=D("98.5")), "98.2", {}, None),
        (resting(SELL, first_price=D("101.5"), price=D("101.5")), "101.7", {}, ("101.7", "1")),
        # judged at its stop, or beyond it: never moved
        (resting(first_price=D(98)), "99.5", {}, None),
        (resting(first_price=D("97.5")), "99.5", {}, None),
        (resting(first_price=D(98)), "98", {}, None),
        # no target, no gain to lose
        (resting(take_profit=None), "103.5", {}, ("103.5", "0.36")),
        # what the target leaves is exactly what is asked for, or a tick less
        (resting(take_profit=D("100.5"), price=D(99)), "99.5", {"least": "0.01"}, ("99.5", "1")),
        (resting(take_profit=D("100.4"), price=D(99)), "99.5", {"least": "0.01"}, None),
        (resting(take_profit=D(101), price=D(99)), "100", {"least": "0.01"}, ("100", "1")),
        (resting(take_profit=D("100.9"), price=D(99)), "100", {"least": "0.005"}, ("100", "1")),
        # five percent further from its stop costs nothing, more makes it smaller
        (resting(price=D(101)), "100.11", {}, ("100.11", "0.94")),
        (resting(price=D(101)), "100.1", {}, ("100.1", "1")),
        (resting(price=D(101)), "100.2", {}, ("100.2", "0.90")),
        # the least size and the least value
        (resting(qty=D("0.05")), "99.5", {"min_qty": "0.05"}, ("99.5", "0.05")),
        (resting(qty=D("0.05")), "99.5", {"min_qty": "0.06"}, None),
        (resting(qty=D("0.10")), "99.5", {"min_notional": "9.95"}, ("99.5", "0.10")),
        (resting(qty=D("0.10")), "99.5", {"min_notional": "9.96"}, None),
        # the step has grown
        (resting(qty=D("0.17")), "99.5", {"qty_step": "0.1"}, ("99.5", "0.1")),
    ],
)
def test_where_a_move_begins_to_cost(
    order: Resting, target: str, changes: dict[str, str], expected: tuple[str, str] | None
) -> None:
    least = D(changes.get("least", "0.001"))
    rules = {name: D(value) for name, value in changes.items() if name != "least"}
    rules = {"min_notional": D(0), "min_qty": D("0.01")} | rules
    instrument = msgspec.structs.replace(INSTRUMENT, **rules)

    found = followed(order, D(target), wish(EntryKind.LIMIT, follow_bps=D(5)), instrument, least)

    assert found == (None if expected is None else Moved(D(expected[0]), D(expected[1])))
