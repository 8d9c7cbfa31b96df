"""The hands of people, of other systems and of the exchange: acts that break nothing by themselves."""

import asyncio
import contextlib
from decimal import Decimal
from typing import Final

from tests.chaos.acts import BrokenList, Foreign, TickChanges, UnknownWord
from tests.chaos.fleet import Fleet
from tests.chaos.judge import HAND
from tests.support.exchange_proxy import Trouble, Word
from tests.support.executor_world import KEY

from tradefleet.simulation.account.exchange import SimulatedExchange
from tradefleet.simulation.account.faults import Fault, FaultKind
from tradefleet.simulation.account.orders import Refused

LATE_S: Final = 2.5
"""So late is an answer of a list that is not broken and yet of little use."""
COARSER: Final = 10


class Hands:
    """One schedule's."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._opened: dict[str, Decimal] = {}
        self._orders = 0

    def foreign(self, act: Foreign) -> None:
        """A market order for about 100 USDT; one that ends takes back what the last one there opened."""
        fleet = self._fleet
        rules, mark = fleet.market.instruments[act.symbol], fleet.market.mark_price(act.symbol)
        qty = self._opened.pop(act.symbol, Decimal(0)) if act.ends else rules.min_qty
        while not act.ends and qty * mark < 100:
            qty += rules.min_qty
        if not qty:
            return
        self._orders += 1
        body = {
            "category": "linear",
            "symbol": act.symbol,
            "side": "Buy" if act.buys else "Sell",
            "orderType": "Market",
            "qty": f"{qty:f}",
            "orderLinkId": f"{HAND}{self._orders}",
            "reduceOnly": act.ends,
            # A sale that ends is of the long leg, and so on.
            "positionIdx": (1 if act.buys is not act.ends else 2) if fleet.hedged else 0,
        }
        # What was opened may be closed by now: then there is nothing to end.
        with contextlib.suppress(Refused):
            fleet.exchange.create(body)
            if not act.ends:
                self._opened[act.symbol] = qty

    def broken(self, act: BrokenList) -> None:
        """The list is of no use from now on."""
        self._fleet.proxy.broken[act.part] = (Trouble.LATE, LATE_S) if act.late else (Trouble.BROKEN, 0.0)

    def tick(self, act: TickChanges) -> None:
        """Rules say so from now on; the exchange goes on taking the finer grid, so that nothing is refused
        by accident: what does not lie on the new one is found at the proxy."""
        fleet = self._fleet
        tick = fleet.market.instruments[act.symbol].tick_size * COARSER
        fleet.proxy.ticks.setdefault(act.symbol, (tick, fleet.market.now_ns()))

    def word(self, act: UnknownWord) -> None:
        """The next rows say it."""
        if act.where.startswith("/"):
            self._fleet.proxy.words.append(Word(act.where, act.field, act.times))
        else:
            fault = Fault(kind=FaultKind.UNKNOWN_WORD, topic=act.where, field=act.field, count=act.times)
            self._fleet.exchange.faults.add(fault)

    def key(self, works: bool, cut: bool) -> None:
        """The exchange takes the executors' key, or another one."""
        exchange: SimulatedExchange = self._fleet.exchange
        exchange.api_key = KEY if works else "another one"
        if cut:
            exchange.faults.add(Fault(kind=FaultKind.DISCONNECT))

    async def bus_anew(self) -> None:
        """Another run, with nothing in it."""
        await asyncio.to_thread(self._fleet.valkey.kill)
        await asyncio.to_thread(self._fleet.valkey.start_again)
