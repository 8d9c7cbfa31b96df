"""Laws of the spool's form: what was written comes back, a torn end costs one record, a change is found."""

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.support.journal_rows import judged, make_intent

from tradefleet.core.spool import Spooled, first_hash, line, read
from tradefleet.orders.audit import Entry

NAME = "00000000000000000001-abcd"
TEXT = st.text(max_size=6)
RECORDS = st.builds(
    Spooled,
    entry=st.builds(
        Entry,
        account=TEXT,
        at_ns=st.integers(0, 2**62),
        epoch=st.none() | st.integers(0, 9),
        actor=TEXT,
        act=TEXT,
        subject=TEXT,
        why=TEXT,
        what=TEXT,
    ),
    intent=st.none() | st.just(make_intent()),
    judged=st.none() | st.just(judged()),
)


def written(records: list[Spooled], name: str = NAME) -> list[bytes]:
    lines, before = [], first_hash(name)
    for record in records:
        whole, before = line(before, record)
        lines.append(whole)
    return lines


SPOOLS = st.lists(RECORDS, min_size=1, max_size=5)


@given(SPOOLS)
def test_what_was_written_comes_back(records: list[Spooled]) -> None:
    raw = b"".join(written(records))

    content = read(NAME, raw)

    assert (content.records, content.good_bytes, content.broken) == (tuple(records), len(raw), 0)


@given(SPOOLS, st.data())
def test_of_a_torn_end_every_whole_record_is_left(records: list[Spooled], data: st.DataObject) -> None:
    lines = written(records)
    raw = b"".join(lines)
    cut = data.draw(st.integers(0, len(raw)))

    content = read(NAME, raw[:cut])

    whole = sum(len(b"".join(lines[: number + 1])) <= cut for number in range(len(lines)))
    assert (content.records, content.broken) == (tuple(records[:whole]), 0)
    assert content.good_bytes == len(b"".join(lines[:whole]))


@given(SPOOLS, st.data())
def test_a_changed_byte_is_found(records: list[Spooled], data: st.DataObject) -> None:
    raw = bytearray(b"".join(lines := written(records)))
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] = data.draw(st.integers(0, 255).filter(lambda byte: byte != raw[place]))
    number = next(n for n in range(len(lines)) if place < len(b"".join(lines[: n + 1])))

    content = read(NAME, bytes(raw))

    assert content.records == tuple(records[:number])
    if number < len(lines) - 1:
        assert content.broken == number + 1


@given(SPOOLS, st.data())
def test_a_line_feed_that_is_another_byte_loses_no_record_unseen(
    records: list[Spooled], data: st.DataObject
) -> None:
    assume(len(records) > 1)
    lines = written(records)
    number = data.draw(st.integers(0, len(lines) - 2))
    lines[number] = lines[number][:-1] + bytes([data.draw(st.integers(0, 255).filter(lambda b: b != 10))])

    content = read(NAME, b"".join(lines))

    assert (content.records, content.broken) == (tuple(records[:number]), number + 1)


@given(SPOOLS, st.data())
def test_a_removed_line_is_found_unless_it_was_the_last(records: list[Spooled], data: st.DataObject) -> None:
    assume(len(records) > 1)
    lines = written(records)
    number = data.draw(st.integers(0, len(lines) - 2))

    content = read(NAME, b"".join(lines[:number] + lines[number + 1 :]))

    assert content.records == tuple(records[:number])


@given(SPOOLS)
def test_a_spool_is_not_another_ones(records: list[Spooled]) -> None:
    assert read("another", b"".join(written(records))).records == ()
