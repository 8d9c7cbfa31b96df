"""The limit on symbols with exposure, on both sides of its boundary."""

import pytest
from tests.support.risk_tables import account, entry, spec

from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.rules.max_positions import max_positions

OURS = "ABCUSDT"


@pytest.mark.parametrize(
    ("held", "limit", "allowed"),
    [
        ((), 1, True),
        ((), 0, False),
        (("BTCUSDT",), 1, False),
        (("BTCUSDT",), 2, True),
        ((OURS,), 1, True),
        ((OURS,), 0, False),
        ((OURS, "BTCUSDT"), 2, True),
        ((OURS, "BTCUSDT"), 1, False),  # tightened: what is held is not entered again
        (("BTCUSDT", "ETHUSDT"), 2, False),
    ],
)
def test_a_symbol_more_than_the_limit_is_refused(held: tuple[str, ...], limit: int, allowed: bool) -> None:
    answer = max_positions(entry(), account(exposed=frozenset(held)), spec(max_positions=limit))

    if allowed:
        assert answer is None
    else:
        assert answer == Refusal(Reason.MAX_POSITIONS, f"{len(held)} symbols held, limit {limit}")
