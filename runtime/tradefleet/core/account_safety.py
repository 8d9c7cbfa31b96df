"""Equity, its baseline at 00:00 UTC, and the latch that the day's loss engages."""

from tradefleet.core.account_state import SECOND_NS, AccountState
from tradefleet.core.actions import Alert, AnyAction, EngageLatch, KeepBaseline, KeepEquity
from tradefleet.core.events import Baseline, LatchRecord
from tradefleet.orders.exchange_view import Wallet
from tradefleet.risk.daily_loss import day_of, loss_fraction

KEEP_EQUITY_EVERY_NS = 5 * SECOND_NS


def take_wallet(state: AccountState, wallet: Wallet, now_ns: int) -> list[AnyAction]:
    """A wallet row; an older one than we know is left aside."""
    if state.wallet is not None and wallet.at_ns < state.wallet.at_ns:
        return []
    state.wallet = wallet
    return watch_equity(state, now_ns)


def watch_equity(state: AccountState, now_ns: int) -> list[AnyAction]:
    """Compare equity with the day's baseline; the first reading of a day becomes its baseline."""
    equity = state.equity()
    if equity is None:
        return []
    actions: list[AnyAction] = []
    day = day_of(now_ns)
    if state.baseline is None or state.baseline.day != day:
        state.baseline = Baseline(day=day, equity=equity)
        actions.append(KeepBaseline(baseline=state.baseline))
    loss = loss_fraction(state.baseline.equity, equity)
    limit = state.spec.risk.max_daily_loss
    latched = any(latch.kind == "daily_loss" for latch in state.latches.values())
    if loss >= limit and not latched:
        latch_id = f"daily-loss-{now_ns // SECOND_NS}"
        reason = f"equity {equity:f} is {loss:f} below {state.baseline.equity:f}; the limit is {limit:f}"
        latch = LatchRecord(
            latch_id=latch_id, kind="daily_loss", reason=reason, actor="executor", engaged_ns=now_ns
        )
        state.latches[latch_id] = latch
        actions += [EngageLatch(latch=latch), Alert(kind="daily_loss", detail=reason)]
    return actions


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
