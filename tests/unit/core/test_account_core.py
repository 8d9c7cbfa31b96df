"""AccountCore, one behaviour a test, over the toy exchange of tests/support."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import ACCOUNT, MARK, SECOND, SYMBOL, Harness, account_config, wallet
from tests.support.raw_frames import make_instrument

from tradefleet.core import events as ev
from tradefleet.core.account import AccountCore, NotRestored
from tradefleet.core.actions import Submit, Verdict
from tradefleet.core.digest import DecisionLog, DecisionsDiffer, replay
from tradefleet.domain.orders import Side
from tradefleet.domain.positions import PositionKey
from tradefleet.domain.signals import Target
from tradefleet.orders.client_order_id import WAY_OUT, client_order_id
from tradefleet.orders.intents import IntentState, Leg


def reasons(harness: Harness) -> list[str]:
    return [judged.reason for judged in harness.judged]


def test_an_entry_is_one_percent_of_equity_and_carries_its_stop_and_target() -> None:
    harness = Harness().ready()

    harness.signal("one", Target.LONG)

    (intent,) = harness.submitted
    assert intent.qty * MARK == Decimal("100")
    assert (intent.stop_loss, intent.take_profit) == (Decimal("98.0"), Decimal("104.0"))
    assert intent.client_order_id == client_order_id(ACCOUNT, "one", Leg.OPEN, 0)
    assert intent.sign_by_ns == harness.now_ns + SECOND // 2
    assert intent.valid_until_ns == intent.sign_by_ns + 2 * SECOND


def test_the_same_signal_twice_is_one_order() -> None:
    harness = Harness().ready()

    harness.signal("one", Target.LONG)
    harness.signal("one", Target.SHORT)

    assert len(harness.submitted) == 1
    assert len(harness.judged) == 1


def test_an_unresolved_entry_counts_against_the_limit_of_its_symbol() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)

    harness.signal("two", Target.LONG)

    assert reasons(harness) == ["", "max_positions_per_symbol"]


def test_a_limit_tightened_to_nothing_refuses_from_the_next_signal_on() -> None:
    harness = Harness().ready()
    tightened = msgspec.structs.replace(account_config(max_positions=0), generation=2)

    harness.tell(ev.ConfigApplied(now_ns=harness.now_ns, config=tightened))
    harness.signal("one", Target.LONG)

    assert reasons(harness) == ["max_positions"]


def test_an_older_configuration_never_comes_back() -> None:
    harness = Harness(msgspec.structs.replace(account_config(max_positions=0), generation=5)).ready()

    harness.tell(ev.ConfigApplied(now_ns=harness.now_ns, config=account_config()))
    harness.signal("one", Target.LONG)

    assert reasons(harness) == ["max_positions"]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (lambda now: ev.RightToOpenChanged(now_ns=now, granted=False, reason="lost"), "no_right_to_open"),
        (lambda now: ev.PrivateStreamChanged(now_ns=now, up=False), "private_stream_down"),
    ],
)
def test_what_takes_away_the_right_to_open_is_named(event, reason: str) -> None:
    harness = Harness().ready()

    harness.tell(event(harness.now_ns))
    harness.signal("one", Target.LONG)

    assert reasons(harness) == [reason]
    assert harness.submitted == []


@pytest.mark.parametrize(("name", "alarms"), [("", ["unplanned_fill"]), (WAY_OUT + 32 * "0", [])])
def test_a_fill_of_the_way_out_is_no_alarm_and_one_of_a_stranger_is(name: str, alarms: list[str]) -> None:
    harness = Harness().ready()
    exchange = harness.exchange
    exchange._execute(name, "o1", SYMBOL, Side.SELL, Decimal(1), harness.now_ns, "")

    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=exchange.executions[0]))

    assert harness.alerts == alarms
    assert harness.core.state.reconciliation.wanted or harness.questions


def test_a_stale_signal_opens_nothing() -> None:
    harness = Harness().ready()

    harness.signal("late", Target.LONG, expires_s=-1)

    assert reasons(harness) == ["stale_signal"]


def test_a_silent_ticker_opens_nothing() -> None:
    harness = Harness().ready()

    harness.now_ns += 6 * SECOND
    harness.signal("one", Target.LONG)

    assert reasons(harness) == ["market_silent"]


def test_a_process_that_is_not_the_owner_is_not_heard() -> None:
    harness = Harness().ready()
    harness.journal.owners.clear()

    harness.signal("one", Target.LONG)

    assert reasons(harness) == ["not_owner"]


def test_a_process_that_is_not_heard_does_not_use_up_the_id_of_a_bar() -> None:
    harness = Harness().ready()
    owner = harness.journal.owners.pop(0)
    harness.signal("the bar", Target.SHORT)
    harness.journal.owners[0] = owner

    harness.signal("the bar", Target.LONG)
    harness.signal("the bar", Target.SHORT)

    assert reasons(harness) == ["not_owner", ""]
    assert [intent.side for intent in harness.submitted] == [Side.BUY]


def test_a_silent_owner_is_replaced_by_a_warm_process_under_a_new_number() -> None:
    harness = Harness().ready()
    harness.now_ns += 4 * SECOND

    harness.tell(ev.ShardAnnounced(now_ns=harness.now_ns, shard=0, instance="pod-b", generation=1, warm=True))

    assert (harness.journal.owners[0].instance, harness.journal.owners[0].owner_epoch) == ("pod-b", 2)


def test_a_flat_signal_closes_reduce_only_what_its_strategy_opened() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    harness.settle()

    harness.signal("two", Target.FLAT)
    harness.settle()

    opened, closed = harness.submitted
    assert closed.leg is Leg.CLOSE
    assert closed.reduce_only
    assert closed.qty == opened.qty
    assert harness.size == 0
    assert harness.exchange.sizes[SYMBOL] == 0


def test_a_flat_signal_before_the_fill_closes_what_the_entry_fills() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)

    harness.signal("two", Target.FLAT)
    harness.settle()

    assert harness.size == 0
    opened, *closed = harness.submitted
    assert opened.leg is Leg.OPEN
    assert {intent.leg for intent in closed} == {Leg.CLOSE}


def test_a_flat_signal_with_nothing_held_is_recorded_and_does_nothing() -> None:
    harness = Harness().ready()

    harness.signal("two", Target.FLAT)

    assert [judged.verdict for judged in harness.judged] == [Verdict.NOTHING_TO_DO]


def test_the_executor_closes_by_itself_when_the_flat_signal_never_comes() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG, hold_s=10)
    harness.settle()

    harness.wait(3)
    harness.settle()

    assert harness.submitted[-1].leg is Leg.TIMED_EXIT
    assert harness.size == 0


def test_a_lost_answer_is_asked_for_and_never_sent_again() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)

    harness.send(answered=False)
    harness.wait(1)
    harness.answer_all()

    assert len(harness.submitted) == 1
    assert harness.size == harness.submitted[0].qty
    assert "ambiguous_send" in harness.alerts


def test_an_order_that_never_arrived_is_reserved_until_its_time_is_over_then_abandoned() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    harness.restart()
    harness.ready()

    harness.signal("two", Target.LONG)
    assert reasons(harness)[-1] == "max_positions_per_symbol"
    harness.settle()

    record = harness.core.state.tracked[harness.submitted[0].client_order_id].record
    assert record.state is IntentState.ABSENT
    harness.signal("three", Target.LONG)
    assert reasons(harness)[-1] == ""


def test_a_leader_opens_nothing_while_a_predecessor_may_still_send() -> None:
    harness = Harness().ready()
    state = harness.core.state
    state.quiet_until_ns = harness.now_ns + SECOND

    harness.signal("one", Target.LONG)

    assert reasons(harness) == ["predecessor_may_send"]


def test_a_stop_at_the_exchange_is_counted_and_ends_the_plan() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    harness.settle()

    harness.exchange.stop_out(SYMBOL, harness.now_ns)
    harness.deliver()

    assert harness.size == 0
    assert harness.core.state.position(PositionKey("linear", SYMBOL)).plan is None


def test_an_unexplained_position_must_be_seen_twice_then_is_believed_and_latches() -> None:
    harness = Harness().ready()
    harness.exchange.sizes[SYMBOL] = Decimal("3")
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    harness.answer_all()
    assert harness.size == 0
    harness.signal("one", Target.LONG)

    harness.wait(3)
    harness.answer_all()

    assert reasons(harness) == ["not_reconciled"]
    assert harness.size == Decimal("3")
    assert [latch.kind for latch in harness.core.state.latches.values()] == ["position_mismatch"]


def test_an_account_that_cannot_be_read_is_unknown_and_opens_nothing() -> None:
    harness = Harness()
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=True, reason=""))
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))
    harness.announce()
    harness.prices()

    harness.tell(ev.ExchangeUnread(now_ns=harness.now_ns, reason="page 2 did not arrive"))
    harness.signal("one", Target.LONG)

    assert reasons(harness) == ["not_reconciled"]


def test_a_wallet_row_that_is_older_is_left_aside() -> None:
    harness = Harness().ready()

    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns - SECOND, "1")))

    assert harness.core.state.equity() == Decimal("10000")


def test_a_logged_epoch_replays_to_the_same_digest() -> None:
    lines: list[bytes] = []
    log = DecisionLog(lines.append)
    harness = Harness()
    decide = AccountCore.handle

    class Logged(AccountCore):
        def handle(self, event):
            actions = decide(self, event)
            log.append(event, actions)
            return actions

    harness.core = Logged()
    harness.tell(
        ev.Restored(
            now_ns=harness.now_ns, account=ACCOUNT, epoch=2, config=harness.config,
            instruments=(make_instrument(SYMBOL),),
            taker_fee=Decimal("0.00055"), intents=(), positions=(), executions_counted=(), seen_signals=(),
            owners=(), latches=(), baseline=None, quiet_until_ns=0,
        )
    )  # fmt: skip
    harness.ready().signal("one", Target.LONG)
    harness.settle()

    assert replay(lines, AccountCore()).value == log.digest
    tampered = [line.replace(b'"granted":true', b'"granted":false') for line in lines]
    with pytest.raises(DecisionsDiffer):
        replay(tampered, AccountCore())


def test_an_event_before_the_journal_was_read_is_an_error() -> None:
    with pytest.raises(NotRestored):
        AccountCore().handle(ev.Ticked(now_ns=1))


def test_every_submit_is_journaled_before_the_shell_is_told_to_send() -> None:
    harness = Harness().ready()

    actions = harness.core.handle(ev.Ticked(now_ns=harness.now_ns))

    assert not [action for action in actions if isinstance(action, Submit)]


def test_a_close_whose_answer_was_lost_holds_up_no_other_and_nothing_opens_meanwhile() -> None:
    harness = Harness().ready()
    harness.signal("in", Target.LONG, hold_s=3600)
    harness.settle()
    harness.announce()
    harness.signal("out", Target.FLAT)
    (first,) = [intent for intent in harness.submitted if intent.leg is Leg.CLOSE]
    harness.unsent.clear()
    harness.tell(ev.IntentWritten(now_ns=harness.now_ns, client_order_id=first.client_order_id))
    harness.tell(
        ev.SendFinished(
            now_ns=harness.now_ns,
            client_order_id=first.client_order_id,
            outcome=ev.Outcome.AMBIGUOUS,
            order_id="",
            ret_code=None,
            message="no answer",
        )
    )

    harness.wait(1.1)
    attempts = [intent.attempt for intent in harness.submitted if intent.leg is Leg.CLOSE]
    harness.send()
    harness.deliver()
    harness.announce()
    harness.signal("again", Target.LONG)

    assert attempts == [0, 1]
    assert harness.size == 0
    assert harness.judged[-1].reason == "closing_first"


def closes_in(harness: Harness, seconds: int) -> int:
    before = len(harness.submitted)
    for _ in range(seconds):
        harness.send(answered=False)
        harness.exchange.orders.clear()
        harness.wait(1)
    return len(harness.submitted) - before


def test_closes_are_tried_seldom_while_the_exchange_is_silent_and_at_once_when_it_answers() -> None:
    harness = Harness().ready()
    harness.signal("one", Target.LONG)
    harness.send()
    harness.deliver()
    harness.exchange.share = Decimal(0)  # nothing of what is sent from now on arrives
    harness.signal("out", Target.FLAT)

    silent = closes_in(harness, 300)
    harness.exchange.share = Decimal(1)
    harness.now_ns += SECOND
    before = len(harness.submitted)
    harness.tell(ev.ExchangeRead(now_ns=harness.now_ns, view=harness.exchange.view(harness.now_ns)))

    assert 15 <= silent <= 25
    assert len(harness.submitted) == before + 1
