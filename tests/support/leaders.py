"""The account harness with everything that takes time: leaders one after the other over one journal.

Rows are written in batches that die with their leader; intents alone are written at once, each once.
A signed order flies, and arrives while its time is not over, whoever leads by then. The exchange shows
an order in its lists only a while after it has taken it, though its position shows at once. Signals are
read again from where the journal was.
"""

from decimal import Decimal

import msgspec
from tests.support.account_harness import SECOND, Harness, ToyJournal

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.orders import OrderStatus
from tradefleet.orders.exchange_view import ExchangeView
from tradefleet.orders.intents import Intent, IntentRecord, IntentState, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.spec.snapshot import ConfigSnapshot

LONGEST_LAG_NS = 4_900_000_000
"""After its valid_until an order is in every list within the five seconds that absence waits."""

QUIET_NS = 1_250_000_000


class Flight(msgspec.Struct):
    """A signed order on its way. waits: its sender still waits for the answer."""

    intent: Intent
    waits: bool = True


class Leaders(Harness):
    """`Harness` whose leader can be lost in the middle of anything."""

    def __init__(self, config: ConfigSnapshot | None = None) -> None:
        self.batch: list[act.AnyAction] = []
        self.flying: list[Flight] = []
        self.signed: list[str] = []
        self.wrongs: list[str] = []
        self.visible_ns: dict[str, int] = {}
        self.lag_ns = 0
        self.heard: list[ev.SignalReceived] = []
        self.read_up_to = 0
        self.written_opens = 0
        super().__init__(config)

    # ---- leaders come and go

    def dies(self) -> None:
        """The batch and what was not signed are gone; what flies goes on. A new leader reads on."""
        self.batch.clear()
        for flight in self.flying:
            flight.waits = False
        self.now_ns += 2 * SECOND
        self.restart()
        self.ready()
        for event in self.heard[self.read_up_to :]:
            self.tell(msgspec.structs.replace(event, now_ns=self.now_ns))

    def hands_over(self) -> None:
        """Told to stop: everything is written, and the next one need not wait for the lease."""
        self.flush()
        self.now_ns -= 2 * SECOND
        self.dies()

    def quiet_until_ns(self) -> int:
        """As the journal knows it: after the last valid_until of any earlier epoch."""
        last = [r.intent.valid_until_ns for r in self.journal.intents.values() if r.intent.epoch < self.epoch]
        return max(last, default=0) + QUIET_NS

    # ---- the journal

    def flush(self) -> None:
        """One transaction."""
        batch, self.batch = self.batch, []
        for action in batch:
            known = self.journal.intents.get(_intent_id(action))
            if known is not None and known.state.is_final and not _is_final(action):
                continue
            super()._keep(action)
        self.read_up_to = len(self.heard)

    def tell(self, event: ev.AnyEvent) -> None:
        """One event; an intent's fate of being written is told before anything else."""
        if isinstance(event, ev.SignalReceived) and event.signal not in [h.signal for h in self.heard]:
            self.heard.append(event)
        answers: list[ev.AnyEvent] = []
        actions = self.core.handle(event)
        judged = {a.signal.signal_id: a for a in actions if isinstance(a, act.JudgeSignal)}
        for action in actions:
            match action:
                case act.Submit(intent=intent):
                    answers.append(self._write(intent, judged.get(intent.signal_id)))
                case (
                    act.AskForOrder()
                    | act.Reconcile()
                    | act.CancelOrders()
                    | act.CancelOrder()
                    | act.Alert()
                    | act.SetLeverage()
                ):
                    super()._keep(action)
                case _:
                    self.batch.append(action)
        for answer in answers:
            self.tell(answer)

    def _write(self, intent: Intent, judged: act.JudgeSignal | None) -> ev.AnyEvent:
        name, journal = intent.client_order_id, self.journal
        if name in journal.intents:
            return ev.IntentNotWritten(now_ns=self.now_ns, client_order_id=name, reason="intent_exists")
        self.submitted.append(intent)
        self.unsent.append(intent)
        self.written_opens += intent.leg is Leg.OPEN
        journal.intents[name] = IntentRecord(intent=intent, state=IntentState.WRITTEN)
        if judged is not None:
            journal.signals[judged.signal.signal_id] = judged.verdict
        return ev.IntentWritten(now_ns=self.now_ns, client_order_id=name)

    # ---- the way to the exchange

    def sign(self) -> None:
        """What may still be signed flies; what may not comes back."""
        for intent in self.unsent[:]:
            self.unsent.remove(intent)
            if self.now_ns > intent.sign_by_ns:
                self._answered(intent, Outcome.NOT_SENT, None)
                continue
            for flight in self.flying:
                older = flight.intent.epoch < intent.epoch and self.now_ns <= flight.intent.valid_until_ns
                if older and intent.leg is Leg.OPEN:
                    self.wrongs.append(f"{intent.signal_id} opens while an earlier leader's order flies")
            self.signed.append(intent.client_order_id)
            self.flying.append(Flight(intent))

    def arrives(self, number: int, share: Decimal, *, answered: bool, lag_ns: int = 0) -> None:
        """A flight is over: the exchange takes it, or its time has passed."""
        flight = self.flying.pop(number % len(self.flying))
        intent = flight.intent
        outcome, code = Outcome.REJECTED, 10002
        if self.now_ns <= intent.valid_until_ns:
            if intent.client_order_id not in self.journal.intents:
                self.wrongs.append(f"{intent.client_order_id} is not in the journal")
            if intent.leg is Leg.OPEN and self.exchange.sizes.get(intent.key.symbol):
                self.wrongs.append(f"{intent.signal_id} opens on top of a position")
            self.exchange.share = share
            outcome, code = self.exchange.create(intent, self.now_ns)
            seen_ns = min(self.now_ns + lag_ns, intent.valid_until_ns + LONGEST_LAG_NS)
            self.visible_ns[intent.client_order_id] = seen_ns
        if flight.waits:
            self._answered(intent, outcome if answered else Outcome.AMBIGUOUS, code if answered else None)

    def gives_up_waiting(self, number: int, *, arrives: bool) -> None:
        """The sender's time-out; the order may still be on its way."""
        flight = self.flying[number % len(self.flying)]
        if not arrives:
            self.flying.remove(flight)
        if flight.waits:
            flight.waits = False
            self._answered(flight.intent, Outcome.AMBIGUOUS, None)

    def _answered(self, intent: Intent, outcome: Outcome, code: int | None) -> None:
        self.tell(
            ev.SendFinished(
                now_ns=self.now_ns,
                client_order_id=intent.client_order_id,
                outcome=outcome,
                order_id="",
                ret_code=code,
                message="",
            )
        )

    # ---- what the exchange says

    def rows(self) -> list[ev.AnyEvent]:
        """Everything that the private stream could ever have said, in order."""
        said: list[ev.AnyEvent] = []
        for order in self.exchange.orders.values():
            new = {"status": OrderStatus.NEW, "cum_exec_qty": Decimal(0)}
            said.append(ev.OrderSeen(now_ns=self.now_ns, order=msgspec.structs.replace(order, **new)))
        said += [ev.ExecutionSeen(now_ns=self.now_ns, execution=e) for e in self.exchange.executions]
        said += [ev.OrderSeen(now_ns=self.now_ns, order=o) for o in self.exchange.orders.values()]
        return said

    def _seen(self, name: str) -> bool:
        return self.visible_ns.get(name, 0) <= self.now_ns

    def view(self) -> ExchangeView:
        """The lists, which may lag; the position does not."""
        full = self.exchange.view(self.now_ns)
        return msgspec.structs.replace(
            full,
            closed_orders=tuple(o for o in full.closed_orders if self._seen(o.client_order_id)),
            executions=tuple(e for e in full.executions if self._seen(e.client_order_id)),
        )

    def answer_all(self) -> None:
        """Answer every question that the core has asked."""
        while self.questions:
            question = self.questions.pop(0)
            match question:
                case act.Reconcile():
                    self.tell(ev.ExchangeRead(now_ns=self.now_ns, view=self.view()))
                case act.CancelOrders(everything=everything):
                    answer = ev.OrdersCancelled(
                        now_ns=self.now_ns, everything=everything, done=True, reason=""
                    )
                    self.tell(answer)
                case act.AskForOrder(client_order_id=name):
                    self._say(name)

    def _say(self, name: str) -> None:
        order = self.exchange.orders.get(name) if self._seen(name) else None
        self.tell(
            ev.OrderQueried(
                now_ns=self.now_ns,
                client_order_id=name,
                answer=ev.QueryAnswer.ABSENT if order is None else ev.QueryAnswer.FOUND,
                order=order,
                executions=tuple(
                    e for e in self.exchange.executions if order is not None and e.client_order_id == name
                ),
                asked_ns=self.now_ns,
            )
        )

    def cannot_be_read(self) -> None:
        """Every question that is under way is answered by nothing: the answer is that it is unknown."""
        asked, self.questions[:] = list(self.questions), []
        for question in asked:
            if isinstance(question, act.AskForOrder):
                self.tell(
                    ev.OrderQueried(
                        now_ns=self.now_ns,
                        client_order_id=question.client_order_id,
                        answer=ev.QueryAnswer.UNKNOWN,
                        order=None,
                        executions=(),
                        asked_ns=self.now_ns,
                    )
                )
        self.tell(ev.ExchangeUnread(now_ns=self.now_ns, reason="503"))

    def settle(self) -> None:
        """Let everything come to its end."""
        for _ in range(14):
            while self.unsent:
                # What comes back unsigned may lead to the next attempt, which is signed at once as well.
                self.sign()
            while self.flying:
                self.arrives(0, Decimal(1), answered=True)
            for row in self.rows():
                self.tell(row)
            self.announce()
            self.set_leverages()
            self.wait(1)
            self.answer_all()
            self.flush()


def _intent_id(action: act.AnyAction) -> str:
    return action.record.intent.client_order_id if isinstance(action, act.KeepIntent) else ""


def _is_final(action: act.AnyAction) -> bool:
    return isinstance(action, act.KeepIntent) and action.record.state.is_final


def journaled_size(journal: ToyJournal, harness: Harness) -> Decimal:
    """The sum of the executions that the journal has counted."""
    counted = (e for e in harness.exchange.executions if e.exec_id in journal.executions)
    return sum((e.signed_qty for e in counted), Decimal(0))
