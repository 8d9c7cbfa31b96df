"""What order an entry is: tables over kind, side and prices; and where one that rests is moved to."""

from decimal import Decimal
from typing import Any

import pytest
from tests.support.raw_frames import make_instrument

from tradefleet.domain.orders import OrderType, Side, TimeInForce, TriggerDirection
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry_terms import Moved, Quotes, Resting, Terms, entry_terms, followed
from tradefleet.spec.entry import EntryKind, EntryOrder, PriceFrom

INSTRUMENT = make_instrument("ABCUSDT")
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, POST_ONLY, CONDITIONAL = EntryKind
SEEN = Decimal("100.5")


def quotes(bid: str | None = "99.9", ask: str | None = "100.1", mark: str | None = "100.0") -> Quotes:
    prices = [None if price is None else Decimal(price) for price in (bid, ask, mark)]
    return Quotes(bid=prices[0], ask=prices[1], mark=prices[2])


def wish(kind: EntryKind, offset: str = "0", slippage: str = "0", **more: Any) -> EntryOrder:
    return EntryOrder(kind=kind, offset_bps=Decimal(offset), max_slippage_bps=Decimal(slippage), **more)


def terms(asked: EntryOrder, side: Side, told: Quotes | None = None) -> Terms | Refusal:
    return entry_terms(asked, side, told or quotes(), SEEN, INSTRUMENT)


FROM_SIGNAL = {"price_from": PriceFrom.SIGNAL}

# wish, side, prices, then: type, time in force, price, reference
PRICED: list[tuple[EntryOrder, Side, Quotes, tuple[Any, ...]]] = [
    (wish(MARKET), BUY, quotes(), (OrderType.MARKET, TimeInForce.IOC, None, "100.1")),
    (wish(MARKET), SELL, quotes(), (OrderType.MARKET, TimeInForce.IOC, None, "99.9")),
    (wish(MARKET), BUY, quotes(ask=None), (OrderType.MARKET, TimeInForce.IOC, None, "100.0")),
    # 20 bps over what is paid now, rounded back.
    (wish(MARKET, slippage="20"), BUY, quotes(), (OrderType.LIMIT, TimeInForce.IOC, "100.3", "100.1")),
    (wish(MARKET, slippage="20"), SELL, quotes(), (OrderType.LIMIT, TimeInForce.IOC, "99.8", "99.9")),
    (wish(MARKET, slippage="0.1"), BUY, quotes(), (OrderType.LIMIT, TimeInForce.IOC, "100.1", "100.1")),
    (
        wish(MARKET, slippage="20", **FROM_SIGNAL),
        BUY,
        quotes(),
        (OrderType.LIMIT, TimeInForce.IOC, "100.7", "100.1"),
    ),
    (wish(LIMIT), BUY, quotes(), (OrderType.LIMIT, TimeInForce.GTC, "99.9", "99.9")),
    (wish(LIMIT, "20"), BUY, quotes(), (OrderType.LIMIT, TimeInForce.GTC, "99.7", "99.7")),
    (wish(LIMIT, "20"), SELL, quotes(), (OrderType.LIMIT, TimeInForce.GTC, "100.4", "100.4")),
    # A limit from the signal may cross; a post-only one is put at the touch.
    (wish(LIMIT, **FROM_SIGNAL), BUY, quotes(), (OrderType.LIMIT, TimeInForce.GTC, "100.5", "100.5")),
    (wish(POST_ONLY), BUY, quotes(), (OrderType.LIMIT, TimeInForce.POST_ONLY, "99.9", "99.9")),
    (wish(POST_ONLY), SELL, quotes(), (OrderType.LIMIT, TimeInForce.POST_ONLY, "100.1", "100.1")),
    (
        wish(POST_ONLY, **FROM_SIGNAL),
        BUY,
        quotes(),
        (OrderType.LIMIT, TimeInForce.POST_ONLY, "99.9", "99.9"),
    ),
    (
        wish(POST_ONLY, **FROM_SIGNAL),
        SELL,
        quotes(),
        (OrderType.LIMIT, TimeInForce.POST_ONLY, "100.5", "100.5"),
    ),
    (
        wish(POST_ONLY),
        BUY,
        quotes(bid="100.1"),
        (OrderType.LIMIT, TimeInForce.POST_ONLY, "100.0", "100.0"),
    ),
]


@pytest.mark.parametrize(("asked", "side", "told", "expected"), PRICED)
def test_what_order_an_entry_is(
    asked: EntryOrder, side: Side, told: Quotes, expected: tuple[Any, ...]
) -> None:
    found = terms(asked, side, told)

    assert isinstance(found, Terms)
    kind, tif, price, reference = expected
    assert (found.order_type, found.time_in_force) == (kind, tif)
    assert found.price == (None if price is None else Decimal(price))
    assert found.reference == Decimal(reference)
    assert found.rests is asked.kind.rests


