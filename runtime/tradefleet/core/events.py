"""Everything that AccountCore can be told. Frozen, serialisable, logged in the order of arrival.

`now_ns` is the shell's clock, corrected to the exchange's, when it handed the event on: the only
clock the core knows. Times of the exchange are fields of the values inside.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from tradefleet.domain.fills import Execution
from tradefleet.domain.instruments import Instrument
from tradefleet.domain.orders import Account, ExchangeOrder
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.signals import Signal
from tradefleet.orders.exchange_view import ExchangeView, Listing, UnclearRow, Wallet
from tradefleet.orders.intents import IntentRecord
from tradefleet.orders.outcome import Outcome
from tradefleet.positions.plan import PositionRecord
from tradefleet.risk.day import Baseline as Baseline
from tradefleet.spec.snapshot import ConfigSnapshot


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One thing that happened; `now_ns` is when the core was told."""

    now_ns: int


class ShardOwner(msgspec.Struct, frozen=True, kw_only=True):
    """The one process of a shard whose signals count, and the number of that choice."""

    shard: int
    instance: str
    owner_epoch: int
    generation: int


class LatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A latch that is engaged: opening is forbidden until somebody clears it by its id."""

    latch_id: str
    kind: str
    reason: str
    actor: str
    engaged_ns: int


class EquityKept(msgspec.Struct, frozen=True, kw_only=True):
    """Open profit as it was journaled last, and when."""

    at_ns: int
    unrealised: Decimal


class SignalMark(msgspec.Struct, frozen=True, kw_only=True):
    """The newest accepted signal of one strategy in one symbol, and when it was decided (`Signal.at_ns`): an
    older one is superseded."""

    strategy: str
    symbol: str
    at_ns: int
    signal_id: str


class KillSwitchSeen(msgspec.Struct, frozen=True, kw_only=True):
    """What one generation of the spec said of the kill switch; an edge is a difference from it."""

    engaged: bool
    clear: str


class Restored(Event, frozen=True, kw_only=True):
    """The first event of an epoch: all that the journal knew.

    intents: those that are not final, and every final one of the last hour. seen_signals: ids of
    signals judged in the last ten minutes. executions_counted: ids of executions already in
    `positions`: all of those since executions_known_from_ns, by the exchange's time; what is older is counted
    as a whole. quiet_until_ns: when the last valid_until of any predecessor
    has safely passed; nothing is opened before. kill_switch_before: of the newest generation older than
    config's, None when there is none. kill_switches_known: ids of the kill switch's latches, cleared ones
    included. baseline: the newest day's row, as the release before reads it. days: the rows of the newest
    days, oldest first, it among them. equity_kept: the newest row of equity. earlier: with an empty journal,
    what trading brought since 00:00 UTC by the exchange's own log; earlier_unread: why that is not known.
    signal_marks: the newest accepted signal of each strategy in each symbol, ever.
    taker_fee: of the exchange, else the one journaled last, else the highest known. instruments: as far as
    their rules could be read; the others follow by InstrumentsRefreshed.
    """

    account: Account
    epoch: int
    config: ConfigSnapshot
    instruments: tuple[Instrument, ...]
    taker_fee: Decimal
    intents: tuple[IntentRecord, ...]
    positions: tuple[PositionRecord, ...]
    executions_counted: tuple[str, ...]
    seen_signals: tuple[str, ...]
    owners: tuple[ShardOwner, ...]
    latches: tuple[LatchRecord, ...]
    baseline: Baseline | None
    quiet_until_ns: int
    kill_switch_before: KillSwitchSeen | None = None
    kill_switches_known: tuple[str, ...] = ()
    days: tuple[Baseline, ...] = ()
    equity_kept: EquityKept | None = None
    earlier: Decimal | None = None
    earlier_unread: str = ""
    signal_marks: tuple[SignalMark, ...] = ()
    executions_known_from_ns: int = 0


class ConfigApplied(Event, frozen=True, kw_only=True):
    """A newer valid snapshot; an older generation is ignored."""

    config: ConfigSnapshot


class BotDeleted(Event, frozen=True, kw_only=True):
    """The bot's resource is gone; the process is about to be told to stop."""


