"""Every code of the exchange's documentation means one thing for each kind of call."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.orders import outcome_page
from tradefleet.orders.codes import BY_CODE, Reason, refuses_size
from tradefleet.orders.outcome import Operation, Outcome, classify

FIXTURES = Path(__file__).parents[2] / "fixtures"
PAGE = Path(__file__).parents[3] / "docs" / "reference" / "bybit-codes.md"
RECORDED = sorted((FIXTURES / "bybit-payloads" / "account").glob("real_error_*.json"))

with (FIXTURES / "bybit-codes.csv").open() as file:
    DOCUMENTED = {int(row["code"]): row["class"] for row in csv.DictReader(file)}

A, R, U = Outcome.ACCEPTED, Outcome.REJECTED, Outcome.AMBIGUOUS
OF_A_CREATE = {
    "OK": {A},
    "REJ": {R},
    "CFG": {R},
    "AUTH": {R},
    "RATE": {R, U},
    "RETRY": {R, U},
    "DONE": {U},
    "AMB": {U},
    "MAINT": {U},
    "LEGACY": {U},
}
OF_OTHER_CALLS = {
    (20006, U),  # the same request again, over the trade socket
    (181017, U),  # of a history query
    (10404, U),  # over the trade socket
    (110024, U),  # of a change of mode
    (110028, U),
    (110036, U),  # of a change of leverage
    (110038, U),
    (110073, U),  # of a change of the margin mode
}
"""Codes that no create can get: they prove nothing about one."""


def test_the_table_holds_exactly_the_documented_codes() -> None:
    assert set(BY_CODE) == set(DOCUMENTED)


@pytest.mark.parametrize("code", sorted(DOCUMENTED))
def test_a_create_is_taken_refused_or_unknown_as_the_documentation_has_it(code: int) -> None:
    verdict = classify(Operation.CREATE, code)

    expected = OF_A_CREATE[DOCUMENTED[code]]
    assert verdict.outcome in expected or (code, verdict.outcome) in OF_OTHER_CALLS
    assert verdict.reason or code == 0


@pytest.mark.parametrize(
    ("operation", "code", "outcome", "reason"),
    [
        (Operation.CREATE, 10002, R, Reason.CLOCK),
        (Operation.CREATE, 10006, R, Reason.RATE),
        (Operation.CREATE, 110007, R, Reason.FUNDS),
        (Operation.CREATE, 110017, R, Reason.REDUCE_ONLY),
        (Operation.CREATE, 110072, U, Reason.DUPLICATE),
        (Operation.CREATE, 10016, U, Reason.SERVER),
        (Operation.CREATE, 110001, U, Reason.ORDER_OVER),
        (Operation.CREATE, 110043, U, Reason.NOT_MODIFIED),
        (Operation.CREATE, 999999, U, Reason.UNKNOWN_CODE),
        (Operation.CANCEL, 110001, Outcome.GONE, Reason.ORDER_OVER),
        (Operation.CANCEL, 110008, Outcome.GONE, Reason.ORDER_OVER),
        (Operation.CANCEL, 110010, Outcome.GONE, Reason.ORDER_OVER),
        (Operation.CANCEL, 170213, Outcome.GONE, Reason.ORDER_OVER),
        (Operation.CANCEL, 110079, U, Reason.BUSY),
        (Operation.CANCEL, 10006, R, Reason.RATE),
        (Operation.AMEND, 110001, R, Reason.ORDER_OVER),
        (Operation.AMEND, 40004, U, Reason.BUSY),
        (Operation.AMEND, 110064, R, Reason.SIZE),
        (Operation.TRADING_STOP, 34040, Outcome.ALREADY, Reason.NOT_MODIFIED),
        (Operation.TRADING_STOP, 110034, R, Reason.NO_POSITION),
        (Operation.SET_LEVERAGE, 110043, Outcome.ALREADY, Reason.NOT_MODIFIED),
        (Operation.SET_LEVERAGE, 110036, R, Reason.LEVERAGE),
        (Operation.SWITCH_MODE, 110025, Outcome.ALREADY, Reason.NOT_MODIFIED),
        (Operation.SWITCH_MODE, 110024, R, Reason.POSITION_MODE),
        (Operation.SWITCH_MODE, 10404, R, Reason.CONFIGURATION),
    ],
)
def test_what_a_code_means_depends_on_the_call(
    operation: Operation, code: int, outcome: Outcome, reason: Reason
) -> None:
    verdict = classify(operation, code)

    assert (verdict.outcome, verdict.reason) == (outcome, reason)


@pytest.mark.parametrize(
    ("operation", "text", "outcome", "reason"),
    [
        (Operation.TRADING_STOP, "not modified", Outcome.ALREADY, Reason.NOT_MODIFIED),
        (Operation.AMEND, "The order remains unchanged as ...", Outcome.ALREADY, Reason.NOT_MODIFIED),
        (Operation.CREATE, "not modified", R, Reason.NOT_MODIFIED),
        (Operation.CANCEL, "not modified", R, Reason.NOT_MODIFIED),
        (Operation.TRADING_STOP, "can not set tp/sl/ts for zero position", R, Reason.NO_POSITION),
        (Operation.CREATE, "params error: position_mode invalid", R, Reason.POSITION_MODE),
        (Operation.CREATE, "params error: qty err", R, Reason.SIZE),
        (Operation.CREATE, "something else", R, Reason.PARAMETERS),
    ],
)
def test_the_text_of_a_parameter_error_says_which(
    operation: Operation, text: str, outcome: Outcome, reason: Reason
) -> None:
    verdict = classify(operation, 10001, text)

    assert (verdict.outcome, verdict.reason) == (outcome, reason)


RECORDED_REASONS = {
    "10001_min_qty": Reason.SIZE,
    "10001_pos_idx": Reason.POSITION_MODE,
    "10001_position_mode_invalid": Reason.POSITION_MODE,
    "10001_qty_invalid": Reason.SIZE,
    "10001_sl_wrong_side": Reason.STOP_SIDE,
    "10002_recv_window": Reason.CLOCK,
    "10004_bad_sign": Reason.AUTH,
    "10006_too_many_visits": Reason.RATE,
    "110003_price_range_2023": Reason.BAND,
    "110007_ab_not_enough": Reason.FUNDS,
    "110017_reduce_only_same_side": Reason.REDUCE_ONLY,
    "110017_reduce_only_zero": Reason.REDUCE_ONLY,
    "110092_trigger_rising": Reason.STOP_SIDE,
    "110093_trigger_falling": Reason.STOP_SIDE,
    "110094_min_notional": Reason.SIZE,
}


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_a_recorded_refusal_of_an_order_is_a_rejection_with_its_reason(path: Path) -> None:
    answer = json.loads(path.read_text())

    verdict = classify(Operation.CREATE, answer["retCode"], answer["retMsg"])

    assert verdict.outcome is R
    assert verdict.reason is RECORDED_REASONS[path.stem.removeprefix("real_error_")]


@given(st.sampled_from(Operation), st.integers(), st.text(max_size=50))
def test_every_code_has_a_verdict_and_only_zero_is_accepted(
    operation: Operation, code: int, text: str
) -> None:
    verdict = classify(operation, code, text)

    assert (verdict.outcome is A) == (code == 0)
    assert verdict.outcome is not Outcome.NOT_SENT
    if code not in DOCUMENTED:
        assert verdict.outcome is U


@given(st.sampled_from(sorted(DOCUMENTED)), st.text(max_size=50))
def test_a_create_knows_three_answers_and_is_never_sent_again(code: int, text: str) -> None:
    verdict = classify(Operation.CREATE, code, text)

    assert verdict.outcome in (A, R, U)
    assert not verdict.again


def test_the_page_of_codes_is_the_table() -> None:
    assert PAGE.read_text() == outcome_page.render(), "run make reference"


@pytest.mark.parametrize(
    ("code", "reason", "on_grid", "of_size"),
    [
        (10001, "size", True, True),  # its text said so
        (110094, "", True, True),
        (170136, "", False, True),
        (None, "size", True, True),
        (10001, "parameters", True, False),
        (10001, "parameters", False, True),  # off the grid, and a parameter is wrong
        (110003, "band", False, True),
        (110017, "reduce_only", True, False),
        (110017, "reduce_only", False, True),  # truncated to zero
        (170130, "parameters", False, True),
        (110007, "funds", False, False),
        (10006, "rate", False, False),
        (999999, "unknown_code", False, False),
        (None, "", False, False),
    ],
)
def test_which_refusals_speak_of_the_size(
    code: int | None, reason: str, on_grid: bool, of_size: bool
) -> None:
    assert refuses_size(code, reason, on_grid=on_grid) is of_size
