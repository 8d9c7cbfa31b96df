"""A contract's tick and step change while a position is held: everything leaves on the grid of today."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SYMBOL, Harness, ToyExchange, account_config, with_exits
from tests.support.raw_frames import make_instrument
from tests.support.resting_harness import RestingHarness, resting_config

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.intents import Intent, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.spec.partial_close import PartialClose
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import Trailing

KEY = PositionKey("linear", SYMBOL)
D = Decimal


class StrictExchange(ToyExchange):
    """Refuses what is off its grid, and knows how to close all that is there."""

    tick, step, least = D("0.1"), D("0.01"), D("0.01")
    closes_all = True
    code = 10001

    def create(self, intent: Intent, now_ns: int) -> tuple[Outcome, int]:
        off = intent.qty % self.step != 0 or intent.qty < self.least
        if off and not (intent.closes_all and self.closes_all):
            return Outcome.REJECTED, self.code
        for price in (intent.stop_loss, intent.take_profit):
            if price is not None and price % self.tick != 0:
                return Outcome.REJECTED, 10001
        return super().create(intent, now_ns)

    def protect(self, asked: act.SetProtection, mark: Decimal) -> tuple[Outcome, int]:
        for price in (asked.stop_loss, asked.take_profit):
            if price is not None and price % self.tick != 0:
                return Outcome.REJECTED, 10001
        return super().protect(asked, mark)


class StrictHarness(Harness):
    exchange: StrictExchange

    def __init__(self, config: ConfigSnapshot | None = None) -> None:
        self.asked: list[act.SetProtection] = []
        super().__init__(config)
        self.exchange = StrictExchange()

    def rules(self, tick: str = "0.1", step: str = "0.01", least: str | None = None) -> None:
        """The exchange changes the contract's grid, and the executor reads it."""
        self.exchange.tick, self.exchange.step = D(tick), D(step)
        self.exchange.least = D(least or step)
        rules = msgspec.structs.replace(
            make_instrument(SYMBOL, tick=tick), qty_step=D(step), min_qty=self.exchange.least
        )
        self.tell(ev.InstrumentsRefreshed(now_ns=self.now_ns, instruments=(rules,)))

    def _keep(self, action: act.AnyAction) -> None:
        if isinstance(action, act.SetProtection):
            self.asked.append(action)
        super()._keep(action)

    @property
    def stop(self) -> Decimal | None:
        return self.exchange.stops.get(SYMBOL)

    @property
    def wish(self) -> Decimal | None:
        plan = self.core.state.position(KEY).plan
        return None if plan is None else plan.stop_loss


def held(target: Target = Target.LONG, config: ConfigSnapshot | None = None) -> StrictHarness:
    harness = StrictHarness(config or account_config(max_positions_per_symbol=5))
    harness.ready()
    harness.signal("entry", target, hold_s=36000)
    harness.settle()
    assert harness.size != 0
    return harness


# ---- stops


@pytest.mark.parametrize(
    ("target", "tick", "stop"),
    [
        (Target.LONG, "1.5", "99.0"),
        (Target.LONG, "0.5", "98.0"),
        (Target.LONG, "0.01", "98.0"),
        (Target.SHORT, "1.5", "102.0"),
        (Target.SHORT, "4", "104"),
        (Target.LONG, "4", "96"),
    ],
)
def test_a_stop_that_is_gone_is_put_back_on_the_present_tick(target: Target, tick: str, stop: str) -> None:
    harness = held(target)
    harness.rules(tick=tick)
    harness.exchange.stops.clear()

    harness.settle()
    count = len(harness.asked)
    harness.settle()

    assert harness.stop == D(stop)
    # Once it stands as it left nothing more is asked for.
    assert len(harness.asked) == count <= 2


def test_a_tick_that_grows_and_shrinks_moves_no_wish() -> None:
    harness = held()

    for tick in ("1.5", "0.1", "0.7", "0.1", "1.5"):
        harness.rules(tick=tick)
        harness.exchange.stops.clear()
        harness.settle()
        assert harness.wish == D("98.0")

    harness.rules(tick="0.1")
    harness.exchange.stops.clear()
    harness.settle()
    assert harness.stop == D("98.0")


