"""Who may take the row of a lease, and with what it is renewed. The server's answers are ours."""

from datetime import timedelta
from typing import Any

import pytest

from tradefleet.adapters.postgres import lease_row
from tradefleet.adapters.postgres.errors import AccountInUse
from tradefleet.adapters.postgres.lease_row import Claim, Grant, LeaseRow, Wait

SECOND_NS = 1_000_000_000
CLAIM = Claim(
    dsn="", account="bybit/paper/1", bot_uid="bot-1", holder="a", ttl_s=2.0, namespace="desk", name="trend"
)


class Server:
    """One connection to a server whose row and epochs are told, and the statements that it heard."""

    def __init__(self, row: dict[str, Any] | None = None, epoch: int | None = 1) -> None:
        self.row, self.epoch = row, epoch
        self.heard: list[tuple[str, tuple[Any, ...], float]] = []
        self.connections = 0
        self.now_ns = 7 * SECOND_NS
        self.closed = False

    async def connect(self, dsn: str, **_: Any) -> "Server":
        self.connections += 1
        self.closed = False
        return self

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    def transaction(self) -> "Server":
        return self

    async def __aenter__(self) -> None:
        self.heard.append(("BEGIN", (), 0.0))

    async def __aexit__(self, *_: object) -> None:
        self.heard.append(("END", (), 0.0))

    async def fetchrow(self, statement: str, *values: Any, timeout: float) -> dict[str, Any] | None:
        self.heard.append((statement.split()[0], values, timeout))
        return self.row

    async def fetchval(self, statement: str, *values: Any, timeout: float) -> int | None:
        kind = "RELEASE" if "released = true" in statement else statement.split()[0]
        self.heard.append((kind, values, timeout))
        return self.epoch

    def monotonic_ns(self) -> int:
        return self.now_ns

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _, _ in self.heard]


def row(**fields: Any) -> dict[str, Any]:
    values: dict[str, Any] = {"bot": "bot-1", "holder": "b", "epoch": 3, "released": False, "left_s": 0.5}
    return values | {"ttl_s": 2.0, "other_run": False, "other_timeline": False, "run": "r1"} | fields


def asking(monkeypatch: pytest.MonkeyPatch, server: Server) -> LeaseRow:
    monkeypatch.setattr(lease_row.asyncpg, "connect", server.connect)
    monkeypatch.setattr(lease_row, "time", server)
    return LeaseRow(CLAIM)


async def test_the_first_grant_of_an_account_makes_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()

    grant = await asking(monkeypatch, server).take(1.5)

    assert isinstance(grant, Grant)
    assert (grant.epoch, grant.bot_uid, grant.had_predecessor) == (1, "bot-1", False)
    assert server.kinds == ["BEGIN", "SELECT", "INSERT", "END"]
    assert server.heard[1] == ("SELECT", ("bybit/paper/1",), 1.5)
    values = ("bybit/paper/1", "bot-1", "a", timedelta(seconds=2), grant.grant_id, "desk", "trend")
    assert server.heard[2] == ("INSERT", values, 1.5)


async def test_each_grant_has_an_id_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asking(monkeypatch, Server())

    grants = [await asked.take(1.0), await asked.take(1.0)]

    assert len({grant.grant_id for grant in grants if isinstance(grant, Grant) and grant.grant_id}) == 2


