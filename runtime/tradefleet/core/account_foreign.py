"""Positions that no signal of ours has opened: said, and protected or only watched, as the bot's spec says.

With `protection.foreignPositions: protect` such a position gets a stop where its row shows none, after an
alert. A stop that somebody has set there is theirs: it is followed wherever they move it, and put back only
when none shows any more; no ladder and no break-even move it. With `observe` none is set, asked for or
watched. A closing latch closes both. No strategy closes or enlarges them (`account_entries`).
"""

import msgspec

from tradefleet.core.account_state import AccountState
from tradefleet.core.actions import Alert
from tradefleet.orders.grid import is_as_wished
from tradefleet.positions.plan import ADOPTED, ExitPlan, PositionRecord
from tradefleet.positions.protection import first_stop
from tradefleet.spec.trading import ForeignPositions


def is_foreign(position: PositionRecord) -> bool:
    """Whether somebody else has opened it, as far as we know."""
    return position.plan is None or position.plan.is_foreign


def is_observed(state: AccountState) -> bool:
    """Whether positions of others are left without a stop of ours."""
    return state.spec.protection.foreign_positions is ForeignPositions.OBSERVE


def named(state: AccountState, position: PositionRecord) -> list[Alert]:
    """Said once for each position that shows no stop: that it is there, and what is done about it."""
    key, guard = position.key, state.guard(position.key)
    shows_none = guard.shows(position.size) and guard.stop is None
    if guard.named_of == position.generation or not shows_none:
        return []
    guard.named_of = position.generation
    done = "it gets one"
    if is_observed(state):
        done = "it gets none, since spec.protection.foreignPositions is observe"
    detail = f"{key.name}: {position.size:f} is held that no signal opened, and no stop shows; {done}"
    return [Alert(kind="foreign_position", detail=detail)]


def planned(
    state: AccountState, position: PositionRecord, attached_due_ns: int, now_ns: int
) -> PositionRecord:
    """The position with the stop that somebody has set there, or with the one that it should have; the same
    object when nothing changes."""
    key, plan, guard = position.key, position.plan, state.guard(position.key)
    shown = guard.stop if guard.stands(position.size) else None
    wish = None if plan is None else plan.stop_loss
    if shown is not None and (wish is None or not is_as_wished(shown, wish, state.instruments[key.symbol])):
        sent = None if plan is None else plan.stop_sent
        wish = wish if shown == sent else shown
    if wish is None:
        mark = state.market(key.symbol).mark
        entry = position.entry_price or mark
        if entry is None:
            return position
        wish = first_stop(position.sign, entry, mark, state.spec.exits.stop_loss)
    if plan is not None and plan.stop_loss == wish:
        return position
    plan = plan or ExitPlan(
        strategy=ADOPTED,
        signal_id=f"{ADOPTED}/{key.name}/{position.generation}",
        # Nothing is attached to it that could still show by itself.
        opened_ns=now_ns - attached_due_ns,
        stop_loss=None,
        take_profit=None,
        flat_by_ns=0,
    )
    return msgspec.structs.replace(position, plan=msgspec.structs.replace(plan, stop_loss=wish))
