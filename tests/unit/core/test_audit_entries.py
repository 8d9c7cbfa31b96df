"""Which action is which entry, and what the story of an order says."""

from decimal import Decimal
from typing import get_args

import msgspec
import pytest
from tests.support.configs import make_snapshot
from tests.support.journal_rows import (
    ACCOUNT,
    BOT,
    NOW_NS,
    chosen,
    engaged,
    judged,
    kept_baseline,
    kept_equity,
    kept_execution,
    kept_intent,
    kept_order,
    kept_position,
    make_intent,
)

from tradefleet.core.actions import (
    Alert,
    AmendOrder,
    AnyAction,
    AskForOrder,
    CancelFound,
    CancelOrder,
    CancelOrders,
    ClearLatch,
    ForgetDay,
    KeepDay,
    KeepPosition,
    KeepReport,
    KeepSignalMark,
    ReadSymbol,
    ReadTransfers,
    Reconcile,
    SetLeverage,
    SetProtection,
    Submit,
)
from tradefleet.core.audit import entry_of, entry_of_event, leader, limits_entry
from tradefleet.core.events import (
    AmendAnswered,
    AnyEvent,
    CancelAnswered,
    FoundCancelled,
    LeverageAnswered,
    OrdersCancelled,
    SendFinished,
    Ticked,
)
from tradefleet.core.signal_marks import marked
from tradefleet.domain.fills import ExecutionType
from tradefleet.domain.orders import OrderStatus, OrderType, Trigger, TriggerDirection
from tradefleet.orders.audit import Act, Entry, Head
from tradefleet.orders.audit_story import sentence, story
from tradefleet.orders.client_order_id import WAY_OUT
from tradefleet.orders.intents import IntentState, Leg
from tradefleet.orders.outcome import Outcome
from tradefleet.orders.reconciliation_report import Comparison, ReconciliationReport

WRITER = leader(ACCOUNT, BOT, 7)
AT_NS = 1_746_619_201_123_000_000  # 2025-05-07 12:00:01.123
INTENT = make_intent()
NAME = INTENT.client_order_id

STOP = SetProtection(
    key=INTENT.key,
    generation=3,
    stop_loss=Decimal("59000.0"),
    take_profit=None,
    sign_by_ns=1,
    valid_until_ns=2,
)

AGREES = ReconciliationReport(reason="timer", outcome=Comparison.AGREES, asked_ns=1, ended_ns=2)
LEVERAGE = SetLeverage(symbol="BTCUSDT", leverage=Decimal(10), sign_by_ns=1, valid_until_ns=2)
GOES = CancelOrder(client_order_id=NAME, key=INTENT.key, reason="its time is over")
FOUND = CancelFound(
    order_id="x-1", key=INTENT.key, protects=True, reason="nothing is held in BTCUSDT", sign_by_ns=1
)
MOVES = AmendOrder(
    client_order_id=NAME,
    key=INTENT.key,
    price=Decimal("59990.0"),
    qty=Decimal("0.010"),
    sign_by_ns=1,
    valid_until_ns=2,
)

