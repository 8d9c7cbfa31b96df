"""One of each kind of thing that the journal keeps."""

import time
from decimal import Decimal

from tradefleet.core.actions import (
    ChooseOwner,
    EngageLatch,
    JudgeSignal,
    KeepBaseline,
    KeepEquity,
    KeepExecution,
    KeepIntent,
    KeepOrder,
    KeepPosition,
    Verdict,
)
from tradefleet.core.events import Baseline, LatchRecord, ShardOwner
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Account, ExchangeOrder, OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Signal, SignalKind, Target
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.intents import Intent, IntentRecord, IntentState, Leg
from tradefleet.positions.plan import ExitPlan, PositionRecord

ACCOUNT = Account("bybit", "paper", "100001")
BOT = "bot-uid"
KEY = PositionKey("linear", "BTCUSDT")
NOW_NS = time.time_ns()


def make_intent(*, signal_id: str = "s1", epoch: int = 1, attempt: int = 1) -> Intent:
    """An opening market order, valid for 2.5 s from now."""
    return Intent(
        account=ACCOUNT,
        bot_uid=BOT,
        epoch=epoch,
        signal_id=signal_id,
        leg=Leg.OPEN,
        attempt=attempt,
        client_order_id=client_order_id(ACCOUNT, signal_id, Leg.OPEN, attempt),
        strategy="imbalance",
        key=KEY,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        qty=Decimal("0.010"),
        price=None,
        reduce_only=False,
        stop_loss=Decimal("58800.0"),
        take_profit=Decimal("62400.0"),
        reference_price=Decimal("60000.1"),
        created_ns=NOW_NS,
        hold_ns=10_000_000_000,
        sign_by_ns=NOW_NS + 500_000_000,
        valid_until_ns=NOW_NS + 2_500_000_000,
    )


def judged(signal_id: str = "s1", verdict: Verdict = Verdict.ACCEPTED) -> JudgeSignal:
    """A judged signal; its strength is no short binary fraction."""
    signal = Signal(
        signal_id=signal_id,
        bot_uid=BOT,
        venue="bybit",
        symbol="BTCUSDT",
        strategy="imbalance",
        kind=SignalKind.BOOK,
        target=Target.LONG,
        strength=0.1 + 0.2,
        price=Decimal("60000.10"),
        hold_ns=10_000_000_000,
        reason="imbalance 0.71",
        at_ns=NOW_NS,
        seen_ns=NOW_NS,
        expires_ns=NOW_NS + 2_000_000_000,
        shard=0,
        instance="i1",
        owner_epoch=1,
        generation=1,
    )
    return JudgeSignal(signal=signal, verdict=verdict, reason="", detail="")


def kept_intent(
    signal_id: str = "s1", state: IntentState = IntentState.ACCEPTED, epoch: int = 1
) -> KeepIntent:
    """What has become of an intent."""
    record = IntentRecord(intent=make_intent(signal_id=signal_id, epoch=epoch), state=state, order_id="o1")
    return KeepIntent(record=record)


def kept_order(status: OrderStatus, cum_exec_qty: str, at_ns: int = NOW_NS) -> KeepOrder:
    """The order o1 in some state."""
    order = ExchangeOrder(
        category="linear",
        symbol="BTCUSDT",
        position_idx=0,
        order_id="o1",
        client_order_id=make_intent().client_order_id,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        time_in_force=TimeInForce.IOC,
        status=status,
        reduce_only=False,
        qty=Decimal("0.010"),
        price=Decimal("63000.1"),
        cum_exec_qty=Decimal(cum_exec_qty),
        avg_price=Decimal("60000.1"),
        stop_order_type="",
        trigger_price=None,
        create_type="CreateByUser",
        cancel_type="UNKNOWN",
        reject_reason="EC_NoError",
        created_ns=NOW_NS,
        at_ns=at_ns,
    )
    return KeepOrder(order=order)


def kept_execution(exec_id: str = "e1", at_ns: int = NOW_NS) -> KeepExecution:
    """An execution of the order o1."""
    execution = Execution(
        category="linear",
        symbol="BTCUSDT",
        exec_id=exec_id,
        order_id="o1",
        client_order_id=make_intent().client_order_id,
        side=Side.BUY,
        exec_type=ExecutionType.TRADE,
        price=Decimal("60000.10"),
        qty=Decimal("0.010"),
        fee=Decimal("0.33000055"),
        is_maker=False,
        closed_qty=Decimal(0),
        stop_order_type="",
        create_type="CreateByUser",
        seq=7,
        at_ns=at_ns,
    )
    return KeepExecution(execution=execution)


def kept_position(size: str = "0.010") -> KeepPosition:
    """The position that the execution makes."""
    plan = ExitPlan(
        strategy="imbalance",
        signal_id="s1",
        stop_loss=Decimal("58800.0"),
        take_profit=Decimal("62400.0"),
        opened_ns=NOW_NS,
        flat_by_ns=NOW_NS + 12_000_000_000,
    )
    record = PositionRecord(
        key=KEY,
        size=Decimal(size),
        entry_price=Decimal("60000.10"),
        generation=1,
        realised=Decimal(0),
        fees=Decimal("0.33000055"),
        plan=plan,
        at_ns=NOW_NS,
    )
    return KeepPosition(position=record)


def kept_equity() -> KeepEquity:
    """Equity now."""
    return KeepEquity(
        equity=Decimal("9999.7"), wallet_balance=Decimal(10_000), unrealised=Decimal("-0.3"), at_ns=NOW_NS
    )


def kept_baseline(equity: str = "10000.000") -> KeepBaseline:
    """Equity at the beginning of a day."""
    return KeepBaseline(baseline=Baseline(day=20_000, equity=Decimal(equity)))


def engaged(latch_id: str = "daily-loss-20000", engaged_ns: int = NOW_NS) -> EngageLatch:
    """A latch of the daily loss."""
    latch = LatchRecord(
        latch_id=latch_id, kind="daily_loss", reason="5 %", actor="core", engaged_ns=engaged_ns
    )
    return EngageLatch(latch=latch)


def chosen(instance: str = "i1", owner_epoch: int = 1) -> ChooseOwner:
    """The choice of shard 0's owner."""
    return ChooseOwner(owner=ShardOwner(shard=0, instance=instance, owner_epoch=owner_epoch, generation=1))
