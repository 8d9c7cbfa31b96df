"""What a target has to leave."""

from tradefleet.domain.quantities import MONEY, divide
from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules.rule import Answer
from tradefleet.spec.bot import BotSpec


def target_above_costs(entry: Entry, account: AccountView, spec: BotSpec) -> Answer:
    """The target leaves at least `exits.minProfit` after both fees."""
    gain = divide(MONEY.subtract(entry.take_profit, entry.price).copy_abs(), entry.price)
    costs = MONEY.add(account.taker_fee, account.taker_fee)
    if MONEY.subtract(gain, costs) >= spec.exits.min_profit:
        return None
    return Refusal(
        Reason.TARGET_BELOW_COSTS, f"target {gain:f} less fees {costs:f} is under {spec.exits.min_profit:f}"
    )
