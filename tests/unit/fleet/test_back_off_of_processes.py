"""A process that dies at once is tried ever more slowly; one that ran well starts afresh."""

from hypothesis import given
from hypothesis import strategies as st

from tradefleet.services.fleet.back_off import BackOff


def test_waits_double_up_to_the_longest() -> None:
    back_off = BackOff(first_s=0.5, longest_s=3.0)

    assert [back_off.wait_s(deaths) for deaths in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_good_run_forgives_earlier_deaths() -> None:
    back_off = BackOff(well_after_s=20.0)

    assert back_off.deaths_after(6, ran_s=20.0) == 1
    assert back_off.deaths_after(6, ran_s=19.9) == 7


@given(deaths=st.integers(1, 10_000))
def test_no_wait_is_shorter_than_the_one_before_or_longer_than_the_longest(deaths: int) -> None:
    back_off = BackOff()

    assert back_off.first_s <= back_off.wait_s(deaths) <= back_off.wait_s(deaths + 1) <= back_off.longest_s
