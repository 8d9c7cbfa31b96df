"""The executor's own kill switch: who may, what is said, and that it is written before it is answered."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from tests.support.ports import free_port

from tradefleet.adapters.files.spool import SpoolFailed
from tradefleet.core.events import LatchRecord
from tradefleet.services.executor import endpoint
from tradefleet.services.fleet.latches import ask_executor
from tradefleet.services.fleet.problems import FleetFailed
from tradefleet.services.probes import Probes, served


class Engaged:
    """Notes latches; fails when told to."""

    def __init__(self) -> None:
        self.latches: list[LatchRecord] = []
        self.error: SpoolFailed | None = None

    def __call__(self, latch: LatchRecord) -> None:
        if self.error is not None:
            raise self.error
        self.latches.append(latch)


@pytest.fixture
def engaged() -> Engaged:
    return Engaged()


@pytest.fixture
async def url(engaged: Engaged) -> AsyncIterator[str]:
    port = free_port()
    probes = Probes(started=lambda: "", ready=lambda: "", alive=lambda: "", metrics=lambda: b"")
    async with served(port, probes, endpoint.routes(engaged)):
        yield f"http://127.0.0.1:{port}{endpoint.PATH}"


async def post(url: str, body: Any) -> tuple[int, dict[str, Any]]:
    async with aiohttp.ClientSession() as session, session.post(url, data=body) as response:
        return response.status, await response.json()


async def test_it_engages_a_latch_with_who_and_why(url: str, engaged: Engaged) -> None:
    status, said = await post(url, b'{"reason": "enough", "actor": "me"}')

    (latch,) = engaged.latches
    assert (status, said) == (200, {"latch": latch.latch_id})
    assert (latch.kind, latch.reason, latch.actor) == ("kill_switch", "enough", "endpoint:me")


@pytest.mark.parametrize(
    "body", [b"", b"stop!", b'{"reason": "enough"}', b'{"reason": "", "actor": "me"}', b'{"all": 1}']
)
async def test_a_body_without_who_and_why_is_refused_in_words(
    url: str, engaged: Engaged, body: bytes
) -> None:
    status, said = await post(url, body)

    assert status == 400
    assert "send reason and actor" in said["error"]
    assert engaged.latches == []


async def test_a_latch_that_could_not_be_written_is_not_claimed(url: str, engaged: Engaged) -> None:
    engaged.error = SpoolFailed("disk full")

    status, said = await post(url, b'{"reason": "enough", "actor": "me"}')

    assert status == 500
    assert "disk full" in said["error"]


@pytest.mark.parametrize(
    ("remote", "authorization", "allowed"),
    [
        ("127.0.0.1", "", True),
        ("::1", "", True),
        ("::ffff:127.0.0.1", "", True),
        ("10.1.2.3", "", False),
        ("10.1.2.3", "Bearer secret", True),
        ("10.1.2.3", "Bearer wrong", False),
        ("", "", False),
    ],
)
def test_from_elsewhere_only_with_the_token(
    monkeypatch: pytest.MonkeyPatch, remote: str, authorization: str, allowed: bool
) -> None:
    monkeypatch.setenv(endpoint.TOKEN_VARIABLE, "secret")

    assert (endpoint._refusal(remote, authorization) == "") is allowed


def test_without_a_token_nobody_elsewhere_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(endpoint.TOKEN_VARIABLE, raising=False)

    assert endpoint._refusal("10.1.2.3", "Bearer ") != ""
    assert isinstance(endpoint.routes(lambda latch: None)[0], web.RouteDef)


async def test_the_command_line_asks_an_executor_itself(url: str, engaged: Engaged) -> None:
    latch_id = await ask_executor(url.removesuffix(endpoint.PATH), "enough", "me")

    assert [latch.latch_id for latch in engaged.latches] == [latch_id]


async def test_the_command_line_says_why_an_executor_did_not(url: str, engaged: Engaged) -> None:
    engaged.error = SpoolFailed("disk full")

    with pytest.raises(FleetFailed, match="disk full"):
        await ask_executor(url.removesuffix(endpoint.PATH), "enough", "me")
    with pytest.raises(FleetFailed, match="try another one"):
        await ask_executor("http://127.0.0.1:9", "enough", "me")