def test_a_stop_of_a_coarser_grid_that_still_stands_is_nobody_elses() -> None:
    harness = held()
    harness.rules(tick="1.5")
    harness.exchange.stops.clear()
    harness.settle()
    assert harness.stop == D("99.0")

    harness.rules(tick="0.1")
    harness.settle()
    harness.restart()
    harness.ready()
    harness.settle()

    assert (harness.stop, harness.wish) == (D("99.0"), D("98.0"))


def test_a_stop_that_a_person_moves_on_the_coarser_grid_is_taken_over() -> None:
    harness = held()
    harness.rules(tick="0.5")

    harness.exchange.stops[SYMBOL] = D("99.5")
    harness.settle()

    assert harness.wish == D("99.5")


def test_a_stop_is_never_asked_for_at_or_beyond_the_mark() -> None:
    harness = held()
    harness.rules(tick="1.5")
    harness.exchange.stops.clear()
    harness.prices(D("98.5"))

    harness.settle()

    assert harness.asked[-1].stop_loss == harness.stop == D("97.5")
    harness.prices(D("100"))
    harness.settle()
    assert harness.stop == D("99.0")


def test_a_stop_that_a_coarser_grid_has_brought_nearer_is_watched_where_it_stands() -> None:
    harness = held()
    harness.rules(tick="1.5")
    harness.exchange.stops.clear()
    harness.settle()

    harness.prices(D("98.5"))
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0
    assert "stop_does_not_work" in harness.alerts


def test_a_target_that_is_gone_is_put_back_towards_the_mark() -> None:
    harness = held()
    harness.rules(tick="1.5")
    harness.exchange.stops.clear()
    harness.exchange.targets.clear()

    harness.settle()

    assert harness.exchange.targets[SYMBOL] == D("103.5")


def test_a_trailing_stop_goes_on_on_the_new_grid_and_is_not_moved_by_it() -> None:
    config = with_exits(account_config(), trailing=Trailing(enabled=True), take_profit=D("0.5"))
    harness = held(config=config)
    harness.prices(D("104"))
    harness.settle()
    assert (harness.stop, harness.wish) == (D("103.0"), D("102.96"))

    for tick in ("0.7", "0.1", "0.7", "0.1"):
        harness.rules(tick=tick)
        harness.settle()

    assert harness.wish == D("102.96")
    harness.rules(tick="0.7")
    harness.prices(D("106"))
    harness.settle()
    assert (harness.stop, harness.wish) == (D("105.0"), D("104.41"))


def test_break_even_is_the_entry_price_whatever_the_tick() -> None:
    parts = PartialClose(enabled=True, break_even=True)
    harness = held(config=with_exits(account_config(), partial_close=parts, take_profit=D("0.2")))
    harness.rules(tick="1.5")
    harness.prices(D("103"))
    harness.settle()

    assert harness.wish == MARK
    assert harness.stop == D("100.5")
    harness.rules(tick="0.1")
    harness.settle()
    assert harness.wish == MARK


def test_what_somebody_else_opened_gets_its_stop_on_the_grid() -> None:
    harness = StrictHarness(account_config())
    harness.ready()
    harness.rules(tick="1.5")
    harness.exchange.sizes[SYMBOL] = D("-0.3")

    harness.settle()

    assert harness.stop == D("102.0")
    assert all(asked.stop_loss % D("1.5") == 0 for asked in harness.asked)


def test_a_grid_on_which_no_stop_can_stand_is_told_and_asked_for_nothing() -> None:
    harness = held()
    harness.rules(tick="150")
    harness.exchange.stops.clear()
    harness.asked.clear()

    for _ in range(2):
        harness.settle()

    assert harness.asked == []
    assert "stop_missing" in harness.alerts
    assert not harness.core.status(harness.now_ns)["may_open"]


# ---- sizes


