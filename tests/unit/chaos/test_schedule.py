"""A seed's schedule is a value: the same for ever, in order, and within its time."""

from tests.chaos.acts import AtFailpoint, BrokenList, KillSwitchActs, Wish
from tests.chaos.schedule import make_schedule
from tests.chaos.world import LENGTH_MS

SEEDS = range(1, 201)


def test_a_seed_gives_the_same_schedule_for_ever() -> None:
    assert [make_schedule(seed) for seed in SEEDS] == [make_schedule(seed) for seed in SEEDS]
    assert len({make_schedule(seed).acts for seed in SEEDS}) == len(SEEDS)


def test_acts_are_in_order_of_time_and_most_of_them_are_wishes() -> None:
    for seed in SEEDS:
        acts = make_schedule(seed).acts

        assert [act.at_ms for act in acts] == sorted(act.at_ms for act in acts)
        assert acts[-1].at_ms < LENGTH_MS + 3000
        assert sum(isinstance(act, Wish) for act in acts) >= 20


def test_every_kind_of_trouble_is_in_two_hundred_seeds() -> None:
    kinds = {type(act).__name__ for seed in SEEDS for act in make_schedule(seed).acts}
    names = {act.name for seed in SEEDS if (act := make_schedule(seed).failpoint)}

    assert kinds == {
        *("Wish", "Dies", "Sleeps", "AtFailpoint", "Away", "Strikes", "Weather", "Limits"),
        *("KillSwitchActs", "ByHand", "Foreign", "CutOff", "BrokenList", "KeyDies", "TickChanges"),
        *("UnknownWord", "BusAnew"),
    }
    assert len(names) == 8


def test_a_process_is_held_at_one_failpoint_at_most() -> None:
    for seed in SEEDS:
        assert sum(isinstance(act, AtFailpoint) for act in make_schedule(seed).acts) <= 1


def test_a_schedule_reads_as_one_line_an_act() -> None:
    schedule = make_schedule(1)

    assert len(schedule.text().splitlines()) == len(schedule.acts)


def test_what_stays_broken_stays_so_under_a_latch_only() -> None:
    for seed in SEEDS:
        acts = make_schedule(seed).acts

        for broken in (act for act in acts if isinstance(act, BrokenList) and not act.for_ms):
            assert any(isinstance(act, KillSwitchActs) and act.at_ms > broken.at_ms for act in acts)


def test_every_limit_of_entries_is_in_two_hundred_seeds() -> None:
    assert {make_schedule(seed).per_symbol for seed in SEEDS} == {1, 2, 3}
