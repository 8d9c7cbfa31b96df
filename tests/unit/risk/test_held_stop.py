"""The stop that a further entry brings along: the tighter one, on the grid, and judged by it."""

from decimal import Decimal

import pytest
from tests.support.raw_frames import make_instrument

from tradefleet.domain.orders import Side
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import Entry
from tradefleet.risk.held_stop import with_held_stop

D = Decimal
BUY, SELL = Side.BUY, Side.SELL


def entry(side: Side, price: str, stop: str, tick: str) -> Entry:
    return Entry(
        instrument=make_instrument("ABCUSDT", tick=tick),
        side=side,
        qty=D(1),
        price=D(price),
        stop_loss=D(stop),
        take_profit=D(price),
    )


@pytest.mark.parametrize(
    ("side", "price", "own", "held", "mark", "tick", "attached"),
    [
        (BUY, "100", "98", None, "100", "0.1", "98"),  # nothing is held
        (BUY, "100", "98", "97", "100", "0.1", "98"),  # its own is the tighter one
        (BUY, "100", "98", "98", "100", "0.1", "98"),
        (BUY, "99", "97.1", "98", "99", "0.1", "98"),
        (BUY, "99", "97.1", "98.03", "99", "0.1", "98.1"),  # a wish of another grid
        (BUY, "99", "97.1", "98.9", "99", "0.5", "98.5"),  # never through the price
        (BUY, "99", "97.1", "98.9", None, "0.1", "98.9"),
        (BUY, "99", "97.1", "98.9", "105", "0.5", "98.5"),  # a resting entry, below the mark
        (BUY, "99", "97.1", "99", "105", "0.1", Reason.STOP_PASSED),  # it would fill at the stop
        (BUY, "99", "97.1", "98.9", "98.9", "0.1", Reason.STOP_PASSED),
        (BUY, "99", "97.1", "98.9", "99", "0.1", "98.9"),
        (SELL, "100", "102", None, "100", "0.1", "102"),
        (SELL, "101", "103", "102", "101", "0.1", "102"),
        (SELL, "101", "103", "104", "101", "0.1", "103"),
        (SELL, "101", "103", "101.1", "101", "0.5", "101.5"),
        (SELL, "101", "103", "101.1", "95", "0.1", "101.1"),
        (SELL, "101", "103", "101", "95", "0.1", Reason.STOP_PASSED),
        (SELL, "101", "103", "101.1", "101.1", "0.1", Reason.STOP_PASSED),
        (BUY, "0.9", "0.1", "0.3", "0.9", "1", Reason.STOP_PASSED),  # no price of the grid can be one
    ],
)
def test_the_tighter_stop_is_attached_or_the_entry_refused(
    side: Side, price: str, own: str, held: str | None, mark: str | None, tick: str, attached: str | Reason
) -> None:
    found = with_held_stop(
        entry(side, price, own, tick), None if held is None else D(held), None if mark is None else D(mark)
    )

    if isinstance(found, Refusal):
        assert found.reason is attached
        assert str(held) in found.detail
    else:
        assert found.stop_loss == D(attached)
