"""The leverage of every symbol stands at the exchange before anything opens there, and is never raised
while something is held."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness, account_config
from tests.support.raw_frames import make_instrument

from tradefleet.core import events as ev
from tradefleet.core.account_leverage import AT_ONCE
from tradefleet.core.actions import SetLeverage
from tradefleet.domain.positions import ExchangePosition, PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.outcome import Outcome
from tradefleet.risk.leverage import effective
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import Leverage

D = Decimal
MANY = tuple(f"S{number:03d}USDT" for number in range(100))


def config_of(symbols: tuple[str, ...] = (SYMBOL,), **leverage: Decimal) -> ConfigSnapshot:
    config = account_config()
    spec = msgspec.structs.replace(
        config.spec,
        leverage=Leverage(**leverage),
        universe=msgspec.structs.replace(config.spec.universe, symbols=list(symbols)),
    )
    return msgspec.structs.replace(config, spec=spec)


def unready(config: ConfigSnapshot | None = None, symbols: tuple[str, ...] = (SYMBOL,)) -> Harness:
    """Everything that opening needs but leverage: what was asked for has not been answered."""
    harness = Harness(config or config_of(symbols), symbols)
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=True, reason=""))
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    harness.announce()
    for symbol in symbols:
        mark = MARK
        harness.tell(
            ev.MarketMoved(now_ns=harness.now_ns, symbol=symbol, mark=mark, bid=mark, ask=mark, last=mark)
        )
    harness.answer_all()
    return harness


def held(config: ConfigSnapshot | None = None) -> Harness:
    harness = Harness(config or config_of()).ready()
    harness.signal("entry", Target.LONG, hold_s=36000)
    harness.settle()
    assert harness.size != 0
    return harness


def refused(harness: Harness, code: int = 110013, *, again: bool = False) -> None:
    """The exchange refuses the one request that is under way."""
    (asked,) = harness.leverages
    harness.leverages.clear()
    harness.tell(
        ev.LeverageAnswered(
            now_ns=harness.now_ns,
            symbol=asked.symbol,
            leverage=asked.leverage,
            outcome=Outcome.REJECTED,
            ret_code=code,
            reason="leverage",
            message="risk limit",
            again=again,
        )
    )


def row(harness: Harness, leverage: str, size: str = "0", *, at_ns: int | None = None) -> None:
    """A position row of the stream."""
    position = ExchangePosition(
        key=PositionKey("linear", SYMBOL),
        size=D(size),
        entry_price=None,
        mark_price=MARK,
        stop_loss=None,
        take_profit=None,
        leverage=D(leverage),
        seq=1,
        at_ns=harness.now_ns if at_ns is None else at_ns,
    )
    harness.tell(ev.PositionSeen(now_ns=harness.now_ns, position=position))


@pytest.mark.parametrize(
    ("default", "maximum", "most", "step", "wanted"),
    [
        ("10", "50", "100", "0.01", "10"),
        ("60", "50", "100", "0.01", "50"),
        ("10", "50", "5", "0.01", "5"),
        ("12.345", "50", "100", "0.01", "12.34"),
        ("12.7", "50", "100", "0.5", "12.5"),
        ("1.5", "50", "100", "1", "1"),
    ],
)
def test_it_is_the_least_of_wish_limit_and_contract_on_the_contracts_step(
    default: str, maximum: str, most: str, step: str, wanted: str
) -> None:
    contract = msgspec.structs.replace(make_instrument(), max_leverage=D(most), leverage_step=D(step))

    assert effective(Leverage(default=D(default), maximum=D(maximum)), contract) == D(wanted)


def test_it_is_asked_for_after_the_first_comparison_and_no_sooner() -> None:
    harness = Harness(config_of())
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=True, reason=""))
    harness.wait(1)
    assert harness.leverages == []

    harness.answer_all()

    assert [(asked.symbol, asked.leverage) for asked in harness.leverages] == [(SYMBOL, D(10))]
    assert harness.leverages[0].sign_by_ns < harness.leverages[0].valid_until_ns


def test_an_entry_before_it_is_known_is_refused_and_one_after_it_is_taken() -> None:
    harness = unready()

    harness.signal("too soon", Target.LONG)
    harness.set_leverages()
    harness.signal("now", Target.LONG)

    assert [judged.reason for judged in harness.judged] == ["leverage_not_set", ""]
    assert "is to have 10; it is not known" in harness.judged[0].detail
    assert len(harness.submitted) == 1


def test_one_request_of_a_symbol_is_under_way_at_a_time() -> None:
    harness = unready()

    for number in range(10):
        harness.wait(0.5)
        harness.signal(f"wish-{number}", Target.LONG)

    assert len(harness.leverages) == 1


def test_a_restart_asks_again_and_changes_nothing() -> None:
    harness = Harness(config_of(default=D(20))).ready()
    harness.exchange.leverages[SYMBOL] = D(20)
    outcomes = []
    ask = harness.exchange.set_leverage

    def noted(asked: SetLeverage) -> tuple[Outcome, int]:
        outcomes.append(ask(asked))
        return outcomes[-1]

    harness.exchange.set_leverage = noted  # type: ignore[method-assign]
    harness.restart()
    harness.ready()
    harness.signal("one", Target.LONG)

    assert outcomes == [(Outcome.ALREADY, 110043)]
    assert len(harness.submitted) == 1


def test_a_held_position_says_it_by_its_row_and_needs_no_request() -> None:
    harness = held()

    harness.restart()
    harness.ready()

    assert harness.leverages == []
    assert harness.core.status(harness.now_ns)["leverage"] == {"set": 1, "waiting": 0, "refused": {}}


def test_a_lost_answer_is_asked_again_a_second_later() -> None:
    harness = unready()

    harness.set_leverages(answered=False)
    harness.signal("meanwhile", Target.LONG)
    harness.wait(0.9)
    assert harness.leverages == []
    harness.wait(0.2)
    harness.set_leverages()
    harness.announce()
    harness.signal("then", Target.LONG)

    assert [judged.reason for judged in harness.judged] == ["leverage_not_set", ""]


def test_after_a_lost_answer_it_is_not_what_it_was_before() -> None:
    harness = Harness(config_of()).ready()
    harness.edit_leverage(default=D(5))
    harness.set_leverages(answered=False)

    harness.edit_leverage(default=D(10))
    harness.wait(5)
    harness.set_leverages()
    harness.announce()
    harness.signal("one", Target.LONG)

    assert harness.exchange.leverage(SYMBOL) == 10
    assert len(harness.submitted) == 1


def test_what_is_held_is_read_after_a_lost_answer() -> None:
    harness = held(account_config(max_positions_per_symbol=5))
    harness.edit_leverage(default=D(5))
    harness.set_leverages(answered=False)

    harness.answer_all()
    harness.announce()
    harness.signal("more", Target.LONG)

    assert harness.judged[-1].reason == ""
    assert harness.core.state.leverage(SYMBOL).known == 5


def test_a_row_of_a_flat_symbol_answers_for_a_lost_answer() -> None:
    harness = unready()
    harness.set_leverages(answered=False)

    row(harness, "10")
    harness.signal("one", Target.LONG)

    assert len(harness.submitted) == 1


def test_what_a_lost_request_may_still_do_forbids_another_value_and_an_entry() -> None:
    harness = unready(config_of(default=D(20)))
    harness.set_leverages(answered=False, arrives=False)
    row(harness, "10")

    harness.edit_leverage(default=D(10))
    harness.signal("too soon", Target.LONG)
    harness.wait(1)
    asked_meanwhile = list(harness.leverages)
    harness.wait(4)
    harness.announce()
    harness.signal("later", Target.LONG)

    # The request of 20 could have been taken for two seconds after its last moment of being signed.
    assert asked_meanwhile == []
    assert [judged.reason for judged in harness.judged] == ["leverage_not_set", ""]


def test_it_is_never_raised_while_something_is_held_and_entries_go_on_with_the_lower_one() -> None:
    config = account_config(max_positions_per_symbol=5)
    harness = held(config)

    harness.edit_leverage(default=D(20))
    harness.settle()
    harness.announce()
    harness.signal("more", Target.LONG, hold_s=36000)
    harness.settle()
    raised_meanwhile = dict(harness.exchange.leverages)
    harness.signal("out", Target.FLAT)
    harness.settle()

    assert len(harness.submitted) == 3
    assert raised_meanwhile == {}
    assert harness.exchange.leverages == {SYMBOL: D(20)}


def test_it_is_not_raised_while_an_entry_may_still_fill() -> None:
    harness = Harness(config_of()).ready()
    harness.signal("one", Target.LONG)

    harness.edit_leverage(default=D(20))
    harness.wait(1)

    assert harness.leverages == []


def test_it_is_not_raised_while_somebody_elses_order_stands() -> None:
    harness = Harness(config_of()).ready()
    harness.core.state.foreign_orders = ("by hand",)

    harness.edit_leverage(default=D(20))
    harness.wait(1)

    assert harness.leverages == []


def test_it_is_lowered_with_a_position_open_and_nothing_opens_before() -> None:
    config = account_config(max_positions_per_symbol=5)
    harness = held(config)

    harness.edit_leverage(default=D(5))
    harness.announce()
    harness.signal("before", Target.LONG)
    harness.set_leverages()
    harness.signal("after", Target.LONG)

    assert [judged.reason for judged in harness.judged] == ["", "leverage_not_set", ""]
    assert harness.exchange.leverages == {SYMBOL: D(5)}


def test_a_refusal_is_told_once_and_opens_nothing_there() -> None:
    harness = unready()

    refused(harness)
    for number in range(4):
        harness.announce()
        harness.signal(f"wish-{number}", Target.LONG)
        harness.wait(20)
        if harness.leverages:
            refused(harness)

    assert harness.alerts.count("leverage_refused") == 1
    assert {judged.reason for judged in harness.judged} == {"leverage_not_set"}
    assert "refused: leverage 110013 risk limit" in harness.judged[-1].detail
    status = harness.core.status(harness.now_ns)["leverage"]
    assert status == {"set": 0, "waiting": 0, "refused": {SYMBOL: "leverage 110013 risk limit"}}


def test_a_refused_one_is_asked_for_again_after_a_minute() -> None:
    harness = unready()
    refused(harness)

    harness.wait(59)
    assert harness.leverages == []
    harness.wait(2)

    assert len(harness.leverages) == 1


def test_another_wish_is_asked_for_at_once_after_a_refusal() -> None:
    harness = unready()
    refused(harness)

    harness.edit_leverage(default=D(5))
    harness.set_leverages()
    harness.signal("one", Target.LONG)

    assert len(harness.submitted) == 1
    assert harness.core.status(harness.now_ns)["leverage"]["refused"] == {}


def test_what_the_exchange_has_no_room_for_is_no_refusal() -> None:
    harness = unready()

    refused(harness, 10006, again=True)
    harness.wait(1.1)

    assert harness.alerts == []
    assert len(harness.leverages) == 1


def test_a_change_by_hand_is_put_right_before_the_next_entry() -> None:
    harness = Harness(config_of()).ready()
    harness.wait(1)
    harness.exchange.leverages[SYMBOL] = D(50)

    row(harness, "50")
    harness.signal("too soon", Target.LONG)
    harness.wait(1.1)
    harness.set_leverages()
    harness.announce()
    harness.signal("then", Target.LONG)

    assert [judged.reason for judged in harness.judged] == ["leverage_not_set", ""]
    assert harness.exchange.leverages[SYMBOL] == D(10)


def test_a_row_that_is_older_than_the_request_says_nothing() -> None:
    harness = Harness(config_of(default=D(20))).ready()

    row(harness, "10", at_ns=harness.now_ns - 1)
    harness.signal("one", Target.LONG)

    assert len(harness.submitted) == 1


def test_a_few_of_many_are_under_way_and_the_one_that_is_wanted_comes_first() -> None:
    harness = unready(symbols=MANY)
    under_way = [asked.symbol for asked in harness.leverages]

    harness.signal("wish", Target.LONG, symbol=MANY[77])
    harness.set_leverages()
    asked = list(harness.exchange.leverages)

    assert under_way == list(MANY[:AT_ONCE])
    assert harness.judged[-1].reason == "leverage_not_set"
    # The toy's own leverage is ten already: what matters is that all were asked and answered.
    assert asked == []
    assert harness.core.status(harness.now_ns)["leverage"]["set"] == len(MANY)


def test_the_one_that_is_wanted_does_not_wait_behind_the_others() -> None:
    harness = unready(symbols=MANY)
    harness.signal("wish", Target.LONG, symbol=MANY[77])

    first = harness.leverages.pop(0)
    harness.tell(
        ev.LeverageAnswered(
            now_ns=harness.now_ns,
            symbol=first.symbol,
            leverage=first.leverage,
            outcome=Outcome.ALREADY,
            ret_code=110043,
            message="",
        )
    )

    assert harness.leverages[-1].symbol == MANY[77]


def test_nothing_is_asked_for_while_the_kill_switch_closes_everything() -> None:
    harness = held()
    harness.edit_kill_switch(engaged=True)

    harness.edit_leverage(default=D(5))
    harness.wait(1)

    assert harness.leverages == []


def test_nothing_is_asked_for_without_the_right_to_open() -> None:
    harness = Harness(config_of())
    harness.answer_all()

    harness.wait(1)

    assert harness.leverages == []


def test_a_request_that_never_left_is_made_again() -> None:
    harness = unready()
    (asked,) = harness.leverages
    harness.leverages.clear()
    harness.tell(
        ev.LeverageAnswered(
            now_ns=harness.now_ns,
            symbol=asked.symbol,
            leverage=asked.leverage,
            outcome=Outcome.NOT_SENT,
            ret_code=None,
            message="lease",
            reason="forbidden",
        )
    )

    harness.now_ns += SECOND
    harness.wait(0.1)

    assert len(harness.leverages) == 1
