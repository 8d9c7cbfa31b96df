"""Step 1 of a reading, and rows that are not understood, for the toy account."""

from decimal import Decimal

import msgspec
from tests.support.account_harness import SYMBOL, Harness

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.exchange_view import Listing, UnclearRow


def listing(
    harness: Harness,
    *,
    positions: bool = True,
    orders: bool = True,
    unclear: tuple[UnclearRow, ...] = (),
    seq: int | None = None,
) -> Listing:
    """The toy exchange's lists as they are now; of those that cannot be read there is none. seq: of every
    row. A row that is not understood stands in place of the one of its symbol."""
    hidden = {row.symbol for row in unclear if row.what == "position"}
    rows = tuple(
        row if seq is None else msgspec.structs.replace(row, seq=seq)
        for row in harness.exchange.positions(harness.now_ns)
        if row.size and row.key.symbol not in hidden
    )
    return Listing(
        asked_ns=harness.now_ns,
        answered_ns=harness.now_ns,
        positions=rows if positions else None,
        positions_trouble="" if positions else "positions: retCode 10016",
        open_orders=() if orders else None,
        orders_trouble="" if orders else "open orders: retCode 10016",
        unclear=unclear,
    )


def is_listed(harness: Harness, **how: object) -> None:
    """Step 1 is told, and nothing else yet."""
    harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=listing(harness, **how)))


def answer_step_one(harness: Harness, **how: object) -> None:
    """Every comparison that is asked for is told its step 1, and cannot be read further."""
    for question in [q for q in harness.questions if isinstance(q, act.Reconcile)]:
        harness.questions.remove(question)
        is_listed(harness, **how)
        harness.tell(ev.ExchangeUnread(now_ns=harness.now_ns, reason="executions: retCode 10016"))


def answer_with(harness: Harness, *unclear: UnclearRow) -> None:
    """Every comparison that is asked for is read whole, with these rows not understood."""
    while any(isinstance(question, act.Reconcile) for question in harness.questions):
        question = next(q for q in harness.questions if isinstance(q, act.Reconcile))
        harness.questions.remove(question)
        step_one = listing(harness, unclear=unclear)
        view = msgspec.structs.replace(
            harness.exchange.view(harness.now_ns), positions=step_one.positions, unclear=unclear
        )
        harness.tell(ev.AccountListed(now_ns=harness.now_ns, listing=step_one))
        harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=view))


def unclear_position(
    symbol: str = SYMBOL, size: str | None = "1", side: Side | None = Side.BUY, trouble: str = "adl: 9"
) -> UnclearRow:
    """A position's row of which only this is understood."""
    return UnclearRow(
        what="position",
        symbol=symbol,
        side=side,
        size=None if size is None else Decimal(size),
        trouble=trouble,
    )


def unclear_order(symbol: str = SYMBOL, size: str | None = "1", client_order_id: str = "") -> UnclearRow:
    """An order's row of which only this is understood."""
    return UnclearRow(
        what="order",
        symbol=symbol,
        size=None if size is None else Decimal(size),
        order_id="o-1",
        client_order_id=client_order_id,
        trouble="timeInForce: RPI",
    )


def flat_row(row: ExchangePosition) -> ExchangePosition:
    """The same position, flat."""
    return msgspec.structs.replace(row, size=Decimal(0), entry_price=None)
