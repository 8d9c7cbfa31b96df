"""The kill switch: while a latch of its kind is engaged, nothing opens and everything is closed.

Whoever has a reason engages it: an edge in the bot's spec, the command line, the executor's own endpoint,
the day's loss, the end of a bot.
The acts are the same: entries are cancelled while whatever only reduces stays (account_cancels), positions
are closed by reduce-only orders until the account is flat, and the lists of positions and of open orders are
read once more after the last order that could still arrive. Flat is what both show: neither wallet nor
executions are waited for. What is then left beside nothing held goes by account_leftovers; it is not waited
for either. A restart finds the latch in the journal and goes on.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from tradefleet.core import account_cancels, account_evidence
from tradefleet.core.account_state import CLOSING, SECOND_NS, AccountState, KillSwitchRun
from tradefleet.core.actions import Alert, AnyAction, ClearLatch, KeepPosition
from tradefleet.core.events import KillSwitchSeen, LatchRecord
from tradefleet.positions.plan import KILL_SWITCH, ExitPlan, PositionRecord
from tradefleet.spec.bot import OnDelete
from tradefleet.spec.snapshot import ConfigSnapshot

__all__ = ["CLOSING", "KIND"]

KIND: Final = KILL_SWITCH
ARRIVED_NS: Final = SECOND_NS
"""So long after its valid_until no order can arrive, whatever the clocks think."""
LOOK_AGAIN_NS: Final = 5 * SECOND_NS
"""Lists that do not show it flat yet are read again."""


def latch_of(config: ConfigSnapshot) -> str:
    """The id of the latch that this generation of the spec engages. The bot's uid is in it: a bot that is
    made anew on the same account counts its generations from one again."""
    return f"spec-{config.uid[:8]}-{config.generation}"


def edge(engaged_before: bool, config: ConfigSnapshot, now_ns: int) -> LatchRecord | None:
    """The latch that a generation engages, None when it engages none: only becoming true does."""
    wish = config.spec.kill_switch
    if not wish.engaged or engaged_before:
        return None
    return LatchRecord(
        latch_id=latch_of(config),
        kind=KIND,
        reason=wish.reason or "spec.killSwitch.engaged",
        actor=f"spec:generation {config.generation}",
        engaged_ns=now_ns,
    )


def restored(state: AccountState, before: KillSwitchSeen | None, known: tuple[str, ...]) -> list[AnyAction]:
    """The edge of a configuration that came while nobody led. before: what the newest older generation
    said; known: latches of this kind that have ever been engaged, so that none is engaged twice."""
    state.latches_known |= set(known)
    return _edges(state, before or KillSwitchSeen(engaged=False, clear=""), state.config, state.restored_ns)


def take_config(state: AccountState, config: ConfigSnapshot, now_ns: int) -> list[AnyAction]:
    """A newer configuration: it is in force from now on, and may engage or clear a latch."""
    if config.generation <= state.config.generation:
        return []
    said = state.config.spec.kill_switch
    state.config = config
    return _edges(state, KillSwitchSeen(engaged=said.engaged, clear=said.clear), config, now_ns)


def bot_deleted(state: AccountState, now_ns: int) -> list[AnyAction]:
    """With `onDelete: flatten` the end of the bot is a reason to close everything."""
    latch_id = f"deleted-{state.config.uid[:8]}"
    if state.spec.on_delete is not OnDelete.FLATTEN or latch_id in state.latches_known:
        return []
    latch = LatchRecord(
        latch_id=latch_id,
        kind=KIND,
        reason="the bot was deleted, and onDelete is flatten",
        actor="deletion",
        engaged_ns=now_ns,
    )
    return [state.engage(latch)]


def flattening(state: AccountState) -> bool:
    """Whether the bot's end still has something to close."""
    return f"deleted-{state.config.uid[:8]}" in state.latches and not state.kill_switch.told


def take_latch(state: AccountState, latch: LatchRecord) -> None:
    """Somebody else has engaged a latch. A late reading of one that we have just cleared is passed over."""
    if latch.latch_id not in state.latches_cleared:
        state.latches.setdefault(latch.latch_id, latch)
        state.latches_known.add(latch.latch_id)


def asked(state: AccountState, latch: LatchRecord) -> list[AnyAction]:
    """Somebody asks this process; a repeat is one latch."""
    return [] if latch.latch_id in state.latches_known else [state.engage(latch)]


