"""The exchange's smallest order."""

from tradefleet.domain.quantities import MONEY
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules.rule import Answer
from tradefleet.spec.bot import BotSpec


def minimum_size(entry: Entry, account: AccountView, spec: BotSpec) -> Answer:
    """The exchange's smallest size and notional; larger than wanted is never sent instead."""
    instrument = entry.instrument
    notional = MONEY.multiply(entry.qty, entry.price)
    if entry.qty >= instrument.min_qty and notional >= instrument.min_notional and entry.qty > 0:
        return None
    return Refusal(
        Reason.SIZE_BELOW_MINIMUM,
        f"{entry.qty:f} {instrument.base_coin} ({notional:f}); the exchange wants {instrument.min_qty:f} "
        f"and {instrument.min_notional:f} {instrument.quote_coin}",
    )
