"""The rows of the days: which one is today's, what is counted into which, and when one says stop.

The exchange's time chooses the row. A row that time has left is kept: an execution of yesterday that is read
today is yesterday's, and a clock that was a day ahead for one event finds today's row as it was. What a row
is and how a loss is measured is in `risk.day`; docs/daily-loss.md tells it with figures.
"""

from decimal import Decimal

import msgspec

from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, ForgetDay, KeepBaseline, KeepDay, KeepEquity
from tradefleet.core.events import LatchRecord
from tradefleet.domain.fills import Execution
from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.positions.ledger import unrealised
from tradefleet.positions.plan import PositionRecord
from tradefleet.risk import day as days
from tradefleet.risk.daily_loss import day_of, loss_fraction
from tradefleet.risk.day import FRESH_NS, Baseline
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.spec.trading import EquityOf

DAILY_LOSS = "daily_loss"
KEEP_EQUITY_EVERY_NS = 5 * SECOND_NS


def restored(state: AccountState, known: tuple[Baseline, ...]) -> list[AnyAction]:
    """Rows of the journal that are of a clock that was wrong are deleted."""
    wrong: list[AnyAction] = [ForgetDay(day=row.day) for row in known if row.day not in state.days.rows]
    return [*wrong, *_newest_again(state)] if wrong else []


