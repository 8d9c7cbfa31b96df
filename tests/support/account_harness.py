"""A toy exchange and journal around AccountCore, so that its laws can be tested without any I/O.

The exchange fills market orders whole at the mark; the test decides which rows and answers arrive,
in which order, how often. The journal keeps what the core told it to keep, so that a restart can be
played at any moment.
"""

from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
from tests.support.configs import make_snapshot
from tests.support.raw_frames import make_instrument

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.core.account import AccountCore
from tradefleet.domain.fills import Execution, ExecutionType
from tradefleet.domain.orders import Account, ExchangeOrder, OrderStatus, OrderType, Side, TimeInForce
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.signals import Signal, SignalKind, Target
from tradefleet.orders.exchange_view import ExchangeView, Wallet
from tradefleet.orders.intents import Intent, IntentRecord
from tradefleet.orders.outcome import Outcome
from tradefleet.positions.plan import PositionRecord
from tradefleet.spec.bot import OnDelete
from tradefleet.spec.snapshot import ConfigSnapshot

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
ACCOUNT = Account(venue="bybit", environment="paper", uid="100001")
SYMBOL = "ABCUSDT"
MARK = Decimal("100")


Question = act.AskForOrder | act.Reconcile | act.CancelOrders | act.ReadTransfers | act.ReadSymbol


