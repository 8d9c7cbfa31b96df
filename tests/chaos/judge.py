"""Whether the books of exchange and journal agree, and whether anything was done that may not be.

Pure: `Books` in, `Finding`s out; none means that the schedule did no harm. It knows nothing of the core's
state and trusts neither side: sizes are summed from executions here, and limits are held against what the
exchange has executed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec
from tests.chaos.books import Books, IntentAt, LimitAt

OURS: Final = "tf1-"
PART: Final = "part-"
WAY_OUT: Final = "tfx-"
HAND: Final = "hand-"
"""Begins the ids of orders that somebody else makes in a schedule."""

HEARD_NS: Final = 4_000_000_000
"""What somebody else has traded is known to a leader that may open by then."""
CLEARED_NS: Final = 8_000_000_000
"""A way out looks each second whether its latch stands, and a close may be on its way."""

WRITE_SLACK_NS: Final = 4_000_000_000
"""A latch is cleared, and a limit loosened, in memory before the row says so; a write may take so long."""


class Harm(StrEnum):
    """Kinds of findings; each of them must be zero."""

    DUPLICATE = "duplicates"
    LOST = "lost positions"
    UNRESOLVED = "unresolved orders"
    FORMER = "by a former leader"
    AGAINST = "against a limit"


class Finding(msgspec.Struct, frozen=True):
    """One thing that is wrong."""

    harm: Harm
    text: str


def judge(books: Books) -> tuple[Finding, ...]:
    """Everything that is wrong."""
    found = (
        *((Harm.DUPLICATE, text) for text in _duplicates(books)),
        *((Harm.LOST, text) for text in _lost(books)),
        *((Harm.UNRESOLVED, text) for text in _unresolved(books)),
        *((Harm.FORMER, text) for text in _former(books)),
        *((Harm.AGAINST, text) for text in _against(books)),
        *((Harm.AGAINST, text) for text in _beyond_a_part(books)),
        *((Harm.AGAINST, text) for text in _against_the_world(books)),
    )
    return tuple(Finding(harm, text) for harm, text in found)


def counts(findings: tuple[Finding, ...]) -> dict[str, int]:
    """How many of each kind."""
    number = Counter(finding.harm for finding in findings)
    return {harm.value: number[harm] for harm in Harm}


def _by_name(books: Books) -> dict[str, IntentAt]:
    return {intent.client_order_id: intent for intent in books.intents}


def _duplicates(books: Books) -> Iterator[str]:
    """Two orders of one intent, two entries of one signal, an entry on top of another one."""
    intents = _by_name(books)
    ours = [order for order in books.orders if order.client_order_id.startswith(OURS)]
    for name, number in Counter(order.client_order_id for order in ours).items():
        if number > 1:
            yield f"{number} orders at the exchange with the id {name}"
    opened = Counter(
        intents[o.client_order_id].signal_id
        for o in ours
        if o.client_order_id in intents and intents[o.client_order_id].leg == "open"
    )
    for signal_id, number in opened.items():
        if number > 1:
            yield f"{number} entries of signal {signal_id}"
    for name, number in Counter(signed.client_order_id for signed in books.signed).items():
        if number > 1:
            yield f"{name} was signed {number} times"
    for intent, qty, before in _entries(books):
        there = before[intent.symbol]
        if there != 0 and not (books.stacked and there * qty > 0) and not _surprised(books, intent):
            # Two legs of one symbol have names of their own: an entry is never against its own position.
            yield f"{intent.client_order_id} was filled on top of {there} {intent.symbol}"


def _surprised(books: Books, intent: IntentAt, symbol: str = "") -> bool:
    """Whether somebody else traded there so late that the entry could not know it."""
    return any(
        execution.client_order_id.startswith(HAND)
        and _base(execution.symbol) == _base(symbol or intent.symbol)
        and execution.at_ns > intent.created_ns - HEARD_NS
        for execution in books.executions
    )


def _foreign(books: Books) -> set[str]:
    """Positions in which somebody else has traded."""
    return {e.symbol for e in books.executions if e.client_order_id.startswith(HAND)}


def _entries(books: Books) -> Iterator[tuple[IntentAt, Decimal, dict[str, Decimal]]]:
    """Each entry with its first execution's signed size, and the sizes of all symbols just before."""
    intents = _by_name(books)
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    begun: set[str] = set()
    for execution in sorted(books.executions, key=lambda e: (e.at_ns, e.seq)):
        intent = intents.get(execution.client_order_id)
        if intent is not None and intent.leg == "open" and intent.client_order_id not in begun:
            begun.add(intent.client_order_id)
            yield intent, execution.qty, sizes.copy()
        sizes[execution.symbol] += execution.qty


