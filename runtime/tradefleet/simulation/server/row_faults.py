"""What the private streams are sent of a step when an ordered fault strikes its rows. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from tradefleet.simulation.account.exchange import Publication
from tradefleet.simulation.account.faults import Fault, FaultKind, FaultPlan
from tradefleet.simulation.account.rows import Row

GAP_S: Final = 0.005
"""Between the parts of a step that leave one by one."""


class Part(msgspec.Struct, frozen=True):
    """Some rows; late_s: seconds from now, None for the usual delay and place in the queue."""

    publication: Publication
    late_s: float | None = None


def struck(publication: Publication, plan: FaultPlan, rows_s: float) -> Sequence[Part]:
    """The step as it is sent. rows_s: the usual delay of rows after the step."""
    usual = Part(publication)
    if plan.idle:
        return (usual,)
    fault = plan.strike_rows(*_traits(publication.rows))
    if fault is None:
        return (usual,)
    match fault.kind:
        case FaultKind.DROP_ROWS:
            return ()
        case FaultKind.DELAY_ROWS:
            return (Part(publication, rows_s + fault.lateness_s),)
        case FaultKind.REPEAT:
            return (usual, usual)
        case FaultKind.DOUBLE_FILLED:
            return (usual, Part(_second_filled(publication)))
        case FaultKind.UNKNOWN_WORD:
            return (Part(_with_word(publication, fault)),)
        case _:
            return _in_sequence(publication, fault, plan)


def _traits(rows: dict[str, list[Row]]) -> tuple[frozenset[str], frozenset[str]]:
    """(symbols, topics and whether an order was filled)."""
    symbols = {row["symbol"] for topic in rows.values() for row in topic if "symbol" in row}
    filled = {row["orderStatus"] for row in rows.get("order", ())} & {"Filled"}
    return frozenset(symbols), frozenset(rows) | filled


def _second_filled(publication: Publication) -> Publication:
    """The late answer to a cancel that raced the fill: Filled once more, with its own words."""
    filled = [
        {**row, "cancelType": "CancelByUser", "rejectReason": "EC_OrigClOrdIDDoesNotExist"}
        for row in publication.rows["order"]
        if row["orderStatus"] == "Filled"
    ]
    return Publication(publication.at_ns, {"order": filled})


def _with_word(publication: Publication, fault: Fault) -> Publication:
    """The last row of the fault's topic, the one that tells the outcome, has an unknown word."""
    *before, last = publication.rows[fault.topic]
    changed = [*before, {**last, fault.field: fault.word}]
    return Publication(publication.at_ns, {**publication.rows, fault.topic: changed})


def _in_sequence(publication: Publication, fault: Fault, plan: FaultPlan) -> Sequence[Part]:
    """Topics one by one in the fault's order; the answer to the request waits for its turn."""
    order = [*fault.sequence, *(topic for topic in publication.rows if topic not in fault.sequence)]
    parts = []
    for place, name in enumerate(order):
        if name == "ack":
            plan.ack_late_s = (place + 0.5) * GAP_S
        elif name in publication.rows:
            rows = {name: publication.rows[name]}
            parts.append(Part(Publication(publication.at_ns, rows), place * GAP_S))
    return parts