@dataclass
class ToyExchange:
    """Truth: one-way positions, orders by client order id, executions in order.

    others: open orders of nobody's intent, by their id. share: how much of an order the book can fill; the
    rest of it is cancelled. leverages: of symbols in which it was set; ten elsewhere.
    """

    orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    sizes: dict[str, Decimal] = field(default_factory=dict)
    others: dict[str, ExchangeOrder] = field(default_factory=dict)
    stops: dict[str, Decimal] = field(default_factory=dict)
    targets: dict[str, Decimal] = field(default_factory=dict)
    leverages: dict[str, Decimal] = field(default_factory=dict)
    balance: Decimal = Decimal(10000)
    transfers: Decimal = Decimal(0)
    cancels_at_once: int = 500
    duplicates: int = 0
    share: Decimal = Decimal(1)

    def create(self, intent: Intent, now_ns: int) -> tuple[Outcome, int]:
        """Fill it whole, or refuse a reduce-only order that has nothing to reduce."""
        if intent.client_order_id in self.orders:
            self.duplicates += 1
            return Outcome.AMBIGUOUS, 110072
        symbol = intent.key.symbol
        held = self.sizes.get(symbol, Decimal(0))
        qty = intent.qty
        if intent.reduce_only:
            if held * intent.side.sign >= 0:
                return Outcome.REJECTED, 110017
            qty = min(qty, abs(held))
        qty = (qty * self.share).quantize(Decimal("0.01"))
        order_id = f"order-{len(self.orders) + 1}"
        self.orders[intent.client_order_id] = ExchangeOrder(
            category="linear",
            symbol=symbol,
            position_idx=0,
            order_id=order_id,
            client_order_id=intent.client_order_id,
            side=intent.side,
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            status=OrderStatus.FILLED if qty == intent.qty else OrderStatus.CANCELLED,
            reduce_only=intent.reduce_only,
            qty=intent.qty,
            price=MARK,
            cum_exec_qty=qty,
            avg_price=MARK,
            stop_order_type="",
            trigger_price=None,
            create_type="CreateByUser",
            cancel_type="UNKNOWN",
            reject_reason="EC_NoError",
            created_ns=now_ns,
            at_ns=now_ns,
        )
        self._execute(intent.client_order_id, order_id, symbol, intent.side, qty, now_ns, "")
        if intent.stop_loss is not None and self.sizes[symbol]:
            self.stops[symbol] = intent.stop_loss
        if intent.take_profit is not None and self.sizes[symbol]:
            self.targets[symbol] = intent.take_profit
        return Outcome.ACCEPTED, 0

    def cancel_active(self) -> None:
        """A cancel of all active orders, whatever they are; conditional ones stay."""
        active = [n for n, order in self.others.items() if order.status is not OrderStatus.UNTRIGGERED]
        for name in active[: self.cancels_at_once]:
            del self.others[name]

    def stop_out(self, symbol: str, now_ns: int) -> None:
        """The attached stop fires: an execution with no client order id."""
        held = self.sizes.get(symbol, Decimal(0))
        if held:
            side = Side.SELL if held > 0 else Side.BUY
            self._execute("", f"stop-{len(self.executions)}", symbol, side, abs(held), now_ns, "StopLoss")

    def _execute(
        self, name: str, order_id: str, symbol: str, side: Side, qty: Decimal, now_ns: int, stop: str
    ) -> None:
        half = (qty / 2).quantize(Decimal("0.01"))
        for part in [p for p in (half, qty - half) if p > 0]:
            self.executions.append(
                Execution(
                    category="linear",
                    symbol=symbol,
                    exec_id=f"exec-{len(self.executions) + 1}",
                    order_id=order_id,
                    client_order_id=name,
                    side=side,
                    exec_type=ExecutionType.TRADE,
                    price=MARK,
                    qty=part,
                    fee=Decimal("0.01"),
                    is_maker=False,
                    closed_qty=Decimal(0),
                    stop_order_type=stop,
                    create_type="CreateByStopLoss" if stop else "CreateByUser",
                    seq=len(self.executions) + 1,
                    at_ns=now_ns,
                )
            )
        before = self.sizes.get(symbol, Decimal(0))
        self.sizes[symbol] = before + side.sign * qty
        if before * self.sizes[symbol] <= 0:
            self.stops.pop(symbol, None)
            self.targets.pop(symbol, None)

    def protect(self, asked: act.SetProtection, mark: Decimal) -> tuple[Outcome, int]:
        """Set a stop, refused on the wrong side of the mark or without a position."""
        held = self.sizes.get(asked.key.symbol, Decimal(0))
        if held == 0 or (mark - asked.stop_loss) * held <= 0:
            return Outcome.REJECTED, 10001
        self.stops[asked.key.symbol] = asked.stop_loss
        if asked.take_profit is not None:
            self.targets[asked.key.symbol] = asked.take_profit
        return Outcome.ACCEPTED, 0

    def set_leverage(self, asked: act.SetLeverage) -> tuple[Outcome, int]:
        """As it is, or as asked."""
        if self.leverage(asked.symbol) == asked.leverage:
            return Outcome.ALREADY, 110043
        self.leverages[asked.symbol] = asked.leverage
        return Outcome.ACCEPTED, 0

    def leverage(self, symbol: str) -> Decimal:
        """Of a symbol, held or flat."""
        return self.leverages.get(symbol, Decimal(10))

    def positions(self, at_ns: int) -> tuple[ExchangePosition, ...]:
        """A row for each symbol that was ever traded."""
        return tuple(
            ExchangePosition(
                key=PositionKey("linear", symbol),
                size=size,
                entry_price=MARK if size else None,
                mark_price=MARK,
                stop_loss=self.stops.get(symbol),
                take_profit=self.targets.get(symbol),
                leverage=self.leverage(symbol),
                seq=max((row.seq for row in self.executions if row.symbol == symbol), default=1),
                at_ns=at_ns,
            )
            for symbol, size in self.sizes.items()
        )

    def view(self, asked_ns: int) -> ExchangeView:
        """A complete answer, all at once."""
        return ExchangeView(
            asked_ns=asked_ns,
            answered_ns=asked_ns,
            executions_from_ns=0,
            open_orders=tuple(self.others.values()),
            closed_orders=tuple(self.orders.values()),
            executions=tuple(self.executions),
            positions=tuple(row for row in self.positions(asked_ns) if row.size),
            wallet=wallet(asked_ns, str(self.balance)),
        )


def flat_row(symbol: str, now_ns: int) -> ExchangePosition:
    """As the exchange tells of a symbol in which nothing is held, when it is asked for that symbol."""
    return ExchangePosition(
        key=PositionKey("linear", symbol),
        size=Decimal(0),
        entry_price=None,
        mark_price=MARK,
        stop_loss=None,
        take_profit=None,
        leverage=Decimal(10),
        seq=0,
        at_ns=now_ns,
    )


