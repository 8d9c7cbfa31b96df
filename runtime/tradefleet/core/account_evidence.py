"""Lists of the exchange as they come, each by itself: what may be protected and closed already.

Step 1 of a reading shows positions and open orders. It is enough to protect and to close what it shows,
although nothing is compared yet; opening waits for the whole (`account_reconciling`). A list that could not
be read changes nothing: it never means flat. A row that is not understood makes its own symbol unknown.
On a first start, when the journal has counted nothing, the positions list is where sizes come from.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from tradefleet.core import account_leverage, account_protection
from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, KeepPosition
from tradefleet.core.evidence import Shown, sentence, signed_size
from tradefleet.domain.fills import Execution
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.quantities import MONEY, ZERO, agree
from tradefleet.orders.exchange_view import ExchangeView, Listing, UnclearRow
from tradefleet.orders.newness import SETTLED_NS, Reading, covered, follows, includes
from tradefleet.positions.entries import taken_over
from tradefleet.positions.evidence import Basis, basis
from tradefleet.positions.plan import PositionRecord

FIRST_START = "first start: what is held is where counting begins"
LOOK_AGAIN_NS = 2 * SECOND_NS
NAMED = 5
"""So many new rows that are not understood make an alert each; more of them make one for all."""


def take_listing(state: AccountState, listing: Listing, now_ns: int) -> list[AnyAction]:
    """Step 1, of whichever lists could be read. What is older than what we know is left aside."""
    evidence = state.evidence
    if listing.asked_ns < evidence.listed_ns:
        return []
    actions = _take_unclear(state, listing)
    troubles = (listing.positions_trouble, listing.orders_trouble)
    evidence.troubles = tuple(text for text in troubles if text)
    if listing.open_orders is not None:
        state.standing.take_list(listing.open_orders, listing.asked_ns, listing.unclear)
    if listing.positions is None:
        evidence.unlisted_since_ns = evidence.unlisted_since_ns or now_ns
        return actions
    evidence.listed_ns, evidence.told_ns, evidence.unlisted_since_ns = listing.asked_ns, now_ns, 0
    rows = {row.key: row for row in listing.positions if row.size != 0}
    account_protection.take_reading(state, listing.positions, listing.asked_ns)
    for row in listing.positions:
        account_leverage.take_row(state, row, listing.asked_ns)
    if evidence.first_start:
        actions += _take_over(state, rows, listing.asked_ns, now_ns)
    _show(state, rows, listing.asked_ns, now_ns)
    return actions + _without_rules(state, rows)


def listing_of(view: ExchangeView) -> Listing:
    """A complete reading, as step 1 of it would have been told."""
    return Listing(
        asked_ns=view.asked_ns,
        answered_ns=view.answered_ns,
        positions=view.positions,
        open_orders=view.open_orders,
        unclear=view.unclear,
    )


def not_listed(state: AccountState, now_ns: int) -> None:
    """A reading has come to nothing. When its step 1 was told, that stands."""
    evidence = state.evidence
    if evidence.told_ns < state.reconciliation.asked_ns or evidence.listed_ns == 0:
        evidence.unlisted_since_ns = evidence.unlisted_since_ns or now_ns


def closing_basis(state: AccountState, now_ns: int) -> Basis:
    """What closes are made from now."""
    evidence, progress = state.evidence, state.reconciliation
    since_ns = evidence.unlisted_since_ns
    if not since_ns and progress.asking and evidence.told_ns < progress.asked_ns:
        since_ns = progress.asked_ns
    return basis(
        listed=evidence.listed_ns > 0,
        unlisted_since_ns=since_ns,
        latched=closing_latch(state) is not None,
        now_ns=now_ns,
    )


def closing_latch(state: AccountState) -> str | None:
    """The latch that closes everything, None while none is engaged."""
    return min(state.closing_latches(), default=None)


def nothing_is_held(state: AccountState) -> bool:
    """Whether the account is known to hold nothing: no data is never flat."""
    return state.evidence.listed_ns > 0 and not state.evidence.is_blind and not state.exposed_symbols()


def shown_whole_ns(state: AccountState) -> int:
    """When the older of the newest complete lists of positions and of open orders was asked for; 0 while
    there is none of the one or the other, or a row of them is not understood."""
    return 0 if state.evidence.unclear else min(state.evidence.listed_ns, state.standing.listed_ns)


def reading_of(row: ExchangePosition | None, asked_ns: int) -> Reading:
    """A row of a list, or its absence there."""
    if row is None:
        return Reading(seq=0, updated_ns=0, asked_ns=asked_ns)
    return Reading(seq=row.seq, updated_ns=row.at_ns, asked_ns=asked_ns)


def is_current(state: AccountState, key: PositionKey, reading: Reading) -> bool:
    """Whether a reading is newer than every execution that we have counted there."""
    seq, at_ns = state.evidence.executed.get(key, (0, state.position(key).at_ns))
    return includes(reading, seq, at_ns)


# ---- sizes taken over


def adopted(
    state: AccountState, key: PositionKey, row: ExchangePosition | None, asked_ns: int, now_ns: int
) -> PositionRecord:
    """The position with the exchange's size as ours, and the mark up to which executions are in it."""
    old, reading = state.position(key), reading_of(row, asked_ns)
    size = ZERO if row is None else row.size
    new = msgspec.structs.replace(
        old,
        size=size,
        entry_price=None if row is None else row.entry_price,
        generation=old.generation + 1,
        plan=old.plan if agree(size, old.size) else None,
        at_ns=now_ns,
        owed=ZERO,
        owed_price=None,
        watermark_seq=reading.seq,
        watermark_updated_ns=reading.updated_ns,
        watermark_asked_ns=asked_ns,
    )
    return msgspec.structs.replace(new, entries=taken_over(old, new))


