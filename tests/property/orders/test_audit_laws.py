"""Laws of the audit's chain: whatever is done to it, the check finds it; no two entries look alike."""

import msgspec
from hypothesis import assume, given
from hypothesis import strategies as st

from tradefleet.orders.audit import Entry, Head, Link, canonical, first_hash, link, verify

ACCOUNT = "bybit/paper/100001"

TEXT = st.text(max_size=8)
ENTRIES = st.builds(
    Entry,
    account=st.just(ACCOUNT),
    at_ns=st.integers(0, 2**62),
    epoch=st.none() | st.integers(0, 2**40),
    actor=TEXT,
    act=TEXT,
    subject=TEXT,
    why=TEXT,
    what=TEXT,
    origin=TEXT,
)


def chained(entries: list[Entry], account: str = ACCOUNT) -> list[Link]:
    links: list[Link] = []
    before = first_hash(account)
    for seq, entry in enumerate(entries, start=1):
        links.append(link(before, seq, entry))
        before = links[-1].hash
    return links


def head_of(links: list[Link]) -> Head:
    return Head(len(links), links[-1].hash)


CHAINS = st.lists(ENTRIES, min_size=1, max_size=8).map(chained)


@given(CHAINS)
def test_an_untouched_chain_is_good(links: list[Link]) -> None:
    assert verify(ACCOUNT, links, head_of(links)) is None
    assert verify(ACCOUNT, links, head_of(links), known=head_of(links)) is None


@given(CHAINS, st.data())
def test_a_changed_entry_is_the_first_break(links: list[Link], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(Entry.__struct_fields__))
    other = data.draw(ENTRIES)
    value = "bybit/live/1" if field == "account" else getattr(other, field)
    changed = msgspec.structs.replace(links[place].entry, **{field: value})
    assume(changed != links[place].entry)
    forged = [*links]
    forged[place] = Link(links[place].seq, changed, links[place].hash)

    broken = verify(ACCOUNT, forged, head_of(links))

    assert broken is not None
    assert broken.seq == place + 1


@given(CHAINS, st.data())
def test_a_changed_entry_with_a_new_hash_breaks_the_chain_behind_it_or_at_the_head(
    links: list[Link], data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(links) - 1))
    changed = data.draw(ENTRIES)
    assume(changed != links[place].entry)
    before = first_hash(ACCOUNT) if place == 0 else links[place - 1].hash
    forged = [*links]
    forged[place] = link(before, place + 1, changed)

    broken = verify(ACCOUNT, forged, head_of(links))

    assert broken is not None
    assert broken.seq >= place + 1


@given(CHAINS, st.data())
def test_a_removed_entry_is_found(links: list[Link], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(links) - 1))

    broken = verify(ACCOUNT, links[:place] + links[place + 1 :], head_of(links))

    assert broken is not None
    assert broken.seq == place + 1


@given(CHAINS, st.data())
def test_entries_that_were_removed_and_renumbered_are_found(links: list[Link], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(links) - 1))
    left = links[:place] + [Link(found.seq - 1, found.entry, found.hash) for found in links[place + 1 :]]

    assert verify(ACCOUNT, left, head_of(links)) is not None


@given(CHAINS, ENTRIES, st.data())
def test_an_inserted_entry_is_found(links: list[Link], entry: Entry, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(links)))
    before = first_hash(ACCOUNT) if place == 0 else links[place - 1].hash
    behind = [Link(found.seq + 1, found.entry, found.hash) for found in links[place:]]

    broken = verify(ACCOUNT, [*links[:place], link(before, place + 1, entry), *behind], head_of(links))

    assert broken is not None
    assert broken.seq in (place + 1, place + 2)


@given(CHAINS, st.data())
def test_two_entries_that_changed_places_are_found(links: list[Link], data: st.DataObject) -> None:
    assume(len(links) > 1)
    first = data.draw(st.integers(0, len(links) - 2))
    second = data.draw(st.integers(first + 1, len(links) - 1))
    assume(links[first].entry != links[second].entry)
    swapped = [*links]
    swapped[first] = Link(first + 1, links[second].entry, links[second].hash)
    swapped[second] = Link(second + 1, links[first].entry, links[first].hash)

    broken = verify(ACCOUNT, swapped, head_of(links))

    assert broken is not None
    assert broken.seq == first + 1


@given(CHAINS, st.data())
def test_a_cut_tail_is_found_by_the_head(links: list[Link], data: st.DataObject) -> None:
    left = data.draw(st.integers(0, len(links) - 1))

    broken = verify(ACCOUNT, links[:left], head_of(links))

    assert broken is not None
    assert broken.seq == left + 1


@given(CHAINS, st.lists(ENTRIES, max_size=8), st.data())
def test_a_chain_that_was_rewritten_with_its_head_is_found_by_a_head_noted_elsewhere(
    links: list[Link], others: list[Entry], data: st.DataObject
) -> None:
    rewritten = chained(others)
    noted = Head(place := data.draw(st.integers(1, len(links))), links[place - 1].hash)
    assume(rewritten[:place] != links[:place])

    head = head_of(rewritten) if rewritten else None

    assert verify(ACCOUNT, rewritten, head) is None
    assert verify(ACCOUNT, rewritten, head, known=noted) is not None


@given(CHAINS)
def test_a_chain_is_not_another_accounts(links: list[Link]) -> None:
    renamed = [
        Link(found.seq, msgspec.structs.replace(found.entry, account="bybit/live/1"), found.hash)
        for found in links
    ]

    assert verify("bybit/live/1", renamed, head_of(links)) is not None


@given(st.tuples(st.integers(1, 2**40), ENTRIES), st.tuples(st.integers(1, 2**40), ENTRIES))
def test_different_entries_have_different_bytes(one: tuple[int, Entry], other: tuple[int, Entry]) -> None:
    assert (canonical(*one) == canonical(*other)) is (one == other)


@given(ENTRIES, st.sampled_from(["actor", "act", "subject", "why", "what"]), st.integers(0, 8))
def test_moving_text_from_one_field_into_the_next_changes_the_bytes(
    entry: Entry, field: str, count: int
) -> None:
    fields = Entry.__struct_fields__
    behind = fields[fields.index(field) + 1]
    text = getattr(entry, field)
    moved = msgspec.structs.replace(
        entry, **{field: text[:count], behind: text[count:] + getattr(entry, behind)}
    )
    assume(moved != entry)

    assert canonical(1, moved) != canonical(1, entry)


@given(CHAINS)
def test_a_head_is_read_back_from_its_text(links: list[Link]) -> None:
    assert Head.parse(str(head_of(links))) == head_of(links)
