"""What an event of the core costs, by how much it remembers and by how many positions are due.

A mark, a tick, and the tick at which positions become due and their closes are made, for a core that has 10,
1,000, 5,000 and 36,000 finished intents in its memory (the last is an hour of a hundred busy symbols), with 1
and 26 positions due. Ten more positions are held.

It uses nothing but the core's events, so that it runs on older commits as well:

    git worktree add /tmp/before COMMIT
    python -m bench.remembered /tmp/before [TURNS]     takes turns with it and prints the ratios
"""

import json
import os
import statistics
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import msgspec
from tests.support.account_harness import MARK, SECOND, Harness, account_config
from tests.support.raw_frames import make_instrument

from bench.report import Row
from tradefleet.core import events as ev
from tradefleet.core.account import AccountCore
from tradefleet.core.digest import encode
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import IntentRecord, IntentState
from tradefleet.positions.plan import ExitPlan, PositionRecord

REMEMBERED = (10, 1_000, 5_000, 36_000)
DUE = (1, 26)
SYMBOLS = tuple(f"S{number:02d}USDT" for number in range(100))
ROUNDS = 7
ENOUGH_S = 0.05
"""A round is of as many events as fit into so long."""


def run() -> list[Row]:
    """Microseconds of CPU time, medians of rounds; the ratio is to ten remembered intents."""
    taken = measured(ROUNDS)
    rows = []
    for (name, number, due), value in taken.items():
        of = taken[name, REMEMBERED[0], due]
        rows.append(
            Row(
                name=_words(name, number, due),
                value=value,
                unit="us",
                ratio=value / of,
                peer="of ten remembered",
            )
        )
    return [*rows, *_cold_texts()]


Figures = dict[tuple[str, int, int], float]


def measured(rounds: int) -> Figures:
    """Microseconds by (event, remembered, due)."""
    found: Figures = {}
    for due in (0, *DUE):
        worlds = {number: World(number, due) for number in REMEMBERED}
        for name in ("mark", "tick"):
            for number, value in _by_turns(worlds, name, rounds).items():
                found[name, number, due] = value
    for due in DUE:
        for number in REMEMBERED:
            found["due exit", number, due] = statistics.median(_exits_us(number, due) for _ in range(3))
    return found


def _words(name: str, number: int, due: int) -> str:
    return f"{name}, {number:,} remembered, {due} due"


class World:
    """A core that has finished `remembered` intents, holds ten positions and `due` whose time is over."""

    def __init__(self, remembered: int, due: int, due_in_ns: int = 0) -> None:
        template = _finished_intent()
        held = [_position(symbol, due_ns=0) for symbol in SYMBOLS[:10]]
        self.now_ns = template.intent.created_ns + 60 * SECOND
        late = [_position(symbol, due_ns=self.now_ns + due_in_ns) for symbol in SYMBOLS[10 : 10 + due]]
        self.core = AccountCore()
        self.core.handle(
            ev.Restored(
                now_ns=self.now_ns,
                account=template.intent.account,
                epoch=1,
                config=account_config(),
                instruments=tuple(make_instrument(symbol) for symbol in SYMBOLS),
                taker_fee=Decimal("0.00055"),
                intents=tuple(_another(template, number) for number in range(remembered)),
                positions=(*held, *late),
                executions_counted=tuple(f"execution-{number}" for number in range(remembered)),
                seen_signals=tuple(f"old-{number}" for number in range(remembered)),
                owners=(),
                latches=(),
                baseline=None,
                quiet_until_ns=0,
            )
        )
        rows = tuple(_row(position) for position in (*held, *late))
        view = msgspec.structs.replace(Harness().exchange.view(self.now_ns), positions=rows)
        self.core.handle(ev.ExchangeRead(now_ns=self.now_ns, view=view))
        for symbol in SYMBOLS:
            self._handle(self._mark(symbol, 0))
        self.number = 0

    def mark(self) -> None:
        """A mark of a symbol in which something is held."""
        self.number += 1
        self._handle(self._mark(SYMBOLS[self.number % 10], self.number))

    def tick(self) -> None:
        """Time passes."""
        self._handle(ev.Ticked(now_ns=self.now_ns))

    def _mark(self, symbol: str, number: int) -> ev.MarketMoved:
        mark = MARK + Decimal(number % 50) / 100
        return ev.MarketMoved(now_ns=self.now_ns, symbol=symbol, mark=mark, bid=mark, ask=mark, last=mark)

    def _handle(self, event: ev.AnyEvent) -> None:
        self.core.handle(event)