class InstrumentsRefreshed(Event, frozen=True, kw_only=True):
    """The instruments' rules have been read again."""

    instruments: tuple[Instrument, ...]


class SignalReceived(Event, frozen=True, kw_only=True):
    """A shard's signal, read from the stream."""

    signal: Signal


class ShardAnnounced(Event, frozen=True, kw_only=True):
    """A shard process says that it is there.

    generation: of the configuration that it began with. warm: its books are synchronised. leaving: it
    was told to stop.
    """

    shard: int
    instance: str
    generation: int
    warm: bool
    leaving: bool = False


class MarketMoved(Event, frozen=True, kw_only=True):
    """A ticker frame of the executor's own socket; None means unchanged (the topic is alive).

    polled: prices that were asked for by REST instead, while the topic is silent or where there is none. They
    are prices like any other, and no sign that the topic lives.
    """

    symbol: str
    mark: Decimal | None
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    polled: bool = False


class OrderSeen(Event, frozen=True, kw_only=True):
    """An order row of the private stream."""

    order: ExchangeOrder


class ExecutionSeen(Event, frozen=True, kw_only=True):
    """An execution row of the private stream."""

    execution: Execution


class PositionSeen(Event, frozen=True, kw_only=True):
    """A position row of the private stream."""

    position: ExchangePosition


class WalletSeen(Event, frozen=True, kw_only=True):
    """A wallet row of the private stream."""

    wallet: Wallet


class IntentWritten(Event, frozen=True, kw_only=True):
    """The journal has the intent; it may be sent."""

    client_order_id: str


class IntentNotWritten(Event, frozen=True, kw_only=True):
    """The journal does not have it, or may not have it: it was not sent and never will be."""

    client_order_id: str
    reason: str


class SendFinished(Event, frozen=True, kw_only=True):
    """What the one attempt to send came to. ret_code: None when there was no readable answer. reason: a word
    of `orders.codes`, "" for none; message: a sentence."""

    client_order_id: str
    outcome: Outcome
    order_id: str
    ret_code: int | None
    message: str
    reason: str = ""


class QueryAnswer(StrEnum):
    """What a query for one client order id came to."""

    FOUND = "found"
    ABSENT = "absent"
    """Open orders, history and executions all answered, and none knows the id."""
    UNKNOWN = "unknown"
    """Some answer is missing."""


class OrderQueried(Event, frozen=True, kw_only=True):
    """The answer to an AskForOrder. asked_ns: our clock when the question left."""

    client_order_id: str
    answer: QueryAnswer
    order: ExchangeOrder | None
    executions: tuple[Execution, ...]
    asked_ns: int


class AccountListed(Event, frozen=True, kw_only=True):
    """Step 1 of a Reconcile, told as soon as it is read: positions and open orders, each by itself.

    The rules of symbols that it names have come before it, as InstrumentsRefreshed, as far as they could be
    read. ExchangeRead or ExchangeUnread follows. A shell need not tell it: ExchangeRead alone is as good.
    """

    listing: Listing


class TakerFeeRead(Event, frozen=True, kw_only=True):
    """The exchange's word on the taker fee of our symbols, a fraction; it replaces what stood in for it."""

    taker_fee: Decimal


class ExchangeRead(Event, frozen=True, kw_only=True):
    """The answer to a Reconcile: a complete view of the account."""

    view: ExchangeView


class ExchangeUnread(Event, frozen=True, kw_only=True):
    """The account could not be read completely: nothing is known."""

    reason: str


class PrivateStreamChanged(Event, frozen=True, kw_only=True):
    """The private stream is subscribed (up) or lost (down)."""

    up: bool


class RightToOpenChanged(Event, frozen=True, kw_only=True):
    """The lease and the journal give, or take away, the right to open risk."""

    granted: bool
    reason: str


class LatchEngaged(Event, frozen=True, kw_only=True):
    """Somebody else has engaged a latch."""

    latch: LatchRecord