def turn(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Time has passed, perhaps into another day, perhaps back."""
    kept, day = state.days, day_of(now_ns)
    before, seen_ns = kept.today, kept.seen_ns
    kept.today, kept.seen_ns, kept.since_ns = day, now_ns, min(kept.since_ns, now_ns)
    if day == before:
        return []
    actions: list[AnyAction] = []
    if day < before:
        # What holds an execution has begun: the exchange itself has dated it.
        for ahead in sorted(d for d, row in kept.rows.items() if d > day and not row.counted):
            row = kept.rows.pop(ahead)
            kept.aside = (row, seen_ns) if ahead == before and row.begun else kept.aside
            actions.append(ForgetDay(day=ahead))
    elif kept.aside is not None and kept.aside[0].day <= day:
        # It was our clock that had gone back, when time goes on behind what was seen of that day.
        (row, last_ns), kept.aside = kept.aside, None
        if row.day == day and now_ns >= last_ns:
            found = kept.rows.get(day, _empty(state, day))
            row = msgspec.structs.replace(row, cash=MONEY.add(row.cash, found.cash), counted=found.counted)
            return [*actions, *put(state, row)]
    if actions:
        actions += _newest_again(state)
    return actions + begin(state, now_ns)


def count(
    state: AccountState, execution: Execution, effect: Decimal, before: PositionRecord, after: PositionRecord
) -> list[AnyAction]:
    """An execution has been counted: into its own day's row, and out of the open profit with which later
    days began. effect: what it did to the balance, settle currency; before, after: the position."""
    kept = state.days
    actions: list[AnyAction] = []
    for later in sorted(d for d, row in kept.rows.items() if row.begun and d > day_of(execution.at_ns)):
        marks = kept.marks if kept.marks_day == later else {}
        change = _change(before, after, marks.get(execution.symbol, execution.price))
        if change:
            actions += put(state, days.shifted(kept.rows[later], change))
    if kept.kept is not None and day_of(execution.at_ns) <= day_of(kept.kept_ns):
        mark = kept.kept_marks.get(execution.symbol, execution.price)
        kept.kept = MONEY.add(kept.kept, _change(before, after, mark))
    # A day that has not come yet may be dated by the exchange a moment early; no further than that.
    day = min(day_of(execution.at_ns), kept.today + 1)
    row = kept.rows.get(day)
    if row is None:
        row = _empty(state, day)
        if day < kept.today - days.KEPT_DAYS + 1:
            return actions
    if effect == 0 or _before_us(execution, row, kept.since_ns):
        return actions
    return [*actions, *put(state, days.counted(row, effect))]


def adopted(state: AccountState, old: PositionRecord, new: PositionRecord) -> list[AnyAction]:
    """A size that we take over brings its open profit along: that is neither won nor lost today."""
    mark = state.market(new.key.symbol).mark
    if mark is None:
        state.days.unmarked.add(new.key)
        return []
    return _brought(state, _change(old, new, mark))


def _bring_unmarked(state: AccountState) -> list[AnyAction]:
    """What was taken over without a mark brings its open profit along with the first one."""
    actions: list[AnyAction] = []
    for key in sorted(state.days.unmarked):
        mark = state.market(key.symbol).mark
        if mark is not None:
            state.days.unmarked.discard(key)
            actions += _brought(state, unrealised(state.position(key), mark))
    return actions


def begin(state: AccountState, now_ns: int) -> list[AnyAction]:
    """The first reading of a day begins its row."""
    kept = state.days
    actions = _bring_unmarked(state) if kept.unmarked else []
    if state.wallet is None or state.baseline is not None or not state.marks_known():
        return actions
    row = kept.rows.get(kept.today) or _empty(state, kept.today)
    open_now = state.unrealised()
    open_then = days.open_at_start(row.starts_ns, kept.kept_ns, kept.kept, open_now)
    kept.marks = dict(kept.kept_marks) if open_then is kept.kept else state.marks()
    kept.marks_day = kept.today
    balance = state.wallet.wallet_balance
    row = days.begun(row, balance=balance, open_now=open_now, open_at_start=open_then, now_ns=now_ns)
    state.money.differs_ns = 0
    return [*actions, *put(state, row)]


def result(state: AccountState) -> Decimal | None:
    """What the day has brought so far, settle currency; None before it has begun, and while the open profit
    is not known: a missing mark must not look like a loss."""
    if state.baseline is None or not state.marks_known():
        return None
    return days.traded(state.baseline, state.unrealised())


def first_account_equity(state: AccountState, row: Baseline, today: Decimal) -> list[AnyAction]:
    """The whole account's equity at 00:00, as far as it can be told by what was heard of it only now."""
    now = state.account_equity()
    if now is None:
        return []
    first = MONEY.subtract(now, MONEY.add(today, row.transfers))
    return put(state, msgspec.structs.replace(row, account=first))


def first_equity(state: AccountState, row: Baseline) -> Decimal | None:
    """The row's equity at 00:00 by `sizing.equity`; None while it is not known."""
    return row.account if state.spec.sizing.equity is EquityOf.ACCOUNT else row.equity


def divisor(state: AccountState, row: Baseline) -> Decimal | None:
    """What a row's loss is held against; None while it is not known."""
    first = first_equity(state, row)
    return None if first is None else days.divisor(first, row.transfers)


def loss(state: AccountState, row: Baseline, brought: Decimal) -> Decimal | None:
    """What the row has brought as a fraction lost; None when there is nothing to hold it against."""
    of = divisor(state, row)
    return None if of is None else loss_fraction(of, brought)


def judge(state: AccountState, row: Baseline, today: Decimal, now_ns: int) -> list[AnyAction]:
    """Compare the day's result with its limit, and for its first minute that of the day before, of which
    executions may still come in."""
    actions = _judge(state, row, today, "since 00:00 UTC", now_ns)
    ended = state.days.rows.get(row.day - 1)
    if ended is not None and ended.begun and now_ns - row.starts_ns < FRESH_NS:
        actions += _judge(state, ended, days.traded(ended, row.unrealised), "on the day before", now_ns)
    return actions


def why_not_open(state: AccountState) -> Refusal | None:
    """What the money forbids: nothing opens on an equity that is not known or not above zero, nor on a day
    of which too much is lost, or not known."""
    equity, row = state.equity(), state.baseline
    if equity is None:
        detail = "no wallet has been heard yet"
        if state.wallet is not None:
            detail = "the wallet does not name both totalMarginBalance and totalEquity"
        return Refusal(Reason.EQUITY_UNKNOWN, detail)
    if equity <= 0:
        return Refusal(Reason.NO_EQUITY, f"equity is {equity:f}")
    if row is None:
        return Refusal(Reason.DAY_UNKNOWN, "the day's first reading has not come yet")
    if row.earlier is None and state.days.unread:
        detail = f"what was traded today before the first start could not be read: {state.days.unread}"
        return Refusal(Reason.DAY_UNKNOWN, detail)
    earlier = row.earlier or ZERO
    of, today = divisor(state, row), result(state)
    if of is None:
        return Refusal(Reason.DAY_UNKNOWN, "the whole account's equity at 00:00 UTC is not known yet")
    if of <= 0:
        return Refusal(Reason.NO_EQUITY, f"equity at 00:00 UTC, with the day's transfers, is {of:f}")
    brought, limit = MONEY.add(today or ZERO, earlier), state.spec.risk.max_daily_loss
    lost = loss_fraction(of, brought)
    if lost is not None and lost >= limit:
        detail = f"{MONEY.minus(brought):f} lost of {of:f} since 00:00 UTC, {MONEY.minus(earlier):f} of it"
        return Refusal(Reason.DAILY_LOSS, f"{detail} before the first start; the limit is {limit:f}")
    return None


def keep_equity(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Equity for the record, every five seconds; nothing while a mark is missing."""
    equity, kept = state.equity(), state.days
    waits = abs(now_ns - kept.kept_ns) < KEEP_EQUITY_EVERY_NS
    if equity is None or state.wallet is None or waits or not state.marks_known():
        return []
    kept.kept, kept.kept_ns, kept.kept_marks = state.unrealised(), now_ns, state.marks()
    return [
        KeepEquity(
            equity=equity,
            wallet_balance=state.wallet.wallet_balance,
            unrealised=kept.kept,
            at_ns=now_ns,
        )
    ]


def latch(state: AccountState, kind: str, reason: str, now_ns: int) -> list[AnyAction]:
    """Engage a latch of this kind, unless one is engaged."""
    if any(engaged.kind == kind for engaged in state.latches.values()):
        return []
    latch_id = f"{kind.replace('_', '-')}-{now_ns // SECOND_NS}"
    record = LatchRecord(latch_id=latch_id, kind=kind, reason=reason, actor="executor", engaged_ns=now_ns)
    return [state.engage(record), Alert(kind=kind, detail=reason)]


def put(state: AccountState, row: Baseline) -> list[AnyAction]:
    """The row is so from now on, and is written; what is older than three days goes."""
    rows = state.days.rows
    rows[row.day] = row
    _, old = days.kept(list(rows))
    for day in old:
        del rows[day]
    newest = max((day for day, one in rows.items() if one.begun), default=None)
    kept = KeepBaseline(baseline=row) if row.day == newest else KeepDay(row=row)
    return [*([kept] if row.day in rows else []), *(ForgetDay(day=day) for day in old)]


def _judge(state: AccountState, row: Baseline, brought: Decimal, when: str, now_ns: int) -> list[AnyAction]:
    lost, limit = loss(state, row, brought), state.spec.risk.max_daily_loss
    if lost is None or lost < limit:
        return []
    gone, of = MONEY.minus(brought), divisor(state, row) or ZERO
    return latch(state, DAILY_LOSS, f"{gone:f} lost of {of:f} {when}; the limit is {limit:f}", now_ns)


def _before_us(execution: Execution, row: Baseline, since_ns: int) -> bool:
    """Whether it is of before the account's first epoch, which has taken over what there was. The release
    before wrote another time into at_ns: that of its first reading."""
    of_ours = row.first_ns > 0 or not row.begun
    return of_ours and execution.at_ns < row.at_ns and not 0 < since_ns <= execution.at_ns


def _empty(state: AccountState, day: int) -> Baseline:
    return days.empty(day, state.days.since_ns, state.days.earlier)


def _newest_again(state: AccountState) -> list[AnyAction]:
    """Today's row is the newest again, for whoever reads only that one."""
    return [] if state.baseline is None else [KeepBaseline(baseline=state.baseline)]


def _change(old: PositionRecord, new: PositionRecord, mark: Decimal) -> Decimal:
    return MONEY.subtract(unrealised(new, mark), unrealised(old, mark))


def _brought(state: AccountState, change: Decimal) -> list[AnyAction]:
    kept = state.days
    if kept.kept is not None:
        kept.kept = MONEY.add(kept.kept, change)
    return [] if state.baseline is None else put(state, days.shifted(state.baseline, change))