def _by_turns(worlds: dict[int, World], name: str, rounds: int) -> dict[int, float]:
    taken: dict[int, list[float]] = {number: [] for number in worlds}
    for _ in range(rounds):
        for number, world in worlds.items():
            taken[number].append(_cost_us(getattr(world, name)))
    return {number: statistics.median(found) for number, found in taken.items()}


def _exits_us(remembered: int, due: int) -> float:
    """The tick at which they become due: everything that it takes to make their closes, once."""
    world = World(remembered, due, due_in_ns=SECOND)
    before = len(world.core.state.tracked)
    world.now_ns += 2 * SECOND
    began = time.process_time()
    world.tick()
    spent = time.process_time() - began
    assert len(world.core.state.tracked) == before + due, "every one that is due is closed"
    return spent * 1e6


def _cost_us(event: object) -> float:
    assert callable(event)
    events, began = 0, time.process_time()
    while (spent := time.process_time() - began) < ENOUGH_S or events < 3:
        event()
        events += 1
    return spent / events * 1e6


def _finished_intent() -> IntentRecord:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    (intent,) = harness.submitted
    return IntentRecord(intent=intent, state=IntentState.DONE, filled=intent.qty)


def _another(record: IntentRecord, number: int) -> IntentRecord:
    name = f"tf1-{number:032d}"
    key = PositionKey("linear", SYMBOLS[number % len(SYMBOLS)])
    intent = msgspec.structs.replace(record.intent, client_order_id=name, signal_id=f"old-{number}", key=key)
    return msgspec.structs.replace(record, intent=intent)


def _row(position: PositionRecord) -> ExchangePosition:
    """As the exchange shows it, its stop and target attached."""
    plan = position.plan
    assert plan is not None
    return ExchangePosition(
        key=position.key,
        size=position.size,
        entry_price=MARK,
        mark_price=MARK,
        stop_loss=plan.stop_loss,
        take_profit=plan.take_profit,
        leverage=None,
        seq=1,
        at_ns=1,
    )


def _position(symbol: str, *, due_ns: int) -> PositionRecord:
    return PositionRecord(
        key=PositionKey("linear", symbol),
        size=Decimal(1),
        entry_price=MARK,
        generation=1,
        realised=Decimal(0),
        fees=Decimal(0),
        plan=ExitPlan(
            strategy="imbalance",
            signal_id=f"in-{symbol}",
            opened_ns=1,
            stop_loss=Decimal(50),
            take_profit=Decimal(200),
            flat_by_ns=due_ns,
        ),
        at_ns=1,
    )


def _cold_texts() -> list[Row]:
    """Encoding a decision whose numbers were never written before, beside one that was."""
    harness = Harness().ready()
    moved = [
        ev.MarketMoved(
            now_ns=harness.now_ns + n,
            symbol=SYMBOLS[n % 100],
            mark=Decimal(n) / 7,
            bid=None,
            ask=None,
            last=None,
        )
        for n in range(20_000)
    ]
    began = time.process_time()
    for event in moved:
        encode(event, ())
    cold = (time.process_time() - began) / len(moved) * 1e6
    began = time.process_time()
    for _ in moved:
        encode(moved[0], ())
    warm = (time.process_time() - began) / len(moved) * 1e6
    return [
        Row(name="a decision encoded, never seen before", value=cold, unit="us", ratio=cold / warm,
            peer="of the same one again"),
    ]  # fmt: skip


def _against(folder: Path, turns: int) -> int:
    """This checkout and another one by turns, each in a process of its own."""
    ours, theirs = [], []
    for _ in range(turns):
        ours.append(_in(Path(__file__).parents[1]))
        theirs.append(_in(folder))
    print(f"{'':44}{'before':>12}{'now':>10}")
    for key in ours[0]:
        now, before = (statistics.median(found[key] for found in runs) for runs in (ours, theirs))
        print(f"{key:44}{before:9,.0f} us{now:7,.0f} us   {before / now:8.1f} x")
    return 0


def _in(folder: Path) -> dict[str, float]:
    path = os.pathsep.join(str(folder / part) for part in ("runtime", "."))
    said = subprocess.run(
        [sys.executable, __file__, "--json"],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, float] = json.loads(said.stdout)
    return found


if __name__ == "__main__":
    if sys.argv[1:] == ["--json"]:
        print(json.dumps({_words(*key): value for key, value in measured(2).items()}))
    else:
        sys.exit(_against(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 3))
