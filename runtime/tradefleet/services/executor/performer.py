"""Does what the core has decided: writes an intent, sends it once, asks, reads, tells a person.

Each long action is a task of the epoch; its answer comes back as an event through the queue.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Final

import msgspec

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.bodies import Amendment, OrderName, Protection
from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.order_client import OrderClient
from tradefleet.adapters.bybit.results import CallResult, SendResult
from tradefleet.adapters.bybit.symbol_reads import SymbolReads
from tradefleet.adapters.failpoints import failpoint
from tradefleet.adapters.postgres.errors import Fenced, IntentExists, JournalDown
from tradefleet.adapters.postgres.journal import Journal
from tradefleet.core.actions import (
    Alert,
    AmendOrder,
    AnyAction,
    AskForOrder,
    CancelFound,
    CancelOrder,
    CancelOrders,
    JudgeSignal,
    ReadSymbol,
    ReadTransfers,
    Reconcile,
    SetLeverage,
    SetProtection,
    Submit,
    Verdict,
    Wish,
)
from tradefleet.core.events import (
    AccountListed,
    AmendAnswered,
    AnyEvent,
    ExchangeRead,
    ExchangeUnread,
    IntentNotWritten,
    IntentWritten,
    LeverageAnswered,
    OrderQueried,
    ProtectionAnswered,
    SendFinished,
    TransfersRead,
)
from tradefleet.orders.audit import Entry
from tradefleet.orders.exchange_view import symbols_of
from tradefleet.orders.intents import Intent
from tradefleet.services.executor.batching import Batches, together_of
from tradefleet.services.executor.canceller import Canceller
from tradefleet.services.executor.status import ExecutorStatus

Put = Callable[[AnyEvent], None]

STOP_PATIENCE_S: Final = 0.4
"""How long a stop may wait for room among the calls; afterwards the core asks again."""
Spawn = Callable[[Coroutine[Any, Any, None]], asyncio.Task[None]]


class Exchange(msgspec.Struct, frozen=True):
    """The ways to the account: orders, reads of all of it and of one symbol, and the exchange's clock."""

    orders: OrderClient
    reads: AccountReads
    symbols: SymbolReads
    clock: ExchangeClock


