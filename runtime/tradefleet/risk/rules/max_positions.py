"""How many symbols may have exposure at once."""

from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules.rule import Answer
from tradefleet.spec.bot import BotSpec


def max_positions(entry: Entry, account: AccountView, spec: BotSpec) -> Answer:
    """At most `risk.maxPositions` symbols with exposure, unresolved orders included. While more are held,
    since the limit was tightened, those are not entered again either: zero means that nothing opens."""
    held = account.exposed
    if len(held | {entry.instrument.symbol}) <= spec.risk.max_positions:
        return None
    return Refusal(Reason.MAX_POSITIONS, f"{len(held)} symbols held, limit {spec.risk.max_positions}")