def is_covered(state: AccountState, position: PositionRecord, execution: Execution) -> bool:
    """Whether an execution is part of a size that was taken over: it moves none any more."""
    asked_ns = position.watermark_asked_ns or state.evidence.first_listed_ns
    mark = Reading(
        seq=position.watermark_seq or 0, updated_ns=position.watermark_updated_ns or 0, asked_ns=asked_ns
    )
    return asked_ns > 0 and covered(mark, execution.seq, execution.at_ns)


def with_covered(state: AccountState, position: PositionRecord, execution: Execution) -> PositionRecord:
    """The position after an execution that is part of its size: only what it cost is new."""
    return msgspec.structs.replace(
        position,
        fees=MONEY.add(position.fees, execution.fee),
        watermark_asked_ns=position.watermark_asked_ns or state.evidence.first_listed_ns,
    )


def _take_over(
    state: AccountState, rows: Mapping[PositionKey, ExchangePosition], asked_ns: int, now_ns: int
) -> list[AnyAction]:
    """The first list of an account of which nothing was ever counted: its sizes are ours, without a latch.
    A position that has just changed, or that is not understood, waits for the next list."""
    evidence = state.evidence
    actions: list[AnyAction] = []
    evidence.first_listed_ns = evidence.first_listed_ns or asked_ns
    waits = evidence.is_blind or bool(evidence.unknown_positions)
    for key in sorted(set(state.positions) | set(rows)):
        row = rows.get(key)
        if row is None and not evidence.proves_absence(key.symbol):
            continue
        if not is_current(state, key, reading_of(row, asked_ns)):
            waits = True
        elif row is not None or state.position(key).total != 0:
            state.positions[key] = adopted(state, key, row, asked_ns, now_ns)
            actions.append(KeepPosition(position=state.positions[key], adopted=FIRST_START))
    evidence.first_start = waits
    if waits:
        state.want_reconciliation("a first start waits for a list", now_ns + LOOK_AGAIN_NS)
    return actions


# ---- what is not explained


def executed(state: AccountState, key: PositionKey, execution: Execution) -> None:
    """An execution was counted: it moves what was shown before it."""
    evidence = state.evidence
    newest = evidence.executed.get(key)
    if newest is None or (execution.at_ns, execution.seq) >= (newest[1], newest[0]):
        evidence.executed[key] = (execution.seq, execution.at_ns)
    shown = evidence.shown.get(key)
    if shown is None:
        return
    if follows(shown.reading, execution.seq, execution.at_ns):
        moved = MONEY.add(shown.size, execution.signed_qty)
        shown = evidence.shown[key] = msgspec.structs.replace(shown, size=moved)
    _drop_explained(state, key, shown)
    if key in evidence.shown:
        # The one or the other may be behind: only a later list says what is there now.
        state.want_reconciliation("an execution where a position differs", execution.at_ns + SETTLED_NS)


def row_seen(state: AccountState, row: ExchangePosition) -> None:
    """A row of the private stream: news of what was shown to differ."""
    shown = state.evidence.shown.get(row.key)
    if shown is None or not shown.certain or row.at_ns < shown.reading.updated_ns:
        return
    reading = reading_of(row, max(row.at_ns, shown.reading.asked_ns))
    if not is_current(state, row.key, reading):
        return
    news = msgspec.structs.replace(shown, size=row.size, entry_price=row.entry_price, reading=reading)
    state.evidence.shown[row.key] = news
    _drop_explained(state, row.key, news)