class Performer:
    """One epoch's hands."""

    def __init__(
        self,
        *,
        journal: Journal,
        exchange: Exchange,
        may_sign: Callable[[Intent], str | None],
        why_not_leading: Callable[[], str | None],
        put: Put,
        learn: Callable[[Iterable[str]], Awaitable[None]],
        spawn: Spawn,
        leave: Callable[[str], None],
        late: Callable[[Entry], None],
        intent_of: Callable[[str], Intent | None],
        status: ExecutorStatus,
        largest_batch: int,
    ) -> None:
        """why_not_leading: asked directly before anything is signed. learn: reads the rules of those of these
        symbols that are not known, and tells them. late: takes an entry of the audit that could not be
        written ahead. intent_of: what a client order id means; None when that is not remembered.
        largest_batch: orders in one request, at most."""
        self._journal = journal
        self._exchange = exchange
        self._may_sign = may_sign
        self._why_not_leading = why_not_leading
        self._canceller = Canceller(journal, exchange, why_not_leading, put, late, status)
        self._put = put
        self._learn = learn
        self._spawn = spawn
        self._leave = leave
        self._intent_of = intent_of
        self._status = status
        self._lost = ""
        self._batches = Batches(largest_batch)
        self.sends: set[asyncio.Task[None]] = set()
        """Creates and cancels whose answer has not come."""

    def lose(self, reason: str) -> None:
        """Write no intent from now on: the journal or the lease has gone."""
        self._lost = self._lost or reason

    async def perform(self, actions: list[AnyAction]) -> tuple[list[AnyAction], list[AnyEvent]]:
        """Do them in their order; what is left to record, and what the core must be told at once."""
        judged = {
            action.signal.signal_id: action
            for action in actions
            if isinstance(action, JudgeSignal) and action.verdict is Verdict.ACCEPTED
        }
        written: set[str] = set()
        together = together_of(actions, judged)
        answers = await self._submit_together(together) if together else []
        done = {intent.client_order_id for intent in together}
        for action in actions:
            match action:
                case Submit(intent=intent) if intent.client_order_id not in done:
                    verdict = judged.get(intent.signal_id)
                    answer = await self._submit(intent, verdict)
                    if isinstance(answer, IntentWritten) and verdict is not None:
                        written.add(intent.signal_id)
                    answers.append(answer)
                case AskForOrder():
                    self._spawn(self._ask(action))
                case Reconcile():
                    self._spawn(self._reconcile(action))
                case CancelOrders():
                    self._awaited(self._canceller.cancel_all(action))
                case CancelOrder():
                    self._awaited(self._canceller.cancel(action))
                case CancelFound():
                    self._awaited(self._canceller.cancel_found(action))
                case ReadSymbol():
                    self._spawn(self._canceller.read_symbol(action))
                case ReadTransfers():
                    self._spawn(self._transfers(action))
                case Alert(kind=kind, detail=detail):
                    self._status.problem(kind, detail)
        left = [a for a in actions if not (isinstance(a, JudgeSignal) and a.signal.signal_id in written)]
        return left, answers

    async def _submit(self, intent: Intent, verdict: JudgeSignal | None) -> AnyEvent:
        """Write the intent; only then may it leave. The core is told before the send can answer."""
        if self._lost:
            return _not_written(intent, self._lost)
        failpoint("order.before_write")
        try:
            await self._journal.write_intent(intent, verdict)
        except JournalDown as error:
            return self._stop_writing(intent, "postgres_down", error)
        except Fenced as error:
            return self._stop_writing(intent, "fenced", error)
        except IntentExists:
            return _not_written(intent, "intent_exists")
        failpoint("order.written")
        return self._leaves([intent], self._send(intent))[0]

    async def _submit_together(self, intents: list[Intent]) -> list[AnyEvent]:
        """Several that reduce: written in one transaction, sent in one request as far as there is room."""
        if self._lost:
            return [_not_written(intent, self._lost) for intent in intents]
        failpoint("order.before_write")
        try:
            await self._journal.write_intents(intents)
        except JournalDown as error:
            first = self._stop_writing(intents[0], "postgres_down", error)
            return [first, *(_not_written(intent, self._lost) for intent in intents[1:])]
        except Fenced as error:
            first = self._stop_writing(intents[0], "fenced", error)
            return [first, *(_not_written(intent, self._lost) for intent in intents[1:])]
        except IntentExists:
            # None of them is there by this: each by itself, so that one does not keep the others.
            return [await self._submit(intent, None) for intent in intents]
        failpoint("order.written")
        batch, alone = self._batches.split(intents, self._exchange.orders.room_for_batch)
        answers = self._leaves(batch, self._send_batch(batch)) if batch else []
        for intent in alone:
            answers += self._leaves([intent], self._send(intent))
        return answers

    def _leaves(self, intents: list[Intent], sending: Coroutine[Any, Any, None]) -> list[AnyEvent]:
        """These are in the journal: they may go. The core is told before the send can answer."""
        self._awaited(sending)
        return [IntentWritten(now_ns=0, client_order_id=intent.client_order_id) for intent in intents]

    def _awaited(self, work: Coroutine[Any, Any, None]) -> None:
        """Its answer is given time when the epoch ends."""
        send = self._spawn(work)
        self.sends.add(send)
        send.add_done_callback(self.sends.discard)

    def _stop_writing(self, intent: Intent, reason: str, error: Exception) -> AnyEvent:
        if reason == "postgres_down":
            self._status.store_down("postgres", str(error))
        else:
            self._status.problem(reason, str(error))
        self.lose(reason)
        self._leave(reason)
        return _not_written(intent, reason)

    async def _send(self, intent: Intent) -> None:
        self._finished(intent, await self._exchange.orders.create(intent, self._may_sign))

    async def _send_batch(self, intents: list[Intent]) -> None:
        results = await self._exchange.orders.create_batch(intents, self._may_sign)
        self._batches.came_to(results)
        for intent, result in zip(intents, results, strict=True):
            self._finished(intent, result)

    def _finished(self, intent: Intent, result: SendResult) -> None:
        self._status.orders_sent += 1
        self._put(
            SendFinished(
                now_ns=0,
                client_order_id=intent.client_order_id,
                outcome=result.outcome,
                order_id=result.order_id,
                ret_code=result.ret_code,
                reason=result.reason.value,
                message=result.message,
            )
        )

    async def _ask(self, action: AskForOrder) -> None:
        asked_ns = self._exchange.clock.now_ns()
        answer, order, executions = await self._exchange.orders.query(
            action.client_order_id, action.symbol, action.created_ns
        )
        self._put(
            OrderQueried(
                now_ns=0,
                client_order_id=action.client_order_id,
                answer=answer,
                order=order,
                executions=executions,
                asked_ns=asked_ns,
            )
        )

    def carry_out(self, wishes: list[Wish]) -> None:
        """These are written, and what they come of: ask the exchange."""
        for wish in wishes:
            match wish:
                case SetProtection():
                    self._spawn(self._protect(wish))
                case SetLeverage():
                    self._spawn(self._set_leverage(wish))
                case AmendOrder():
                    self._spawn(self._amend(wish))

    async def _amend(self, wish: AmendOrder) -> None:
        failpoint("order.before_amend")
        result = await self._exchange.orders.amend(
            _name(wish),
            Amendment(price=wish.price, qty=wish.qty),
            sign_by_ns=wish.sign_by_ns,
            may_sign=self._why_not_leading,
            patience_s=STOP_PATIENCE_S,
        )
        failpoint("order.amended")
        self._put(
            AmendAnswered(
                now_ns=0,
                client_order_id=wish.client_order_id,
                **_said(result),
            )
        )

    async def _protect(self, wish: SetProtection) -> None:
        failpoint("stop.before_send")
        result = await self._exchange.orders.trading_stop(
            wish.key,
            Protection(stop_loss=wish.stop_loss, take_profit=wish.take_profit),
            sign_by_ns=wish.sign_by_ns,
            may_sign=self._why_not_leading,
            patience_s=STOP_PATIENCE_S,
        )
        failpoint("stop.answered")
        self._put(
            ProtectionAnswered(
                now_ns=0,
                key=wish.key,
                generation=wish.generation,
                **_said(result),
            )
        )

    async def _set_leverage(self, wish: SetLeverage) -> None:
        failpoint("leverage.before_send")
        patience_s = max(0, wish.sign_by_ns - self._exchange.clock.now_ns()) / 1e9
        result = await self._exchange.orders.set_leverage(
            wish.symbol,
            wish.leverage,
            sign_by_ns=wish.sign_by_ns,
            window_ms=(wish.valid_until_ns - wish.sign_by_ns) // 1_000_000,
            may_sign=self._why_not_leading,
            patience_s=patience_s,
        )
        failpoint("leverage.answered")
        self._put(
            LeverageAnswered(
                now_ns=0,
                symbol=wish.symbol,
                leverage=wish.leverage,
                outcome=result.outcome,
                ret_code=result.ret_code,
                message=result.message,
                reason=result.reason.value,
                again=result.again,
            )
        )

    async def _transfers(self, action: ReadTransfers) -> None:
        asked = {"first_ns": action.first_ns, "day_ns": action.day_ns}
        try:
            told = await self._exchange.reads.money_moved(action.from_ns, **asked)
        except Unreadable as error:
            answer = TransfersRead(now_ns=0, from_ns=action.from_ns, total=None, reason=str(error))
        else:
            answer = TransfersRead(
                now_ns=0,
                from_ns=action.from_ns,
                total=told.transfers,
                before=told.before if action.first_ns else None,
                earlier=told.earlier if action.day_ns else None,
                unknown=told.unknown,
            )
        self._put(answer)

    async def _reconcile(self, action: Reconcile) -> None:
        meant = ((name, self._intent_of(name)) for name in action.ask_for)
        ask_for = [(name, intent.key.symbol) for name, intent in meant if intent is not None]
        try:
            async for listing in self._exchange.reads.listings(self._exchange.clock.now_ns()):
                # What is held can be protected and closed only by its rules.
                await self._learn(symbols_of(listing))
                self._put(AccountListed(now_ns=0, listing=listing))
            view = await self._exchange.reads.compared(listing, ask_for, action.executions_from_ns)
        except Unreadable as error:
            self._put(ExchangeUnread(now_ns=0, reason=str(error)))
        else:
            self._put(ExchangeRead(now_ns=0, view=view))


def _name(action: AmendOrder) -> OrderName:
    key = action.key
    return OrderName(symbol=key.symbol, client_order_id=action.client_order_id, category=key.category)


def _said(result: CallResult) -> dict[str, Any]:
    """What every answer tells."""
    return {"outcome": result.outcome, "ret_code": result.ret_code, "message": result.message}


def _not_written(intent: Intent, reason: str) -> IntentNotWritten:
    return IntentNotWritten(now_ns=0, client_order_id=intent.client_order_id, reason=reason)