ACTIONS: list[tuple[AnyAction, Act | None, str]] = [
    (Submit(intent=INTENT), Act.INTENT, NAME),
    (judged(), None, ""),
    (kept_intent(state=IntentState.ACCEPTED), None, ""),
    (kept_intent(state=IntentState.AMBIGUOUS), None, ""),
    (kept_intent(state=IntentState.DONE), Act.END, NAME),
    (kept_intent(state=IntentState.REJECTED), Act.END, NAME),
    (kept_intent(state=IntentState.ABSENT), Act.END, NAME),
    (kept_order(OrderStatus.FILLED, "0.010"), None, ""),
    (kept_execution(), Act.EXECUTION, NAME),
    (kept_position(), None, ""),
    (KeepPosition(position=kept_position().position, adopted="it differs"), Act.ADOPTED, "BTCUSDT"),
    (kept_equity(), None, ""),
    (kept_baseline(), None, ""),
    (KeepDay(row=kept_baseline().baseline), None, ""),
    (ForgetDay(day=20_000), None, ""),
    (KeepSignalMark(mark=marked(None, judged().signal, 1)), None, ""),
    (AskForOrder(client_order_id=NAME, symbol="BTCUSDT", created_ns=1), None, ""),
    (Reconcile(reason="", ask_for=(), executions_from_ns=0), None, ""),
    (KeepReport(report=AGREES), None, ""),
    (engaged(), Act.LATCH_ENGAGED, "daily-loss-20000"),
    (ClearLatch(latch_id="l", actor="spec:generation 4"), Act.LATCH_CLEARED, "l"),
    (CancelOrders(everything=False), Act.CANCEL, ""),
    (GOES, Act.ORDER_CANCEL, NAME),
    (FOUND, Act.ORDER_CANCEL, "x-1"),
    (ReadSymbol(symbol="BTCUSDT"), None, ""),
    (MOVES, Act.AMEND, NAME),
    (STOP, Act.STOP, "BTCUSDT"),
    (LEVERAGE, Act.LEVERAGE, "BTCUSDT"),
    (ReadTransfers(from_ns=1), None, ""),
    (chosen(), None, ""),
    (Alert(kind="x", detail=""), None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("action", "act", "subject"), ACTIONS)
def test_an_action_is_its_entry_or_none(action: AnyAction, act: Act | None, subject: str) -> None:
    entry = entry_of(action, WRITER, AT_NS)

    assert (None if entry is None else entry.act) == act
    assert (entry.subject if entry else "") == subject


def test_the_table_above_names_every_action() -> None:
    assert {type(action) for action, _, _ in ACTIONS} == set(get_args(AnyAction))


def answered(outcome: Outcome, ret_code: int | None = 0, message: str = "", order_id: str = "o1") -> Entry:
    event = SendFinished(
        now_ns=AT_NS,
        client_order_id=NAME,
        outcome=outcome,
        order_id=order_id,
        ret_code=ret_code,
        message=message,
    )
    entry = entry_of_event(event, WRITER, AT_NS)
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("answer", "act", "told"),
    [
        (
            CancelAnswered(
                now_ns=1, client_order_id=NAME, outcome=Outcome.GONE, ret_code=110001, message="too late"
            ),
            Act.ORDER_CANCELLED,
            "the exchange answered: gone (code 110001: too late)",
        ),
        (
            FoundCancelled(
                now_ns=1,
                order_id=NAME,
                key=INTENT.key,
                protects=True,
                outcome=Outcome.ACCEPTED,
                ret_code=0,
                message="",
            ),
            Act.ORDER_CANCELLED,
            "the exchange answered: accepted",
        ),
        (
            AmendAnswered(now_ns=1, client_order_id=NAME, outcome=Outcome.ACCEPTED, ret_code=0, message=""),
            Act.AMENDED,
            "the exchange answered: accepted",
        ),
    ],
)
def test_answers_about_one_order_stand_in_its_story(answer: AnyEvent, act: Act, told: str) -> None:
    found = entry_of_event(answer, WRITER, AT_NS)

    assert found is not None
    assert (found.act, found.subject) == (act, NAME)
    assert told in sentence(found)


def test_an_entry_that_rests_says_at_what_price_and_until_when() -> None:
    rests = msgspec.structs.replace(
        INTENT, order_type=OrderType.LIMIT, price=Decimal("59990.0"), rest_until_ns=AT_NS
    )
    waits = msgspec.structs.replace(
        INTENT, trigger=Trigger(price=Decimal("61000.0"), direction=TriggerDirection.RISE)
    )

    assert "at 59990, with its stop at 58800 and its target at 62400, to rest until 2025-05-07" in sentence(
        entry(Submit(intent=rests))
    )
    assert "at market once the mark has come to 61000, with its stop" in sentence(entry(Submit(intent=waits)))


def entry(action: AnyAction, at_ns: int = AT_NS) -> Entry:
    found = entry_of(action, WRITER, at_ns, judged())
    assert found is not None
    return found


def done(filled: str = "0.010") -> AnyAction:
    kept = kept_intent(state=IntentState.DONE)
    return msgspec.structs.replace(kept, record=msgspec.structs.replace(kept.record, filled=Decimal(filled)))