class KillSwitchAsked(Event, frozen=True, kw_only=True):
    """Somebody asks this process itself to engage a latch; the journal does not have it yet."""

    latch: LatchRecord


class OrdersCancelled(Event, frozen=True, kw_only=True):
    """The answer to a CancelOrders. done: the exchange has said so."""

    everything: bool
    done: bool
    reason: str


class ProtectionAnswered(Event, frozen=True, kw_only=True):
    """The answer to a SetProtection; what then stands is shown by position rows alone."""

    key: PositionKey
    generation: int
    outcome: Outcome
    ret_code: int | None
    message: str


class LeverageAnswered(Event, frozen=True, kw_only=True):
    """The answer to a SetLeverage. reason: a word of `orders.codes`, "" for none. again: the same request may
    do better a little later."""

    symbol: str
    leverage: Decimal
    outcome: Outcome
    ret_code: int | None
    message: str
    reason: str = ""
    again: bool = False


class CancelAnswered(Event, frozen=True, kw_only=True):
    """The answer to a CancelOrder. Whatever it is, rows and executions say what was filled."""

    client_order_id: str
    outcome: Outcome
    ret_code: int | None
    message: str


class FoundCancelled(Event, frozen=True, kw_only=True):
    """The answer to a CancelFound. Whatever it is, rows and lists say whether the order still stands."""

    order_id: str
    key: PositionKey
    protects: bool
    outcome: Outcome
    ret_code: int | None
    message: str


class SymbolRead(Event, frozen=True, kw_only=True):
    """The answer to a ReadSymbol: its open orders, and after them its positions, one row of each index that
    the symbol has, flat ones too. asked_ns: when the question left. unclear: orders of which not everything
    is understood. reason: why it could not be read, "" when it was."""

    symbol: str
    asked_ns: int
    orders: tuple[ExchangeOrder, ...] = ()
    positions: tuple[ExchangePosition, ...] = ()
    unclear: tuple[UnclearRow, ...] = ()
    reason: str = ""


class AmendAnswered(Event, frozen=True, kw_only=True):
    """The answer to an AmendOrder; how the order then stands is shown by its rows alone."""

    client_order_id: str
    outcome: Outcome
    ret_code: int | None
    message: str


class UnknownMove(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the exchange's transaction log whose type we do not know. change: of the balance."""

    move_id: str
    kind: str
    currency: str
    change: Decimal
    at_ns: int


class TransfersRead(Event, frozen=True, kw_only=True):
    """The answer to a ReadTransfers: deposits less withdrawals since from_ns; None when it could not be
    read.

    before: those of them that came before the question's first_ns; None when it named none. earlier: what
    trading brought between the question's day_ns and from_ns; None likewise. unknown: what moved the balance
    and is neither a transfer nor trading by any type that we know; it is not in total.
    """

    from_ns: int
    total: Decimal | None
    reason: str = ""
    before: Decimal | None = None
    earlier: Decimal | None = None
    unknown: tuple[UnknownMove, ...] = ()


class LatchCleared(Event, frozen=True, kw_only=True):
    """Somebody has cleared a latch by its id."""

    latch_id: str


class Ticked(Event, frozen=True, kw_only=True):
    """Time has passed."""


AnyEvent = (
    Restored
    | ConfigApplied
    | BotDeleted
    | InstrumentsRefreshed
    | SignalReceived
    | ShardAnnounced
    | MarketMoved
    | OrderSeen
    | ExecutionSeen
    | PositionSeen
    | WalletSeen
    | IntentWritten
    | IntentNotWritten
    | SendFinished
    | OrderQueried
    | AccountListed
    | TakerFeeRead
    | ExchangeRead
    | ExchangeUnread
    | PrivateStreamChanged
    | RightToOpenChanged
    | LatchEngaged
    | KillSwitchAsked
    | LatchCleared
    | OrdersCancelled
    | ProtectionAnswered
    | LeverageAnswered
    | CancelAnswered
    | FoundCancelled
    | SymbolRead
    | AmendAnswered
    | TransfersRead
    | Ticked
)