async def test_a_claim_without_a_bots_name_leaves_it_out(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    monkeypatch.setattr(lease_row.asyncpg, "connect", server.connect)

    await LeaseRow(Claim(dsn="", account="a", bot_uid="b", holder="h", ttl_s=1.0)).take(1.0)

    assert server.heard[2][1][5:] == (None, None)


async def test_who_makes_the_first_row_second_asks_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asking(monkeypatch, Server(epoch=None)).take(1.0) == Wait(seconds=0)


@pytest.mark.parametrize(
    ("fields", "wait_s"),
    [
        ({"left_s": 0.5}, 0.5),
        ({"left_s": 0.001}, 0.001),
        ({"left_s": 0.0}, None),
        ({"left_s": -1.0}, None),
        ({"left_s": 0.5, "released": True}, None),
        ({"left_s": -1.0, "other_run": True}, 2.0),
        ({"left_s": -1.0, "other_run": True, "ttl_s": 9.0}, 9.0),
        ({"left_s": -1.0, "other_run": True, "released": True}, None),
        ({"left_s": -1.0, "other_timeline": True, "released": True}, 2.0),
        ({"left_s": -1.0, "other_timeline": True}, 2.0),
    ],
)
async def test_a_row_of_the_same_bot_is_waited_for_or_taken(
    monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], wait_s: float | None
) -> None:
    server = Server(row(**fields), epoch=4)

    answer = await asking(monkeypatch, server).take(1.0)

    if wait_s is not None:
        assert answer == Wait(seconds=wait_s)
        assert server.kinds == ["BEGIN", "SELECT", "END"]
        return
    assert isinstance(answer, Grant)
    assert (answer.epoch, answer.had_predecessor) == (4, True)
    assert server.kinds == ["BEGIN", "SELECT", "UPDATE", "END"]
    assert server.heard[2][1][4] == answer.grant_id


async def test_a_row_that_lives_and_is_another_bots_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(row(bot="bot-2"))

    with pytest.raises(AccountInUse, match="bot bot-2 leads it"):
        await asking(monkeypatch, server).take(1.0)

    assert server.kinds == ["BEGIN", "SELECT", "END"]


async def test_a_row_that_ran_out_is_taken_from_another_bot(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await asking(monkeypatch, Server(row(bot="bot-2", left_s=-0.1), epoch=4)).take(1.0)

    assert isinstance(answer, Grant)
    assert (answer.epoch, answer.bot_uid) == (4, "bot-1")


async def test_after_a_restart_one_lease_is_waited_for_from_when_its_run_was_first_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(row(left_s=-5.0, other_run=True), epoch=4)
    asked = asking(monkeypatch, server)
    waited: list[Wait | Grant] = []
    for later_ns in (0, SECOND_NS // 2, SECOND_NS):
        server.now_ns += later_ns
        waited.append(await asked.take(1.0))
    server.row = row(left_s=-5.0, other_run=True, run="r2")
    waited.append(await asked.take(1.0))  # restarted once more
    server.now_ns += 2 * SECOND_NS
    last = await asked.take(1.0)

    assert waited == [Wait(seconds=2.0), Wait(seconds=1.5), Wait(seconds=0.5), Wait(seconds=2.0)]
    assert isinstance(last, Grant)


async def test_the_wait_begins_when_the_other_run_is_seen_and_not_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(row())
    asked = asking(monkeypatch, server)
    await asked.take(1.0)
    server.now_ns += SECOND_NS
    server.row = row(left_s=-5.0, other_run=True)

    assert await asked.take(1.0) == Wait(seconds=2.0)


@pytest.mark.parametrize(("epoch", "ours"), [(3, True), (0, True), (None, False)])
async def test_a_renewal_names_its_grant_and_says_whether_the_row_is_still_ours(
    monkeypatch: pytest.MonkeyPatch, epoch: int | None, ours: bool
) -> None:
    server = Server(epoch=epoch)
    grant = Grant(epoch=3, bot_uid="bot-1", had_predecessor=False, grant_id="g")

    assert await asking(monkeypatch, server).renew(grant, 0.5) is ours
    assert server.heard == [("UPDATE", ("bybit/paper/1", "bot-1", "a", 3, "g"), 0.5)]


async def test_a_release_names_its_grant(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server()
    grant = Grant(epoch=3, bot_uid="bot-1", had_predecessor=False, grant_id="g")

    await asking(monkeypatch, server).release(grant, 0.25)

    assert server.heard == [("RELEASE", ("bybit/paper/1", "bot-1", "a", 3, "g"), 0.25)]
