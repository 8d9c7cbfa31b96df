"""AccountCore: events in, actions out; the one machine that decides about orders.

It opens no socket and reads no clock. The modules account_*.py beside it hold one concern each over
one AccountState; this one says which event goes to whom, and what follows every event: exits that
are due, questions that are overdue, a comparison that is wanted.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from tradefleet.core import (
    account_cancels,
    account_day,
    account_entries,
    account_evidence,
    account_exits,
    account_fills,
    account_kill_switch,
    account_leftovers,
    account_leverage,
    account_parts,
    account_protection,
    account_reconciling,
    account_resting,
    account_reversal,
    account_safety,
    account_sends,
    account_signals,
    account_unexplained,
)
from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import AnyAction, ChooseOwner
from tradefleet.core.events import (
    AccountListed,
    AmendAnswered,
    AnyEvent,
    BotDeleted,
    CancelAnswered,
    ConfigApplied,
    ExchangeRead,
    ExchangeUnread,
    ExecutionSeen,
    FoundCancelled,
    InstrumentsRefreshed,
    IntentNotWritten,
    IntentWritten,
    KillSwitchAsked,
    LatchCleared,
    LatchEngaged,
    LeverageAnswered,
    MarketMoved,
    OrderQueried,
    OrdersCancelled,
    OrderSeen,
    PositionSeen,
    PrivateStreamChanged,
    ProtectionAnswered,
    Restored,
    RightToOpenChanged,
    SendFinished,
    ShardAnnounced,
    SignalReceived,
    SymbolRead,
    TakerFeeRead,
    Ticked,
    TransfersRead,
    WalletSeen,
)
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.intents import IntentState


class NotRestored(Exception):
    """The first event of an epoch must be Restored."""


class AccountCore:
    """One account, one epoch. Deterministic: the same events give the same actions."""

    def __init__(self) -> None:
        self._state: AccountState | None = None

    @property
    def state(self) -> AccountState:
        """What it knows; raises NotRestored before the first event."""
        if self._state is None:
            raise NotRestored("the first event of an epoch must be Restored")
        return self._state

    def handle(self, event: AnyEvent) -> list[AnyAction]:
        """Decide on one event."""
        if isinstance(event, Restored):
            self._state = AccountState(event)
            self._doubt_the_written()
            edges = account_kill_switch.restored(
                self.state, event.kill_switch_before, event.kill_switches_known
            )
            wrong = account_day.restored(self.state, event.days)
            return [*wrong, *edges, *self.state.start_reconciliation(event.now_ns)]
        state = self.state
        actions = account_day.turn(state, event.now_ns)
        actions += self._react(state, event)
        actions += account_kill_switch.drive(state, event.now_ns)
        concerned = _concerned(state, event)
        actions += account_protection.drive(state, concerned, event.now_ns)
        actions += account_unexplained.drive(state, event.now_ns)
        actions += account_leverage.drive(state, event)
        actions += account_exits.drive_exits(state, event.now_ns)
        moved = event.symbol if isinstance(event, MarketMoved) else None
        actions += account_resting.drive(state, event.now_ns, moved=moved)
        actions += account_parts.drive(state, concerned, event.now_ns)
        actions += account_reversal.drive(state, event.now_ns)
        actions += account_sends.ask_for_unresolved(state, event.now_ns, moved=moved)
        actions += state.start_reconciliation(event.now_ns)
        return actions

    def _doubt_the_written(self) -> None:
        # An intent that a dead leader has written may have been sent: it counts as filled until known.
        for name, tracked in list(self.state.tracked.items()):
            if tracked.record.state is IntentState.WRITTEN:
                record = msgspec.structs.replace(tracked.record, state=IntentState.AMBIGUOUS)
                self.state.tracked[name] = msgspec.structs.replace(tracked, record=record)

    def _react(self, state: AccountState, event: AnyEvent) -> list[AnyAction]:
        match event:
            case MarketMoved():
                return self._market_moved(state, event)
            case SignalReceived():
                return account_signals.take_signal(state, event)
            case OrderSeen():
                return account_fills.take_order(state, event.order)
            case ExecutionSeen():
                return account_fills.take_execution(state, event.execution)
            case WalletSeen():
                return account_safety.take_wallet(state, event.wallet, event.now_ns)
            case SendFinished():
                return account_sends.send_finished(state, event)
            case IntentNotWritten():
                return account_sends.not_written(state, event)
            case OrderQueried():
                return account_sends.order_queried(state, event)
            case AccountListed():
                return account_reconciling.account_listed(state, event)
            case ExchangeRead():
                return account_reconciling.exchange_read(state, event)
            case ExchangeUnread():
                return account_reconciling.exchange_unread(state, event)
            case TransfersRead():
                return account_safety.transfers_read(state, event)
            case ProtectionAnswered():
                return account_protection.answered(state, event)
            case LeverageAnswered():
                return account_leverage.answered(state, event)
            case CancelAnswered():
                return account_resting.cancel_answered(state, event)
            case FoundCancelled():
                return account_cancels.found_cancelled(state, event)
            case SymbolRead():
                return account_leftovers.symbol_read(state, event)
            case AmendAnswered():
                return account_resting.amend_answered(state, event)
            case ShardAnnounced():
                chosen = state.owners.announced(event)
                return [] if chosen is None else [ChooseOwner(owner=chosen)]
            case ConfigApplied():
                return account_kill_switch.take_config(state, event.config, event.now_ns)
            case KillSwitchAsked():
                return account_kill_switch.asked(state, event.latch)
            case BotDeleted():
                state.deleted = True
                return account_kill_switch.bot_deleted(state, event.now_ns)
            case Ticked():
                return self._ticked(state, event.now_ns)
            case _:
                self._circumstance(state, event)
                return []

    @staticmethod
    def _circumstance(state: AccountState, event: AnyEvent) -> None:
        """Events that change what is allowed, and decide nothing by themselves."""
        match event:
            case InstrumentsRefreshed():
                state.instruments.update({i.symbol: i for i in event.instruments})
            case TakerFeeRead():
                state.taker_fee = event.taker_fee
            case PrivateStreamChanged():
                state.private_up = event.up
                state.want_reconciliation("the private stream was interrupted")
            case RightToOpenChanged():
                state.right_to_open, state.right_reason = event.granted, event.reason
            case LatchEngaged():
                account_kill_switch.take_latch(state, event.latch)
            case OrdersCancelled():
                account_cancels.all_cancelled(state, event)
            case LatchCleared():
                state.latches.pop(event.latch_id, None)
            case PositionSeen():
                # Sizes come of executions; a row's own is compared at reconciliation.
                account_protection.take_position(state, event.position)
                account_evidence.row_seen(state, event.position)
                account_leverage.take_row(state, event.position)
            case IntentWritten():
                pass

    @staticmethod
    def _market_moved(state: AccountState, event: MarketMoved) -> list[AnyAction]:
        market = state.market(event.symbol)
        market.heard_ns = market.heard_ns if event.polled else event.now_ns
        if event.mark is not None:
            market.mark, market.mark_ns = event.mark, event.now_ns
        market.bid = event.bid if event.bid is not None else market.bid
        market.ask = event.ask if event.ask is not None else market.ask
        market.last = event.last if event.last is not None else market.last
        if event.mark is None:
            return []
        held = [key for key in state.keys(event.symbol) if state.position(key).size != 0]
        for key in held:
            account_protection.watch_mark(state, key, event.mark)
        return account_safety.watch_equity(state, event.now_ns) if held else []

    @staticmethod
    def _ticked(state: AccountState, now_ns: int) -> list[AnyAction]:
        account_signals.forget_old_signals(state, now_ns)
        account_sends.forget_final(state, now_ns)
        state.counted.passed(now_ns, state.reconciliation.finished_ns)
        account_cancels.forget_old_tries(state, now_ns)
        account_protection.look_for_differences(state, now_ns)
        account_leverage.give_up_waiting(state, now_ns)
        account_reconciling.reconcile_when_due(state, now_ns)
        actions = account_leftovers.drive(state, now_ns)
        return actions + account_safety.watch_equity(state, now_ns) + account_day.keep_equity(state, now_ns)

    def status(self, now_ns: int) -> dict[str, Any]:
        """Plain values for the status of the process and the live table."""
        state = self.state
        refusal = account_entries.why_not_open(state, now_ns) or account_leverage.why_nothing(state, now_ns)
        equity, today, row = state.equity(), account_day.result(state), state.baseline
        return {
            "epoch": state.epoch,
            "generation": state.config.generation,
            "config_hash": state.config.content_hash(),
            "may_open": refusal is None,
            "why_not": "" if refusal is None else f"{refusal.reason}: {refusal.detail}",
            "positions": [
                {
                    "symbol": key.symbol,
                    "position_idx": key.position_idx,
                    "size": f"{p.size:f}",
                    "entry": _text(p.entry_price),
                }
                for key, p in ((key, state.positions[key]) for key in state.positions.held)
            ],
            "open_intents": len(state.open_intents()),
            "resting_entries": account_resting.status(state),
            "equity": _text(equity),
            "baseline": _text(None if row is None else account_day.first_equity(state, row)),
            "result_today": _text(today),
            "loss_today": _text(
                None if row is None or today is None else account_day.loss(state, row, today)
            ),
            "transfers_today": _text(None if row is None else row.transfers),
            "latches": sorted(state.latches),
            "leverage": account_leverage.status(state, now_ns),
            "kill_switch": account_kill_switch.status(state),
            "reconciliation": account_reconciling.status(state),
            "signals_seen": state.tally.signals,
            "accepted": state.tally.accepted,
            "refused_by_reason": {str(k): v for k, v in sorted(state.tally.refused.items())},
            "orders_not_taken_by_reason": dict(sorted(state.tally.not_taken.items())),
            "orders_sent": state.tally.submitted,
            "fills": state.tally.fills,
        }


def _concerned(state: AccountState, event: AnyEvent) -> Iterable[PositionKey]:
    """Whose protection an event may have touched: looking at every position for each price costs time."""
    match event:
        case MarketMoved():
            return state.keys(event.symbol) if event.mark is not None else ()
        case PositionSeen():
            return (event.position.key,)
        case ProtectionAnswered():
            return (event.key,)
        case Ticked() | ExecutionSeen() | OrderQueried() | ExchangeRead() | AccountListed():
            return state.positions.held
        case _:
            return ()


def _text(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}"
