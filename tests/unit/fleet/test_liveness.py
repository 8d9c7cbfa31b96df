"""Whether a process still turns, by its status file: each line is a look a second later."""

import pytest

from tradefleet.services.fleet.liveness import Liveness

WROTE, SILENT = True, False


def looks(
    *written: bool, silent_s: float = 3.0, pid: int = 7, says: str = "", step_s: float = 1.0
) -> list[str]:
    liveness, now_s, version = Liveness(silent_s), 100.0, 0.0
    found = []
    for wrote in written:
        now_s += step_s
        version += wrote
        found.append(liveness.look(pid, {"pid": pid, "why_dead": says}, version, now_s))
    return found


@pytest.mark.parametrize(
    ("written", "judged"),
    [
        ([WROTE, WROTE, WROTE], ["", "", ""]),
        ([WROTE, SILENT, SILENT, SILENT], ["", "", "", ""]),
        ([WROTE, SILENT, SILENT, SILENT, SILENT], ["", "", "", "", "it has not said anything for 4 s"]),
        ([WROTE, SILENT, SILENT, SILENT, WROTE, SILENT], [""] * 6),
    ],
)
def test_a_status_that_grows_too_old_is_said(written: list[bool], judged: list[str]) -> None:
    assert looks(*written) == judged


def test_a_process_that_turns_and_does_not_get_on_says_so_itself() -> None:
    assert looks(WROTE, says="the oldest event has waited for 31.0 s") == [
        "the oldest event has waited for 31.0 s"
    ]


def test_one_that_was_never_heard_is_not_judged() -> None:
    liveness = Liveness(3.0)
    for second in range(100):
        assert liveness.look(7, {}, None, float(second)) == ""
        assert liveness.look(7, {"pid": 6}, 1.0, float(second)) == "", "the file of the one before"


def test_a_new_process_begins_anew() -> None:
    liveness = Liveness(3.0)
    liveness.look(7, {"pid": 7}, 1.0, 0.0)
    for second in range(1, 4):
        assert liveness.look(7, {"pid": 7}, 1.0, float(second)) == ""

    assert liveness.look(None, {"pid": 7}, 1.0, 4.0) == ""
    assert liveness.look(8, {"pid": 7}, 1.0, 5.0) == ""
    assert liveness.look(8, {"pid": 8}, 2.0, 6.0) == ""
    assert liveness.look(8, {"pid": 8}, 2.0, 7.0) == ""


def test_a_supervisor_that_stood_still_does_not_blame_its_children() -> None:
    liveness = Liveness(5.0)
    liveness.look(7, {"pid": 7}, 1.0, 0.0)

    assert liveness.look(7, {"pid": 7}, 1.0, 3600.0) == ""
    assert liveness.look(7, {"pid": 7}, 1.0, 3601.0) == ""
