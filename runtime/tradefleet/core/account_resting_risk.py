"""Entries that rest, judged by the rules of risk as a new entry would be.

Each one without its own reservation, the oldest first: what is older has its place, so that after a limit
was tightened the newest go. One that has filled in part is one of the positions that are counted already, and
taking its rest away would make them no fewer: it is judged by everything else. Only a limit of zero, which
says that nothing opens, takes its rest away too.
"""

from decimal import Decimal
from typing import Final

from tradefleet.core.account_state import AccountState
from tradefleet.domain.quantities import MONEY, ONE
from tradefleet.orders.intents import Leg
from tradefleet.orders.tracked import Tracked
from tradefleet.risk.decisions import Refusal
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.risk.rules import NUMBERS, RULES, judge
from tradefleet.risk.rules.rule import Rule

SLACK: Final = Decimal("1.05")
"""Equity moves all the time: an entry goes when it risks more than is allowed of this many times equity."""

OF_MONEY: Final[tuple[Rule, ...]] = tuple(rule for rule in RULES if rule not in NUMBERS)


def over_the_limits(state: AccountState, resting: list[Tracked]) -> dict[str, str]:
    """By client order id, why it may not rest any more; empty when all may. resting: oldest first."""
    counted = {t.intent.client_order_id for t in resting if t.record.filled == 0}
    exposed = frozenset(state.positions.held_symbols | state.evidence.at_risk | _opening(state, counted))
    entries: dict[str, int] = {}
    found: dict[str, str] = {}
    equity = state.equity()
    for tracked in resting:
        name, symbol = tracked.intent.client_order_id, tracked.intent.key.symbol
        held = entries.get(symbol)
        if held is None:
            held = entries[symbol] = _entries(state, symbol, counted)
        why = _why_gone(state, tracked, equity, exposed, held)
        if why:
            found[name] = why
        elif name in counted:
            entries[symbol] = held + 1
            exposed = exposed if symbol in exposed else exposed | {symbol}
    return found


def _opening(state: AccountState, counted: set[str]) -> set[str]:
    """Symbols in which an order that is not judged here may still open something."""
    return {
        tracked.intent.key.symbol
        for tracked in state.open_intents()
        if tracked.intent.leg is Leg.OPEN and tracked.intent.client_order_id not in counted
    }


def _entries(state: AccountState, symbol: str, counted: set[str]) -> int:
    """Entries of a symbol without those that are judged here."""
    return sum(
        state.entries_held(key)
        + sum(t.intent.client_order_id not in counted for t in state.entries_waiting(key))
        for key in state.keys(symbol)
    )


def _why_gone(
    state: AccountState, tracked: Tracked, equity: Decimal | None, exposed: frozenset[str], held: int
) -> str:
    intent = tracked.intent
    instrument = state.instruments.get(intent.key.symbol)
    if instrument is None or intent.stop_loss is None or intent.take_profit is None:
        return "it has no stop or no target, or the symbol's rules are not known"
    risk = state.spec.risk
    nothing_opens = 0 in (risk.max_positions, risk.max_positions_per_symbol)
    rules = NUMBERS if tracked.record.filled == 0 or nothing_opens else ()
    known = equity is not None and equity > 0
    entry = Entry(
        instrument=instrument,
        side=intent.side,
        qty=intent.qty,
        price=intent.reference_price,
        stop_loss=intent.stop_loss,
        take_profit=intent.take_profit,
    )
    view = AccountView(
        # What an unknown equity means is asked elsewhere, with patience; the other rules do not read it.
        equity=MONEY.multiply(equity, SLACK) if equity is not None and known else ONE,
        exposed=exposed,
        entries=held,
        taker_fee=state.taker_fee,
    )
    answer = judge(entry, view, state.spec, (*rules, *OF_MONEY) if known else rules)
    if isinstance(answer, Refusal):
        return f"{answer.reason}: {answer.detail}"
    return "" if answer.qty == entry.qty else f"only {answer.qty:f} of {entry.qty:f} may be lost at its stop"