def explained(state: AccountState, key: PositionKey) -> None:
    """Nothing is left to explain there: the exchange's size is ours."""
    state.evidence.shown.pop(key, None)


def _drop_explained(state: AccountState, key: PositionKey, shown: Shown) -> None:
    if shown.certain and shown.size == state.position(key).total:
        explained(state, key)


def _show(
    state: AccountState, rows: Mapping[PositionKey, ExchangePosition], asked_ns: int, now_ns: int
) -> None:
    """What a complete list shows that is not ours, and that no newer execution can explain."""
    evidence = state.evidence
    before, evidence.shown = evidence.shown, {}
    for key in sorted(set(state.positions) | set(rows) | set(before)):
        row, known = rows.get(key), before.get(key)
        size = ZERO if row is None else row.size
        if row is None and not evidence.proves_absence(key.symbol):
            kept = known
        elif size == state.position(key).total:
            continue
        else:
            reading = reading_of(row, asked_ns)
            entry_price = None if row is None else row.entry_price
            news = _of(known, size, entry_price, reading, now_ns)
            still = known if known is not None and known.certain else None
            kept = news if is_current(state, key, reading) else still
        if kept is not None:
            evidence.shown[key] = kept
    _show_unclear(state, before, asked_ns, now_ns)


def _show_unclear(
    state: AccountState, before: Mapping[PositionKey, Shown], asked_ns: int, now_ns: int
) -> None:
    """The size of a row that is not understood, beside ours: whoever counts or closes takes the larger."""
    category = state.spec.exchange.category.value
    for row in state.evidence.unclear:
        if row.what != "position" or not row.symbol:
            continue
        key = PositionKey(category, row.symbol, row.position_idx)
        ours = state.position(key)
        size = signed_size(row, ours.size)
        if size is None:
            continue
        reading = Reading(seq=0, updated_ns=0, asked_ns=asked_ns)
        shown = _of(before.get(key), size, ours.entry_price, reading, now_ns)
        state.evidence.shown[key] = msgspec.structs.replace(shown, certain=False)


def _of(
    known: Shown | None, size: Decimal, entry_price: Decimal | None, reading: Reading, now_ns: int
) -> Shown:
    """What is shown now. On the same side as before it is the same position: its closes go on counting."""
    if known is None or not agree(known.size, size):
        return Shown(size=size, entry_price=entry_price, reading=reading, since_ns=now_ns)
    return msgspec.structs.replace(known, size=size, entry_price=entry_price, reading=reading, certain=True)


def _take_unclear(state: AccountState, listing: Listing) -> list[AnyAction]:
    """Rows that are not understood, each told once. Those of a list that could not be read stay as they were;
    a complete list without them ends them."""
    unread = {
        what
        for what, rows in (("position", listing.positions), ("order", listing.open_orders))
        if rows is None
    }
    before = state.evidence.unclear
    kept = tuple(row for row in before if row.what in unread)
    state.evidence.unclear = (*kept, *(row for row in listing.unclear if row.what not in unread))
    known = {_identity(row) for row in before}
    new = [row for row in state.evidence.unclear if _identity(row) not in known]
    if len(new) > NAMED:
        return [Alert(kind="row_not_understood", detail=_many(new))]
    return [Alert(kind="row_not_understood", detail=f"{sentence(row)}; {_consequence(row)}") for row in new]


def _many(rows: Sequence[UnclearRow]) -> str:
    named = "; ".join(sentence(row) for row in rows[:NAMED])
    return f"{len(rows)} rows, among them: {named}; {_consequence(*rows)}"


def _consequence(*rows: UnclearRow) -> str:
    if not all(row.symbol and row.size is not None for row in rows):
        return "nothing opens on this account until it is understood; closing goes on"
    if len(rows) > 1:
        return "nothing opens in their symbols until they are understood"
    return f"nothing opens in {rows[0].symbol} until it is understood"


def _without_rules(state: AccountState, rows: Mapping[PositionKey, ExchangePosition]) -> list[AnyAction]:
    """A position in a symbol whose rules could not be read gets no stop, since nobody knows the tick; said
    once, as long as it is so."""
    before = state.evidence.without_rules
    unknown = frozenset(key.symbol for key in rows if key.symbol not in state.instruments)
    state.evidence.without_rules = unknown
    return [
        Alert(
            kind="rules_unread",
            detail=f"{symbol}: a position is held and the symbol's rules could not be read: it gets no stop; "
            "a kill switch would close it",
        )
        for symbol in sorted(unknown - before)
    ]


def _identity(row: UnclearRow) -> tuple[str, str, int, str]:
    # Not its trouble: the value that is not understood may be another one in each reading.
    return (row.what, row.symbol, row.position_idx, row.order_id)
