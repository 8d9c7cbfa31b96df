"""The day's loss: everything that was traded counts, and nothing that was only moved."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import SECOND, SYMBOL, Harness, account_config, wallet

from tradefleet.core import events as ev
from tradefleet.domain.fills import Charge, Execution, ExecutionType
from tradefleet.domain.orders import Side
from tradefleet.domain.signals import Target

D = Decimal
DAY = 86_400 * SECOND


def held(limit: str = "0.0005") -> Harness:
    """One unit long at 100, 10,000 in the wallet."""
    harness = Harness(account_config(max_daily_loss=D(limit))).ready()
    harness.signal("entry", Target.LONG, hold_s=36000)
    harness.settle()
    assert harness.size == 1
    return harness


def kinds(harness: Harness) -> list[str]:
    return sorted(latch.kind for latch in harness.journal.latches.values())


def result(harness: Harness) -> Decimal:
    return D(harness.core.status(harness.now_ns)["result_today"])


def funding(harness: Harness, fee: str) -> None:
    harness.tell(
        ev.ExecutionSeen(
            now_ns=harness.now_ns,
            execution=Execution(
                category="linear",
                symbol=SYMBOL,
                exec_id=f"funding-{len(harness.journal.executions)}",
                order_id="",
                client_order_id="",
                side=Side.BUY,
                exec_type=ExecutionType.FUNDING,
                price=D(100),
                qty=D(1),
                fee=D(fee),
                is_maker=False,
                closed_qty=D(0),
                stop_order_type="",
                create_type="",
                seq=0,
                at_ns=harness.now_ns,
            ),
        )
    )
    harness.tell(ev.Ticked(now_ns=harness.now_ns))


def test_an_open_loss_beyond_the_limit_closes_everything_and_latches() -> None:
    harness = held()

    harness.prices(D("94"))
    harness.settle()
    harness.restart()
    harness.ready()
    harness.signal("after", Target.LONG)

    assert kinds(harness) == ["daily_loss"]
    assert harness.exchange.sizes[SYMBOL] == 0
    assert harness.judged[-1].reason == "latched"


def test_fees_count() -> None:
    harness = held()

    assert result(harness) == D("-0.02")


def test_funding_counts_and_moves_no_size() -> None:
    harness = held()

    funding(harness, "4.9")
    before = kinds(harness)
    funding(harness, "0.1")

    assert before == []
    assert kinds(harness) == ["daily_loss"]
    assert result(harness) == D("-5.02")


def test_what_was_lost_before_a_restart_still_counts() -> None:
    harness = held()
    funding(harness, "4")

    harness.restart()
    harness.ready()
    funding(harness, "1")

    assert kinds(harness) == ["daily_loss"]


def test_a_withdrawal_is_no_loss() -> None:
    harness = held("0.05")

    harness.exchange.balance, harness.exchange.transfers = D(4000), D(-6000)
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns, "4000")))
    harness.settle()

    assert kinds(harness) == []
    assert harness.core.status(harness.now_ns)["transfers_today"] == "-6000"
    assert harness.core.status(harness.now_ns)["may_open"]


def test_a_deposit_hides_no_loss() -> None:
    harness = held()
    harness.exchange.balance, harness.exchange.transfers = D(99999), D(89999)
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns, "99999")))
    harness.settle()

    harness.prices(D("94"))

    assert kinds(harness) == ["daily_loss"]


def test_money_that_nothing_explains_stops_opening_and_closes_nothing() -> None:
    harness = held("0.05")

    harness.exchange.balance = D(4000)
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns, "4000")))
    harness.settle()
    harness.settle()

    assert kinds(harness) == ["unexplained_loss"]
    assert harness.exchange.sizes[SYMBOL] == 1


def test_a_wallet_row_that_comes_before_its_execution_raises_no_question() -> None:
    harness = held("0.05")

    harness.exchange.balance = D(9000)
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns, "9000")))
    harness.wait(1)
    asked = [question for question in harness.questions if "Transfers" in type(question).__name__]

    assert asked == []


def test_a_position_that_is_taken_over_is_neither_won_nor_lost_today() -> None:
    harness = Harness(account_config(max_daily_loss=D("0.0005"))).ready()
    harness.prices(D("90"))

    harness.exchange.sizes[SYMBOL] = D(10)  # at 100: ten percent under water
    harness.settle()

    assert harness.size == 10
    assert "daily_loss" not in kinds(harness)
    assert result(harness) == 0


@pytest.mark.parametrize("marks", ["before", "after"])
def test_open_profit_of_the_morning_is_no_loss_after_a_restart(marks: str) -> None:
    harness = held()
    harness.prices(D("103"))
    harness.now_ns += DAY
    harness.prices()
    harness.tell(ev.Ticked(now_ns=harness.now_ns))
    assert harness.journal.baseline is not None
    assert harness.journal.baseline.unrealised == 3

    harness.restart()
    if marks == "after":
        harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=wallet(harness.now_ns)))
        harness.tell(ev.Ticked(now_ns=harness.now_ns))
    harness.ready()
    harness.settle()

    assert kinds(harness) == []


def test_a_new_day_begins_at_midnight_with_what_there_is() -> None:
    harness = held()
    harness.prices(D("96"))
    assert result(harness) == D("-4.02")

    harness.now_ns += DAY - harness.now_ns % DAY
    harness.prices()
    harness.tell(ev.Ticked(now_ns=harness.now_ns))

    assert result(harness) == 0
    assert kinds(harness) == []


def test_an_execution_of_before_midnight_that_is_counted_later_is_yesterdays() -> None:
    harness = held()
    late = harness.now_ns
    harness.now_ns += DAY - harness.now_ns % DAY
    harness.prices()
    harness.tell(ev.Ticked(now_ns=harness.now_ns))

    funding(harness, "1")
    today = result(harness)
    before = harness.exchange.executions[-1]
    yesterday = msgspec.structs.replace(before, exec_id="late", exec_type=ExecutionType.FUNDING, at_ns=late)
    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=yesterday))

    assert today == result(harness) == D("-1")


def test_a_move_that_nobody_knows_is_named_once_and_excuses_nothing() -> None:
    harness = held("0.05")
    before = harness.core.state.baseline
    assert before is not None
    move = ev.UnknownMove(move_id="1", kind="MOON", currency="USDT", change=D(-500), at_ns=harness.now_ns)
    for moves in [(move,), (move,), (move, msgspec.structs.replace(move, move_id="2", change=D(-1)))]:
        harness.tell(ev.TransfersRead(now_ns=harness.now_ns, from_ns=before.at_ns, total=D(0), unknown=moves))

    assert harness.alerts.count("unknown_money_move") == 2
    assert harness.core.status(harness.now_ns)["transfers_today"] == "0"


def paid(harness: Harness, fee: str, **fields: object) -> None:
    """A funding row with these charges."""
    number = len(harness.journal.executions)
    plain = msgspec.structs.replace(
        harness.exchange.executions[-1],
        exec_id=f"paid-{number}",
        exec_type=ExecutionType.FUNDING,
        fee=D(fee),
        at_ns=harness.now_ns,
    )
    execution = msgspec.structs.replace(plain, **fields)
    harness.tell(ev.ExecutionSeen(now_ns=harness.now_ns, execution=execution))


def test_every_charge_of_a_row_counts_at_its_coins_worth() -> None:
    harness = held("0.05")
    known = msgspec.structs.replace(wallet(harness.now_ns), usd={"MNT": D("0.5")})
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=known))
    before = result(harness)

    paid(harness, "2", fee_coin="MNT", charges=(Charge(coin="USDT", amount=D("0.25")),))

    assert result(harness) - before == D("-1.25")
    assert "fee_coin_unknown" not in harness.alerts


def test_a_charge_in_a_coin_of_unknown_worth_counts_one_to_one_and_is_told_once() -> None:
    harness = held("0.05")
    before = result(harness)

    paid(harness, "2", fee_coin="MNT")
    paid(harness, "-5", fee_coin="MNT")

    assert result(harness) - before == -2
    assert harness.alerts.count("fee_coin_unknown") == 1


def test_a_field_that_says_fee_and_is_not_known_is_told_once() -> None:
    harness = held("0.05")

    paid(harness, "0", unread_fees=("platformFee",))
    paid(harness, "0", unread_fees=("platformFee", "extraFees"))

    assert harness.alerts.count("fee_unread") == 2
