"""What AccountCore remembers: one object, changed only by the modules account_*.py beside it.

Every collection is a dict in order of arrival or is sorted before it is walked, so that the same
events always give the same actions.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from tradefleet.core.actions import AnyAction, EngageLatch, Reconcile
from tradefleet.core.counted import CountedExecutions
from tradefleet.core.events import LatchRecord, Restored
from tradefleet.core.evidence import Evidence
from tradefleet.core.kept_positions import KeptPositions
from tradefleet.core.open_profit import OpenProfit
from tradefleet.core.ownership import Owners
from tradefleet.core.recent_ids import RecentIds
from tradefleet.core.tracked_intents import TrackedIntents
from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Account, ExchangeOrder, Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.quantities import MONEY, ZERO, agree
from tradefleet.domain.signals import Signal
from tradefleet.orders.exchange_view import Wallet
from tradefleet.orders.intents import Leg
from tradefleet.orders.reconciliation_report import ReconciliationReport
from tradefleet.orders.standing import StandingOrders
from tradefleet.orders.tracked import Tracked
from tradefleet.positions.ledger import flat
from tradefleet.positions.legs import legs_of, opened_by
from tradefleet.positions.plan import KILL_SWITCH, PositionRecord
from tradefleet.risk import day as days
from tradefleet.risk.daily_loss import day_of
from tradefleet.risk.day import Baseline
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import PositionMode
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import EquityOf

SECOND_NS = 1_000_000_000
MARKET_SILENT_NS = 5 * SECOND_NS
"""A symbol whose ticker topic has been silent for so long is not opened, and its mark closes nothing."""
CLOSING = frozenset({KILL_SWITCH, "daily_loss"})
"""Kinds of latches that close everything; the others only forbid opening."""
CANCEL_WITHIN_NS = SECOND_NS // 2
"""So long after its decision a cancel may be signed; a repeat is decided anew."""
ANSWER_LATE_NS = 10 * SECOND_NS
"""An answer that has not come so long after its request could be taken last comes no more."""
WEEK_NS = 7 * 86_400 * SECOND_NS
EXECUTION_OVERLAP_NS = 3600 * SECOND_NS
"""Executions are read again from an hour before the newest that is known; repeats are not counted."""


@dataclass(slots=True)
class Market:
    """Latest prices of one symbol, None until heard. heard_ns: when its topic last told anything; a mark that
    it does not mention is as it was. mark_ns: when a mark was last named, by whoever."""

    mark: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    heard_ns: int = 0
    mark_ns: int = 0


@dataclass(slots=True, frozen=True)
class Suspect:
    """A size that is not the sum of our executions. seq: of the row, 0 for none. asked_ns: of the first
    reading that showed it so; since_ns: when that came."""

    ours: Decimal
    theirs: Decimal
    seq: int
    asked_ns: int
    since_ns: int

    def is_same(self, other: "Suspect") -> bool:
        """Whether both are of one state of the position."""
        return (self.ours, self.theirs, self.seq) == (other.ours, other.theirs, other.seq)


@dataclass(slots=True)
class Reconciliation:
    """How far the account has been compared with the exchange.

    done: the last comparison left nothing open. wanted: why another one is due, "" when none is.
    suspects: sizes that differed last time; adopted when they differ again. reason: of the question that is
    outstanding. report: of the last answer, None before one. unread: readings in a row that came to nothing;
    patient_until_ns: the next one waits so long unless it is urgent. unread_told: when a person was last told
    of a cause, as long as that keeps it from being told again.
    """

    done: bool = False
    wanted: str = "start"
    asking: bool = False
    asked_ns: int = 0
    not_before_ns: int = 0
    finished_ns: int = 0
    suspects: dict[PositionKey, Suspect] = field(default_factory=dict)
    reason: str = ""
    report: ReconciliationReport | None = None
    unread: int = 0
    patient_until_ns: int = 0
    unread_told: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class KillSwitchRun:
    """How far the account has been brought to flat, while the kill switch is engaged.

    began_ns: 0 while it is not. cancelled: all active orders were, once. by_id: entries go one by one, since
    the request for all would take what only reduces. asking: the request for all is under way, and its answer
    due by answer_due_ns; none before not_before_ns. entries_stand: some were known when they were last looked
    at, which was at looked_version of the standing orders, and is to be again by look_ns. look_again_ns: when
    a comparison is asked for because of them. look_for_flat_ns: when the lists are read next to show it flat.
    flat_ns: since when it is flat. told: flat for good.
    """

    began_ns: int = 0
    cancelled: bool = False
    by_id: bool = False
    asking: bool = False
    answer_due_ns: int = 0
    not_before_ns: int = 0
    entries_stand: bool = True
    looked_version: int = -1
    look_ns: int = 0
    look_again_ns: int = 0
    look_for_flat_ns: int = 0
    flat_ns: int = 0
    told: bool = False


@dataclass(slots=True)
class CancelTry:
    """A cancel by the exchange's id. asking: no answer yet; the next one not before not_before_ns."""

    asking: bool
    not_before_ns: int


