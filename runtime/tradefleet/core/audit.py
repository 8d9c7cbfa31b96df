"""Which entry of the audit an action, or an event, is. One total function: a new action does not compile
until somebody has said here what it means for the audit.

What changes money or the right to spend it is an entry. Questions, prices, and the records by which
we remember (orders, equity, owners) are none.
"""

from typing import assert_never

import msgspec

from tradefleet.core.actions import (
    Alert,
    AmendOrder,
    AnyAction,
    AskForOrder,
    CancelFound,
    CancelOrder,
    CancelOrders,
    ChooseOwner,
    ClearLatch,
    EngageLatch,
    ForgetDay,
    JudgeSignal,
    KeepBaseline,
    KeepDay,
    KeepEquity,
    KeepExecution,
    KeepIntent,
    KeepOrder,
    KeepPosition,
    KeepReport,
    KeepSignalMark,
    ReadSymbol,
    ReadTransfers,
    Reconcile,
    SetLeverage,
    SetProtection,
    Submit,
)
from tradefleet.core.events import (
    AmendAnswered,
    AnyEvent,
    CancelAnswered,
    FoundCancelled,
    LatchRecord,
    LeverageAnswered,
    OrdersCancelled,
    ProtectionAnswered,
    SendFinished,
)
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import Account
from tradefleet.orders.audit import Act, Entry, json_of, plain
from tradefleet.orders.intents import Intent, IntentRecord
from tradefleet.spec.reload import Change, changes
from tradefleet.spec.schema_walk import leaves
from tradefleet.spec.snapshot import ConfigSnapshot


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """Whose entries they are. epoch: None for those who need none, such as a person."""

    account: str
    actor: str
    epoch: int | None = None

    def entry(self, act: Act, subject: str, why: str, what: object, at_ns: int, actor: str = "") -> Entry:
        """An entry by this writer; actor: of somebody else for whom it writes."""
        return Entry(
            account=self.account,
            at_ns=at_ns,
            epoch=self.epoch,
            actor=plain(actor or self.actor),
            act=act,
            subject=plain(subject),
            why=plain(why),
            # In JSON the one character that Postgres does not take is written as an escape.
            what=json_of(what),
        )


def leader(account: Account | str, bot_uid: str, epoch: int) -> Writer:
    """The executor of a bot while it leads."""
    return Writer(account=str(account), actor=f"executor:{bot_uid}", epoch=epoch)


def entry_of(
    action: AnyAction, writer: Writer, at_ns: int, judged: JudgeSignal | None = None
) -> Entry | None:
    """The entry of an action; None when it moves no money. at_ns: when it was decided.

    judged: of a Submit, the verdict on the signal that it comes of, for its reason.
    """
    match action:
        case Submit(intent=intent):
            return intent_entry(intent, judged, writer, at_ns)
        case KeepIntent(record=record):
            return _end(record, writer, at_ns) if record.state.is_final else None
        case KeepExecution(execution=execution):
            return writer.entry(Act.EXECUTION, _of_execution(execution), "", execution, at_ns)
        case KeepPosition(position=position, adopted=why):
            return writer.entry(Act.ADOPTED, position.key.name, why, position, at_ns) if why else None
        case CancelOrders(everything=everything):
            why = "what protected the positions is not needed any more" if everything else "entries must go"
            return writer.entry(Act.CANCEL, "", why, {"everything": everything}, at_ns)
        case CancelOrder():
            whose = {"symbol": action.key.symbol}
            return writer.entry(Act.ORDER_CANCEL, action.client_order_id, action.reason, whose, at_ns)
        case CancelFound():
            found = {"symbol": action.key.symbol, "protects": action.protects}
            return writer.entry(Act.ORDER_CANCEL, action.order_id, action.reason, found, at_ns)
        case AmendOrder():
            shall_be = {"price": action.price, "qty": action.qty}
            return writer.entry(Act.AMEND, action.client_order_id, "the touch has moved", shall_be, at_ns)
        case EngageLatch(latch=latch):
            return latch_engaged(writer, latch, at_ns)
        case ClearLatch(latch_id=latch_id, actor=actor):
            return latch_cleared(writer, latch_id, actor, at_ns)
        case SetProtection(key=key):
            why = f"what stands there is looser than the plan, or gone (generation {action.generation})"
            wish = {"stop_loss": action.stop_loss, "take_profit": action.take_profit}
            return writer.entry(Act.STOP, key.name, why, wish, at_ns)
        case SetLeverage(symbol=symbol, leverage=leverage):
            why = "it is not known to be so, and nothing opens there before"
            return writer.entry(Act.LEVERAGE, symbol, why, {"leverage": leverage}, at_ns)
        case JudgeSignal() | KeepSignalMark() | KeepOrder() | KeepEquity() | ChooseOwner():
            return None
        case KeepBaseline() | KeepDay() | ForgetDay():
            return None
        case AskForOrder() | Reconcile() | ReadSymbol() | KeepReport() | ReadTransfers() | Alert():
            return None
        case never:
            assert_never(never)


