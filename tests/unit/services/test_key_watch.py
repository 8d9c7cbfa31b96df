"""A key that dies is believed only when it is refused twice, and found within seconds."""

import asyncio
import time

import pytest
from tests.support.eventually import eventually

from tradefleet.adapters.bybit.account_reads import AccountReads
from tradefleet.adapters.bybit.errors import KeyRefused, Unreadable
from tradefleet.adapters.bybit.governor import Governor
from tradefleet.adapters.bybit.preflight import DAY_NS, KeyFacts
from tradefleet.services.executor import key_watch
from tradefleet.services.executor.key_watch import KeyWatch

DEAD = KeyRefused("get_api_key_information: 10003 API key is invalid.")
AWAY = Unreadable("get_api_key_information: timed out")


def facts(*, may_order: bool = True, read_only: bool = False, days: float | None = None) -> KeyFacts:
    return KeyFacts(
        uid="1",
        read_only=read_only,
        may_order=may_order,
        may_change_positions=True,
        may_withdraw=False,
        bound=days is None,
        expires_ns=None if days is None else time.time_ns() + int(days * DAY_NS),
    )


class Reads(AccountReads):
    """Answers in their order, the last one for ever."""

    def __init__(self, *answers: KeyFacts | Exception | None) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def key(self) -> KeyFacts | None:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in {"LOOK_S": 0.001, "ASK_S": 0.02, "DOUBTED_S": 0.002, "CONFIRM_S": 0.002}.items():
        monkeypatch.setattr(key_watch, name, seconds)


async def watched(reads: Reads, *, governor: Governor | None = None, for_s: float = 0.3) -> str:
    """Why the key is of no use; "" when it is of use after `for_s`."""
    watch = KeyWatch(reads, governor or Governor(), leads=lambda: True, tells_expiry=True)
    try:
        async with asyncio.timeout(for_s):
            return await watch.refused(lambda _: None, lambda _: None)
    except TimeoutError:
        return ""


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ((facts(), DEAD), "10003 API key is invalid."),
        ((facts(read_only=True),), "the key may not order"),
        ((facts(), facts(may_order=False)), "the key may not order"),
        ((AWAY, DEAD, AWAY, DEAD, DEAD), "10003"),
        ((DEAD, facts()), ""),
        ((DEAD, facts(), DEAD, facts()), ""),
        ((AWAY,), ""),
        ((DEAD, AWAY, facts()), ""),
        ((None,), ""),
        ((facts(days=80),), ""),
    ],
)
async def test_only_what_is_refused_twice_in_a_row_is_believed(
    answers: tuple[KeyFacts | Exception | None, ...], said: str
) -> None:
    why = await watched(Reads(*answers))

    assert said in why
    assert bool(why) == bool(said)


async def test_a_refusal_of_any_call_has_the_key_asked_for_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_watch, "ASK_S", 3600.0)
    governor, reads = Governor(), Reads(DEAD)
    watching = asyncio.create_task(watched(reads, governor=governor, for_s=5))
    await asyncio.sleep(0.02)
    assert reads.asked == 0

    governor.answered("/v5/order/create", sent_ns=1, status=200, headers={}, ret_code=10010, server_ms=0)

    assert "10003" in await watching


async def test_a_refused_private_stream_has_the_key_asked_for_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_watch, "ASK_S", 3600.0)
    watch = KeyWatch(Reads(DEAD), Governor(), leads=lambda: True, tells_expiry=True)
    watching = asyncio.create_task(watch.refused(lambda _: None, lambda _: None))
    await asyncio.sleep(0.02)

    watch.doubted()

    assert "10003" in await asyncio.wait_for(watching, 5)


async def test_one_permission_that_a_list_lacks_does_not_end_a_key_that_may_trade() -> None:
    governor, reads = Governor(), Reads(facts())
    governor.answered("/v5/account/fee-rate", sent_ns=1, status=200, headers={}, ret_code=10005, server_ms=0)

    assert await watched(reads, governor=governor) == ""
    assert reads.asked > 1


async def test_while_a_refusal_is_not_settled_the_key_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_watch, "CONFIRM_S", 0.3)
    watch = KeyWatch(Reads(DEAD, facts()), Governor(), leads=lambda: True, tells_expiry=True)
    watching = asyncio.create_task(watch.refused(lambda _: None, lambda _: None))

    await eventually(lambda: watch.trouble)
    await eventually(lambda: not watch.trouble)

    watching.cancel()


@pytest.mark.parametrize(("days", "alerts"), [(None, 0), (8.0, 0), (6.9, 1), (0.0, 1)])
async def test_a_key_that_ends_within_a_week_is_said_once_a_day(days: float | None, alerts: int) -> None:
    watch = KeyWatch(Reads(facts(days=days)), Governor(), leads=lambda: True, tells_expiry=True)
    said: list[str] = []
    told: list[int | None] = []
    watching = asyncio.create_task(watch.refused(told.append, said.append))
    await eventually(lambda: len(told) >= 3)
    watching.cancel()

    assert len(said) == alerts
    assert (told[0] is None) == (days is None)


async def test_one_that_stands_by_asks_more_often_than_one_that_leads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(key_watch, "ASK_S", 3600.0)
    monkeypatch.setattr(key_watch, "STANDBY_S", 0.001)
    leads = [True]
    reads = Reads(facts())
    watch = KeyWatch(reads, Governor(), leads=lambda: leads[0], tells_expiry=True)
    watching = asyncio.create_task(watch.refused(lambda _: None, lambda _: None))
    await asyncio.sleep(0.05)
    assert reads.asked == 0

    leads[0] = False

    await eventually(lambda: reads.asked > 2)
    watching.cancel()


async def test_who_was_refused_at_the_start_of_an_epoch_asks_for_no_lease_until_it_is_settled() -> None:
    reads = Reads(facts())
    watch = KeyWatch(reads, Governor(), leads=lambda: False, tells_expiry=True)
    watching = asyncio.create_task(watch.refused(lambda _: None, lambda _: None))

    watch.doubted("get_fee_rates: 10003")

    assert watch.trouble == "get_fee_rates: 10003"
    await eventually(lambda: not watch.trouble)
    watching.cancel()