def _lost(books: Books) -> Iterator[str]:
    """Exchange, executions and the journal's positions name one size; every position has its stop."""
    there = {position.symbol: position.size for position in books.positions}
    written = {position.symbol: position.size for position in books.sizes}
    summed: dict[str, Decimal] = defaultdict(Decimal)
    for execution in books.counted:
        summed[execution.symbol] += execution.qty
    for symbol in sorted({*there, *written, *summed}):
        sizes = there.get(symbol, Decimal(0)), summed[symbol], written.get(symbol, Decimal(0))
        if symbol in _foreign(books):
            # Its size was taken from the exchange's word: which executions are counted is another matter.
            sizes = sizes[0], sizes[2], sizes[2]
        if len(set(sizes)) > 1:
            yield f"{symbol}: the exchange holds {sizes[0]}, executions sum to {sizes[1]}, row {sizes[2]}"
    theirs = {e.exec_id for e in books.executions if e.client_order_id.startswith(HAND)}
    missing = ({e.exec_id for e in books.executions} ^ {e.exec_id for e in books.counted}) - theirs
    if missing:
        yield f"executions in one book only: {', '.join(sorted(missing))}"
    for position in books.positions:
        if position.size != 0 and not position.has_stop:
            yield f"{position.symbol}: {position.size} without a stop"
    for symbol in sorted(set(books.naked) - _foreign(books)):
        yield f"{symbol} had no stop for a while"
    for latch in books.latches:
        if latch.kind == "position_mismatch" and not _foreign(books):
            yield f"a size was believed without executions: {latch.latch_id}"


def _unresolved(books: Books) -> Iterator[str]:
    """Intents without an end, orders without an intent, ends that the exchange contradicts."""
    intents = _by_name(books)
    executed: dict[str, Decimal] = defaultdict(Decimal)
    for execution in books.executions:
        executed[execution.client_order_id] += abs(execution.qty)
    for intent in books.intents:
        if not intent.final:
            yield f"{intent.client_order_id} ({intent.leg} of {intent.signal_id}) is {intent.state}"
        elif intent.filled != executed[intent.client_order_id]:
            yield (
                f"{intent.client_order_id} is {intent.state} with {intent.filled}, the exchange has "
                f"executed {executed[intent.client_order_id]}"
            )
    for order in books.orders:
        if order.client_order_id.startswith(OURS) and order.client_order_id not in intents:
            yield f"order {order.client_order_id} has no intent"
        elif order.client_order_id.startswith(OURS) and order.live:
            yield f"order {order.client_order_id} still rests"


def _former(books: Books) -> Iterator[str]:
    """What a leader has done after it was none any more, or a new one before the old could not."""
    intents = _by_name(books)
    ends = {epoch: books.grants[epoch + 1] for epoch in books.grants if epoch + 1 in books.grants}
    for intent in books.intents:
        if intent.epoch in ends and intent.inserted_ns > ends[intent.epoch]:
            yield f"{intent.client_order_id} was written by epoch {intent.epoch} after its end"
    for signed in books.signed:
        opens = intents.get(signed.client_order_id)
        if opens is None:
            yield f"{signed.client_order_id} has left without being written"
        elif opens.leg == "open" and signed.signed_ns > ends.get(opens.epoch, signed.signed_ns):
            yield f"{opens.client_order_id} was signed by epoch {opens.epoch} after its end"
    for order in books.orders:
        sent = intents.get(order.client_order_id)
        if sent is None:
            continue
        # The exchange keeps milliseconds, rounded down.
        if order.created_ns > sent.valid_until_ns:
            yield f"{order.client_order_id} was accepted after its valid_until"
        earlier = [i.valid_until_ns for i in books.intents if i.epoch < sent.epoch]
        if sent.leg == "open" and order.created_ns < max(earlier, default=0):
            yield f"{order.client_order_id} was opened while an order of an earlier leader could arrive"


def _limit_of(books: Books, at_ns: int) -> int | None:
    """The limit in force; one that was written soon afterwards may have been in force already."""
    past = max((limit for limit in books.limits if limit.since_ns < at_ns), key=_since, default=None)
    if past is None:
        return None
    soon = [limit for limit in books.limits if at_ns <= limit.since_ns < at_ns + WRITE_SLACK_NS]
    return max(limit.max_positions for limit in (past, *soon))


def _since(limit: LimitAt) -> int:
    return limit.since_ns


def _base(name: str) -> str:
    """The symbol of a position: both legs are of one."""
    return name.partition("/")[0]


