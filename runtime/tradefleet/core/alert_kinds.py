"""Every alert, explained: the one table behind docs/reference/alerts.md.

An alert is something that a person should know: the core's `Alert` actions, the problems and warnings of the
executor's shell, and those of the shard's. Each is one line in a log with its `kind`; the executor counts its
own (`tradefleet_executor_errors_total`). A new kind is a member here and a line of the table; tests hold that
nothing raises a kind that is not here, and `make reference` writes the page.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from tradefleet.domain.explained import Explained


class AlertKind(StrEnum):
    """The word that stands in the log, in the metric's label and in the audit."""

    # ---- positions and their protection
    STOP_PASSED = "stop_passed"
    STOP_DOES_NOT_WORK = "stop_does_not_work"
    STOP_REFUSED = "stop_refused"
    STOP_REFUSED_AGAIN = "stop_refused_again"
    STOP_REFUSED_CLOSING = "stop_refused_closing"
    STOP_MISSING = "stop_missing"
    CLOSE_ALL = "close_all"
    PART_GIVEN_UP = "part_given_up"
    POSITION_MISMATCH = "position_mismatch"
    UNPLANNED_FILL = "unplanned_fill"
    UNEXPLAINED_POSITION = "unexplained_position"
    FOREIGN_POSITION = "foreign_position"
    FOREIGN_ORDER = "foreign_order"
    ROW_NOT_UNDERSTOOD = "row_not_understood"
    LIQUIDATED = "liquidated"
    DELEVERAGED = "deleveraged"
    FLAT_EXPIRED = "flat_expired"
    # ---- money
    DAILY_LOSS = "daily_loss"
    UNEXPLAINED_LOSS = "unexplained_loss"
    TRANSFERS_UNREAD = "transfers_unread"
    UNKNOWN_MONEY_MOVE = "unknown_money_move"
    FEE_UNREAD = "fee_unread"
    FEE_COIN_UNKNOWN = "fee_coin_unknown"
    # ---- the kill switch
    KILL_SWITCH = "kill_switch"
    KILL_SWITCH_FLAT = "kill_switch_flat"
    NO_SUCH_LATCH = "no_such_latch"
    ORDERS_NOT_CANCELLED = "orders_not_cancelled"
    FLATTENING_WITHOUT_JOURNAL = "flattening_without_journal"
    SPOOL_UNWRITTEN = "spool_unwritten"
    SPOOL_UNREADABLE = "spool_unreadable"
    # ---- orders and the account
    AMBIGUOUS_SEND = "ambiguous_send"
    ID_WAS_USED = "id_was_used"
    LEVERAGE_REFUSED = "leverage_refused"
    EXCHANGE_UNREAD = "exchange_unread"
    ACCOUNT_UNCHECKED = "account_unchecked"
    AUDIT_LATE = "audit_late"
    DECISION_LOG = "decision_log"
    # ---- leading and stores
    ACCOUNT_IN_USE = "account_in_use"
    KEY_REFUSED = "key_refused"
    FENCED = "fenced"
    POSTGRES_DOWN = "postgres_down"
    REDIS_DOWN = "redis_down"
    OVERLOADED = "overloaded"
    # ---- configuration and rules
    BAD_SNAPSHOT = "bad_snapshot"
    CONFIG_UNREAD = "config_unread"
    UNKNOWN_SYMBOLS = "unknown_symbols"
    RULES_UNREAD = "rules_unread"
    QUOTES_UNREAD = "quotes_unread"
    TAKER_FEE_UNREAD = "taker_fee_unread"
    # ---- messages and connections
    BAD_MESSAGE = "bad_message"
    BAD_TICKER = "bad_ticker"
    BAD_ROW = "bad_row"
    DEAD_LETTER = "dead_letter"
    EXCHANGE_CLOCK = "exchange_clock"
    PRIVATE_STREAM = "private_stream"
    REFUSED = "refused"
    STATUS_UNWRITTEN = "status_unwritten"
    # ---- the key, seen at the start
    MAY_WITHDRAW = "may_withdraw"
    NOT_COVERED = "not_covered"
    NO_ADDRESS = "no_address"
    EXPIRES_SOON = "expires_soon"


_CORE = "executor"
_EXCHANGE = "the exchange"
_YOU = "you"

