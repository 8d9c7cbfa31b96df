"""The day's loss: measured from 00:00 UTC, and the kill switch when it reaches the limit.

The result is what was traded (`risk.daily_loss`), so that a withdrawal is no loss and a deposit hides none.
The wallet is held against it: money that neither executions nor transfers explain is asked about, and when
nobody can explain it and it is too much, opening stops.
"""

from decimal import Decimal

import msgspec

from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, KeepBaseline, KeepEquity, ReadTransfers
from tradefleet.core.events import Baseline, LatchRecord, TransfersRead
from tradefleet.domain.fills import Execution
from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.orders.exchange_view import Wallet
from tradefleet.positions.ledger import unrealised
from tradefleet.positions.plan import PositionRecord
from tradefleet.risk.daily_loss import day_of, loss_fraction, traded, unexplained

KEEP_EQUITY_EVERY_NS = 5 * SECOND_NS

DAILY_LOSS = "daily_loss"
UNEXPLAINED_LOSS = "unexplained_loss"

WORTH_ASKING = Decimal("0.005")
"""Of the day's first equity: a smaller sum is a row on its way, or interest."""
SETTLED_NS = 2 * SECOND_NS
"""Wallet and executions come in any order; what differs so long after is looked into."""
ASK_AGAIN_NS = 15 * SECOND_NS


def take_wallet(state: AccountState, wallet: Wallet, now_ns: int) -> list[AnyAction]:
    """A wallet row; an older one than we know is left aside."""
    if state.wallet is not None and wallet.at_ns < state.wallet.at_ns:
        return []
    state.wallet = wallet
    return watch_equity(state, now_ns)


def count_cash(state: AccountState, execution: Execution, effect: Decimal) -> list[AnyAction]:
    """What an execution has done to the balance, kept with it. effect: settle currency."""
    baseline = state.baseline
    if baseline is None or execution.at_ns < baseline.at_ns or effect == 0:
        return []
    state.baseline = msgspec.structs.replace(baseline, cash=MONEY.add(baseline.cash, effect))
    return [KeepBaseline(baseline=state.baseline)]


def adopted(state: AccountState, old: PositionRecord, new: PositionRecord) -> list[AnyAction]:
    """A size that we take over brings its open profit along: that is neither won nor lost today."""
    mark = state.market(new.key.symbol).mark
    if state.baseline is None or mark is None:
        return []
    change = MONEY.subtract(unrealised(new, mark), unrealised(old, mark))
    moved = MONEY.add(state.baseline.unrealised, change)
    state.baseline = msgspec.structs.replace(state.baseline, unrealised=moved)
    return [KeepBaseline(baseline=state.baseline)]


def transfers_read(state: AccountState, event: TransfersRead) -> list[AnyAction]:
    """Deposits and withdrawals of the day, or that they could not be read."""
    watch = state.money
    watch.asking = False
    if state.baseline is None or event.from_ns != state.baseline.at_ns:
        return []
    if event.total is None:
        return [Alert(kind="transfers_unread", detail=event.reason)]
    watch.explained_ns = event.now_ns
    if event.total == state.baseline.transfers:
        return []
    state.baseline = msgspec.structs.replace(state.baseline, transfers=event.total)
    return [KeepBaseline(baseline=state.baseline)]


def result(state: AccountState) -> Decimal | None:
    """What the day has brought so far, settle currency; None before it has begun, and while the open profit
    is not known: a missing mark must not look like a loss."""
    if state.baseline is None or not state.marks_known():
        return None
    return traded(state.baseline.cash, state.unrealised(), state.baseline.unrealised)


def watch_equity(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Compare the day's result with its limit; the first reading of a day begins it."""
    equity = state.equity()
    if equity is None:
        return []
    actions = _begin_day(state, equity, now_ns)
    baseline, today = state.baseline, result(state)
    if baseline is None or today is None:
        return actions
    loss, limit = loss_fraction(baseline.equity, today), state.spec.risk.max_daily_loss
    if loss >= limit:
        reason = f"{-today:f} lost of {baseline.equity:f} since 00:00 UTC; the limit is {limit:f}"
        actions += _latch(state, DAILY_LOSS, reason, now_ns)
    return actions + _account_for_the_wallet(state, baseline, today, now_ns)


def _begin_day(state: AccountState, equity: Decimal, now_ns: int) -> list[AnyAction]:
    day = day_of(now_ns)
    begun = state.baseline is not None and state.baseline.day == day
    if begun or state.wallet is None or not state.marks_known():
        return []
    state.baseline = Baseline(
        day=day,
        equity=equity,
        wallet=state.wallet.wallet_balance,
        unrealised=state.unrealised(),
        at_ns=now_ns,
    )
    state.money.differs_ns = 0
    return [KeepBaseline(baseline=state.baseline)]


def _account_for_the_wallet(
    state: AccountState, baseline: Baseline, today: Decimal, now_ns: int
) -> list[AnyAction]:
    """Money that moved without an execution: asked about, and never taken for a gain."""
    watch = state.money
    if state.wallet is None or baseline.wallet is None:
        return []
    missing = unexplained(state.wallet.wallet_balance, baseline.wallet, baseline.cash, baseline.transfers)
    if abs(missing) < MONEY.multiply(baseline.equity, WORTH_ASKING):
        watch.differs_ns = 0
        return []
    if watch.differs_ns == 0:
        watch.differs_ns = now_ns
    if now_ns - watch.differs_ns < SETTLED_NS:
        return []
    actions: list[AnyAction] = []
    if not watch.asking and now_ns - watch.asked_ns > ASK_AGAIN_NS:
        watch.asking, watch.asked_ns = True, now_ns
        state.want_reconciliation("the balance has changed without an execution")
        actions.append(ReadTransfers(from_ns=baseline.at_ns))
    limit = state.spec.risk.max_daily_loss
    waited = now_ns - watch.differs_ns > ASK_AGAIN_NS or watch.explained_ns > watch.differs_ns + SETTLED_NS
    if waited and loss_fraction(baseline.equity, MONEY.add(today, min(missing, ZERO))) >= limit:
        reason = f"{-missing:f} left the balance, and neither executions nor transfers explain it"
        actions += _latch(state, UNEXPLAINED_LOSS, reason, now_ns)
    return actions


def _latch(state: AccountState, kind: str, reason: str, now_ns: int) -> list[AnyAction]:
    if any(latch.kind == kind for latch in state.latches.values()):
        return []
    latch_id = f"{kind.replace('_', '-')}-{now_ns // SECOND_NS}"
    latch = LatchRecord(latch_id=latch_id, kind=kind, reason=reason, actor="executor", engaged_ns=now_ns)
    return [state.engage(latch), Alert(kind=kind, detail=reason)]


def keep_equity(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Equity for the record, every five seconds."""
    equity = state.equity()
    if equity is None or state.wallet is None or now_ns - state.equity_kept_ns < KEEP_EQUITY_EVERY_NS:
        return []
    state.equity_kept_ns = now_ns
    return [
        KeepEquity(
            equity=equity,
            wallet_balance=state.wallet.wallet_balance,
            unrealised=state.unrealised(),
            at_ns=now_ns,
        )
    ]