def entry_of_event(event: AnyEvent, writer: Writer, at_ns: int) -> Entry | None:
    """The entry of what the exchange has answered to an act of ours; None for every other event."""
    match event:
        case SendFinished():
            what = {
                "outcome": event.outcome.value,
                "order_id": event.order_id,
                "ret_code": event.ret_code,
                "message": event.message,
            }
            return writer.entry(Act.ANSWER, event.client_order_id, event.message, what, at_ns)
        case ProtectionAnswered():
            what = {"outcome": event.outcome.value, "ret_code": event.ret_code, "message": event.message}
            return writer.entry(Act.STOP_ANSWER, event.key.name, event.message, what, at_ns)
        case LeverageAnswered():
            what = {
                "outcome": event.outcome.value,
                "ret_code": event.ret_code,
                "message": event.message,
                "leverage": f"{event.leverage:f}",
            }
            return writer.entry(Act.LEVERAGE_ANSWER, event.symbol, event.message, what, at_ns)
        case CancelAnswered() | AmendAnswered():
            act = Act.ORDER_CANCELLED if isinstance(event, CancelAnswered) else Act.AMENDED
            said = {"outcome": event.outcome.value, "ret_code": event.ret_code, "message": event.message}
            return writer.entry(act, event.client_order_id, event.message, said, at_ns)
        case FoundCancelled():
            said = {"outcome": event.outcome.value, "ret_code": event.ret_code, "message": event.message}
            return writer.entry(Act.ORDER_CANCELLED, event.order_id, event.message, said, at_ns)
        case OrdersCancelled():
            what = {"everything": event.everything, "done": event.done}
            return writer.entry(Act.CANCELLED, "", event.reason, what, at_ns)
        case _:
            return None


def intent_entry(intent: Intent, judged: JudgeSignal | None, writer: Writer, at_ns: int) -> Entry:
    """Of an intent. judged: the verdict on the signal that it comes of, None when there is none."""
    what = {"intent": intent, "signal": None if judged is None else judged.signal}
    return writer.entry(Act.INTENT, intent.client_order_id, _why(intent, judged), what, at_ns)


def latch_engaged(writer: Writer, latch: LatchRecord, at_ns: int) -> Entry:
    """By whoever the latch names."""
    return writer.entry(Act.LATCH_ENGAGED, latch.latch_id, latch.reason, latch, at_ns, latch.actor)


def latch_cleared(writer: Writer, latch_id: str, actor: str, at_ns: int) -> Entry:
    """By `actor`."""
    return writer.entry(Act.LATCH_CLEARED, latch_id, "", {"latch_id": latch_id}, at_ns, actor)


def limits_entry(old: ConfigSnapshot | None, new: ConfigSnapshot, writer: Writer, at_ns: int) -> Entry | None:
    """The entry of a generation that changes a limit; None when it changes none.

    old: what was in force before; None for the first one, of which every limit is told.
    """
    changed = _all_limits(new) if old is None else _changed_limits(old, new)
    if not changed:
        return None
    why = "; ".join(_told(change, first=old is None) for change in changed)
    what = {"generation": new.generation, "hash": new.content_hash(), "changes": changed}
    return writer.entry(Act.LIMITS, f"generation {new.generation}", why, what, at_ns)


def _changed_limits(old: ConfigSnapshot, new: ConfigSnapshot) -> list[Change]:
    limits = {leaf.path for leaf in leaves() if leaf.about.tightens is not None}
    return [change for change in changes(old.spec, new.spec) if change.path in limits]


def _all_limits(new: ConfigSnapshot) -> list[Change]:
    return [
        Change(leaf.path, None, leaf.value(new.spec), leaf.reload, False)
        for leaf in leaves()
        if leaf.about.tightens is not None
    ]


def _told(change: Change, *, first: bool) -> str:
    if first:
        return f"{change.path} is {change.new}"
    return f"{change.path} from {change.old} to {change.new} ({'looser' if change.loosens else 'tighter'})"


def _why(intent: Intent, judged: JudgeSignal | None) -> str:
    if judged is not None:
        signal = judged.signal
        said = f"the strategy {signal.strategy} said {signal.target.value}"
        return f"{said} ({signal.reason})" if signal.reason else said
    match intent.leg.value:
        case "timed-exit":
            return f"the time that the strategy {intent.strategy} meant to hold it was over"
        case "part-1" | "part-2" | "part-3" as part:
            return f"the profit of {part} of the position that {intent.signal_id} has opened was reached"
        case "open":
            return f"the opposite position that {intent.signal_id} found is closed"
        case leg:
            return f"{leg} was asked for by {intent.signal_id}"


def _end(record: IntentRecord, writer: Writer, at_ns: int) -> Entry:
    what = {
        "state": record.state.value,
        "filled": record.filled,
        "order_id": record.order_id,
        "reason": record.reason,
        "ret_code": record.ret_code,
    }
    return writer.entry(Act.END, record.intent.client_order_id, record.reason, what, at_ns)


def _of_execution(execution: Execution) -> str:
    """Its order, when that is one of ours; stops and funding have none."""
    return execution.client_order_id or execution.symbol