def test_a_close_is_of_whole_steps_and_what_is_left_is_closed_with_all_that_is_there() -> None:
    harness = held()
    harness.rules(step="0.3")

    harness.signal("out", Target.FLAT)
    harness.settle()

    closes = [(intent.qty, intent.closes_all) for intent in harness.submitted if intent.leg is Leg.CLOSE]
    assert closes == [(D("0.9"), False), (D("0.10"), False), (D("0.10"), True)]
    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.alerts == ["close_all"]


def test_a_close_on_the_grid_never_becomes_close_all() -> None:
    harness = held()
    harness.rules(step="0.5")

    harness.signal("out", Target.FLAT)
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0
    assert [intent.closes_all for intent in harness.submitted] == [False, False]


@pytest.mark.parametrize("code", [110007, 10001])
def test_a_refusal_for_another_reason_never_becomes_close_all(code: int) -> None:
    harness = held()
    harness.exchange.code, harness.exchange.least = code, D("3")

    harness.signal("out", Target.FLAT)
    harness.settle()
    harness.exchange.least = D("0.01")
    harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0
    assert not any(intent.closes_all for intent in harness.submitted)


def test_close_all_that_is_refused_is_followed_by_a_close_of_whole_steps_again() -> None:
    harness = held()
    harness.exchange.closes_all = False
    harness.rules(step="3")
    harness.signal("out", Target.FLAT)
    for _ in range(3):
        harness.settle()

    kinds = [intent.closes_all for intent in harness.submitted if intent.leg is Leg.CLOSE]
    assert kinds[:5] == [False, True, False, True, False]
    harness.exchange.closes_all = True
    harness.settle()
    assert harness.exchange.sizes[SYMBOL] == 0


def test_a_new_leader_knows_that_the_last_close_was_refused_for_its_size() -> None:
    harness = held()
    harness.rules(step="3")
    harness.signal("out", Target.FLAT)
    harness.send()

    harness.restart()
    harness.rules(step="3")
    harness.ready()
    harness.wait(1.1)

    assert harness.submitted[-1].closes_all


def parted(step: str) -> StrictHarness:
    config = with_exits(account_config(), partial_close=PartialClose(enabled=True), take_profit=D("0.2"))
    harness = held(config=config)
    harness.rules(step=step)
    return harness


def test_a_part_is_of_whole_steps_of_today() -> None:
    harness = parted("0.2")

    harness.prices(D("101"))

    assert [i.qty for i in harness.submitted if i.leg.is_part] == [D("0.2")]


def test_a_part_that_is_too_little_for_today_is_given_up_and_taken_along() -> None:
    harness = parted("0.5")

    harness.prices(D("101"))
    harness.settle()
    alerts = list(harness.alerts)
    harness.prices(D("102"))
    harness.settle()

    assert alerts == ["part_given_up"]
    assert [i.qty for i in harness.submitted if i.leg.is_part] == [D("0.5")]


def test_a_part_that_is_refused_for_its_size_is_given_up_and_never_becomes_close_all() -> None:
    harness = parted("0.01")
    harness.exchange.step, harness.exchange.code = D("0.5"), 110094

    harness.prices(D("101"))
    for _ in range(8):
        harness.settle()
    alerts = list(harness.alerts)
    harness.prices(D("102"))
    harness.settle()

    parts = [i for i in harness.submitted if i.leg.is_part]
    assert [(i.leg, i.closes_all) for i in parts] == [(Leg.PART_1, False), (Leg.PART_2, False)]
    assert alerts == ["part_given_up"]
    assert harness.exchange.sizes[SYMBOL] == D("1.00")


def test_an_entry_that_is_moved_has_its_size_on_the_present_step() -> None:
    world = RestingHarness(resting_config(follow_bps=D(10), amend_every_seconds=D("0.1")))
    world.ready()
    world.rest()
    rules = msgspec.structs.replace(make_instrument(SYMBOL, tick="0.5"), qty_step=D("0.3"), min_qty=D("0.3"))
    world.tell(ev.InstrumentsRefreshed(now_ns=world.now_ns, instruments=(rules,)))
    world.wait(5)

    world.prices(D("101"))
    world.wait(0.2)

    (amend,) = world.amends_asked
    assert amend.price % D("0.5") == 0
    assert amend.qty % D("0.3") == 0
    assert amend.qty <= world.submitted[-1].qty