@pytest.mark.parametrize(
    ("side", "slippage", "trigger", "direction", "bound"),
    [
        (BUY, "0", "100.5", TriggerDirection.RISE, None),
        (SELL, "0", "99.5", TriggerDirection.FALL, None),
        (BUY, "20", "100.5", TriggerDirection.RISE, "100.7"),
        (SELL, "20", "99.5", TriggerDirection.FALL, "99.4"),
    ],
)
def test_a_conditional_entry_waits_ahead_of_the_mark(
    side: Side, slippage: str, trigger: str, direction: TriggerDirection, bound: str | None
) -> None:
    found = terms(wish(CONDITIONAL, "50", slippage), side)

    assert isinstance(found, Terms)
    assert found.trigger is not None
    assert (found.trigger.price, found.trigger.direction) == (Decimal(trigger), direction)
    assert found.reference == Decimal(trigger)
    assert found.price == (None if bound is None else Decimal(bound))
    assert found.order_type is (OrderType.MARKET if bound is None else OrderType.LIMIT)


@pytest.mark.parametrize(
    ("asked", "side", "told", "reason"),
    [
        (wish(MARKET), BUY, quotes(None, None, None), Reason.NO_PRICE),
        (wish(POST_ONLY), BUY, quotes(bid=None), Reason.NO_PRICE),
        (wish(CONDITIONAL, "10"), BUY, quotes(mark=None), Reason.NO_PRICE),
        # The strategy saw 100.5; a sell would get 99.9.
        (wish(MARKET, slippage="20", **FROM_SIGNAL), SELL, quotes(), Reason.MAX_SLIPPAGE),
        (wish(CONDITIONAL, "10", **FROM_SIGNAL), SELL, quotes(mark="100.3"), Reason.ENTRY_PRICE),
        (wish(CONDITIONAL, "10", **FROM_SIGNAL), BUY, quotes(mark="100.7"), Reason.ENTRY_PRICE),
    ],
)
def test_what_is_refused_before_it_is_an_order(
    asked: EntryOrder, side: Side, told: Quotes, reason: Reason
) -> None:
    found = terms(asked, side, told)

    assert isinstance(found, Refusal)
    assert found.reason is reason


def test_a_price_is_kept_inside_the_exchanges_band() -> None:
    ratio = INSTRUMENT.price_limit_ratio
    far = wish(MARKET, slippage="1000")

    found = terms(far, BUY)

    assert isinstance(found, Terms)
    assert found.price == INSTRUMENT.price_down(Decimal(100) * (1 + ratio))


def test_the_largest_size_is_that_of_the_orders_type() -> None:
    market, limit = terms(wish(MARKET), BUY), terms(wish(LIMIT), BUY)

    assert isinstance(market, Terms)
    assert isinstance(limit, Terms)
    assert market.largest(INSTRUMENT) == INSTRUMENT.max_market_qty
    assert limit.largest(INSTRUMENT) == INSTRUMENT.max_limit_qty


def resting(side: Side = BUY, price: str = "100.0", qty: str = "1.00", filled: str = "0") -> Resting:
    stop, target = ("98.0", "104.0") if side is BUY else ("102.0", "96.0")
    return Resting(
        side=side,
        price=Decimal(price),
        qty=Decimal(qty),
        filled=Decimal(filled),
        first_price=Decimal(100),
        first_qty=Decimal(1),
        stop_loss=Decimal(stop),
        take_profit=Decimal(target),
    )


@pytest.mark.parametrize(
    ("order", "target", "expected"),
    [
        (resting(), "100.0", None),
        (resting(), "99.9", None),  # 10 of 20 bps
        (resting(), "99.8", ("99.8", "1.00")),
        # One tick further costs no step of the size.
        (resting(price="99.8", qty="1.00"), "100.1", ("100.1", "1.00")),
        # Further from its stop it is smaller: 2.0 of 2.5, and 2.0 of 4.0.
        (resting(), "100.5", ("100.5", "0.80")),
        (resting(SELL), "99.5", ("99.5", "0.80")),
        # What has become smaller once does not grow.
        (resting(qty="0.50"), "100.5", ("100.5", "0.50")),
        (resting(price="100.5", qty="0.80"), "100.0", ("100.0", "0.80")),
        # Half as far from the stop as judged is too near, and so is what lies beyond it.
        (resting(), "99.0", ("99.0", "1.00")),
        (resting(), "98.9", None),
        (resting(), "97.0", None),
        # The target would leave less than 1 %.
        (resting(), "103.5", None),
        # No more would be left than what is filled.
        (resting(filled="0.80"), "100.5", None),
    ],
)
def test_where_an_order_that_rests_is_moved_to(
    order: Resting, target: str, expected: tuple[str, str] | None
) -> None:
    asked = wish(POST_ONLY, follow_bps=Decimal(20))

    found = followed(order, Decimal(target), asked, INSTRUMENT, Decimal("0.01"))

    assert found == (None if expected is None else Moved(Decimal(expected[0]), Decimal(expected[1])))
