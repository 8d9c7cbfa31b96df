"""The limits on an order that opens: one small rule a file, in one ordered tuple.

A rule says yes (None), no (Refusal) or less (Resized), and why. `judge` asks them in order; a resized entry
goes on with its new size. What a rule refuses reads the same everywhere. To add a rule: its file here, its
place in `RULES`, and a table of its boundaries in tests/unit/risk/rules.
"""

from typing import Final

import msgspec

from tradefleet.domain.quantities import ZERO
from tradefleet.risk.decisions import Reason, Refusal, Resized
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules.max_positions import max_positions
from tradefleet.risk.rules.max_positions_per_symbol import max_positions_per_symbol
from tradefleet.risk.rules.max_risk_per_trade import max_risk_per_trade
from tradefleet.risk.rules.minimum_size import minimum_size
from tradefleet.risk.rules.rule import Rule
from tradefleet.risk.rules.target_above_costs import target_above_costs
from tradefleet.spec.bot import BotSpec

NUMBERS: Final[tuple[Rule, ...]] = (max_positions, max_positions_per_symbol)
"""What counts positions: an entry that has filled in part is one of them already, and is asked no more."""

RULES: Final[tuple[Rule, ...]] = (*NUMBERS, target_above_costs, max_risk_per_trade, minimum_size)
"""In this order: the size is judged last, when everything has made it smaller that will."""


def judge(
    entry: Entry, account: AccountView, spec: BotSpec, rules: tuple[Rule, ...] = RULES
) -> Entry | Refusal:
    """The entry as the rules allow it, or the first refusal."""
    if account.equity <= ZERO:
        return Refusal(Reason.NO_EQUITY, f"equity is {account.equity:f}")
    for rule in rules:
        answer = rule(entry, account, spec)
        if isinstance(answer, Refusal):
            return answer
        if isinstance(answer, Resized):
            entry = msgspec.structs.replace(entry, qty=answer.qty)
    return entry
