"""How many entries one symbol may hold, both legs of hedge mode together."""

from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules.rule import Answer
from tradefleet.spec.bot import BotSpec


def max_positions_per_symbol(entry: Entry, account: AccountView, spec: BotSpec) -> Answer:
    """At most `risk.maxPositionsPerSymbol` entries in one symbol, unresolved orders included."""
    limit = spec.risk.max_positions_per_symbol
    if account.entries < limit:
        return None
    return Refusal(
        Reason.MAX_POSITIONS_PER_SYMBOL,
        f"{account.entries} entries in {entry.instrument.symbol}, limit {limit}",
    )