def test_the_story_of_an_order_in_sentences() -> None:
    millisecond = 1_000_000
    told = story(
        [
            entry(Submit(intent=INTENT)),
            msgspec.structs.replace(answered(Outcome.ACCEPTED), at_ns=AT_NS + 8 * millisecond),
            entry(kept_execution(), AT_NS + 17 * millisecond),
            entry(done(), AT_NS + 18 * millisecond),
        ]
    )

    assert told == [
        "At 2025-05-07 12:00:01.123 the executor (epoch 7) meant to buy 0.01 BTCUSDT at market, with its "
        "stop at 58800 and its target at 62400, because the strategy imbalance said long (imbalance 0.71).",
        "At 2025-05-07 12:00:01.131 it had been sent; the exchange answered: accepted, order id o1.",
        "At 2025-05-07 12:00:01.140 0.01 BTCUSDT was bought at 60000.1.",
        "At 2025-05-07 12:00:01.141 it was done: 0.01 filled.",
    ]


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (
            answered(Outcome.REJECTED, 110007, "ab not enough", ""),
            "it had been sent; the exchange answered: rejected (code 110007: ab not enough)",
        ),
        (answered(Outcome.NOT_SENT, None, "lease", ""), "it was not sent: lease"),
        (
            answered(Outcome.AMBIGUOUS, None, "timed out", ""),
            "the exchange answered: ambiguous (timed out; it may have arrived, and is asked for)",
        ),
        (entry(kept_intent(state=IntentState.ABSENT)), "it was abandoned: the exchange does not know it"),
        (entry(CancelOrders(everything=True)), "(epoch 7) meant to cancel every order, stops included"),
        (entry(CancelOrders(everything=False)), "(epoch 7) meant to cancel every active order"),
        (entry(FOUND), "meant to cancel the order x-1 of BTCUSDT because nothing is held in BTCUSDT"),
        (entry(engaged()), "core engaged the latch daily-loss-20000 because 5 %"),
        (
            entry(ClearLatch(latch_id="x", actor="cli:somebody")),
            "somebody (cli) cleared the latch x",
        ),
        (
            entry(KeepPosition(position=kept_position().position, adopted="the exchange holds 1")),
            "took a position over from the exchange because the exchange holds 1",
        ),
        (entry(GOES), "(epoch 7) meant to cancel what was left of it because its time is over"),
        (
            entry(MOVES),
            "(epoch 7) meant it to rest at 59990 with a size of 0.01 in all because the touch has moved",
        ),
        (
            entry(STOP),
            "(epoch 7) meant to set the stop of BTCUSDT at 59000 because what stands there is looser",
        ),
        (
            entry(LEVERAGE),
            "(epoch 7) meant to set the leverage of BTCUSDT to 10 because it is not known to be so",
        ),
        (
            WRITER.entry(Act.STOP, "BTCUSDT", "it trails", {"stop_loss": "59000.0"}, AT_NS),
            "(epoch 7) meant to set the stop of BTCUSDT at 59000 because it trails",
        ),
    ],
)  # fmt: skip
def test_each_entry_is_a_sentence(found: Entry, told: str) -> None:
    assert told in sentence(found)


def test_funding_is_told_as_money_and_not_as_a_trade() -> None:
    funding = msgspec.structs.replace(
        kept_execution().execution, exec_type=ExecutionType.FUNDING, client_order_id=""
    )
    found = entry(msgspec.structs.replace(kept_execution(), execution=funding))

    assert found.subject == "BTCUSDT"
    assert "funding of 0.33000055 was paid for BTCUSDT" in sentence(found)


@pytest.mark.parametrize(
    ("exec_type", "told"),
    [
        (ExecutionType.BUST_TRADE, "(by the exchange, which took the position over: liquidation)"),
        (ExecutionType.ADL_TRADE, "(by the exchange, which closed of the position: auto-deleveraging)"),
    ],
)
def test_what_the_exchange_does_of_itself_is_told_as_such(exec_type: ExecutionType, told: str) -> None:
    execution = msgspec.structs.replace(kept_execution().execution, exec_type=exec_type, client_order_id="")

    assert told in sentence(entry(msgspec.structs.replace(kept_execution(), execution=execution)))


