"""Do Postgres and the exchange say the same, and does every fill lead back to a shard's signal?

Pure: both sides come as plain facts, what is wrong goes out as sentences. The exchange's facts are
made of the rows it serves, Postgres' of its payloads; neither passes through the code that traded.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal

import msgspec

from tradefleet.orders.client_order_id import is_way_out


class OrderFact(msgspec.Struct, frozen=True, kw_only=True):
    """One order. client_order_id: "" when the exchange made it (an attached stop or target)."""

    order_id: str
    client_order_id: str
    symbol: str
    side: str
    qty: Decimal
    filled: Decimal
    status: str


class ExecutionFact(msgspec.Struct, frozen=True, kw_only=True):
    """One execution; fee in settle currency, at_ns exchange time."""

    exec_id: str
    order_id: str
    symbol: str
    side: str
    qty: Decimal
    price: Decimal
    fee: Decimal
    exec_type: str
    at_ns: int


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """What one side says. positions: signed size by symbol (symbol/1 and symbol/2 in hedge mode), flat ones
    left out."""

    orders: dict[str, OrderFact]
    executions: dict[str, ExecutionFact]
    positions: dict[str, Decimal]


class IntentFact(msgspec.Struct, frozen=True, kw_only=True):
    """One intent of the journal."""

    client_order_id: str
    signal_id: str
    symbol: str
    opens: bool
    state: str


class Origins(msgspec.Struct, frozen=True, kw_only=True):
    """Where orders come from.

    intents: by client order id. latches: ids, of which the kill switch's close positions under
    `<latch>/<position>`. signals: ids in Postgres, with the shard's instance that made each. streamed:
    the same in the Redis stream, which holds only the newest.
    """

    intents: dict[str, IntentFact]
    signals: dict[str, str]
    streamed: dict[str, str]
    latches: frozenset[str] = frozenset()


FILLS = frozenset({"Trade", "AdlTrade", "BustTrade", "BlockTrade"})


def differences(journal: Side, exchange: Side) -> list[str]:
    """Every disagreement, a sentence each; empty when both agree.

    An order the exchange knows but never filled, and that no request of ours made (an attached stop
    that waits or was cancelled), need not be in the journal.
    """
    found = []
    wanted = {
        order_id: order
        for order_id, order in exchange.orders.items()
        if order.client_order_id or order.filled or order_id in journal.orders
    }
    found += _compare("order", journal.orders, wanted)
    found += _compare("execution", journal.executions, exchange.executions)
    for symbol in sorted(journal.positions.keys() | exchange.positions.keys()):
        ours, theirs = journal.positions.get(symbol, Decimal(0)), exchange.positions.get(symbol, Decimal(0))
        if ours != theirs:
            found.append(f"position {symbol}: Postgres says {ours:f}, the exchange {theirs:f}")
    return found


def _compare(
    what: str, ours: Mapping[str, msgspec.Struct], theirs: Mapping[str, msgspec.Struct]
) -> list[str]:
    found = [f"{what} {one}: the exchange has it, Postgres has not" for one in sorted(theirs.keys() - ours)]
    found += [f"{what} {one}: Postgres has it, the exchange has not" for one in sorted(ours.keys() - theirs)]
    for one in sorted(ours.keys() & theirs.keys()):
        for field in ours[one].__struct_fields__:
            left, right = getattr(ours[one], field), getattr(theirs[one], field)
            if left != right:
                found.append(f"{what} {one}: {field} is {left} in Postgres, {right} at the exchange")
    return found


def unexplained(side: Side, origins: Origins, *, since_ns: int) -> list[str]:
    """Fills that do not lead back to a shard's signal, a sentence each.

    A fill of our own order leads over its intent to a signal; a fill of a stop or target that the
    exchange made leads to the signal that opened the position it closed, the last opening fill of
    that side and symbol. since_ns: fills from then on must also be found in the Redis stream.
    """
    found = []
    entries: dict[tuple[str, str], str] = {}
    for fill in sorted(side.executions.values(), key=lambda one: (one.at_ns, one.exec_id)):
        order = side.orders.get(fill.order_id)
        if fill.exec_type not in FILLS or (order is not None and is_way_out(order.client_order_id)):
            continue
        signal_id, lost = _origin(fill, order, origins, entries)
        if lost:
            found.append(f"fill {fill.exec_id} of {fill.symbol}: {lost}")
            continue
        # What is closed beside the first position of a signal has the position's name behind its id.
        signal_id = signal_id.partition("/")[0]
        if signal_id in origins.latches:
            continue  # closed by the kill switch
        if not origins.signals.get(signal_id):
            found.append(f"fill {fill.exec_id} of {fill.symbol}: signal {signal_id} is not in Postgres")
        elif fill.at_ns >= since_ns and order is not None and order.client_order_id:
            streamed = origins.streamed.get(signal_id)
            if streamed != origins.signals[signal_id]:
                found.append(f"fill {fill.exec_id} of {fill.symbol}: no shard streamed signal {signal_id}")
    return found


def _origin(
    fill: ExecutionFact, order: OrderFact | None, origins: Origins, entries: dict[tuple[str, str], str]
) -> tuple[str, str]:
    """(signal id, what is missing on the way to it); remembers entries by symbol and side: a stop that sells
    has closed what was bought."""
    if order is None:
        return "", f"its order {fill.order_id} is not known"
    if not order.client_order_id:
        entry = entries.get((fill.symbol, "Buy" if fill.side == "Sell" else "Sell"), "")
        return entry, "" if entry else "a stop or target without an entry before it"
    intent = origins.intents.get(order.client_order_id)
    if intent is None:
        return "", f"no intent has the client order id {order.client_order_id}"
    if intent.opens:
        entries[fill.symbol, fill.side] = intent.signal_id
    return intent.signal_id, ""


def fills_since(side: Side, since_ns: int) -> list[ExecutionFact]:
    """Fills at or after a time, oldest first."""
    fills = [one for one in side.executions.values() if one.exec_type in FILLS and one.at_ns >= since_ns]
    return sorted(fills, key=lambda one: one.at_ns)


def total_fees(executions: Iterable[ExecutionFact]) -> Decimal:
    """Sum of fees; above zero is a cost."""
    return sum((one.fee for one in executions), Decimal(0))
