"""What a line of a watch means; anything may come, nothing may raise."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tradefleet.adapters.config_source import BadSnapshot, BotAddress
from tradefleet.adapters.kubernetes.resources import Kind, read_event
from tradefleet.services.sources import open_source

BOT = {
    "metadata": {"name": "a", "uid": "u", "generation": 3, "resourceVersion": "7"},
    "spec": {"paused": True},
}


@pytest.mark.parametrize(
    ("event", "kind", "version"),
    [
        ({"type": "ADDED", "object": BOT}, Kind.CHANGED, "7"),
        ({"type": "MODIFIED", "object": BOT}, Kind.CHANGED, "7"),
        ({"type": "DELETED", "object": BOT}, Kind.REMOVED, "7"),
        ({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "9"}}}, Kind.BOOKMARK, "9"),
        ({"type": "ERROR", "object": {"code": 410, "message": "too old"}}, Kind.GONE, ""),
        ({"type": "ERROR", "object": {"code": 500, "message": "no"}}, Kind.TROUBLE, ""),
        ({"type": "UNHEARD", "object": BOT}, Kind.TROUBLE, ""),
        ({"type": "ADDED", "object": {"metadata": {"generation": "three"}}}, Kind.TROUBLE, ""),
        ({"type": "ADDED"}, Kind.TROUBLE, ""),
    ],
)
def test_each_line_has_a_meaning(event: dict[str, Any], kind: Kind, version: str) -> None:
    told = read_event(json.dumps(event).encode())

    assert (told.kind, told.version) == (kind, version)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_event_are_trouble(line: bytes) -> None:
    assert read_event(line).kind is Kind.TROUBLE


@pytest.mark.parametrize(
    "address",
    ["kubernetes://", "kubernetes://a", "kubernetes://a/B", "kubernetes://a/b/c", "kubernetes://a/-b"],
)
def test_an_address_that_names_no_bot_is_said(address: str) -> None:
    with pytest.raises(BadSnapshot, match="write kubernetes://NAMESPACE/BOT"):
        open_source(address)


def test_an_address_names_namespace_and_bot() -> None:
    bot = BotAddress("kubernetes://trading/alpha")

    assert (bot.namespace, bot.bot) == ("trading", "alpha")