EXPLAINED: Final[Mapping[AlertKind, Explained]] = MappingProxyType(
    {
        AlertKind.STOP_PASSED: Explained(
            "The mark is beyond a position's stop and none stands there, or the one at the exchange could "
            "not be moved there in time; the position is being closed.",
            _CORE,
            "Watch that it gets flat; then see why no stop stood.",
        ),
        AlertKind.STOP_DOES_NOT_WORK: Explained(
            "A stop stands at the exchange, the mark is beyond it for seconds, and the position is still "
            "held; it is being closed.",
            _CORE,
            "Watch that it gets flat; ask the exchange why the stop did not fire.",
        ),
        AlertKind.STOP_REFUSED: Explained(
            "The exchange refused a stop. It is asked for again, and the account is compared.",
            _EXCHANGE,
            "Read the message. A position whose stop cannot be set should be closed.",
        ),
        AlertKind.STOP_REFUSED_AGAIN: Explained(
            "The exchange goes on refusing a stop; nothing opens while the position shows none.",
            _EXCHANGE,
            "Read the message; set the stop, or close the position, at the exchange.",
        ),
        AlertKind.STOP_REFUSED_CLOSING: Explained(
            "The exchange has refused a position's stop for so long that the position is being closed.",
            _CORE,
            "Watch that it gets flat; then read why the stop was refused.",
        ),
        AlertKind.STOP_MISSING: Explained(
            "A position shows no stop, though one was asked for; nothing opens meanwhile.",
            _CORE,
            "Set one at the exchange, or close the position, when it goes on.",
        ),
        AlertKind.CLOSE_ALL: Explained(
            "The exchange refused a close for its size; the next one closes all that is there.",
            _EXCHANGE,
            "Watch that it gets flat; see whether the contract's step has changed.",
        ),
        AlertKind.PART_GIVEN_UP: Explained(
            "A part of a position is too little for an order, or was refused for its size. The next part "
            "takes it along.",
            _CORE,
            "Nothing; fewer parts, or a larger position, when it comes often.",
        ),
        AlertKind.POSITION_MISMATCH: Explained(
            "Twice the exchange showed another size than our executions sum to. Its size is ours now, and a "
            "latch keeps anything from opening.",
            _CORE,
            "Find out who traded there, then clear the latch by its id.",
        ),
        AlertKind.UNPLANNED_FILL: Explained(
            "An order that is not ours filled and left a position. It gets a stop, and the account is "
            "compared.",
            "whoever sent the order",
            "Close it by hand when it should not be there; give the bot an account of its own.",
        ),
        AlertKind.UNEXPLAINED_POSITION: Explained(
            "The exchange shows a position that our executions do not explain. It gets a stop where none "
            "shows, and the account is compared.",
            "whoever traded it",
            "Close it by hand when it should not be there; give the bot an account of its own.",
        ),
        AlertKind.FOREIGN_POSITION: Explained(
            "A position is held that no signal of the bot opened. It gets a stop where none shows, or none "
            "at all, as `spec.protection.foreignPositions` says; no strategy touches it.",
            _CORE,
            "Find out who trades there. The kill switch and the day's loss would close it.",
        ),
        AlertKind.FOREIGN_ORDER: Explained(
            "An open order has no intent of ours; nothing opens while it stands.",
            "whoever sent the order",
            "Cancel it at the exchange.",
        ),
        AlertKind.ROW_NOT_UNDERSTOOD: Explained(
            "A row of one of the exchange's lists is not understood. Nothing opens in its symbol, or on the "
            "account when the row names none; everything else is protected and closed as ever.",
            _EXCHANGE,
            "Report it with the row; look at the exchange at what it is.",
        ),
        AlertKind.LIQUIDATED: Explained(
            "The exchange has taken a position over.", _EXCHANGE, "Stop, and find out why no stop came first."
        ),
        AlertKind.DELEVERAGED: Explained(
            "The exchange has closed of a position by itself (auto-deleveraging).", _EXCHANGE, "Nothing."
        ),
        AlertKind.FLAT_EXPIRED: Explained(
            "A strategy's FLAT was read after its time, so that it is not followed, and what it should have "
            "ended is still there. Its stop stands, and its timed exit, if it has one, still closes it.",
            _CORE,
            "Close the position by hand when it should not be held; look at why the signal came so late.",
        ),
        AlertKind.DAILY_LOSS: Explained(
            "The day's loss has reached `spec.risk.maxDailyLoss`; everything is closed under a latch.",
            "a rule of risk",
            "Look at the day's trades; clear the latch by its id when trading shall go on.",
        ),
        AlertKind.UNEXPLAINED_LOSS: Explained(
            "Money has left the balance that neither executions nor transfers explain; a latch keeps "
            "anything from opening.",
            "a rule of risk",
            "Find it in the exchange's transaction log, then clear the latch by its id.",
        ),
        AlertKind.TRANSFERS_UNREAD: Explained(
            "Deposits and withdrawals could not be read; they are asked for again.",
            _EXCHANGE,
            "Look at the key's permissions when it goes on.",
        ),
        AlertKind.FEE_UNREAD: Explained(
            "A field of an execution says fee in its name, and is not known here or could not be read: what "
            "it charges is not counted.",
            _CORE,
            "Tell us the field; compare the balance with the transaction log.",
        ),
        AlertKind.FEE_COIN_UNKNOWN: Explained(
            "An execution was charged in a coin of which the wallet does not say what it is worth. A cost "
            "counts one to one, a rebate not at all.",
            _CORE,
            "Hold a little of that coin, or have fees charged in the settle coin.",
        ),
        AlertKind.UNKNOWN_MONEY_MOVE: Explained(
            "A row of the transaction log, of a type that is not known here, moved the balance: it counts "
            "neither as trading nor as a transfer. When it looks like too much of a loss, opening stops.",
            _CORE,
            "Tell us the type; find the row in the transaction log.",
        ),
        AlertKind.KILL_SWITCH: Explained(
            "A closing latch is engaged: entries are cancelled and everything is closed.",
            _YOU + ", or a rule of risk",
            "Nothing until `kill_switch_flat`; then docs/kill-switch.md.",
        ),
        AlertKind.KILL_SWITCH_FLAT: Explained(
            "The account is flat: both lists that were read after the last order could arrive show it.",
            _CORE,
            "Clear the latch by its id when trading shall go on.",
        ),
        AlertKind.NO_SUCH_LATCH: Explained(
            "`spec.killSwitch.clear` names a latch that is not engaged.",
            _YOU,
            "Look at the id in the status.",
        ),
        AlertKind.ORDERS_NOT_CANCELLED: Explained(
            "The exchange did not say that orders were cancelled; it is tried again.",
            _EXCHANGE,
            "Look at the exchange when it goes on.",
        ),
        AlertKind.FLATTENING_WITHOUT_JOURNAL: Explained(
            "A closing latch is known and the journal is away: everything is closed without it.",
            _CORE,
            "Bring Postgres back; docs/kill-switch.md says what is held meanwhile.",
        ),
        AlertKind.SPOOL_UNWRITTEN: Explained(
            "The disk did not take a record of the kill switch; it goes on without.",
            "the disk",
            "Look at the volume of the spool.",
        ),
        AlertKind.SPOOL_UNREADABLE: Explained(
            "A spool of an earlier run cannot be read.", "the disk", "Look at the file that it names."
        ),
        AlertKind.AMBIGUOUS_SEND: Explained(
            "An order was sent and nothing proves whether the exchange has it. It counts as filled and is "
            "asked for.",
            _CORE,
            "Nothing once; look at the way to the exchange when it goes on.",
        ),
        AlertKind.ID_WAS_USED: Explained(
            "The order under an intent's id is older than the intent: its row was lost from the journal, and "
            "the exchange takes no second order under that id. The intent was not taken; a close is made "
            "again under the next id.",
            _CORE,
            "Look at what the journal has lost (docs/stores.md).",
        ),
        AlertKind.LEVERAGE_REFUSED: Explained(
            "The exchange does not take the leverage of a symbol; nothing opens there.",
            _EXCHANGE,
            "See `leverage` in the status (docs/leverage.md).",
        ),
        AlertKind.EXCHANGE_UNREAD: Explained(
            "The account could not be read completely; nothing opens until it was.",
            _EXCHANGE,
            "Look at the way to the exchange when it goes on.",
        ),
        AlertKind.ACCOUNT_UNCHECKED: Explained(
            "A start leads the account that its key is known to open: the exchange did not answer every "
            "question about it. It protects and closes; nothing opens until the account was looked at.",
            _EXCHANGE,
            "Look at the way to the exchange when it goes on.",
        ),
        AlertKind.AUDIT_LATE: Explained(
            "An act that only reduces was done before its entry of the audit; the entry follows.",
            _CORE,
            "Look at Postgres.",
        ),
        AlertKind.DECISION_LOG: Explained(
            "A segment of the decision log could not be written or packed, or was taken away for its bound; "
            "trading goes on without it.",
            "the disk",
            "Look at the volume of the decision log, and at its bounds.",
        ),
        AlertKind.ACCOUNT_IN_USE: Explained(
            "Another bot leads the account; this one waits.",
            _CORE,
            "One bot an account: delete one, or give it another key.",
        ),
        AlertKind.FENCED: Explained(
            "The journal refused a row, since another executor leads by now; this epoch ends.",
            "Postgres",
            "Nothing after a failover.",
        ),
        AlertKind.KEY_REFUSED: Explained(
            "The exchange refuses the key, asked twice: the lease is given up and the process ends.",
            _EXCHANGE,
            "Put a new key into the Secret (docs/install.md). Stops stand at the exchange meanwhile.",
        ),
        AlertKind.POSTGRES_DOWN: Explained(
            "Postgres does not answer: nothing is opened, and the epoch ends.",
            "Postgres",
            "Bring it back. Stops stand at the exchange meanwhile.",
        ),
        AlertKind.REDIS_DOWN: Explained(
            "Redis does not answer: no signal arrives.", "Redis", "Bring it back."
        ),
        AlertKind.OVERLOADED: Explained(
            "More events wait than the executor can work off; this epoch ends, and the next one reads the "
            "account and the signals again.",
            _CORE,
            "Look at what else uses its processor, and at how long Postgres takes.",
        ),
        AlertKind.BAD_SNAPSHOT: Explained(
            "A configuration cannot be used; the last good one stays in force.",
            _YOU,
            "Mend what the message names.",
        ),
        AlertKind.CONFIG_UNREAD: Explained(
            "The source of the configuration does not answer; it is asked again.",
            "the API server",
            "Look at the API server, or at the file.",
        ),
        AlertKind.UNKNOWN_SYMBOLS: Explained(
            "Symbols of the universe are not traded: the exchange does not list them.",
            _EXCHANGE,
            "Take them out, or wait for their listing.",
        ),
        AlertKind.RULES_UNREAD: Explained(
            "The contracts' rules could not be read; those known hold. Of a symbol without any, a position "
            "gets no stop.",
            _EXCHANGE,
            "Look at the way to the exchange when it goes on; protect or close by hand what has no stop.",
        ),
        AlertKind.TAKER_FEE_UNREAD: Explained(
            "The account's taker fee could not be read; the one that was said last counts, else 0.001.",
            _EXCHANGE,
            "Nothing once; entries are smaller than need be until it is read.",
        ),
        AlertKind.QUOTES_UNREAD: Explained(
            "Prices of symbols that are silent, or have no topic, could not be asked for.",
            _EXCHANGE,
            "Look at the way to the exchange when it goes on.",
        ),
        AlertKind.BAD_MESSAGE: Explained(
            "An entry of the bus is no message; it lies in the dead letters.",
            "whoever wrote it",
            "`tradefleet dlq show` (docs/dead-letters.md).",
        ),
        AlertKind.BAD_TICKER: Explained(
            "A price frame could not be read and was left aside.", _EXCHANGE, "Report it when it goes on."
        ),
        AlertKind.BAD_ROW: Explained(
            "A row of the private stream was not understood; it lies in the dead letters, and the account is "
            "compared.",
            _EXCHANGE,
            "Report it with the row.",
        ),
        AlertKind.DEAD_LETTER: Explained(
            "Something that could not be processed was kept with its error.",
            "executor",
            "`tradefleet dlq show` (docs/dead-letters.md).",
        ),
        AlertKind.EXCHANGE_CLOCK: Explained(
            "The exchange's clock could not be measured; the last measurement holds.",
            _EXCHANGE,
            "Look at the way to the exchange when it goes on.",
        ),
        AlertKind.PRIVATE_STREAM: Explained(
            "The private stream is down: nothing opens until it is back and the account was compared.",
            _EXCHANGE,
            "Nothing for some seconds; then look at the way to the exchange and at the key.",
        ),
        AlertKind.REFUSED: Explained(
            "The exchange refused a subscription of market data.",
            _EXCHANGE,
            "Take the symbol out, or report it with the message.",
        ),
        AlertKind.STATUS_UNWRITTEN: Explained(
            "A process could not write its status.", "the disk", "Look at the volume of the status file."
        ),
        AlertKind.MAY_WITHDRAW: Explained(
            "The key may withdraw.", "you, at the exchange", "Take that away: nothing here needs it."
        ),
        AlertKind.NOT_COVERED: Explained(
            "The account holds inverse contracts, options or coins, which nothing here counts, protects or "
            "closes.",
            _EXCHANGE,
            "Give the bot a subaccount of its own, or look after them yourself.",
        ),
        AlertKind.NO_ADDRESS: Explained(
            "The key is bound to no address: anybody who has it may trade, and it expires after 90 days.",
            "you, at the exchange",
            "Bind it to this machine's address.",
        ),
        AlertKind.EXPIRES_SOON: Explained(
            "The key expires soon.", "you, at the exchange", "Renew it, or bind it to an address."
        ),
    }
)
