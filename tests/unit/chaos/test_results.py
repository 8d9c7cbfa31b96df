"""What a run of chaos counts, plays again, and goes on with."""

from pathlib import Path

import msgspec
import pytest
from tests.chaos.judge import Finding, Harm
from tests.chaos.results import Result, Tally, Tried, read_results

HARM = (Finding(Harm.LOST, "BTC is gone"),)


def traded(seed: int) -> Result:
    return Result(seed=seed, placed=3, acts=10)


@pytest.mark.parametrize(
    ("result", "played", "proves"),
    [
        (traded(1), True, True),
        (Result(seed=1), True, False),
        (Result(seed=1, findings=HARM), True, True),
        (Result(seed=1, trouble="nobody leads"), True, True),
        (Result(seed=1, trouble="not played: TimeoutError: "), False, False),
    ],
)
def test_a_schedule_counts_when_it_was_played_and_something_was_ordered(
    result: Result, played: bool, proves: bool
) -> None:
    assert (result.was_played, result.proves) == (played, proves)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        ([], [1, 2, 3]),
        ([traded(1), traded(2), traded(3)], []),
        ([traded(2)], [1, 3]),
        ([traded(1), Result(seed=2), traded(3)], [4]),
        ([traded(1), Result(seed=2), traded(3), Result(seed=4)], [5]),
        ([traded(1), Result(seed=2, trouble="not played: OSError: "), traded(3)], [2]),
        ([traded(1), Result(seed=2)], [3, 4]),
        ([traded(0), traded(1)], [2, 3]),
    ],
)
def test_a_run_goes_on_with_what_was_not_played_and_replaces_what_proves_nothing(
    before: list[Result], wanted: list[int]
) -> None:
    assert Tried(range(1, 4), before).wanted() == wanted


def test_the_summary_says_what_failed_and_what_proves_nothing() -> None:
    results = [traded(1), Result(seed=2), Result(seed=3, placed=1, findings=HARM)]

    tally = Tally(results)

    assert tally.failed == [3]
    text = tally.text(3, 12.0)
    assert text.startswith("2 of 3 schedules in 12 s: 10 acts")
    assert "1 lost positions" in text
    assert "made no order and not counted: 2" in text
    assert text.endswith("failed: 3")


def test_a_seed_that_was_played_again_counts_by_its_last_result() -> None:
    assert Tally([Result(seed=1, trouble="not played: "), traded(1)]).failed == []


def test_the_results_of_an_interrupted_run_are_read_to_the_last_whole_line(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    assert read_results(file) == []

    file.write_bytes(msgspec.json.encode(traded(7)) + b'\n{"seed":8,"ac')

    assert read_results(file) == [traded(7)]