@dataclass(slots=True)
class LeftoverWatch:
    """A symbol in which orders stand that only reduce, and nothing is held. asking: the symbol is being read,
    since asked_ns. shown: a reading has shown them beside nothing held."""

    asking: bool = False
    asked_ns: int = 0
    not_before_ns: int = 0
    shown: bool = False


@dataclass(slots=True)
class Guard:
    """What the exchange shows as the protection of one position, and what is being done about it.

    seen_ns: of the newest row, 0 before one; seen_size: signed; differs_ns: since
    when that is not the sum of our executions, 0 when it is. stop, target: None when not set. asking:
    a request is under way; valid_until_ns: after this none that we sent can be taken. read_back_by_ns: a
    request that was taken should show by then; 0 for none. best: the best mark of the position's generation
    best_of. Of the generation trouble_of: refusals: in a row, since refused_ns, the last one said
    refused_said. bare_ns: since when it shows no stop though it should, 0 when it does. beyond_ns: since when
    the mark stands beyond a stop that stands, 0 when it does not. refused_told, bare_told: a person was told
    what to do. named_of: the generation of which was said that no signal opened it.
    """

    seen_ns: int = 0
    seen_size: Decimal = ZERO
    differs_ns: int = 0
    stop: Decimal | None = None
    target: Decimal | None = None
    asking: bool = False
    not_before_ns: int = 0
    valid_until_ns: int = 0
    read_back_by_ns: int = 0
    refusals: int = 0
    refused_ns: int = 0
    refused_said: str = ""
    refused_told: bool = False
    bare_ns: int = 0
    bare_told: bool = False
    beyond_ns: int = 0
    trouble_of: int = 0
    named_of: int = 0
    best: Decimal | None = None
    best_of: int = 0

    def waits(self, now_ns: int) -> bool:
        """Whether an answer is still to come."""
        return self.asking and now_ns < self.valid_until_ns + ANSWER_LATE_NS

    def shows(self, size: Decimal) -> bool:
        """Whether the newest row is of a position on this side."""
        return agree(self.seen_size, size)

    def stands(self, size: Decimal) -> bool:
        """Whether it shows a stop."""
        return self.stop is not None and self.shows(size)


@dataclass(slots=True)
class LeverageWatch:
    """What is known of one symbol's leverage at the exchange, and what is being done about it.

    known: as the newest row or answer has told, at known_ns; None before one. wish: what it is to be, by
    this configuration and these rules. asked: what the last request wanted, made at asked_ns; asking: it is
    under way, and cannot be taken after valid_until_ns. doubt: what a request wanted whose answer proved
    nothing; it may be taken until doubt_until_ns. refused: why the exchange does not take `asked`, "" when
    it has not said so.
    """

    known: Decimal | None = None
    known_ns: int = 0
    wish: Decimal | None = None
    wish_of: tuple[ConfigSnapshot, Instrument] | None = None
    asked: Decimal | None = None
    asked_ns: int = 0
    asking: bool = False
    valid_until_ns: int = 0
    doubt: Decimal | None = None
    doubt_until_ns: int = 0
    not_before_ns: int = 0
    refused: str = ""


@dataclass(slots=True)
class RestingOrder:
    """What is being done about one entry that may rest; its rows are in its Tracked.

    why_gone: why it is to be cancelled, "" while it may rest. asking: a request is under way, and its answer
    due by answer_due_ns; none before not_before_ns. lost: answers that were given up. answered_ns: when a
    cancel was last answered, or given up, 0 before. amends: how many were asked for. doubt_from_ns: what the
    last amend did is not known; from then on it can do nothing any more, and a row that is read later shows
    it. 0 for no doubt. wished: its price.
    """

    why_gone: str = ""
    asking: bool = False
    answer_due_ns: int = 0
    not_before_ns: int = 0
    lost: int = 0
    answered_ns: int = 0
    amends: int = 0
    amend_not_before_ns: int = 0
    doubt_from_ns: int = 0
    wished: Decimal | None = None


