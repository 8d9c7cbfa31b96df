"""`tradefleet flatten`: everything cancelled and closed, with nothing but the exchange.

No journal, no bus, no cluster and no executor are needed; of a database that is named the audit is told,
as far as it answers (`flatten_audit`). An executor that still runs
would open again: engage the kill switch too, if it can be reached. Reads, does what `orders.flatten` says,
and reads again, until the account has been clear for as long as an order that was under way could still
arrive.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.public_rest import ExchangeUnreachable, listed
from tradefleet.adapters.bybit.way_out import CATEGORY, NotDone, WayOut, lone_way_out
from tradefleet.orders.flatten import CancelActive, CancelOne, CancelRest, Close, Standing, next_acts
from tradefleet.services.flatten_audit import FlattenAudit

Say = Callable[[str], None]

PAUSE_S: Final = 0.12
"""Between two cancels: whoever else uses the account wants some of the ten a second as well."""
ROUND_S: Final = 0.3
"""Between two readings."""
CLEAR_FOR_S: Final = 5.0
"""An order signed before we came is accepted for at most half a second and its receive window of two."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """rest: address of the exchange. patience_s: after so long it is given up. clear_for_s: see above.

    postgres: where the audit is, "" for nowhere. actor: who the audit says it was.
    """

    rest: str
    key: str
    secret: str
    patience_s: float = 300.0
    clear_for_s: float = CLEAR_FOR_S
    postgres: str = ""
    actor: str = "cli"


class Flattened(msgspec.Struct, frozen=True, kw_only=True):
    """How it ended. seconds_to_flat: until no position was open for good; None when it never was."""

    clear: bool
    seconds_to_flat: float | None
    last: Standing | None


async def flatten(settings: Settings, say: Say) -> Flattened:
    """Cancel and close until the account is clear, or the patience is over."""
    began = time.monotonic()
    flat_at: float | None = None
    clear_at: float | None = None
    standing: Standing | None = None
    told = ""
    governor = Governor()
    async with (
        AccountReads(settings.rest, settings.key, settings.secret, governor=governor) as reads,
        lone_way_out(settings.rest, settings.key, settings.secret, governor) as way_out,
        _audited(settings, reads, say) as audit,
    ):
        while time.monotonic() - began < settings.patience_s:
            try:
                standing = await reads.standing()
            except Unreadable as error:
                # Unknown is not flat.
                standing, flat_at, clear_at = None, None, None
                told = _say_new(say, told, f"the account cannot be read: {error}")
                await asyncio.sleep(ROUND_S)
                continue
            now = time.monotonic()
            flat_at = (flat_at or now) if standing.is_flat else None
            clear_at = (clear_at or now) if standing.is_clear else None
            if clear_at is not None and now - clear_at >= settings.clear_for_s:
                await audit.note("", "the account is clear", {"clear": True})
                return Flattened(clear=True, seconds_to_flat=(flat_at or now) - began, last=standing)
            told = _say_new(say, told, describe(standing))
            await _do_all(way_out, standing, await _largest_market_qty(settings.rest, standing), say, audit)
            await asyncio.sleep(ROUND_S)
        await audit.note("", f"given up after {settings.patience_s:g} s", {"clear": False})
    seconds = None if flat_at is None else flat_at - began
    return Flattened(clear=False, seconds_to_flat=seconds, last=standing)


async def look(settings: Settings) -> Standing:
    """What would be cancelled and closed; raises Unreadable."""
    async with AccountReads(settings.rest, settings.key, settings.secret) as reads:
        return await reads.standing()


def describe(standing: Standing) -> str:
    """A reading in one line."""
    held = [f"{position.key.name} {position.size:f}" for position in standing.positions if position.size]
    return f"{len(standing.orders)} orders, positions: {', '.join(held) or 'none'}"


@contextlib.asynccontextmanager
async def _audited(settings: Settings, reads: AccountReads, say: Say) -> AsyncIterator[FlattenAudit]:
    audit = FlattenAudit(settings.postgres, settings.actor, reads.uid, say)
    try:
        yield audit
    finally:
        await audit.close()


async def _do_all(
    way_out: WayOut, standing: Standing, largest: dict[str, Decimal], say: Say, audit: FlattenAudit
) -> None:
    acts = next_acts(standing, largest)
    closes = [act for act in acts if isinstance(act, Close)]
    for act in acts:
        say(_words(act))
        await audit.note(_symbol(act), _words(act), act)
        if isinstance(act, Close):
            continue
        try:
            await way_out.do(act)
        except NotDone as error:
            say(f"  not done, looking again: {error}")
        await asyncio.sleep(PAUSE_S)
    # Behind what they follow: entries are cancelled before anything is closed.
    for trouble in await way_out.close(closes):
        say(f"  not done, looking again: {trouble}")


def _words(act: CancelActive | CancelOne | Close | CancelRest) -> str:
    match act:
        case CancelActive():
            return "cancelling every active order"
        case CancelOne():
            return f"cancelling the conditional entry {act.order_id} of {act.symbol}"
        case Close():
            return f"closing: {act.side.value} {act.qty:f} {act.key.name}, reduce-only"
        case CancelRest():
            return "flat; cancelling the stops and targets that are left"


def _symbol(act: CancelActive | CancelOne | Close | CancelRest) -> str:
    match act:
        case CancelOne():
            return act.symbol
        case Close():
            return act.key.symbol
        case CancelActive() | CancelRest():
            return ""


async def _largest_market_qty(rest: str, standing: Standing) -> dict[str, Decimal]:
    symbols = sorted({position.key.symbol for position in standing.positions})
    if not symbols:
        return {}
    try:
        found = await listed(rest, CATEGORY, symbols)
    except ExchangeUnreachable:
        # One order a position then: rules that cannot be read must not keep a position open, and an
        # order that is too large is refused and tried again after the next reading.
        return {}
    return {rule.symbol: rule.max_market_qty for rule in (*found.rules, *found.closing)}


def _say_new(say: Say, told: str, text: str) -> str:
    if text != told:
        say(text)
    return text