def _against(books: Books) -> Iterator[str]:
    """Entries above the limit or under a latch, a kill switch that did not make flat, others' orders."""
    for intent, _, before in _entries(books):
        there = {s for s, size in before.items() if size != 0 and not _surprised(books, intent, s)}
        held = len({_base(s) for s in there} - {_base(intent.symbol)})
        allowed = _limit_of(books, intent.created_ns)
        if allowed is not None and held >= allowed:
            yield f"{intent.client_order_id} opened beside {held} positions; {allowed} allowed"
    for latch in books.latches:
        until_ns = None if latch.cleared_ns is None else latch.cleared_ns - WRITE_SLACK_NS
        for intent in books.intents:
            after = intent.leg == "open" and intent.created_ns > latch.engaged_ns
            if after and (until_ns is None or intent.created_ns < until_ns):
                yield f"{intent.client_order_id} was opened under the latch {latch.latch_id}"
        if latch.kind == "kill_switch" and latch.cleared_ns is None:
            for position in books.positions:
                yield f"{position.symbol} is not flat under the latch {latch.latch_id}"
    for symbol in books.raised:
        yield f"the leverage of {symbol} was raised while a position was open"
    if not any(latch.kind == "kill_switch" for latch in books.latches):
        resting = {order.order_id for order in books.orders if order.live}
        for order_id in books.by_hand:
            if order_id not in resting:
                yield f"order {order_id} of somebody else was taken away"


def _beyond_a_part(books: Books) -> Iterator[str]:
    """Parts that have closed more than their share of what was entered: into each position between flat and
    flat, and by the signal that they are of (which a position of several entries shares with others)."""
    intents = _by_name(books)
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    opened: Counter[str] = Counter()
    entered: dict[str, Decimal] = defaultdict(Decimal)
    closed: dict[str, dict[int, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for execution in sorted(books.executions, key=lambda e: (e.at_ns, e.seq)):
        opened[execution.symbol] += sizes[execution.symbol] == 0
        sizes[execution.symbol] += execution.qty
        intent = intents.get(execution.client_order_id)
        if intent is None:
            continue
        whose = [f"position {opened[execution.symbol]} of {execution.symbol}"]
        whose += [] if books.stacked else [intent.signal_id]
        for one in whose:
            if intent.leg == "open":
                entered[one] += abs(execution.qty)
            elif intent.leg.startswith(PART):
                closed[one][int(intent.leg.removeprefix(PART))] += abs(execution.qty)
    for one in sorted(closed):
        for number in range(1, 4):
            sum_of_parts = sum((closed[one][part] for part in range(1, number + 1)), Decimal(0))
            most = entered[one] * sum(books.shares[:number])
            if sum_of_parts > most:
                yield f"parts up to {number} of {one} have closed {sum_of_parts}; {most} at most"


def _against_the_world(books: Books) -> Iterator[str]:
    """Too many entries of one position; a way out that went on; what was told and not heeded."""
    yield from _too_many_entries(books)
    closing = [latch for latch in books.latches if latch.kind == "kill_switch"]
    for execution in books.executions:
        before = [latch for latch in closing if latch.engaged_ns < execution.at_ns]
        over = [latch.cleared_ns for latch in before if latch.cleared_ns is not None]
        if (
            execution.client_order_id.startswith(WAY_OUT)
            and before
            and len(over) == len(before)
            and execution.at_ns > max(over) + CLEARED_NS
        ):
            late_s = (execution.at_ns - max(over)) / 1e9
            yield f"the way out closed {execution.symbol} {late_s:.1f} s after the latch was cleared"
    for latch in books.latches:
        if latch.kind in ("daily_loss", "unexplained_loss"):
            yield f"{latch.latch_id}: nothing was lost here, and no money was moved"
    yield from books.late_flat
    yield from (f"off the grid: {text}" for text in books.off_grid[:3])


def _too_many_entries(books: Books) -> Iterator[str]:
    intents = _by_name(books)
    sizes: dict[str, Decimal] = defaultdict(Decimal)
    made: dict[str, set[str]] = defaultdict(set)
    for execution in sorted(books.executions, key=lambda e: (e.at_ns, e.seq)):
        intent = intents.get(execution.client_order_id)
        if intent is not None and intent.leg == "open" and books.per_symbol:
            known = len(made[intent.symbol])
            made[intent.symbol].add(intent.client_order_id)
            if len(made[intent.symbol]) > max(known, books.per_symbol):
                yield (
                    f"{intent.client_order_id} is entry {len(made[intent.symbol])} of one position in "
                    f"{intent.symbol}; {books.per_symbol} allowed"
                )
        sizes[execution.symbol] += execution.qty
        if sizes[execution.symbol] == 0:
            made[execution.symbol].clear()
