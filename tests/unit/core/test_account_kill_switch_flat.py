"""When flat is told: after the last moment at which an order may arrive, by lists asked for since."""

import pytest
from tests.support.account_harness import Harness

from tradefleet.core import account_cancels, account_evidence, account_kill_switch
from tradefleet.core.account_state import AccountState, KillSwitchRun
from tradefleet.core.actions import Alert

S = 1_000_000_000


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> AccountState:
    monkeypatch.setattr(account_cancels, "are_gone", lambda state, run: True)
    return Harness().ready().core.state


def told(
    state: AccountState, monkeypatch: pytest.MonkeyPatch, run: KillSwitchRun, shown_ns: int, now_ns: int
) -> list[str]:
    monkeypatch.setattr(account_evidence, "shown_whole_ns", lambda state: shown_ns)
    asked: list[str] = []
    monkeypatch.setattr(type(state), "want_reconciliation", lambda self, reason: asked.append(reason))
    alerts = [action for action in account_kill_switch._tell(state, run, now_ns) if isinstance(action, Alert)]
    return [alert.detail for alert in alerts] + asked


FLAT, ASKED = "flat after 3.000 s, and both lists show it", "flat; is it so at the exchange?"


@pytest.mark.parametrize(
    ("valid_until_s", "began_s", "flat_s", "from_ns"),
    [
        (30, 10, 13, 31 * S),  # a second after the last order of ours could be taken
        (5, 10, 13, 13 * S),
        (0, 16, 13, 16 * S),
    ],
)
def test_flat_is_told_by_lists_that_were_asked_for_when_nothing_could_arrive_any_more(
    state: AccountState,
    monkeypatch: pytest.MonkeyPatch,
    valid_until_s: int,
    began_s: int,
    flat_s: int,
    from_ns: int,
) -> None:
    state.tracked.last_valid_until_ns = valid_until_s * S

    def at(shown_ns: int, now_ns: int) -> tuple[bool, list[str]]:
        run = KillSwitchRun(began_ns=began_s * S, flat_ns=flat_s * S)
        said = told(state, monkeypatch, run, shown_ns, now_ns)
        return run.told, [text for text in said if text == ASKED]

    assert at(from_ns, from_ns) == (True, [])
    assert at(from_ns - 1, from_ns) == (False, [ASKED])
    assert at(from_ns, from_ns - 1) == (False, [])


def test_it_is_told_once_and_with_its_seconds(state: AccountState, monkeypatch: pytest.MonkeyPatch) -> None:
    run = KillSwitchRun(began_ns=10 * S, flat_ns=13 * S)
    state.tracked.last_valid_until_ns = 0

    assert told(state, monkeypatch, run, 14 * S, 14 * S) == [FLAT]
    assert run.told
    assert told(state, monkeypatch, run, 15 * S, 15 * S) == []


def test_the_lists_are_asked_for_each_five_seconds(
    state: AccountState, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = KillSwitchRun(began_ns=10 * S, flat_ns=13 * S)
    state.tracked.last_valid_until_ns = 0

    asked = [told(state, monkeypatch, run, 0, now_ns) for now_ns in (14 * S, 19 * S - 1, 19 * S)]

    assert asked == [[ASKED], [], [ASKED]]


def test_it_is_not_told_while_an_entry_may_stand(
    state: AccountState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_cancels, "are_gone", lambda state, run: False)

    assert told(state, monkeypatch, KillSwitchRun(began_ns=S, flat_ns=S), 99 * S, 99 * S) == []


@pytest.mark.parametrize(
    ("held", "open_orders", "flat"),
    [(False, False, True), (True, False, False), (False, True, False), (True, True, False)],
)
def test_flat_is_nothing_held_and_no_order_of_ours_that_could_make_it(
    state: AccountState, monkeypatch: pytest.MonkeyPatch, held: bool, open_orders: bool, flat: bool
) -> None:
    monkeypatch.setattr(account_evidence, "nothing_is_held", lambda state: not held)
    monkeypatch.setattr(type(state.tracked), "is_any_open", lambda self: open_orders)

    assert account_kill_switch.is_flat(state) is flat
