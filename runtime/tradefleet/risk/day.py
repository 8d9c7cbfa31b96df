"""A day's money: one row for each day of the exchange's time, and what follows of it.

A row is two things. Its sums (`cash`, `transfers`) are those of the day's own executions and transfers,
whenever we come to read them: an execution of yesterday that is read today belongs to yesterday's row. Its
beginning (`equity`, `wallet`, `unrealised`) is what the account was at 00:00 UTC, as far as that can be
known: it comes of the day's first reading, from which the sums that came before it are taken off again.

Pure arithmetic. `core.account_day` keeps the rows, docs/daily-loss.md has an example worked through.
"""

from decimal import Decimal

import msgspec

from tradefleet.domain.quantities import MONEY, ZERO
from tradefleet.risk.daily_loss import DAY_NS

KEPT_DAYS = 3
"""Today, yesterday, whose late executions may still come, and one more for a clock that is wrong by a day."""
FRESH_NS = 60_000_000_000
"""Open profit that was journaled so shortly before 00:00 is that of 00:00; a row that ended is still judged
for so long."""


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """One day's row.

    day: days since 1970-01-01 UTC. equity, wallet: at 00:00; wallet is the balance without open profit.
    unrealised: open profit at 00:00. at_ns: since when its sums count: 00:00, or, on the day of the
    account's first epoch, that epoch's start. cash: profit of what was closed less charges and funding, by
    the executions counted. transfers: deposits less withdrawals, as the exchange tells them.
    begun: whether the first reading has come; before it equity is zero. first_ns: when that was. moved: of
    the transfers those that came before the first reading, None while that has to be asked. counted: how many
    executions are in cash.
    earlier: what trading brought between 00:00 and at_ns by the exchange's own log; it can forbid opening
    and closes nothing; None while it has not been asked. account: equity of the whole account at 00:00, None
    when it was never known.

    A row of the release before has only the first seven, and its at_ns is its first reading.
    """

    day: int
    equity: Decimal
    wallet: Decimal | None = None
    unrealised: Decimal = ZERO
    at_ns: int = 0
    cash: Decimal = ZERO
    transfers: Decimal = ZERO
    begun: bool = True
    first_ns: int = 0
    moved: Decimal | None = ZERO
    counted: int = 0
    earlier: Decimal | None = None
    account: Decimal | None = None

    @property
    def starts_ns(self) -> int:
        """00:00 UTC of the day."""
        return self.day * DAY_NS


def empty(day: int, since_ns: int = 0, earlier: Decimal | None = ZERO) -> Baseline:
    """A row of which nothing has been read. since_ns: executions before it are not counted; earlier: what
    they brought, None when it is not known."""
    starts_ns = day * DAY_NS
    return Baseline(
        day=day,
        equity=ZERO,
        at_ns=max(starts_ns, since_ns),
        begun=False,
        earlier=earlier if since_ns > starts_ns else ZERO,
    )


def whole(row: Baseline) -> Baseline:
    """A row whose sums are of the whole day lacks nothing of before them, whoever wrote it."""
    lacks_nothing = row.earlier is None and row.at_ns <= row.starts_ns
    return msgspec.structs.replace(row, earlier=ZERO) if lacks_nothing else row


def counted(row: Baseline, effect: Decimal) -> Baseline:
    """The row with one more of its executions. effect: what it did to the balance."""
    return msgspec.structs.replace(row, cash=MONEY.add(row.cash, effect), counted=row.counted + 1)


def begun(
    row: Baseline, *, balance: Decimal, open_now: Decimal, open_at_start: Decimal, now_ns: int
) -> Baseline:
    """The row after its first reading. balance: of the wallet, without open profit."""
    before = MONEY.add(row.cash, row.transfers)
    late = now_ns - row.at_ns > FRESH_NS
    return msgspec.structs.replace(
        row,
        equity=MONEY.subtract(MONEY.add(balance, open_now), before),
        wallet=MONEY.subtract(balance, before),
        unrealised=open_at_start,
        begun=True,
        first_ns=now_ns,
        moved=None if late else row.transfers,
    )


def open_at_start(starts_ns: int, kept_ns: int, kept: Decimal | None, first: Decimal) -> Decimal:
    """Open profit at 00:00: as it was journaled last before (kept, at kept_ns), when that is not older than
    a minute, else as first read."""
    fresh = kept is not None and 0 <= starts_ns - kept_ns <= FRESH_NS
    return kept if fresh and kept is not None else first


def transferred(
    row: Baseline, total: Decimal, before_first: Decimal | None, earlier: Decimal | None
) -> Baseline:
    """The row with the transfers that the exchange tells: all since at_ns; those of them that came before
    the first reading; and what trading brought before at_ns. None of the last two was not told: what is
    known stays, and what is not is nothing."""
    known = row.moved or ZERO
    moved = known if before_first is None else before_first
    shift = MONEY.subtract(moved, known)
    return msgspec.structs.replace(
        row,
        transfers=total,
        moved=moved,
        earlier=(row.earlier or ZERO) if earlier is None else earlier,
        equity=MONEY.subtract(row.equity, shift),
        account=None if row.account is None else MONEY.subtract(row.account, shift),
        wallet=None if row.wallet is None else MONEY.subtract(row.wallet, shift),
    )


def shifted(row: Baseline, change: Decimal) -> Baseline:
    """The row with another open profit at 00:00: what was held then was not what we took it for."""
    return msgspec.structs.replace(row, unrealised=MONEY.add(row.unrealised, change))


def traded(row: Baseline, unrealised: Decimal) -> Decimal:
    """The row's result: what was realised less costs, and what open profit has become since 00:00.
    unrealised: open profit now, or at the row's end."""
    return MONEY.add(row.cash, MONEY.subtract(unrealised, row.unrealised))


def divisor(first: Decimal, transfers: Decimal) -> Decimal:
    """What a loss is held against: money that was paid in does not make it smaller, money that was taken
    out makes it larger. first: equity at 00:00."""
    return min(first, MONEY.add(first, transfers))


def kept(days: list[int]) -> tuple[list[int], list[int]]:
    """Of these days those whose rows stay, and those whose rows go."""
    newest = sorted(days)[-KEPT_DAYS:]
    return newest, [day for day in sorted(days) if day not in newest]


def strictest(one: Baseline, other: Baseline) -> Baseline:
    """Of two rows of one day what forbids more, field by field: the release before has gone on with a row
    of ours, or we with one of its."""
    if one.begun != other.begun:
        one, other = (one, other) if one.begun else (other, one)
        cash, number = min(one.cash, other.cash), max(one.counted, other.counted)
        return msgspec.structs.replace(one, cash=cash, counted=number)
    first = one if one.first_ns >= other.first_ns else other
    earlier = [row.earlier for row in (one, other) if row.earlier is not None]
    account = [row.account for row in (one, other) if row.account is not None]
    return msgspec.structs.replace(
        first,
        equity=min(one.equity, other.equity),
        unrealised=max(one.unrealised, other.unrealised),
        at_ns=min(one.at_ns, other.at_ns),
        cash=min(one.cash, other.cash),
        transfers=min(one.transfers, other.transfers),
        counted=max(one.counted, other.counted),
        earlier=min(earlier, default=None),
        account=min(account, default=None),
    )
