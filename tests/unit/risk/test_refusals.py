"""Every word with which something is refused is explained."""

from tradefleet.orders import codes, not_taken
from tradefleet.risk import refusals
from tradefleet.risk.decisions import Reason


def test_every_reason_of_a_refused_signal_is_explained() -> None:
    assert set(refusals.EXPLAINED) == set(Reason)


def test_every_reason_of_an_order_that_was_not_taken_is_explained() -> None:
    assert set(not_taken.EXPLAINED) == {*not_taken.NotTaken, *codes.Reason} - {codes.Reason.NONE}


def test_an_explanation_is_made_of_sentences() -> None:
    for line in (*refusals.EXPLAINED.values(), *not_taken.EXPLAINED.values()):
        assert line.cause.endswith(".")
        assert line.act.endswith(".")
        assert "|" not in "".join(line)
