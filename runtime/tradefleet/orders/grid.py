"""Where a price or a size that was wished for stands on today's grid.

The exchange changes the tick and the step of a contract while positions are held. What was journaled is the
wish and stays as it is; what leaves is put on the present grid when the action is made, and what stands at
the exchange is compared with the wish as it would leave today. So nothing is asked for that the exchange can
only refuse, nothing is asked for without end, and no change of a grid moves a wish.

Pure. A stop goes towards the mark (it never protects less than wished) but never through it; a target
towards the mark; a size down. Entries are made on the present grid from the start (`risk.entry_terms`).
"""

from decimal import Decimal

from tradefleet.domain.instruments import Instrument
from tradefleet.domain.quantities import along
from tradefleet.orders.codes import refuses_size
from tradefleet.orders.intents import IntentRecord, IntentState


def stop_on(sign: int, wish: Decimal, mark: Decimal | None, instrument: Instrument) -> Decimal | None:
    """The stop as it leaves; None when no price of the grid can be one.

    sign: +1 for a long position, -1 for a short one. The nearest price towards the mark, or, where that would
    reach the mark, the nearest on the other side of the wish. A wish that the mark has passed goes towards
    the mark's side: the exchange is asked, and says so.
    """
    return _towards(sign, wish, mark, instrument)


def target_on(sign: int, wish: Decimal, mark: Decimal | None, instrument: Instrument) -> Decimal | None:
    """The target as it leaves: where a stop of the other side would stand."""
    return _towards(-sign, wish, mark, instrument)


def is_as_wished(shown: Decimal, wish: Decimal, instrument: Instrument) -> bool:
    """Whether a price that the exchange shows is the wish, rounded to the present grid either way: nobody
    else has moved it."""
    return shown in (wish, instrument.price_down(wish), instrument.price_up(wish))


def whole_close(size: Decimal, instrument: Instrument) -> Decimal:
    """How much an order that closes a position asks for: whole steps of what is held, or all of it when that
    is too little for an order. The exchange may take such a remainder, or refuse its size."""
    steps = instrument.size_down(size)
    return steps if steps > 0 and steps >= instrument.min_qty else size


def is_on(qty: Decimal, instrument: Instrument) -> bool:
    """Whether the exchange's rules of sizes allow an order of so much."""
    return qty >= instrument.min_qty and instrument.size_down(qty) == qty


def refused_for_size(record: IntentRecord, instrument: Instrument | None) -> bool:
    """Whether an order was refused for its size: the exchange says so, or its size lies off today's grid, or
    nobody knows the grid, and the refusal may speak of it."""
    on_grid = instrument is not None and is_on(record.intent.qty, instrument)
    refused = record.state is IntentState.REJECTED
    return refused and refuses_size(record.ret_code, record.reason, on_grid=on_grid)


def _towards(sign: int, wish: Decimal, mark: Decimal | None, instrument: Instrument) -> Decimal | None:
    """Below the mark for sign +1, above it for -1."""
    below, above = instrument.price_down(wish), instrument.price_up(wish)
    near, far = (above, below) if sign > 0 else (below, above)
    passed = mark is not None and along(sign, mark, wish) <= 0
    reaches = mark is not None and along(sign, mark, near) <= 0
    chosen = far if (reaches and not passed) or near <= 0 else near
    return chosen if chosen > 0 else None
