"""Every `risk.decisions.Reason`, explained: the one table behind docs/reference/refusals.md.

A new reason is a member of the enum and a line here; a test holds them together, and `make reference` writes
the page.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tradefleet.domain.explained import Explained
from tradefleet.risk.decisions import Reason

_SHARD = "executor, about the shard"
_CORE = "executor"
_RULE = "a rule of risk"
_YOU = "you, by the spec or a command"
_EXCHANGE = "the exchange's rules"

EXPLAINED: Final[Mapping[Reason, Explained]] = MappingProxyType(
    {
        Reason.NOT_OWNER: Explained(
            "The signal is of a shard process that is not the owner of its shard now, or of another bot.",
            _SHARD,
            "Nothing after a rollout: the owner's own signal counts. When it goes on, look at `owners` in "
            "the status: two shards may run with one index.",
        ),
        Reason.STRATEGY_DISABLED: Explained(
            "The strategy is off in the configuration in force. Its FLAT is still followed.",
            _YOU,
            "Nothing, or `spec.strategies.NAME.enabled: true`.",
        ),
        Reason.UNKNOWN_SYMBOL: Explained(
            "The symbol is not in `spec.universe.symbols`, or the exchange's rules for it are not known.",
            _YOU,
            "Nothing after a symbol was taken out. Else see `unknown_symbols` in the status.",
        ),
        Reason.NOT_TRADING: Explained(
            "The exchange does not trade the contract at present (settling, before its listing, delisted).",
            _EXCHANGE,
            "Wait, or take the symbol out of the universe.",
        ),
        Reason.STALE_SIGNAL: Explained(
            "The signal's time was over when it was read: it was a wish about a market that is gone. Of a "
            "FLAT that leaves a position see the alert `flat_expired`.",
            _CORE,
            "Once after an outage of the bus: nothing. Again and again: look at the clocks, and at how long "
            "signals wait in the shard and in the executor's queue.",
        ),
        Reason.SUPERSEDED: Explained(
            "A newer signal of the same strategy in the same symbol was followed before this one was read.",
            _CORE,
            "Nothing, after a failover or an outage of the bus.",
        ),
        Reason.NOTHING_TO_CLOSE: Explained(
            "A FLAT found neither a position nor an unfinished entry of its strategy: the stop, the target "
            "or the executor's own timed exit came first, or nothing had been opened.",
            _CORE,
            "Nothing.",
        ),
        Reason.BOT_DELETED: Explained(
            "The bot was deleted: nothing opens any more. What `spec.onDelete` leaves keeps its stops.",
            _YOU,
            "Nothing.",
        ),
        Reason.NO_RIGHT_TO_OPEN: Explained(
            "The lease does not allow opening now, or the circuit breaker is open; the detail says which.",
            _CORE,
            "Look at Postgres and at the way to the exchange when it lasts longer than a failover.",
        ),
        Reason.NOT_RECONCILED: Explained(
            "The account is being compared with the exchange, or the last comparison left something open.",
            _CORE,
            "`tradefleet reconciliations --outcome open` says what, when it lasts longer than seconds.",
        ),
        Reason.PREDECESSOR_MAY_SEND: Explained(
            "An order of the leader before may still arrive at the exchange.",
            _CORE,
            "Nothing: it is over a few seconds after a failover.",
        ),
        Reason.PRIVATE_STREAM_DOWN: Explained(
            "The exchange's private stream is not subscribed, so that a fill could not be seen.",
            _CORE,
            "Nothing for some seconds; then look at the way to the exchange and at the key.",
        ),
        Reason.LATCHED: Explained(
            "A latch is engaged: the kill switch, the day's loss, or a difference that a person has to see.",
            _YOU + ", or the executor",
            "Look at what its reason says, then clear it by its id (docs/kill-switch.md).",
        ),
        Reason.FOREIGN_ORDERS: Explained(
            "Open orders stand at the exchange that no intent of ours explains.",
            _CORE,
            "Cancel them, or give the bot an account of its own.",
        ),
        Reason.PAUSED: Explained("`spec.paused` is true.", _YOU, "`spec.paused: false`."),
        Reason.MARKET_SILENT: Explained(
            "The ticker of the symbol has not been heard for 5 s, so that no price is known.",
            _CORE,
            "Look at the executor's public socket when it lasts.",
        ),
        Reason.NO_PRICE: Explained(
            "No price of the symbol has been heard yet.",
            _CORE,
            "Nothing for some seconds; then look at the executor's public socket.",
        ),
        Reason.MARK_UNKNOWN: Explained(
            "The mark of a symbol that is held is not known now, so that neither equity nor the day's loss "
            "is. Nothing is closed for it.",
            _CORE,
            "Nothing for some seconds; then look at the executor's public socket.",
        ),
        Reason.EQUITY_UNKNOWN: Explained(
            "The account's equity is not known. Nothing is closed for it; after a minute resting entries are "
            "cancelled.",
            _CORE,
            "Look at why the wallet cannot be read.",
        ),
        Reason.NO_EQUITY: Explained(
            "Equity, now or what the day's loss is divided by, is not above zero. Nothing is closed for it.",
            _CORE,
            "Fund the account in its settle coin.",
        ),
        Reason.DAY_UNKNOWN: Explained(
            "What the day has brought so far is not known: its first reading has not come, or what was "
            "traded before the first start could not be read.",
            _CORE,
            "The detail says which; look at the way to the exchange when it lasts.",
        ),
        Reason.DAILY_LOSS: Explained(
            "What was lost today before the first start here already reaches `spec.risk.maxDailyLoss`. "
            "Nothing is closed for it.",
            _RULE,
            "Wait for 00:00 UTC, or another limit.",
        ),
        Reason.STOP_PASSED: Explained(
            "The position's own stop, which an entry into it keeps, is not on the far side of the price.",
            _CORE,
            "Nothing.",
        ),
        Reason.CLOSING_FIRST: Explained(
            "The position is being closed, or a stop of the last one there may still arrive.",
            _CORE,
            "Nothing.",
        ),
        Reason.LEVERAGE_NOT_SET: Explained(
            "The symbol's leverage at the exchange is not what the spec allows, or is not known.",
            _CORE,
            "See `leverage` in the status (docs/leverage.md).",
        ),
        Reason.LEFTOVER_ORDERS: Explained(
            "An order that only reduces stands in the symbol and is of an earlier position: it would act on "
            "the next one. The detail names it.",
            _CORE,
            "Nothing: once the symbol is read and shows nothing held it is cancelled by its id. One that a "
            "person made stays until that person cancels it (docs/protection.md).",
        ),
        Reason.ADOPTED_POSITION: Explained(
            "Something is held in the symbol that no signal of ours has opened. It is protected, and neither "
            "enlarged nor closed by a strategy.",
            _CORE,
            "Close it by hand when it should not be there.",
        ),
        Reason.ROW_NOT_UNDERSTOOD: Explained(
            "The exchange shows a row that is not understood: of this symbol, or of one that it does not "
            "name, so that it concerns the account.",
            _CORE,
            "See the alert `row_not_understood`; one complete, readable reading ends it.",
        ),
        Reason.POSITION_UNPROTECTED: Explained(
            "A position shows no stop at the exchange; nothing opens on the account meanwhile.",
            _CORE,
            "See the alerts `stop_missing` and `stop_refused_again`.",
        ),
        Reason.MAX_POSITIONS: Explained(
            "As many symbols are held, or being opened, as `spec.risk.maxPositions` allows.",
            _RULE,
            "Nothing, or another limit.",
        ),
        Reason.MAX_POSITIONS_PER_SYMBOL: Explained(
            "As many entries are in the symbol as `spec.risk.maxPositionsPerSymbol` allows. A position whose "
            "count is not known (it was taken over, or an older release wrote it) counts as full until it is "
            "flat.",
            _RULE,
            "Nothing, or another limit.",
        ),
        Reason.MAX_RISK_PER_TRADE: Explained(
            "Even the smallest size would lose more at the stop than `spec.risk.maxRiskPerTrade` of equity.",
            _RULE,
            "A nearer stop, a larger limit, or more equity.",
        ),
        Reason.SIZE_BELOW_MINIMUM: Explained(
            "The size that is allowed is below the exchange's smallest size or value; a larger one is never "
            "sent instead.",
            _EXCHANGE,
            "A larger `spec.sizing.equityFraction`, more equity, or another symbol.",
        ),
        Reason.TARGET_BELOW_COSTS: Explained(
            "The target would leave less than `spec.exits.minProfit` after both fees.",
            _RULE,
            "A farther `spec.exits.takeProfit`, or a smaller `minProfit`.",
        ),
        Reason.MAX_SLIPPAGE: Explained(
            "The order would pay more than `spec.execution.entry.maxSlippageBps` allows.",
            _RULE,
            "Nothing, or a wider bound.",
        ),
        Reason.ENTRY_PRICE: Explained(
            "The entry has no price at which it could stand: the trigger has been passed, or it is not above "
            "zero.",
            _CORE,
            "Nothing, or another `spec.execution.entry.offsetBps`.",
        ),
        Reason.CONDITIONAL_QUOTA: Explained(
            "The symbol has as many conditional orders as the exchange takes, less two for stops.",
            _EXCHANGE,
            "Cancel orders that are not needed.",
        ),
        Reason.ACTIVE_QUOTA: Explained(
            "The symbol has as many active orders as the exchange takes.",
            _EXCHANGE,
            "Cancel orders that are not needed.",
        ),
    }
)
