"""The limit on entries in one symbol, on both sides of its boundary."""

import pytest
from tests.support.risk_tables import account, entry, spec

from tradefleet.risk.decisions import Reason, Refusal
from tradefleet.risk.rules.max_positions_per_symbol import max_positions_per_symbol


@pytest.mark.parametrize(
    ("entries", "limit", "allowed"),
    [(0, 0, False), (0, 1, True), (1, 1, False), (1, 2, True), (2, 2, False), (3, 2, False)],
)
def test_an_entry_more_than_the_limit_is_refused(entries: int, limit: int, allowed: bool) -> None:
    answer = max_positions_per_symbol(entry(), account(entries=entries), spec(max_positions_per_symbol=limit))

    if allowed:
        assert answer is None
    else:
        expected = f"{entries} entries in ABCUSDT, limit {limit}"
        assert answer == Refusal(Reason.MAX_POSITIONS_PER_SYMBOL, expected)
