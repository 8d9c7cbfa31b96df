"""The wallet against what we know of it: money that neither executions nor transfers explain is asked about,
and when nobody can explain it and it is too much, opening stops.

The day's own result is what was traded (`account_day`), so that a withdrawal is no loss and a deposit hides
none; the wallet is only held against it.
"""

from decimal import Decimal

from tradefleet.core import account_day
from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, ReadTransfers
from tradefleet.core.events import TransfersRead, UnknownMove
from tradefleet.domain.quantities import MONEY, ONE, ZERO
from tradefleet.orders.exchange_view import Wallet
from tradefleet.risk import day as days
from tradefleet.risk.daily_loss import unexplained
from tradefleet.risk.day import Baseline

UNEXPLAINED_LOSS = "unexplained_loss"

WORTH_ASKING = Decimal("0.005")
"""Of the day's first equity: a smaller sum is a row on its way, or interest."""
SETTLED_NS = 2 * SECOND_NS
"""Wallet and executions come in any order; what differs so long after is looked into."""
ASK_AGAIN_NS = 15 * SECOND_NS
ANSWER_DUE_NS = 60 * SECOND_NS
"""The log may have many pages; an answer that has not come by then comes no more."""


def take_wallet(state: AccountState, wallet: Wallet, now_ns: int) -> list[AnyAction]:
    """A wallet row; an older one than we know is left aside."""
    if state.wallet is not None and wallet.at_ns < state.wallet.at_ns:
        return []
    state.wallet, state.wallet_unrealised = wallet, state.unrealised()
    return watch_equity(state, now_ns)


def transfers_read(state: AccountState, event: TransfersRead) -> list[AnyAction]:
    """Deposits and withdrawals of the day, or that they could not be read."""
    watch = state.money
    watch.asking = False
    row = state.baseline
    if row is None or event.from_ns != row.at_ns:
        return []
    if event.total is None:
        state.days.unread = event.reason
        return [Alert(kind="transfers_unread", detail=event.reason)]
    state.days.unread = ""
    watch.explained_ns = event.now_ns
    told = days.transferred(row, event.total, event.before, event.earlier)
    return [*_name_unknown(state, event.unknown), *([] if told == row else account_day.put(state, told))]


def watch_equity(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Judge the day's result; the first reading of a day begins it."""
    actions = account_day.begin(state, now_ns)
    # Asked once: this runs for every mark of whatever is held, and sums all positions up.
    row, today = state.baseline, account_day.result(state)
    if row is None or today is None:
        return actions
    actions += account_day.judge(state, row, today, now_ns)
    if row.account is None and state.account_equity() is not None:
        actions += account_day.first_account_equity(state, row, today)
        row = state.baseline or row
    actions += _account_for_the_wallet(state, row, today, now_ns)
    return actions + _complete(state, row, now_ns)


def _name_unknown(state: AccountState, moves: tuple[UnknownMove, ...]) -> list[AnyAction]:
    """Types of the transaction log that we do not know, each with its sum, again when that has changed."""
    sums: dict[str, Decimal] = {}
    for move in moves:
        name = f"{move.currency} of type {move.kind or 'no name'}"
        sums[name] = MONEY.add(sums.get(name, ZERO), move.change)
    new = {name: total for name, total in sums.items() if state.money.unknown.get(name) != total}
    state.money.unknown = sums
    return [
        Alert(
            kind="unknown_money_move",
            detail=f"{total:f} {name} moved the balance; it counts neither as trading nor as a transfer",
        )
        for name, total in sorted(new.items())
    ]


def _complete(state: AccountState, row: Baseline, now_ns: int) -> list[AnyAction]:
    """What the day's beginning still lacks is asked for: transfers before a late first reading, and what was
    traded before the account's first epoch."""
    return _ask(state, row, now_ns) if row.moved is None or row.earlier is None else []


def _ask(state: AccountState, row: Baseline, now_ns: int) -> list[AnyAction]:
    watch = state.money
    if abs(now_ns - watch.asked_ns) <= (ANSWER_DUE_NS if watch.asking else ASK_AGAIN_NS):
        return []
    watch.asking, watch.asked_ns = True, now_ns
    late, first = row.moved is None, row.earlier is None
    return [
        ReadTransfers(
            from_ns=row.at_ns,
            first_ns=row.first_ns if late else 0,
            day_ns=row.starts_ns if first else 0,
        )
    ]


def _account_for_the_wallet(
    state: AccountState, row: Baseline, today: Decimal, now_ns: int
) -> list[AnyAction]:
    """Money that moved without an execution: asked about, and never taken for a gain."""
    watch = state.money
    if state.wallet is None or row.wallet is None:
        return []
    missing = unexplained(state.wallet.wallet_balance, row.wallet, row.cash, row.transfers)
    # Of an account that holds next to nothing of this coin, one of it is next to nothing.
    worth = max(ONE, MONEY.multiply(row.equity, WORTH_ASKING))
    if missing.copy_abs() < worth:
        watch.differs_ns = 0
        return []
    if watch.differs_ns == 0:
        watch.differs_ns = now_ns
    if now_ns - watch.differs_ns < SETTLED_NS:
        return []
    actions = _ask(state, row, now_ns)
    if actions:
        state.want_reconciliation("the balance has changed without an execution")
    limit = state.spec.risk.max_daily_loss
    waited = now_ns - watch.differs_ns > ASK_AGAIN_NS or watch.explained_ns > watch.differs_ns + SETTLED_NS
    lost = account_day.loss(state, row, MONEY.add(today, min(missing, ZERO)))
    if waited and lost is not None and lost >= limit:
        reason = (
            f"{missing.copy_negate():f} left the balance, and neither executions nor transfers explain it"
        )
        actions += account_day.latch(state, UNEXPLAINED_LOSS, reason, now_ns)
    return actions
