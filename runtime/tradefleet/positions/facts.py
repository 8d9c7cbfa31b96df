"""What limits and evidence read of a position beyond its sums, beside its row in the journal.

A release that does not know these fields writes the row without them. So they lie in a column of their own,
which such a release leaves alone, and say of which state of the row they speak: when it was changed since
then, they say nothing about it, and whoever reads a missing one takes the strictest value.
"""

from decimal import Decimal

import msgspec

from tradefleet.positions.plan import PositionRecord


class PositionFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """generation, size, at_ns: of the row that this is about. The others are as in `PositionRecord`."""

    generation: int
    size: Decimal
    at_ns: int
    entries: int | None = None
    watermark_seq: int | None = None
    watermark_updated_ns: int | None = None
    watermark_asked_ns: int | None = None


def facts_of(position: PositionRecord) -> PositionFacts:
    """What lies beside the row."""
    return PositionFacts(
        generation=position.generation,
        size=position.size,
        at_ns=position.at_ns,
        entries=position.entries,
        watermark_seq=position.watermark_seq,
        watermark_updated_ns=position.watermark_updated_ns,
        watermark_asked_ns=position.watermark_asked_ns,
    )


def without_facts(position: PositionRecord) -> PositionRecord:
    """The row itself, as a release reads it that does not know the facts."""
    return with_facts(position, None)


def with_facts(row: PositionRecord, facts: PositionFacts | None) -> PositionRecord:
    """The position of a row and what lay beside it; facts about another state of the row are left aside."""
    if facts is not None and (facts.generation, facts.size, facts.at_ns) != (
        row.generation,
        row.size,
        row.at_ns,
    ):
        facts = None
    return msgspec.structs.replace(
        row,
        entries=None if facts is None else facts.entries,
        watermark_seq=None if facts is None else facts.watermark_seq,
        watermark_updated_ns=None if facts is None else facts.watermark_updated_ns,
        watermark_asked_ns=None if facts is None else facts.watermark_asked_ns,
    )
