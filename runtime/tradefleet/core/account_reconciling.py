"""The account as the exchange reports it, taken in: every difference resolved or reserved.

An unexplained position size must be seen twice before it is believed, since the lists of one read
are not of one instant; then the exchange is right, and a latch keeps us from opening until a person
has looked.
"""

import re
from decimal import Decimal
from typing import Final

from tradefleet.core import account_day, account_evidence
from tradefleet.core.account_fills import remember_leg, take_execution, take_order
from tradefleet.core.account_safety import take_wallet
from tradefleet.core.account_sends import absent, resolve_older
from tradefleet.core.account_state import SECOND_NS, AccountState, Suspect
from tradefleet.core.actions import Alert, AnyAction, KeepOrder, KeepPosition, KeepReport
from tradefleet.core.events import AccountListed, ExchangeRead, ExchangeUnread, LatchRecord
from tradefleet.core.evidence import sentence
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO, agree, total
from tradefleet.orders.intents import IntentState
from tradefleet.orders.reconcile import Findings, Mismatch, compare, mismatches
from tradefleet.orders.reconciliation_report import Comparison, ReconciliationReport, outcome_of
from tradefleet.orders.tracked import Tracked

RECONCILE_EVERY_NS = 60 * SECOND_NS
LOOK_AGAIN_NS = 2 * SECOND_NS
ANSWER_DUE_NS = 60 * SECOND_NS
PATIENCE_NS: Final = (SECOND_NS, 2 * SECOND_NS, 4 * SECOND_NS, 5 * SECOND_NS)
"""After the first, second ... reading in a row that came to nothing: each is several signed requests."""
NAMED: Final = 5
"""So many orders of others are named in one alert."""
SAID_AGAIN_NS: Final = 60 * SECOND_NS
"""One cause that lasts is told a person so often."""
_VARIES: Final = re.compile(r"[0-9]{9,}")
"""Times and numbers of requests, which are others in each answer; no code of the exchange is so long."""
TIMER = "timer"
"""Why a comparison is made when nothing else asks for one."""
FILL_DUE_NS = 10 * SECOND_NS
"""A fill of an entry that rests may show in the position so long before any row or list tells it."""
SHOWN_FOR_NS = 3600 * SECOND_NS
"""The exchange shows an order that ended without a fill for a day; an hour is well within it."""


def exchange_read(state: AccountState, event: ExchangeRead) -> list[AnyAction]:
    """A complete view: take in what we missed, then compare what is left."""
    state.exchange_answered_ns = event.now_ns
    progress = state.reconciliation
    actions = account_evidence.take_listing(state, account_evidence.listing_of(event.view), event.now_ns)
    asked_ns, wanted_since = progress.asked_ns, progress.wanted
    progress.asking, progress.unread, progress.patient_until_ns = False, 0, 0
    unresolved = [tracked.intent.client_order_id for tracked in state.open_intents()]
    counted = state.counted
    findings = compare(state.tracked.records, counted, event.view, unresolved, counted.known_from_ns)
    for order in (*event.view.open_orders, *event.view.closed_orders):
        remember_leg(state, order)
    for execution in findings.executions:
        actions += take_execution(state, execution)
    for order in findings.orders:
        actions += take_order(state, order)
    for order in findings.older:
        actions += resolve_older(state, order, event.view.asked_ns)
    for name in findings.absent:
        if not state.tracked[name].is_final and _may_be_absent(state.tracked[name], event.view.asked_ns):
            actions += absent(state, state.tracked[name])
    for order in (*findings.adopted, *findings.foreign):
        actions.append(KeepOrder(order=order))
    state.not_ours_open = (*findings.adopted, *findings.foreign)
    actions += _strangers(state, tuple(o.order_id for o in (*findings.adopted, *findings.foreign)))
    actions += take_wallet(state, event.view.wallet, event.now_ns)
    # Taking in what was missed may itself have asked for a comparison: this is that comparison. What
    # was asked for while the answer was under way still stands.
    progress.wanted = wanted_since
    believed, sizes = _sizes(state, event, asked_ns)
    report = _report(state, event, findings, believed)
    return [*actions, *sizes, *_keep(state, report)]


def account_listed(state: AccountState, event: AccountListed) -> list[AnyAction]:
    """Step 1 of the reading that is under way: what it shows is protected and closed from now on."""
    state.exchange_answered_ns = event.now_ns
    return account_evidence.take_listing(state, event.listing, event.now_ns)