def drive(state: AccountState, now_ns: int) -> list[AnyAction]:
    """The next step while a latch is engaged; the orders themselves are made by account_exits."""
    engaged = state.closing_latches()
    if not engaged:
        if state.kill_switch.began_ns:
            state.kill_switch = KillSwitchRun()
        return []
    run = state.kill_switch
    actions: list[AnyAction] = []
    if run.began_ns == 0:
        run.began_ns = now_ns
        state.want_reconciliation("the kill switch is engaged")
        actions.append(Alert(kind=KIND, detail=f"engaged: {', '.join(engaged)}; cancelling and closing all"))
    if is_flat(state):
        run.flat_ns = run.flat_ns or now_ns
        actions += _tell(state, run, now_ns)
    else:
        run.flat_ns, run.told = 0, False
        actions += _close_all(state, engaged[0], now_ns)
    actions += account_cancels.drive(state, run, now_ns)
    return actions


def is_flat(state: AccountState) -> bool:
    """No position, and no order of ours that could still make one."""
    return account_evidence.nothing_is_held(state) and not state.tracked.is_any_open()


def status(state: AccountState) -> dict[str, object]:
    """For the status of the process: seconds_to_flat is None until it is flat for good."""
    run = state.kill_switch
    seconds = round((run.flat_ns - run.began_ns) / SECOND_NS, 3) if run.told else None
    return {"engaged": run.began_ns > 0, "seconds_to_flat": seconds}


def _edges(
    state: AccountState, before: KillSwitchSeen, config: ConfigSnapshot, now_ns: int
) -> list[AnyAction]:
    wish = config.spec.kill_switch
    actions: list[AnyAction] = []
    latch = edge(before.engaged, config, now_ns)
    if latch is not None and latch.latch_id not in state.latches_known:
        actions.append(state.engage(latch))
    if wish.clear and wish.clear != before.clear:
        actions += _clear(state, wish.clear, f"spec:generation {config.generation}")
    return actions


def _clear(state: AccountState, latch_id: str, actor: str) -> Iterator[AnyAction]:
    if state.latches.pop(latch_id, None) is None:
        yield Alert(kind="no_such_latch", detail=f"spec.killSwitch.clear: {latch_id} is not engaged")
        return
    state.latches_cleared.add(latch_id)
    yield ClearLatch(latch_id=latch_id, actor=actor)


def _tell(state: AccountState, run: KillSwitchRun, now_ns: int) -> Iterator[AnyAction]:
    """Flat: it is told once nothing can arrive any more, and both lists that were asked for since then show
    it. Orders that only reduce are not waited for."""
    arrived_ns = max(state.tracked.last_valid_until_ns + ARRIVED_NS, run.began_ns, run.flat_ns)
    if run.told or now_ns < arrived_ns or not account_cancels.are_gone(state, run):
        return
    if account_evidence.shown_whole_ns(state) >= arrived_ns:
        run.told = True
        seconds = (run.flat_ns - run.began_ns) / SECOND_NS
        yield Alert(kind="kill_switch_flat", detail=f"flat after {seconds:.3f} s, and both lists show it")
    elif now_ns >= run.look_for_flat_ns:
        run.look_for_flat_ns = now_ns + LOOK_AGAIN_NS
        state.want_reconciliation("flat; is it so at the exchange?")


def _close_all(state: AccountState, latch_id: str, now_ns: int) -> Iterator[AnyAction]:
    """Every position is to end; one that a strategy is closing already goes on under its own signal."""
    state.kill_switch.look_for_flat_ns = 0
    for key in state.positions.held:
        position = state.positions[key]
        if position.plan is None or not position.plan.close_signal_id:
            # Named by its generation: a switch that stays engaged closes more than one position there.
            plan = _ending(position, f"{latch_id}/{key.name}/{position.generation}", now_ns)
            kept = msgspec.structs.replace(position, plan=plan)
            state.positions[key] = kept
            yield KeepPosition(position=kept)


def _ending(position: PositionRecord, signal_id: str, now_ns: int) -> ExitPlan:
    """The plan with the end asked for; a position that is not of a signal of ours gets one."""
    plan = position.plan or ExitPlan(
        strategy=KIND,
        signal_id=signal_id,
        opened_ns=now_ns,
        stop_loss=None,
        take_profit=None,
        flat_by_ns=0,
    )
    return msgspec.structs.replace(plan, close_signal_id=signal_id)
