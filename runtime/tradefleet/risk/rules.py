"""The limits on an order that opens: one small rule each, in one ordered tuple.

A rule says yes (None), no (Refusal) or less (Resized), and why. `judge` asks them in order; a
resized entry goes on with its new size. What a rule refuses reads the same everywhere.
"""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from tradefleet.domain.quantities import MONEY, ZERO, divide
from tradefleet.risk.decisions import Reason, Refusal, Resized
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.spec.bot import BotSpec

Rule = Callable[[Entry, AccountView, BotSpec], Refusal | Resized | None]


def max_positions(entry: Entry, account: AccountView, spec: BotSpec) -> Refusal | Resized | None:
    """At most `risk.maxPositions` symbols with exposure, unresolved orders included. While more are held,
    since the limit was tightened, those are not entered again either: zero means that nothing opens."""
    held = account.exposed
    if len(held | {entry.instrument.symbol}) <= spec.risk.max_positions:
        return None
    return Refusal(Reason.MAX_POSITIONS, f"{len(held)} symbols held, limit {spec.risk.max_positions}")


def max_positions_per_symbol(entry: Entry, account: AccountView, spec: BotSpec) -> Refusal | Resized | None:
    """At most `risk.maxPositionsPerSymbol` entries in one symbol, unresolved orders included."""
    limit = spec.risk.max_positions_per_symbol
    if account.entries < limit:
        return None
    return Refusal(
        Reason.MAX_POSITIONS_PER_SYMBOL,
        f"{account.entries} entries in {entry.instrument.symbol}, limit {limit}",
    )


def max_risk_per_trade(entry: Entry, account: AccountView, spec: BotSpec) -> Refusal | Resized | None:
    """Loss at the stop, both fees included, at most `risk.maxRiskPerTrade` of equity; less if it is more."""
    distance = abs(MONEY.subtract(entry.price, entry.stop_loss))
    fees = MONEY.multiply(account.taker_fee, MONEY.add(entry.price, entry.stop_loss))
    loss_per_unit = MONEY.add(distance, fees)
    allowed = MONEY.multiply(account.equity, spec.risk.max_risk_per_trade)
    if MONEY.multiply(entry.qty, loss_per_unit) <= allowed:
        return None
    fits = entry.instrument.size_down(divide(allowed, loss_per_unit))
    detail = f"loss at the stop limited to {allowed:f}: {entry.qty:f} becomes {fits:f}"
    return Resized(fits, detail) if fits > 0 else Refusal(Reason.MAX_RISK_PER_TRADE, detail)


def minimum_size(entry: Entry, account: AccountView, spec: BotSpec) -> Refusal | Resized | None:
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


def target_above_costs(entry: Entry, account: AccountView, spec: BotSpec) -> Refusal | Resized | None:
    """The target leaves at least `exits.minProfit` after both fees."""
    gain = divide(abs(MONEY.subtract(entry.take_profit, entry.price)), entry.price)
    costs: Decimal = MONEY.multiply(account.taker_fee, Decimal(2))
    if MONEY.subtract(gain, costs) >= spec.exits.min_profit:
        return None
    return Refusal(
        Reason.TARGET_BELOW_COSTS, f"target {gain:f} less fees {costs:f} is under {spec.exits.min_profit:f}"
    )


RULES: tuple[Rule, ...] = (
    max_positions,
    max_positions_per_symbol,
    target_above_costs,
    max_risk_per_trade,
    minimum_size,
)


def judge(entry: Entry, account: AccountView, spec: BotSpec) -> Entry | Refusal:
    """The entry as the rules allow it, or the first refusal."""
    if account.equity <= ZERO:
        return Refusal(Reason.NO_EQUITY, f"equity is {account.equity:f}")
    for rule in RULES:
        answer = rule(entry, account, spec)
        if isinstance(answer, Refusal):
            return answer
        if isinstance(answer, Resized):
            entry = msgspec.structs.replace(entry, qty=answer.qty)
    return entry