def exchange_unread(state: AccountState, event: ExchangeUnread) -> list[AnyAction]:
    """Not everything is known: nothing is compared, nothing opens, and it is tried again. What step 1 has
    shown stands."""
    account_evidence.not_listed(state, event.now_ns)
    progress = state.reconciliation
    progress.asking = False
    progress.patient_until_ns = event.now_ns + PATIENCE_NS[min(progress.unread, len(PATIENCE_NS) - 1)]
    progress.unread += 1
    state.want_reconciliation("the account could not be read", event.now_ns + SECOND_NS)
    report = ReconciliationReport(
        reason=progress.reason,
        outcome=Comparison.UNREAD,
        asked_ns=progress.asked_ns,
        ended_ns=event.now_ns,
        trouble=event.reason,
        unread=tuple(text for text in state.evidence.troubles if text not in event.reason),
        unclear=tuple(sentence(row) for row in state.evidence.unclear),
    )
    alerts = _unread(state, event)
    return [*alerts, *_keep(state, report, told_before=not alerts)]


def _unread(state: AccountState, event: ExchangeUnread) -> list[Alert]:
    """Said at once, and of a cause that lasts each minute."""
    told, since_ns = state.reconciliation.unread_told, event.now_ns - SAID_AGAIN_NS
    for cause in [cause for cause, told_ns in told.items() if told_ns <= since_ns]:
        del told[cause]
    if _cause(event.reason) in told:
        return []
    told[_cause(event.reason)] = event.now_ns
    return [Alert(kind="exchange_unread", detail=event.reason)]


def _cause(text: str) -> str:
    return _VARIES.sub("#", text)


def reconcile_when_due(state: AccountState, now_ns: int) -> None:
    """A comparison each minute, whatever happens; it does not stop opening meanwhile."""
    progress = state.reconciliation
    if progress.asking and now_ns - progress.asked_ns > ANSWER_DUE_NS:
        progress.asking = False
        state.want_reconciliation("the answer did not come")
    if progress.done and not progress.wanted and now_ns - progress.finished_ns > RECONCILE_EVERY_NS:
        progress.wanted = TIMER


def status(state: AccountState) -> dict[str, object]:
    """For the status of the process: the last comparison, empty before one."""
    report = state.reconciliation.report
    if report is None:
        return {}
    return {
        "reason": report.reason,
        "outcome": report.outcome.value,
        "asked_ns": report.asked_ns,
        "seconds": round((report.ended_ns - report.asked_ns) / SECOND_NS, 3),
        "detail": report.sentence(),
    }


def _strangers(state: AccountState, order_ids: tuple[str, ...]) -> list[AnyAction]:
    """One alert for all that are new: another system may have hundreds."""
    known = frozenset(state.foreign_orders)
    new = [order_id for order_id in order_ids if order_id not in known]
    state.foreign_orders = order_ids
    if not new:
        return []
    said = f"order {new[0]} has no intent of ours"
    if len(new) > 1:
        more = "" if len(new) <= NAMED else " and others"
        said = f"{len(new)} orders have no intent of ours: {', '.join(new[:NAMED])}{more}"
    return [Alert(kind="foreign_order", detail=f"{said}; opening is halted")]


def _report(
    state: AccountState, event: ExchangeRead, findings: Findings, believed: tuple[str, ...]
) -> ReconciliationReport:
    """What this comparison found, once all of it has been taken in."""
    progress = state.reconciliation
    differing = tuple(
        _sentence(key.name, suspect.ours, suspect.theirs)
        for key, suspect in sorted(progress.suspects.items())
    )
    unresolved = tuple(
        t.intent.client_order_id for t in state.open_intents() if t.record.state is IntentState.AMBIGUOUS
    )
    counted = tuple(execution.exec_id for execution in findings.executions)
    adopted = tuple(order.order_id for order in findings.adopted)
    foreign = tuple(order.order_id for order in findings.foreign)
    unclear = tuple(sentence(row) for row in state.evidence.unclear)
    return ReconciliationReport(
        reason=progress.reason,
        outcome=outcome_of(
            differences=bool(counted or findings.absent or believed),
            left=bool(differing or unresolved or adopted or foreign or unclear),
        ),
        asked_ns=event.view.asked_ns,
        ended_ns=event.now_ns,
        counted=counted,
        absent=findings.absent,
        adopted=adopted,
        foreign=foreign,
        differing=differing,
        believed=believed,
        unresolved=unresolved,
        unclear=unclear,
    )


def _keep(state: AccountState, report: ReconciliationReport, *, told_before: bool = False) -> list[AnyAction]:
    """Every report is shown; of the timer's, and of those whose cause a person knows already, those are
    recorded that say something new."""
    before, state.reconciliation.report = state.reconciliation.report, report
    said = (
        before is not None
        and before.outcome is report.outcome
        and _cause(before.sentence()) == _cause(report.sentence())
    )
    repeats = report.reason == TIMER and (report.outcome is Comparison.AGREES or said)
    return [KeepReport(report=report, repeats=repeats or (told_before and said))]