def wallet(now_ns: int, balance: str = "10000") -> Wallet:
    """A wallet without unrealised profit."""
    return Wallet(coin="USDT", wallet_balance=Decimal(balance), equity=Decimal(balance), at_ns=now_ns)


@dataclass
class ToyJournal:
    """What survives a restart."""

    intents: dict[str, IntentRecord] = field(default_factory=dict)
    positions: dict[PositionKey, PositionRecord] = field(default_factory=dict)
    executions: dict[str, None] = field(default_factory=dict)
    signals: dict[str, act.Verdict] = field(default_factory=dict)
    signal_marks: dict[tuple[str, str], ev.SignalMark] = field(default_factory=dict)
    owners: dict[int, ev.ShardOwner] = field(default_factory=dict)
    latches: dict[str, ev.LatchRecord] = field(default_factory=dict)
    latches_known: set[str] = field(default_factory=set)
    kill_switch_before: ev.KillSwitchSeen | None = None
    baseline: ev.Baseline | None = None
    days: dict[int, ev.Baseline] = field(default_factory=dict)
    equity_kept: ev.EquityKept | None = None


class Harness:
    """AccountCore with a clock of its own, the toy exchange and the toy journal."""

    def __init__(self, config: ConfigSnapshot | None = None, symbols: tuple[str, ...] = (SYMBOL,)) -> None:
        self.symbols = symbols
        self.now_ns = START
        self.exchange = ToyExchange()
        self.journal = ToyJournal()
        self.config = config or account_config()
        self.epoch = 0
        self.submitted: list[Intent] = []
        self.unsent: list[Intent] = []
        self.judged: list[act.JudgeSignal] = []
        self.questions: list[Question] = []
        self.found: list[act.CancelFound] = []
        self.protections: list[act.SetProtection] = []
        self.leverages: list[act.SetLeverage] = []
        self.mark = MARK
        self.cancelled: list[bool] = []
        self.alerts: list[str] = []
        self.restart()

    def restart(self) -> None:
        """A new leader: only the journal and the exchange remember anything."""
        self.epoch += 1
        self.unsent.clear()
        self.questions.clear()
        self.protections.clear()
        self.leverages.clear()
        self.core = AccountCore()
        self.tell(
            ev.Restored(
                now_ns=self.now_ns,
                account=ACCOUNT,
                epoch=self.epoch,
                config=self.config,
                instruments=tuple(make_instrument(symbol) for symbol in self.symbols),
                taker_fee=Decimal("0.00055"),
                intents=tuple(self.journal.intents.values()),
                positions=tuple(self.journal.positions.values()),
                executions_counted=tuple(self.journal.executions),
                seen_signals=tuple(self.journal.signals),
                owners=tuple(self.journal.owners.values()),
                latches=tuple(self.journal.latches.values()),
                baseline=self.journal.baseline,
                days=tuple(row for _, row in sorted(self.journal.days.items())),
                equity_kept=self.journal.equity_kept,
                quiet_until_ns=self.quiet_until_ns(),
                kill_switch_before=self.journal.kill_switch_before,
                kill_switches_known=tuple(sorted(self.journal.latches_known)),
                signal_marks=tuple(self.journal.signal_marks.values()),
            )
        )

    def quiet_until_ns(self) -> int:
        """When no order of an earlier leader can arrive any more: here sends are instant."""
        return self.now_ns

    def ready(self) -> "Harness":
        """Everything that opening needs: lease, stream, owner, prices, a finished comparison."""
        self.tell(ev.RightToOpenChanged(now_ns=self.now_ns, granted=True, reason=""))
        self.tell(ev.PrivateStreamChanged(now_ns=self.now_ns, up=True))
        self.announce()
        self.prices()
        self.answer_all()
        self.set_leverages()
        return self

    def announce(self) -> None:
        """The shard's process is there and warm."""
        self.tell(ev.ShardAnnounced(now_ns=self.now_ns, shard=0, instance="pod-a", generation=1, warm=True))

    def prices(self, mark: Decimal | None = None) -> None:
        """A ticker frame; the mark stays until another one is named."""
        self.mark = mark = self.mark if mark is None else mark
        self.tell(ev.MarketMoved(now_ns=self.now_ns, symbol=SYMBOL, mark=mark, bid=mark, ask=mark, last=mark))

    def signal(
        self,
        name: str,
        target: Target,
        *,
        hold_s: int = 0,
        expires_s: int = 2,
        strategy: str = "imbalance",
        symbol: str = SYMBOL,
    ) -> None:
        """A signal of the shard's owner."""
        owner = self.journal.owners.get(0)
        self.tell(
            ev.SignalReceived(
                now_ns=self.now_ns,
                signal=Signal(
                    signal_id=name,
                    bot_uid=self.config.uid,
                    venue="bybit",
                    symbol=symbol,
                    strategy=strategy,
                    kind=SignalKind.BOOK,
                    target=target,
                    strength=1.0,
                    price=MARK,
                    hold_ns=hold_s * SECOND,
                    reason="",
                    at_ns=self.now_ns,
                    seen_ns=self.now_ns,
                    expires_ns=self.now_ns + expires_s * SECOND,
                    shard=0,
                    instance="pod-a",
                    owner_epoch=owner.owner_epoch if owner else 0,
                    generation=1,
                ),
            )
        )

    def wait(self, seconds: float) -> None:
        """Time passes; prices go on."""
        self.now_ns += int(seconds * SECOND)
        self.prices()
        self.tell(ev.Ticked(now_ns=self.now_ns))

    def send(self, *, answered: bool = True) -> None:
        """Every written intent reaches the exchange once; its answer may be lost."""
        for intent in self.unsent[:]:
            self.unsent.remove(intent)
            self.tell(ev.IntentWritten(now_ns=self.now_ns, client_order_id=intent.client_order_id))
            outcome, code = self.exchange.create(intent, self.now_ns)
            self.tell(
                ev.SendFinished(
                    now_ns=self.now_ns,
                    client_order_id=intent.client_order_id,
                    outcome=outcome if answered else Outcome.AMBIGUOUS,
                    order_id="",
                    ret_code=code if answered else None,
                    message="" if answered else "no answer",
                )
            )

    def deliver(self) -> None:
        """All rows of the private stream, again from the first: repeats must not matter."""
        for execution in self.exchange.executions:
            self.tell(ev.ExecutionSeen(now_ns=self.now_ns, execution=execution))
        for order in self.exchange.orders.values():
            self.tell(ev.OrderSeen(now_ns=self.now_ns, order=order))
        for position in self.exchange.positions(self.now_ns):
            self.tell(ev.PositionSeen(now_ns=self.now_ns, position=position))

    def protect(self, *, answered: bool = True, arrives: bool = True) -> None:
        """Every request for a stop reaches the exchange, or does not; its answer may be lost."""
        for asked in self.protections[:]:
            self.protections.remove(asked)
            outcome, code = self.exchange.protect(asked, self.mark) if arrives else (Outcome.AMBIGUOUS, 0)
            self.tell(
                ev.ProtectionAnswered(
                    now_ns=self.now_ns,
                    key=asked.key,
                    generation=asked.generation,
                    outcome=outcome if answered else Outcome.AMBIGUOUS,
                    ret_code=code if answered else None,
                    message="",
                )
            )

    def set_leverages(self, *, answered: bool = True, arrives: bool = True) -> None:
        """Every request for leverage reaches the exchange, or does not; its answer may be lost."""
        while self.leverages:
            asked = self.leverages.pop(0)
            outcome, code = self.exchange.set_leverage(asked) if arrives else (Outcome.AMBIGUOUS, 0)
            self.tell(
                ev.LeverageAnswered(
                    now_ns=self.now_ns,
                    symbol=asked.symbol,
                    leverage=asked.leverage,
                    outcome=outcome if answered else Outcome.AMBIGUOUS,
                    ret_code=code if answered else None,
                    message="",
                )
            )

    def answer_all(self) -> None:
        """Answer every question that the core has asked."""
        while self.questions:
            question = self.questions.pop(0)
            if isinstance(question, act.Reconcile):
                self.tell(ev.ExchangeRead(now_ns=self.now_ns, view=self.exchange.view(self.now_ns)))
                continue
            if isinstance(question, act.CancelOrders):
                self.cancelled.append(question.everything)
                self.exchange.cancel_active()
                self.tell(
                    ev.OrdersCancelled(
                        now_ns=self.now_ns, everything=question.everything, done=True, reason=""
                    )
                )
                continue
            if isinstance(question, act.ReadSymbol):
                self.read_symbol(question.symbol)
                continue
            if isinstance(question, act.ReadTransfers):
                self.tell(
                    ev.TransfersRead(
                        now_ns=self.now_ns, from_ns=question.from_ns, total=self.exchange.transfers
                    )
                )
                continue
            name = question.client_order_id
            order = self.exchange.orders.get(name)
            self.tell(
                ev.OrderQueried(
                    now_ns=self.now_ns,
                    client_order_id=name,
                    answer=ev.QueryAnswer.FOUND if order else ev.QueryAnswer.ABSENT,
                    order=order,
                    executions=tuple(e for e in self.exchange.executions if e.client_order_id == name),
                    asked_ns=self.now_ns,
                )
            )

    def read_symbol(self, symbol: str, asked_ns: int | None = None, **changes: object) -> None:
        """The answer to a reading of one symbol, flat rows included."""
        rows = {row.key.symbol: row for row in self.exchange.positions(self.now_ns)}
        shown: dict[str, object] = {
            "orders": tuple(o for o in self.exchange.others.values() if o.symbol == symbol),
            "positions": (rows.get(symbol) or flat_row(symbol, self.now_ns),),
        }
        asked_ns = self.now_ns if asked_ns is None else asked_ns
        event = ev.SymbolRead(now_ns=self.now_ns, symbol=symbol, asked_ns=asked_ns)
        self.tell(msgspec.structs.replace(event, **(shown | changes)))

    def cancel_found(self, outcome: Outcome = Outcome.ACCEPTED) -> None:
        """Every cancel by the exchange's id arrives and is answered."""
        for asked in self.found[:]:
            self.found.remove(asked)
            if outcome is Outcome.ACCEPTED:
                self.exchange.others.pop(asked.order_id, None)
            self.tell(
                ev.FoundCancelled(
                    now_ns=self.now_ns,
                    order_id=asked.order_id,
                    key=asked.key,
                    protects=asked.protects,
                    outcome=outcome,
                    ret_code=0,
                    message="",
                )
            )

    def edit_leverage(self, **wish: Decimal) -> None:
        """A newer generation with another leverage."""
        section = msgspec.structs.replace(self.config.spec.leverage, **wish)
        spec = msgspec.structs.replace(self.config.spec, leverage=section)
        self.config = msgspec.structs.replace(self.config, generation=self.config.generation + 1, spec=spec)
        self.tell(ev.ConfigApplied(now_ns=self.now_ns, config=self.config))

    def edit_kill_switch(self, *, heard: bool = True, **wish: object) -> None:
        """A newer generation with this kill switch; heard: by the core that leads now."""
        said = self.config.spec.kill_switch
        self.journal.kill_switch_before = ev.KillSwitchSeen(engaged=said.engaged, clear=said.clear)
        spec = msgspec.structs.replace(self.config.spec, kill_switch=msgspec.structs.replace(said, **wish))
        self.config = msgspec.structs.replace(self.config, generation=self.config.generation + 1, spec=spec)
        if heard:
            self.tell(ev.ConfigApplied(now_ns=self.now_ns, config=self.config))

    def delete_bot(self, on_delete: OnDelete) -> None:
        """The bot's resource goes."""
        spec = msgspec.structs.replace(self.config.spec, on_delete=on_delete)
        self.config = msgspec.structs.replace(self.config, generation=self.config.generation + 1, spec=spec)
        self.tell(ev.ConfigApplied(now_ns=self.now_ns, config=self.config))
        self.tell(ev.BotDeleted(now_ns=self.now_ns))

    @property
    def kill_switch(self) -> dict[str, object]:
        """What the core says of it."""
        said: dict[str, object] = self.core.status(self.now_ns)["kill_switch"]
        return said

    def settle(self) -> None:
        """Let everything come to its end."""
        for _ in range(12):
            self.send()
            self.protect()
            self.set_leverages()
            self.deliver()
            self.wait(1)
            self.answer_all()

    @property
    def size(self) -> Decimal:
        """Our size of the one symbol."""
        return self.core.state.position(PositionKey("linear", SYMBOL)).size

    def tell(self, event: ev.AnyEvent) -> None:
        """One event; what was decided is journaled."""
        for action in self.core.handle(event):
            self._keep(action)

    def _keep(self, action: act.AnyAction) -> None:
        journal = self.journal
        match action:
            case act.Submit(intent=intent):
                self.submitted.append(intent)
                self.unsent.append(intent)
                journal.intents[intent.client_order_id] = self.core.state.tracked[
                    intent.client_order_id
                ].record
            case act.JudgeSignal():
                self.judged.append(action)
                journal.signals[action.signal.signal_id] = action.verdict
            case act.KeepSignalMark(mark=mark):
                journal.signal_marks[mark.strategy, mark.symbol] = mark
            case act.KeepIntent(record=record):
                journal.intents[record.intent.client_order_id] = record
            case act.KeepExecution(execution=execution):
                assert execution.exec_id not in journal.executions
                journal.executions[execution.exec_id] = None
            case act.KeepPosition(position=position):
                journal.positions[position.key] = position
            case act.ChooseOwner(owner=owner):
                journal.owners[owner.shard] = owner
            case act.EngageLatch(latch=latch):
                journal.latches[latch.latch_id] = latch
                journal.latches_known.add(latch.latch_id)
            case act.ClearLatch(latch_id=latch_id):
                del journal.latches[latch_id]
            case act.KeepBaseline(baseline=baseline):
                journal.baseline = journal.days[baseline.day] = baseline
            case act.KeepDay(row=row):
                journal.days[row.day] = row
            case act.ForgetDay(day=day):
                journal.days.pop(day, None)
            case act.KeepEquity(at_ns=at_ns, unrealised=unrealised):
                journal.equity_kept = ev.EquityKept(at_ns=at_ns, unrealised=unrealised)
            case act.SetProtection():
                self.protections.append(action)
            case act.SetLeverage():
                self.leverages.append(action)
            case act.CancelFound():
                self.found.append(action)
            case (
                act.AskForOrder()
                | act.Reconcile()
                | act.CancelOrders()
                | act.ReadTransfers()
                | act.ReadSymbol()
            ):
                self.questions.append(action)
            case act.Alert(kind=kind):
                self.alerts.append(kind)
            case _:
                pass


def account_config(**risk: object) -> ConfigSnapshot:
    """A bot with one symbol and `imbalance` on; `risk` replaces limits."""
    snapshot = make_snapshot()
    strategies = msgspec.structs.replace(
        snapshot.spec.strategies,
        imbalance=msgspec.structs.replace(snapshot.spec.strategies.imbalance, enabled=True),
    )
    spec = msgspec.structs.replace(
        snapshot.spec,
        strategies=strategies,
        risk=msgspec.structs.replace(snapshot.spec.risk, **risk),
        universe=msgspec.structs.replace(snapshot.spec.universe, symbols=[SYMBOL]),
    )
    return msgspec.structs.replace(snapshot, spec=spec)


def with_exits(config: ConfigSnapshot, **exits: object) -> ConfigSnapshot:
    """The bot with these fields of `exits` replaced."""
    replaced = msgspec.structs.replace(config.spec.exits, **exits)
    return msgspec.structs.replace(config, spec=msgspec.structs.replace(config.spec, exits=replaced))