@dataclass(slots=True)
class Days:
    """The rows of the newest days, and what the next one begins with.

    rows: by day. today: the day of the newest event, last told at seen_ns. aside: a row whose day time has
    gone back before, and when it was seen last; None for none. since_ns: executions before it are of no row;
    0 unless the journal was empty. kept: open profit as it was journaled last, at kept_ns and kept_marks.
    marks: those at which the open profit of 00:00 of marks_day was taken. unmarked: positions that were
    taken over while no mark of them was known. earlier: what trading brought before since_ns, on its day;
    unread: why that is not known, "" when it is or when nobody has tried.
    """

    rows: dict[int, Baseline] = field(default_factory=dict)
    today: int = 0
    seen_ns: int = 0
    aside: tuple[Baseline, int] | None = None
    since_ns: int = 0
    kept: Decimal | None = None
    kept_ns: int = 0
    kept_marks: dict[str, Decimal] = field(default_factory=dict)
    marks: dict[str, Decimal] = field(default_factory=dict)
    marks_day: int = 0
    unmarked: set[PositionKey] = field(default_factory=set)
    earlier: Decimal | None = None
    unread: str = ""


@dataclass(slots=True)
class MoneyWatch:
    """Whether the balance is accounted for. differs_ns: since when it is not, 0 when it is. asking: for
    transfers, last at asked_ns; explained_ns: of the last answer. unknown: what that could not name, in
    sums. fees_named: charges that a person has been told of."""

    differs_ns: int = 0
    asking: bool = False
    asked_ns: int = 0
    explained_ns: int = 0
    unknown: dict[str, Decimal] = field(default_factory=dict)
    fees_named: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Tally:
    """Counts for the status; decisions never read them."""

    signals: int = 0
    accepted: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    not_taken: dict[str, int] = field(default_factory=dict)
    submitted: int = 0
    fills: int = 0


