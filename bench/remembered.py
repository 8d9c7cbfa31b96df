"""What an event of the core costs, by how much it remembers and by how many positions are due.

One mark, one tick, and one event while positions whose time is over are being closed, for a core that has
10, 1,000, 5,000 and 36,000 finished intents in its memory (an hour of a hundred busy symbols), and with 1 and
26 positions due. It uses nothing but the core's events, so that it runs on older commits as well: the same
file with their code on the path is the figure before a change.
"""

import statistics
import time
from decimal import Decimal

import msgspec
from tests.support.account_harness import MARK, SECOND, Harness, account_config
from tests.support.raw_frames import make_instrument

from bench.report import Row
from tradefleet.core import events as ev
from tradefleet.core.account import AccountCore
from tradefleet.core.digest import encode
from tradefleet.domain.positions import PositionKey
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
    """Microseconds, medians of rounds; the ratio is to ten remembered intents."""
    rows: list[Row] = []
    for due in (0, *DUE):
        worlds = {number: World(number, due) for number in REMEMBERED}
        for name in ("mark", "tick"):
            taken = _by_turns(worlds, name)
            rows += [
                Row(
                    name=f"{name}, {number:,} remembered, {due} due",
                    value=taken[number],
                    unit="us",
                    ratio=taken[number] / taken[REMEMBERED[0]],
                    peer="of ten remembered",
                )
                for number in REMEMBERED
            ]
    return [*rows, *_cold_texts()]


class World:
    """A core that has finished `remembered` intents, holds ten positions and `due` whose time is over."""

    def __init__(self, remembered: int, due: int) -> None:
        template = _finished_intent()
        held = [_position(symbol, due_ns=0) for symbol in SYMBOLS[:10]]
        self.now_ns = template.intent.created_ns + 60 * SECOND
        late = [_position(symbol, due_ns=self.now_ns) for symbol in SYMBOLS[10 : 10 + due]]
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
                executions_counted=(),
                seen_signals=(),
                owners=(),
                latches=(),
                baseline=None,
                quiet_until_ns=0,
            )
        )
        rows = Harness().exchange.view(self.now_ns)
        self.core.handle(ev.ExchangeRead(now_ns=self.now_ns, view=rows))
        # The toy exchange holds nothing: what the core holds was put there, and no comparison is wanted.
        self.core.state.reconciliation.wanted = ""
        self.core.state.reconciliation.finished_ns = self.now_ns
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


def _by_turns(worlds: dict[int, World], name: str) -> dict[int, float]:
    taken: dict[int, list[float]] = {number: [] for number in worlds}
    for _ in range(ROUNDS):
        for number, world in worlds.items():
            taken[number].append(_cost_us(getattr(world, name)))
    return {number: statistics.median(found) for number, found in taken.items()}


def _cost_us(event: object) -> float:
    assert callable(event)
    events, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < ENOUGH_S or events < 3:
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
    began = time.perf_counter()
    for event in moved:
        encode(event, ())
    cold = (time.perf_counter() - began) / len(moved) * 1e6
    began = time.perf_counter()
    for _ in moved:
        encode(moved[0], ())
    warm = (time.perf_counter() - began) / len(moved) * 1e6
    return [
        Row(name="a decision encoded, never seen before", value=cold, unit="us", ratio=cold / warm,
            peer="of the same one again"),
    ]  # fmt: skip
