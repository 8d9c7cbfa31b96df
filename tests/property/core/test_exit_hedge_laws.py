"""The law of parts on an account with two legs, where a leg may have entries of two strategies."""

from collections import Counter, defaultdict
from decimal import Decimal

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule
from tests.property.core.test_exit_laws import MARKS, PARTS, SHARE_UP_TO, hold
from tests.property.core.test_hedge_leadership_laws import HedgeLeadershipMachine, _leg
from tests.support.account_harness import with_exits
from tests.support.hedge_harness import hedge_config

from tradefleet.core.account_parts import LEGS
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Leg


class ExitHedgeMachine(HedgeLeadershipMachine):
    """Parts and reversals on, in both legs."""

    def __init__(self) -> None:
        super().__init__()
        self.world.config = with_exits(hedge_config(), partial_close=PARTS, reverse_on_opposite=True)
        self.world.restart()
        self.world.ready()

    @initialize(wish=st.sampled_from([Target.LONG, Target.SHORT]), written=st.booleans())
    def something_is_held(self, wish: Target, written: bool) -> None:
        hold(self.world, wish, written=written)

    @rule(mark=st.sampled_from(MARKS))
    def the_price_moves(self, mark: Decimal) -> None:
        self.world.prices(mark)

    @invariant()
    def parts_never_close_more_than_their_target(self) -> None:
        """Of what was entered into a leg between flat and flat, in the exchange's order."""
        intents = {name: record.intent for name, record in self.world.journal.intents.items()}
        sizes: dict[object, Decimal] = defaultdict(Decimal)
        opened: Counter[object] = Counter()
        entered: dict[object, Decimal] = defaultdict(Decimal)
        closed: dict[tuple[object, Leg], Decimal] = defaultdict(Decimal)
        for row in self.world.exchange.executions:
            leg = _leg(row)
            opened[leg] += sizes[leg] == 0
            sizes[leg] += row.signed_qty
            position, intent = (leg, opened[leg]), intents.get(row.client_order_id)
            if intent is not None and intent.leg is Leg.OPEN:
                entered[position] += row.qty
            elif intent is not None and intent.leg.is_part:
                closed[position, intent.leg] += row.qty
        for position in {position for position, _ in closed}:
            for number, share in SHARE_UP_TO.items():
                most = entered[position] * share
                assert sum((closed[position, part] for part in LEGS[:number]), Decimal(0)) <= most


ExitHedgeMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestExitHedgeLaws = ExitHedgeMachine.TestCase
