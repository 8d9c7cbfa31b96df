"""What one entry may lose."""

from tradefleet.domain.quantities import MONEY, divide
from tradefleet.risk.decisions import Reason, Refusal, Resized
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules.rule import Answer
from tradefleet.spec.bot import BotSpec


def max_risk_per_trade(entry: Entry, account: AccountView, spec: BotSpec) -> Answer:
    """Loss at the stop, both fees included, at most `risk.maxRiskPerTrade` of equity; less if it is more."""
    distance = MONEY.subtract(entry.price, entry.stop_loss).copy_abs()
    fees = MONEY.multiply(account.taker_fee, MONEY.add(entry.price, entry.stop_loss))
    loss_per_unit = MONEY.add(distance, fees)
    allowed = MONEY.multiply(account.equity, spec.risk.max_risk_per_trade)
    if MONEY.multiply(entry.qty, loss_per_unit) <= allowed:
        return None
    fits = entry.instrument.size_down(divide(allowed, loss_per_unit))
    detail = f"loss at the stop limited to {allowed:f}: {entry.qty:f} becomes {fits:f}"
    return Resized(fits, detail) if fits > 0 else Refusal(Reason.MAX_RISK_PER_TRADE, detail)