def _sizes(
    state: AccountState, event: ExchangeRead, asked_ns: int
) -> tuple[tuple[str, ...], list[AnyAction]]:
    """What was believed, a sentence each, and what follows of the sizes."""
    progress = state.reconciliation
    ours = {key: position.total for key, position in state.positions.items()}
    busy = state.moving_keys()
    busy |= {key for key, position in state.positions.items() if position.at_ns >= asked_ns}
    found = mismatches(ours, event.view, busy)
    actions: list[AnyAction] = []
    believed: list[str] = []
    suspects: dict[PositionKey, Suspect] = {}
    for mismatch in found:
        suspect = _suspect(mismatch, event)
        known = progress.suspects.get(mismatch.key)
        if known is not None and known.is_same(suspect):
            suspect = known
        if _is_certain(state, mismatch, suspect, event):
            believed.append(_differ(mismatch))
            actions += _believe(state, mismatch, event)
        else:
            suspects[mismatch.key] = suspect
    progress.suspects = suspects
    if suspects:
        state.want_reconciliation("a position differs", event.now_ns + LOOK_AGAIN_NS)
        return tuple(believed), actions
    progress.done = not progress.wanted
    progress.finished_ns = event.now_ns
    return tuple(believed), actions


def _suspect(mismatch: Mismatch, event: ExchangeRead) -> Suspect:
    theirs = mismatch.theirs
    return Suspect(
        ours=mismatch.ours,
        theirs=ZERO if theirs is None else theirs.size,
        seq=0 if theirs is None else theirs.seq,
        asked_ns=event.view.asked_ns,
        since_ns=event.now_ns,
    )


def _is_certain(state: AccountState, mismatch: Mismatch, first: Suspect, event: ExchangeRead) -> bool:
    """Whether a size is the exchange's for good: two readings, two seconds apart, show one state of the
    position, the later one knows every execution that we know, and no fill can be on its way."""
    reading = account_evidence.reading_of(mismatch.theirs, event.view.asked_ns)
    if event.view.asked_ns - first.asked_ns < LOOK_AGAIN_NS:
        return False
    if not account_evidence.is_current(state, mismatch.key, reading):
        return False
    return event.now_ns - first.since_ns > FILL_DUE_NS or not _may_be_a_fill(state, mismatch)


def _differ(mismatch: Mismatch) -> str:
    theirs = ZERO if mismatch.theirs is None else mismatch.theirs.size
    return _sentence(mismatch.key.name, mismatch.ours, theirs)


def _sentence(name: str, ours: Decimal, theirs: Decimal) -> str:
    return f"{name}: the exchange holds {theirs:f}, our executions sum to {ours:f}"


def _may_be_a_fill(state: AccountState, mismatch: Mismatch) -> bool:
    """Whether entries that rest explain the difference: their rows and executions may be on their way."""
    theirs = ZERO if mismatch.theirs is None else mismatch.theirs.size
    change = MONEY.subtract(theirs, mismatch.ours)
    left = total(
        MONEY.subtract(tracked.intent.qty, tracked.record.filled)
        for tracked in state.tracked.open_of(mismatch.key)
        if agree(change, tracked.intent.side.sign)
    )
    return change.copy_abs() <= left


def _may_be_absent(tracked: Tracked, asked_ns: int) -> bool:
    """An order whose row we have is not absent because a list does not show it; but one that has ended long
    ago without a fill is shown no more."""
    if tracked.order is None:
        return True
    return asked_ns - max(tracked.order.at_ns, tracked.intent.rest_until_ns) > SHOWN_FOR_NS


def _believe(state: AccountState, mismatch: Mismatch, event: ExchangeRead) -> list[AnyAction]:
    """Take the exchange's size as ours, say so, and stop opening."""
    now_ns, old = event.now_ns, state.position(mismatch.key)
    adopted = account_evidence.adopted(state, mismatch.key, mismatch.theirs, event.view.asked_ns, now_ns)
    state.positions[mismatch.key] = adopted
    account_evidence.explained(state, mismatch.key)
    detail = _differ(mismatch)
    latch = LatchRecord(
        latch_id=f"position-{mismatch.key.name.lower().replace('/', '-')}-{now_ns // SECOND_NS}",
        kind="position_mismatch",
        reason=detail,
        actor="reconciliation",
        engaged_ns=now_ns,
    )
    return [
        KeepPosition(position=adopted, adopted=detail),
        *account_day.adopted(state, old, adopted),
        state.engage(latch),
        Alert(kind="position_mismatch", detail=detail),
    ]