class AccountState:
    """Everything AccountCore knows, restored from the journal at the start of an epoch."""

    def __init__(self, event: Restored) -> None:
        self.account: Account = event.account
        self.epoch = event.epoch
        self.config: ConfigSnapshot = event.config
        self.instruments: dict[str, Instrument] = {i.symbol: i for i in event.instruments}
        self.taker_fee = event.taker_fee
        self.tracked = TrackedIntents(Tracked(record=record) for record in event.intents)
        self.positions = KeptPositions(event.positions)
        self.order_indices: dict[str, int] = {}
        self.counted = CountedExecutions(
            event.executions_counted, event.now_ns, event.executions_known_from_ns
        )
        self.seen_signals = RecentIds(event.seen_signals, event.now_ns)
        self.signal_marks = {(mark.strategy, mark.symbol): mark for mark in event.signal_marks}
        self.owners = Owners(event.owners, event.now_ns)
        self.restored_ns = event.now_ns
        self.latches_known: set[str] = {latch.latch_id for latch in event.latches}
        self.latches_cleared: set[str] = set()
        self.kill_switch = KillSwitchRun()
        self.latches: dict[str, LatchRecord] = {latch.latch_id: latch for latch in event.latches}
        self.days = _days(event)
        self.money = MoneyWatch()
        self.quiet_until_ns = event.quiet_until_ns
        self.markets: dict[str, Market] = {}
        self.wallet: Wallet | None = None
        self.wallet_unrealised = ZERO
        self.right_to_open = False
        self.right_reason = "the lease has not been confirmed yet"
        self.private_up = False
        self.foreign_orders: tuple[str, ...] = ()
        self.resting: dict[str, RestingOrder] = {}
        self.not_ours_open: tuple[ExchangeOrder, ...] = ()
        self.standing = StandingOrders()
        self.cancel_tries: dict[str, CancelTry] = {}
        self.leftovers: dict[str, LeftoverWatch] = {}
        self.may_not_open_ns = event.now_ns
        self.deleted = False
        self.reconciliation = Reconciliation()
        self.evidence = Evidence(event)
        self.guards: dict[PositionKey, Guard] = {}
        self.unprotected: dict[PositionKey, None] = {}
        self.leverages: dict[str, LeverageWatch] = {}
        self.leverage_first: dict[str, None] = {}
        self.close_tried_ns: dict[PositionKey, int] = {}
        self.exchange_answered_ns = 0
        self.reversals: dict[PositionKey, Signal] = {}
        self.tally = Tally()
        self._open_profit = OpenProfit()

    @property
    def spec(self) -> BotSpec:
        """The configuration in force."""
        return self.config.spec

    @property
    def baseline(self) -> Baseline | None:
        """Today's row; None before its first reading."""
        row = self.days.rows.get(self.days.today)
        return row if row is not None and row.begun else None

    @baseline.setter
    def baseline(self, row: Baseline) -> None:
        self.days.rows[row.day] = row

    @property
    def hedged(self) -> bool:
        """Whether a symbol has two legs instead of one position."""
        return self.spec.exchange.position_mode is PositionMode.HEDGE

    def keys(self, symbol: str) -> tuple[PositionKey, ...]:
        """The positions that a symbol can have: one, or its long and its short leg."""
        return legs_of(self.spec.exchange.category.value, symbol, hedged=self.hedged)

    def key(self, symbol: str, side: Side) -> PositionKey:
        """The position that an order of this side opens or enlarges."""
        return opened_by(self.spec.exchange.category.value, symbol, side, hedged=self.hedged)

    def position(self, key: PositionKey) -> PositionRecord:
        """The position, flat when there has never been one."""
        return self.positions.get(key) or flat(key)

    def guard(self, key: PositionKey) -> Guard:
        """What is known of a position's protection, created empty at first mention."""
        return self.guards.setdefault(key, Guard())

    def leverage(self, symbol: str) -> LeverageWatch:
        """What is known of a symbol's leverage, created empty at first mention."""
        return self.leverages.setdefault(symbol, LeverageWatch())

    @property
    def sign_within_ns(self) -> int:
        """How long after the decision a request may be signed."""
        return int(MONEY.multiply(self.spec.execution.sign_within_seconds, SECOND_NS))

    @property
    def receive_window_ns(self) -> int:
        """How long after it was signed the exchange may still take a request."""
        return int(MONEY.multiply(self.spec.execution.receive_window_seconds, SECOND_NS))

    def answer_due_ns(self, sign_by_ns: int) -> int:
        """When the answer to a request that is signed by then is waited for no longer."""
        return sign_by_ns + self.receive_window_ns + ANSWER_LATE_NS

    def market(self, symbol: str) -> Market:
        """Prices of a symbol, created empty at first mention."""
        return self.markets.setdefault(symbol, Market())

    def open_intents(self) -> list[Tracked]:
        """Intents that may still change exposure, in order of arrival."""
        return self.tracked.open

    def moving_keys(self) -> set[PositionKey]:
        """Positions that an order may be changing at this moment. One that rests, and shows no more than
        we have counted, hides no difference."""
        return self.tracked.moving

    def exposed_symbols(self) -> frozenset[str]:
        """Symbols with a position or an unresolved opening order, by our books or by the exchange's."""
        return frozenset(self.positions.held_symbols | self.tracked.opening | self.evidence.at_risk)

    def entries(self, key: PositionKey) -> int:
        """Entries held in one position, unresolved opening orders included; one that has filled in part and
        rests with its rest is one."""
        return self.entries_held(key) + len(self.entries_waiting(key))

    def entries_held(self, key: PositionKey) -> int:
        """Entries that have filled into a position; as many as the limit allows when that is not known."""
        position = self.position(key)
        if position.size == 0:
            return 0
        limit = self.spec.risk.max_positions_per_symbol
        return max(1, limit) if position.entries is None else position.entries

    def entries_waiting(self, key: PositionKey) -> list[Tracked]:
        """Unresolved opening orders of a position of which nothing is in it yet."""
        position = self.position(key)
        return [
            tracked
            for tracked in self.tracked.open_of(key)
            if tracked.intent.leg is Leg.OPEN
            and (position.size == 0 or tracked.record.filled_into != position.generation)
        ]

    def closing(self, key: PositionKey) -> bool:
        """True while an order that reduces this position is unresolved."""
        return any(tracked.intent.leg.reduces for tracked in self.tracked.open_of(key))

    def unrealised(self) -> Decimal:
        """Profit of all positions at their marks; a position without a mark counts at its entry."""
        return self._open_profit.total(self.positions, self._mark)

    def _mark(self, symbol: str) -> Decimal | None:
        market = self.markets.get(symbol)
        return None if market is None else market.mark

    def marks_known(self) -> bool:
        """Whether every position has a mark, so that `unrealised` is all there is."""
        return all(self._mark(key.symbol) is not None for key in self.positions.counting)

    def equity(self) -> Decimal | None:
        """What sizes and limits are fractions of, by `sizing.equity`; None while it is not known."""
        if self.spec.sizing.equity is EquityOf.ACCOUNT:
            return self.account_equity()
        return None if self.wallet is None else MONEY.add(self.wallet.wallet_balance, self.unrealised())

    def account_equity(self) -> Decimal | None:
        """The lesser of what the exchange calls margin balance and equity of the whole account, less what
        open profit has fallen since it said so; None while it has not named both."""
        wallet = self.wallet
        if wallet is None or wallet.margin_balance is None or wallet.total_equity is None:
            return None
        fallen = min(ZERO, MONEY.subtract(self.unrealised(), self.wallet_unrealised))
        return MONEY.add(min(wallet.margin_balance, wallet.total_equity), fallen)

    def marks(self) -> dict[str, Decimal]:
        """The marks that are known, by symbol."""
        return {name: market.mark for name, market in self.markets.items() if market.mark is not None}

    def closing_latches(self) -> list[str]:
        """Ids of the latches that close everything, sorted."""
        return sorted(name for name, latch in self.latches.items() if latch.kind in CLOSING)

    def engage(self, latch: LatchRecord) -> EngageLatch:
        """The latch is in force from now on, and is to be written."""
        self.latches[latch.latch_id] = latch
        self.latches_known.add(latch.latch_id)
        return EngageLatch(latch=latch)

    def want_reconciliation(self, reason: str, not_before_ns: int = 0) -> None:
        """Ask for a comparison; opening waits for it."""
        self.reconciliation.done = False
        if not self.reconciliation.wanted:
            self.reconciliation.wanted = reason
        self.reconciliation.not_before_ns = max(self.reconciliation.not_before_ns, not_before_ns)

    def start_reconciliation(self, now_ns: int) -> list[AnyAction]:
        """The question, when one is due and none is outstanding."""
        state = self.reconciliation
        if not state.wanted or state.asking or now_ns < state.not_before_ns:
            return []
        if now_ns < state.patient_until_ns and not self._reading_is_urgent():
            return []
        reason, state.wanted = state.wanted, ""
        state.reason = reason
        state.asking, state.asked_ns = True, now_ns
        newest = max((position.at_ns for position in self.positions.values()), default=0)
        return [
            Reconcile(
                reason=reason,
                ask_for=tuple(t.intent.client_order_id for t in self.open_intents()),
                executions_from_ns=max(newest - EXECUTION_OVERLAP_NS, now_ns - WEEK_NS),
            )
        ]

    def _reading_is_urgent(self) -> bool:
        """Whether something waits for lists alone: a closing latch to be flat, what the journal holds to be
        protected and closed for the first time."""
        if self.closing_latches() and not self.kill_switch.told:
            return True
        return self.evidence.listed_ns == 0 and bool(self.positions.held)


def _days(event: Restored) -> Days:
    """The rows that the journal has, but those whose beginning, or whose first reading, is in the future:
    they are of a clock that was wrong."""
    rows = {row.day: row for row in event.days}
    if event.baseline is not None:
        rows.setdefault(event.baseline.day, event.baseline)
    rows = {day: days.whole(row) for day, row in rows.items()}
    now_ns, kept = event.now_ns, event.equity_kept
    begun = (event.intents, event.positions, event.executions_counted, rows)
    if kept is not None and any(position.at_ns > kept.at_ns for position in event.positions):
        kept = None  # what was held then has changed since
    return Days(
        rows={
            day: row for day, row in rows.items() if row.counted or max(row.starts_ns, row.first_ns) <= now_ns
        },
        today=day_of(now_ns),
        seen_ns=now_ns,
        since_ns=0 if any(begun) else now_ns,
        kept=None if kept is None else kept.unrealised,
        kept_ns=0 if kept is None else kept.at_ns,
        earlier=ZERO if event.earlier is None and not event.earlier_unread else event.earlier,
        unread=event.earlier_unread,
    )