def test_a_close_of_the_way_out_is_told_as_what_it_is() -> None:
    execution = msgspec.structs.replace(kept_execution().execution, client_order_id=WAY_OUT + 32 * "0")

    assert "(by the way out: `tradefleet flatten`" in sentence(
        entry(msgspec.structs.replace(kept_execution(), execution=execution))
    )


def test_an_order_of_which_nothing_more_is_known_is_told_as_such() -> None:
    assert "may have been sent" in story([entry(Submit(intent=INTENT))])[-1]
    assert story([entry(Submit(intent=INTENT)), answered(Outcome.ACCEPTED)])[-1] == "It has not ended yet."


def test_a_close_without_a_signal_says_who_asked_for_it() -> None:
    close = msgspec.structs.replace(INTENT, leg=Leg.CLOSE, signal_id="spec-1-2/BTCUSDT", reduce_only=True)

    found = entry_of(Submit(intent=close), WRITER, AT_NS)

    assert found is not None
    assert found.why == "close was asked for by spec-1-2/BTCUSDT"
    assert "at market, only to reduce" in sentence(found)


@pytest.mark.parametrize(
    ("leg", "why"),
    [
        (Leg.PART_2, "the profit of part-2 of the position that s1 has opened was reached"),
        (Leg.OPEN, "the opposite position that s1 found is closed"),
    ],
)
def test_a_part_and_a_reversal_say_what_they_come_of(leg: Leg, why: str) -> None:
    intent = msgspec.structs.replace(INTENT, leg=leg, signal_id="s1", reduce_only=leg.reduces)

    found = entry_of(Submit(intent=intent), WRITER, AT_NS)

    assert found is not None
    assert found.why == why


def test_events_of_the_market_are_no_entries_and_an_answer_to_a_cancel_is() -> None:
    cancelled = OrdersCancelled(now_ns=1, everything=False, done=False, reason="503")

    assert entry_of_event(Ticked(now_ns=1), WRITER, 1) is None
    found = entry_of_event(cancelled, WRITER, 1)
    assert found is not None
    assert "had NOT said that it cancelled them because 503" in sentence(found)


def test_an_answer_about_leverage_is_an_entry() -> None:
    event = LeverageAnswered(
        now_ns=1,
        symbol="BTCUSDT",
        leverage=Decimal("12.50"),
        outcome=Outcome.REJECTED,
        ret_code=110013,
        message="cannot set leverage due to risk limit",
    )

    found = entry_of_event(event, WRITER, 1)

    assert found is not None
    assert (found.act, found.subject) == (Act.LEVERAGE_ANSWER, "BTCUSDT")
    assert sentence(found).endswith(
        "the exchange answered for the leverage 12.5 of BTCUSDT: rejected (code 110013: cannot set leverage "
        "due to risk limit)."
    )


def test_only_a_generation_that_changes_a_limit_is_an_entry() -> None:
    old = make_snapshot()
    newer = msgspec.structs.replace(old, generation=2)
    risk = msgspec.structs.replace(old.spec.risk, max_daily_loss=Decimal("0.2"))
    looser = msgspec.structs.replace(newer, spec=msgspec.structs.replace(old.spec, risk=risk))

    assert limits_entry(old, newer, WRITER, 1) is None
    found = limits_entry(old, looser, WRITER, 1)
    assert found is not None
    assert found.why == f"spec.risk.maxDailyLoss from {old.spec.risk.max_daily_loss} to 0.2 (looser)"
    first = limits_entry(None, old, WRITER, 1)
    assert first is not None
    assert f"spec.risk.maxDailyLoss is {old.spec.risk.max_daily_loss}" in first.why


def test_times_are_told_in_milliseconds_and_what_is_no_json_is_told_too() -> None:
    broken = msgspec.structs.replace(entry(Submit(intent=INTENT)), what="no json", at_ns=NOW_NS)

    assert sentence(broken).startswith("At 20")


@pytest.mark.parametrize("text", ["", "5", "x:00", "0:" + "00" * 32, "1:00", "1:" + "zz" * 32])
def test_a_text_that_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no head of a chain"):
        Head.parse(text)
