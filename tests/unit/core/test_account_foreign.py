"""Positions that no signal opened: said once, protected where no stop shows, or only watched."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SYMBOL, Harness, account_config, with_exits

from tradefleet.core import actions as act
from tradefleet.core import events as ev
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import ForeignPositions, Protection, Trailing

KEY = PositionKey("linear", SYMBOL)
D = Decimal


def config_with(wish: ForeignPositions, config: ConfigSnapshot | None = None) -> ConfigSnapshot:
    config = config or account_config(max_daily_loss=D("0.5"))
    spec = msgspec.structs.replace(config.spec, protection=Protection(foreign_positions=wish))
    return msgspec.structs.replace(config, spec=spec)


class Listening(Harness):
    def __init__(self, config: ConfigSnapshot | None = None) -> None:
        self.done: list[act.AnyAction] = []
        super().__init__(config)

    def _keep(self, action: act.AnyAction) -> None:
        self.done.append(action)
        super()._keep(action)

    @property
    def asked(self) -> list[Decimal]:
        return [action.stop_loss for action in self.done if isinstance(action, act.SetProtection)]

    @property
    def stop(self) -> Decimal | None:
        return self.exchange.stops.get(SYMBOL)

    def edit(self, wish: ForeignPositions) -> None:
        self.config = msgspec.structs.replace(
            config_with(wish, self.config), generation=self.config.generation + 1
        )
        self.tell(ev.ConfigApplied(now_ns=self.now_ns, config=self.config))


def somebody_holds(
    wish: ForeignPositions = ForeignPositions.PROTECT,
    size: str = "0.3",
    stop: str | None = None,
    config: ConfigSnapshot | None = None,
) -> Listening:
    harness = Listening(config_with(wish, config))
    harness.ready()
    harness.exchange.sizes[SYMBOL] = D(size)
    if stop is not None:
        harness.exchange.stops[SYMBOL] = D(stop)
    for _ in range(2):
        harness.settle()
    return harness


@pytest.mark.parametrize(("size", "stop"), [("0.3", "98.0"), ("-0.3", "102.0")])
def test_where_no_stop_shows_one_is_set_after_an_alert(size: str, stop: str) -> None:
    harness = somebody_holds(size=size)

    assert harness.stop == D(stop)
    first = next(i for i, one in enumerate(harness.done) if isinstance(one, act.SetProtection))
    told = [one.kind for one in harness.done[:first] if isinstance(one, act.Alert)]
    assert told
    assert len(harness.asked) == 1


@pytest.mark.parametrize("theirs", ["90", "99.5"])
def test_a_stop_that_somebody_has_set_is_theirs(theirs: str) -> None:
    harness = somebody_holds(stop=theirs)

    assert harness.asked == []
    assert harness.stop == D(theirs)


@pytest.mark.parametrize("moved", ["97", "99"])
def test_wherever_they_move_it_it_is_followed_and_put_back_only_when_it_is_gone(moved: str) -> None:
    harness = somebody_holds(stop="98.5")

    harness.exchange.stops[SYMBOL] = D(moved)
    harness.settle()
    followed = list(harness.asked)
    harness.exchange.stops.clear()
    harness.settle()

    assert followed == []
    assert harness.asked == [D(moved)]
    assert harness.alerts.count("foreign_position") == 1


def test_no_ladder_and_no_break_even_moves_it() -> None:
    config = with_exits(account_config(max_daily_loss=D("0.5")), trailing=Trailing(enabled=True))
    harness = somebody_holds(stop="95", config=config)

    harness.prices(D("110"))
    for _ in range(2):
        harness.settle()

    assert harness.stop == D("95")
    assert harness.asked == []


def test_observed_it_gets_none_and_is_said_once() -> None:
    harness = somebody_holds(ForeignPositions.OBSERVE)
    harness.prices(D("80"))
    for _ in range(4):
        harness.settle()

    assert harness.asked == []
    assert harness.stop is None
    assert harness.submitted == []
    assert harness.alerts.count("foreign_position") == 1
    assert harness.core.state.unprotected == {}


def test_observed_it_is_still_neither_enlarged_nor_closed_by_a_strategy() -> None:
    harness = somebody_holds(ForeignPositions.OBSERVE)
    for latch_id in list(harness.journal.latches):
        harness.tell(ev.LatchCleared(now_ns=harness.now_ns, latch_id=latch_id))
    harness.announce()

    for wish in (Target.LONG, Target.FLAT, Target.SHORT):
        harness.signal(f"wish {wish}", wish)
        harness.settle()

    assert harness.submitted == []


@pytest.mark.parametrize("wish", list(ForeignPositions))
def test_a_closing_latch_closes_both(wish: ForeignPositions) -> None:
    harness = somebody_holds(wish)

    harness.edit_kill_switch(engaged=True)
    for _ in range(2):
        harness.settle()

    assert harness.exchange.sizes[SYMBOL] == 0


def test_the_wish_is_hot_in_both_directions() -> None:
    harness = somebody_holds(ForeignPositions.OBSERVE)

    harness.edit(ForeignPositions.PROTECT)
    harness.settle()
    protected = harness.stop
    harness.edit(ForeignPositions.OBSERVE)
    harness.exchange.stops.clear()
    harness.settle()

    assert protected == D("98.0")
    assert harness.stop is None


def test_under_observe_what_a_signal_opened_keeps_its_stop() -> None:
    harness = Listening(config_with(ForeignPositions.OBSERVE))
    harness.ready()
    harness.signal("entry", Target.LONG, hold_s=36000)
    harness.settle()

    harness.exchange.stops.clear()
    harness.settle()

    assert harness.stop == D("98.0")
    assert "foreign_position" not in harness.alerts


def test_without_a_row_of_it_nothing_is_asked_for() -> None:
    harness = somebody_holds(stop="90")
    guard = harness.core.state.guard(KEY)
    guard.seen_size, guard.stop = D(0), None

    harness.wait(1)

    assert harness.asked == []
