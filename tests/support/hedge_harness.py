"""The account harness in hedge mode: two legs a symbol, two strategies.

Each leg is a toy exchange of its own; both share the orders and the executions, whose rows say of their leg
what Bybit's do: an order its positionIdx, an execution only its side and how much it closed.
"""

from decimal import Decimal

import msgspec
from tests.support.account_harness import SYMBOL, Harness, ToyExchange, account_config

from tradefleet.core import actions as act
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import LONG_LEG, SHORT_LEG, ExchangePosition, PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Intent
from tradefleet.orders.outcome import Outcome
from tradefleet.positions.plan import PositionRecord
from tradefleet.spec.market import PositionMode
from tradefleet.spec.snapshot import ConfigSnapshot

LONG, SHORT = PositionKey("linear", SYMBOL, LONG_LEG), PositionKey("linear", SYMBOL, SHORT_LEG)
LEGS = (LONG, SHORT)
STRATEGIES = ("imbalance", "breakout")


class ToyLegs(ToyExchange):
    """Truth: a long and a short leg. wrong: orders that the exchange refused for their leg."""

    def __init__(self) -> None:
        super().__init__()
        self.legs = {key.position_idx: ToyExchange(self.orders, self.executions) for key in LEGS}
        self.wrong: list[Intent] = []

    def create(self, intent: Intent, now_ns: int) -> tuple[Outcome, int]:
        leg = self.legs.get(intent.key.position_idx)
        opens = intent.side.sign == intent.key.leg_sign
        if leg is None or opens is intent.reduce_only:
            self.wrong.append(intent)
            return Outcome.REJECTED, 10001
        leg.share = self.share
        known = intent.client_order_id in self.orders
        before = len(self.executions)
        outcome = leg.create(intent, now_ns)
        self.duplicates = sum(each.duplicates for each in self.legs.values())
        if outcome[0] is Outcome.ACCEPTED and not known:
            order: ExchangeOrder = self.orders[intent.client_order_id]
            self.orders[intent.client_order_id] = msgspec.structs.replace(
                order, position_idx=intent.key.position_idx
            )
            self._closed_since(before, intent.reduce_only)
        return outcome

    def stop_out_leg(self, key: PositionKey, now_ns: int) -> None:
        """The stop that is attached to this leg fires."""
        before = len(self.executions)
        self.legs[key.position_idx].stop_out(key.symbol, now_ns)
        self._closed_since(before, True)

    def _closed_since(self, before: int, closes: bool) -> None:
        for number in range(before, len(self.executions)):
            row: Execution = self.executions[number]
            closed = row.qty if closes else Decimal(0)
            self.executions[number] = msgspec.structs.replace(row, closed_qty=closed)

    def protect(self, asked: act.SetProtection, mark: Decimal) -> tuple[Outcome, int]:
        return self.legs[asked.key.position_idx].protect(asked, mark)

    def size(self, key: PositionKey) -> Decimal:
        return self.legs[key.position_idx].sizes.get(key.symbol, Decimal(0))

    def stop(self, key: PositionKey) -> Decimal | None:
        return self.legs[key.position_idx].stops.get(key.symbol)

    def positions(self, at_ns: int) -> tuple[ExchangePosition, ...]:
        return tuple(
            msgspec.structs.replace(row, key=PositionKey("linear", row.key.symbol, index))
            for index, leg in self.legs.items()
            for row in leg.positions(at_ns)
        )


class HedgeHarness(Harness):
    """`Harness` of a hedged account; a symbol takes an entry of either strategy."""

    exchange: ToyLegs

    def __init__(self, config: ConfigSnapshot | None = None) -> None:
        super().__init__(config or hedge_config())
        self.exchange = ToyLegs()

    def wish(self, name: str, strategy: str, target: Target) -> None:
        """A signal of one of the strategies, sent, heard and compared."""
        self.signal(name, target, strategy=strategy)
        self.send()
        self.deliver()
        self.answer_all()

    def leg(self, key: PositionKey) -> PositionRecord:
        """A leg as the core has it."""
        return self.core.state.position(key)

    @property
    def sizes(self) -> tuple[Decimal, Decimal]:
        """Of the long and the short leg, as the core has them."""
        return self.leg(LONG).size, self.leg(SHORT).size


def hedge_config(**risk: object) -> ConfigSnapshot:
    """A bot in hedge mode with both strategies on, an entry of each."""
    snapshot = account_config(**{"max_positions_per_symbol": 2, **risk})
    spec = snapshot.spec
    strategies = msgspec.structs.replace(
        spec.strategies, breakout=msgspec.structs.replace(spec.strategies.breakout, enabled=True)
    )
    exchange = msgspec.structs.replace(spec.exchange, position_mode=PositionMode.HEDGE)
    spec = msgspec.structs.replace(spec, strategies=strategies, exchange=exchange)
    return msgspec.structs.replace(snapshot, spec=spec)
