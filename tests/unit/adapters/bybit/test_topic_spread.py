"""Topics over connections: bounds are kept, groups stay whole, order stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.adapters.bybit.public_stream import MOST_ARGS_CHARS, TooManyTopics, spread

GROUPS = st.lists(st.lists(st.text("AB", min_size=1, max_size=400), min_size=1, max_size=4), max_size=60)


@given(GROUPS, st.integers(4, 20))
def test_every_group_is_on_one_connection_within_the_bounds(groups: list[list[str]], most: int) -> None:
    plan = spread(groups, most)

    assert [group for connection in plan for group in connection] == groups
    for connection in plan:
        topics = [topic for group in connection for topic in group]
        assert 0 < len(topics) <= most
        assert sum(map(len, topics)) <= MOST_ARGS_CHARS


def test_a_hundred_symbols_fill_two_connections() -> None:
    groups = [[f"orderbook.50.C{n}USDT", f"publicTrade.C{n}USDT", f"kline.1.C{n}USDT"] for n in range(100)]

    assert [len(connection) for connection in spread(groups, 200)] == [66, 34]


def test_a_request_that_no_connection_can_take_is_refused() -> None:
    with pytest.raises(TooManyTopics, match="21000"):
        spread([["x" * 21_000]], 10)
