"""Our record against the exchange's: every difference, resolved or reserved.

Pure: two values in, a list of findings out. The exchange is right about what exists; we are right
about what we meant. Absence proves something only when every list answered completely and the
intent's time was safely over when we asked.
"""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import ZERO
from tradefleet.orders.client_order_id import is_ours
from tradefleet.orders.exchange_view import ExchangeView
from tradefleet.orders.intents import IntentRecord

ABSENCE_GRACE_NS = 5_000_000_000
"""An order that is not found counts as absent only so long after its valid_until."""


class Mismatch(msgspec.Struct, frozen=True, kw_only=True):
    """A position whose size is not the sum of the executions that we know."""

    key: PositionKey
    ours: Decimal
    theirs: ExchangePosition | None


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """What the comparison found.

    executions: not counted yet, oldest first. orders: rows of intents we know. absent: client order
    ids that the exchange provably does not know. adopted: orders with our prefix and no intent.
    foreign: orders of others.
    """

    executions: tuple[Execution, ...]
    orders: tuple[ExchangeOrder, ...]
    absent: tuple[str, ...]
    adopted: tuple[ExchangeOrder, ...]
    foreign: tuple[ExchangeOrder, ...]


def compare(intents: Mapping[str, IntentRecord], counted: set[str], view: ExchangeView) -> Findings:
    """Everything about orders and executions; positions are compared after these are applied."""
    rows = view.open_orders + view.closed_orders
    known = tuple(order for order in rows if order.client_order_id in intents)
    named = {order.client_order_id for order in known} | {
        execution.client_order_id for execution in view.executions
    }
    fresh = sorted(
        (execution for execution in view.executions if execution.exec_id not in counted),
        key=lambda execution: (execution.at_ns, execution.seq, execution.exec_id),
    )
    return Findings(
        executions=tuple(fresh),
        orders=known,
        absent=tuple(
            sorted(
                name
                for name, record in intents.items()
                if not record.state.is_final
                and name not in named
                and view.asked_ns > record.intent.valid_until_ns + ABSENCE_GRACE_NS
            )
        ),
        adopted=tuple(
            order
            for order in view.open_orders
            if is_ours(order.client_order_id) and order.client_order_id not in intents
        ),
        foreign=tuple(order for order in view.open_orders if is_foreign(order)),
    )


def is_foreign(order: ExchangeOrder) -> bool:
    """True for an order that neither we nor the exchange itself (an attached stop or target) made."""
    return not is_ours(order.client_order_id) and order.create_type == "CreateByUser"


def mismatches(
    ours: Mapping[PositionKey, Decimal], view: ExchangeView, busy: set[PositionKey]
) -> tuple[Mismatch, ...]:
    """Positions whose sizes differ, those of `busy` keys (an order unresolved) left for later."""
    theirs = {position.key: position for position in view.positions if position.size != 0}
    found = []
    for key in sorted(set(ours) | set(theirs)):
        size = theirs[key].size if key in theirs else ZERO
        if key not in busy and ours.get(key, ZERO) != size:
            found.append(Mismatch(key=key, ours=ours.get(key, ZERO), theirs=theirs.get(key)))
    return tuple(found)
