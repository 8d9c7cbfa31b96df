"""Our record against the exchange's: every difference, resolved or reserved.

Pure: two values in, a list of findings out. The exchange is right about what exists; we are right
about what we meant. Absence proves something only when every list answered completely and the
intent's time was safely over when we asked.
"""

from collections.abc import Container, Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import ZERO
from tradefleet.orders.client_order_id import is_ours
from tradefleet.orders.exchange_view import ExchangeView, UnclearRow
from tradefleet.orders.intents import IntentRecord
from tradefleet.orders.tracked import is_older

ABSENCE_GRACE_NS = 5_000_000_000
"""An order that is not found counts as absent only so long after its valid_until."""


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A position whose size is not the sum of the executions that we know."""

    key: PositionKey
    ours: Decimal
    theirs: ExchangePosition | None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison found.

    executions: not counted yet, oldest first. orders: rows of intents we know. older: rows under the id of
    an intent that they are older than. absent: client order ids that the exchange provably does not know.
    adopted: open orders with our prefix and no intent. foreign: orders of others.
    """

    executions: tuple[Execution, ...]
    orders: tuple[ExchangeOrder, ...]
    older: tuple[ExchangeOrder, ...]
    absent: tuple[str, ...]
    adopted: tuple[ExchangeOrder, ...]
    foreign: tuple[ExchangeOrder, ...]


def compare(
    intents: Mapping[str, IntentRecord],
    counted: Container[str],
    view: ExchangeView,
    unresolved: Iterable[str] | None = None,
    known_from_ns: int = 0,
) -> Findings:
    """Everything about orders and executions; positions are compared after these are applied.

    unresolved: names of the intents that are not final, where somebody has them at hand; None looks at all.
    known_from_ns: executions from before then are counted, whatever their ids.
    """
    rows = view.open_orders + view.closed_orders
    named = tuple(order for order in rows if order.client_order_id in intents)
    older = tuple(o for o in named if is_older(intents[o.client_order_id].intent, o.created_ns))
    known = tuple(order for order in named if order not in older)
    hidden = tuple(row for row in view.unclear if row.what == "order")
    heard_of = {order.client_order_id for order in known} | {
        execution.client_order_id for execution in view.executions if not _is_of_an_older(intents, execution)
    }
    fresh = sorted(
        (e for e in view.executions if e.exec_id not in counted and e.at_ns >= known_from_ns),
        key=lambda execution: (execution.at_ns, execution.seq, execution.exec_id),
    )
    return Findings(
        executions=tuple(fresh),
        orders=known,
        older=older,
        absent=tuple(
            sorted(
                name
                for name in (intents if unresolved is None else unresolved)
                if not intents[name].state.is_final
                and name not in heard_of
                and not any(_may_hide(row, intents[name]) for row in hidden)
                and view.asked_ns > intents[name].intent.valid_until_ns + ABSENCE_GRACE_NS
            )
        ),
        adopted=tuple(
            order
            for order in view.open_orders
            if is_ours(order.client_order_id) and (order.client_order_id not in intents or order in older)
        ),
        foreign=tuple(order for order in view.open_orders if is_foreign(order)),
    )


def _is_of_an_older(intents: Mapping[str, IntentRecord], execution: Execution) -> bool:
    record = intents.get(execution.client_order_id)
    return record is not None and is_older(record.intent, execution.at_ns)


def _may_hide(row: UnclearRow, record: IntentRecord) -> bool:
    """Whether an order that is not understood may be this intent's."""
    if row.client_order_id:
        return row.client_order_id == record.intent.client_order_id
    return row.symbol in ("", record.intent.key.symbol)


BY_THE_EXCHANGE: Final = frozenset(
    {
        "CreateByStopOrder",
        "CreateByTakeProfit",
        "CreateByPartialTakeProfit",
        "CreateByStopLoss",
        "CreateByPartialStopLoss",
        "CreateByTrailingStop",
        "CreateByTrailingProfit",
        "CreateByLiq",
        "CreateByTakeOver_PassThrough",
        "CreateByAdl_PassThrough",
        "CreateBySettle",
        "CreateByAdminClosing",
        "CreateByMmRateClose",
    }
)
"""Words for what the exchange makes by itself, of a position that is there."""


def is_foreign(order: ExchangeOrder) -> bool:
    """True for an order that neither we nor the exchange itself (an attached stop or target) made.

    Whoever else makes orders (a grid bot, a signal service, a word that we do not know) is somebody as soon
    as the order may open.
    """
    if is_ours(order.client_order_id) or order.create_type in BY_THE_EXCHANGE:
        return False
    by_hand = order.create_type == "CreateByUser"
    return by_hand or (order.create_type != "" and not order.reduce_only)


def mismatches(
    ours: Mapping[PositionKey, Decimal], view: ExchangeView, busy: set[PositionKey]
) -> tuple[Mismatch, ...]:
    """Positions whose sizes differ, those of `busy` keys (an order unresolved) left for later, and those of
    which a row is not understood: nobody knows what is there."""
    unknown = {row.symbol for row in view.unclear}
    blind = any(row.what == "position" and not row.symbol for row in view.unclear)
    theirs = {position.key: position for position in view.positions if position.size != 0}
    found = []
    for key in sorted(set(ours) | set(theirs)):
        size = theirs[key].size if key in theirs else ZERO
        hidden = key.symbol in unknown or (blind and key not in theirs)
        if key not in busy and not hidden and ours.get(key, ZERO) != size:
            found.append(Mismatch(key=key, ours=ours.get(key, ZERO), theirs=theirs.get(key)))
    return tuple(found)
