"""Everything that AccountCore can decide. Values only: the shell writes them down, then does them."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.core.events import Baseline, LatchRecord, ShardOwner, SignalMark
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Signal
from tradefleet.orders.intents import Intent, IntentRecord
from tradefleet.orders.reconciliation_report import ReconciliationReport
from tradefleet.positions.plan import PositionRecord


class Action(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One decision."""


class Verdict(StrEnum):
    """What has become of a signal."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOTHING_TO_DO = "nothing_to_do"


class Submit(Action, frozen=True, kw_only=True):
    """Write the intent (fenced by its epoch), then sign and send it once.

    The shell answers with IntentWritten or IntentNotWritten, and after the former with
    SendFinished.
    """

    intent: Intent


class JudgeSignal(Action, frozen=True, kw_only=True):
    """Record a signal with its verdict; of an accepted one, before its intent (same transaction).

    reason: one of the words in `risk.decisions` or "" when accepted; detail: figures for a person.
    """

    signal: Signal
    verdict: Verdict
    reason: str
    detail: str


class KeepSignalMark(Action, frozen=True, kw_only=True):
    """Record which accepted signal of a strategy in a symbol is the newest; it never goes back."""

    mark: SignalMark


class KeepIntent(Action, frozen=True, kw_only=True):
    """Record an intent's new state."""

    record: IntentRecord


class KeepOrder(Action, frozen=True, kw_only=True):
    """Record an order row, from the stream, a query or a reconciliation; it never goes back."""

    order: ExchangeOrder


class KeepExecution(Action, frozen=True, kw_only=True):
    """Record an execution that has just been counted; its KeepPosition follows in the same list."""

    execution: Execution


class KeepPosition(Action, frozen=True, kw_only=True):
    """Record a position as the sum of its executions, with its plan.

    adopted: why the size was taken over from the exchange instead; "" when it was not.
    """

    position: PositionRecord
    adopted: str = ""


class KeepEquity(Action, frozen=True, kw_only=True):
    """Record equity: wallet balance plus unrealised profit at the mark, settle currency."""

    equity: Decimal
    wallet_balance: Decimal
    unrealised: Decimal
    at_ns: int


class KeepBaseline(Action, frozen=True, kw_only=True):
    """Record the newest day's row; in the batch of the executions that it counts."""

    baseline: Baseline


class KeepDay(Action, frozen=True, kw_only=True):
    """Record the row of another day than the newest, or of one whose first reading has not come."""

    row: Baseline


class ForgetDay(Action, frozen=True, kw_only=True):
    """Delete a day's row: it is too old, or its day has not begun."""

    day: int


class AskForOrder(Action, frozen=True, kw_only=True):
    """Ask the exchange for one order by its client order id; answered by OrderQueried."""

    client_order_id: str
    symbol: str
    created_ns: int


class Reconcile(Action, frozen=True, kw_only=True):
    """Read the whole account; answered by ExchangeRead or ExchangeUnread.

    ask_for: client order ids of unresolved intents, to be looked up among closed orders too.
    executions_from_ns: read executions from here on.
    """

    reason: str
    ask_for: tuple[str, ...]
    executions_from_ns: int


class KeepReport(Action, frozen=True, kw_only=True):
    """Show what a comparison came to, and record it unless it says what the one before said (repeats)."""

    report: ReconciliationReport
    repeats: bool = False


class EngageLatch(Action, frozen=True, kw_only=True):
    """Write a latch; the core already acts as if it were written."""

    latch: LatchRecord


class ClearLatch(Action, frozen=True, kw_only=True):
    """Record that a latch was cleared; the core already acts as if it were."""

    latch_id: str
    actor: str


class CancelOrders(Action, frozen=True, kw_only=True):
    """Cancel the account's active orders, all at once; answered by OrdersCancelled.

    Only where they are known to be entries. everything: stops too; nothing asks for that any more, since what
    protects goes by its id alone. sign_by_ns: not signed after this, nor without the lease; 0 for no such
    time. A repeat is a new action.
    """

    everything: bool
    sign_by_ns: int = 0


class CancelOrder(Action, frozen=True, kw_only=True):
    """Cancel one order of ours; answered by CancelAnswered.

    reason: a sentence, for the audit. sign_by_ns: not signed after this, nor without the lease; 0 for no such
    time. A repeat is a new action, decided anew.
    """

    client_order_id: str
    key: PositionKey
    reason: str
    sign_by_ns: int = 0


class CancelFound(Action, frozen=True, kw_only=True):
    """Cancel one order that a reading has shown, by the exchange's id; answered by FoundCancelled.

    protects: it only reduces, and the same reading has shown nothing held in its symbol. Fenced as
    CancelOrder is, so that no former leader takes what protects a later one's position.
    """

    order_id: str
    key: PositionKey
    protects: bool
    reason: str
    sign_by_ns: int


class ReadSymbol(Action, frozen=True, kw_only=True):
    """Read the open orders and then the positions of one symbol, flat rows included; answered by
    SymbolRead."""

    symbol: str


class AmendOrder(Action, frozen=True, kw_only=True):
    """Set price and size (in all, what is filled included) of one resting order, once this is written;
    answered by AmendAnswered.

    Absolute, and both in one request, so that no two requests mix. Fenced as SetProtection is.
    """

    client_order_id: str
    key: PositionKey
    price: Decimal
    qty: Decimal
    sign_by_ns: int
    valid_until_ns: int


class ReadTransfers(Action, frozen=True, kw_only=True):
    """Ask the transaction log for deposits and withdrawals since from_ns; answered by TransfersRead.

    first_ns: which of them came before this is asked as well; 0 when it is not. day_ns: what trading brought
    between this and from_ns is asked as well; 0 when it is not.
    """

    from_ns: int
    first_ns: int = 0
    day_ns: int = 0


class SetProtection(Action, frozen=True, kw_only=True):
    """Set the stop and the target of one position, once its plan is written; answered by
    ProtectionAnswered.

    Absolute prices, None for leaving what is there. Fenced like an entry: not signed after sign_by_ns nor
    without the lease, so that no former leader moves a stop back.
    """

    key: PositionKey
    generation: int
    stop_loss: Decimal
    take_profit: Decimal | None
    sign_by_ns: int
    valid_until_ns: int


class SetLeverage(Action, frozen=True, kw_only=True):
    """Set the leverage of one symbol, once this is in the audit; answered by LeverageAnswered.

    leverage: a multiple of the margin, for both sides. Fenced as a stop is.
    """

    symbol: str
    leverage: Decimal
    sign_by_ns: int
    valid_until_ns: int


class ChooseOwner(Action, frozen=True, kw_only=True):
    """Write the choice of a shard's owner, then publish it."""

    owner: ShardOwner


class Alert(Action, frozen=True, kw_only=True):
    """Tell a person. kind: a word for the metric's label; detail: a sentence."""

    kind: str
    detail: str


Wish = SetProtection | SetLeverage | AmendOrder
"""What is done only once it is written, since no former leader may undo it later."""

AnyAction = (
    Submit
    | JudgeSignal
    | KeepSignalMark
    | KeepIntent
    | KeepOrder
    | KeepExecution
    | KeepPosition
    | KeepEquity
    | KeepBaseline
    | KeepDay
    | ForgetDay
    | AskForOrder
    | Reconcile
    | KeepReport
    | EngageLatch
    | ClearLatch
    | CancelOrders
    | CancelOrder
    | CancelFound
    | ReadSymbol
    | AmendOrder
    | ReadTransfers
    | SetProtection
    | SetLeverage
    | ChooseOwner
    | Alert
)
