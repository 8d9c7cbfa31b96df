"""An entry whose own stop is the tightest keeps it, whatever the mark says of that one."""

from decimal import Decimal

import pytest
from tests.support.raw_frames import make_instrument

from tradefleet.domain.orders import Side
from tradefleet.risk.entry import Entry
from tradefleet.risk.held_stop import with_held_stop

D = Decimal


@pytest.mark.parametrize("held", [None, "97", "98"])
@pytest.mark.parametrize("mark", ["97.5", "98", None])
def test_its_own_stop_is_left_to_the_exchange(held: str | None, mark: str | None) -> None:
    entry = Entry(
        instrument=make_instrument("ABCUSDT", tick="0.3"),
        side=Side.BUY,
        qty=D(1),
        price=D(100),
        stop_loss=D(98),
        take_profit=D(104),
    )

    found = with_held_stop(entry, None if held is None else D(held), None if mark is None else D(mark))

    assert found is entry
