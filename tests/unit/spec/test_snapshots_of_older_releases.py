"""What an older release has written is read: the journal keeps it for ever, and a cluster its bots."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.support.configs import make_snapshot

from tradefleet.adapters.postgres.restore import decode_payload
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.partial_close import PartialClose
from tradefleet.spec.problems import SpecError
from tradefleet.spec.snapshot import ConfigSnapshot


@pytest.mark.parametrize(
    "read", [ConfigSnapshot.decode, lambda raw: decode_payload(raw.decode(), ConfigSnapshot)]
)
def test_partial_closes_were_a_switch_that_nobody_could_turn_on(
    read: Callable[[bytes], ConfigSnapshot],
) -> None:
    newest = make_snapshot()
    section = newest.encode().partition(b'"partialClose":')[2].partition(b',"reverseOnOpposite"')[0]
    for older in (b'"partialClose":false', b'"partialClose": false'):
        raw = newest.encode().replace(b'"partialClose":' + section, older)

        assert raw != newest.encode()
        assert read(raw) == newest


def test_a_snapshot_of_this_release_comes_back_as_it_was() -> None:
    newest = make_snapshot()

    assert newest.spec.exits.partial_close == PartialClose()
    assert ConfigSnapshot.decode(newest.encode()) == newest


def test_a_bot_of_the_cluster_may_still_have_the_switch_and_nobody_else_one() -> None:
    document: dict[str, Any] = {
        "apiVersion": "tradefleet.dev/v1alpha1",
        "kind": "TradingBot",
        "metadata": {"name": "bot"},
        "spec": {
            "exchange": {"simulator": {"enabled": True}},
            "universe": {"symbols": ["BTCUSDT"]},
            "exits": {"partialClose": False},
        },
    }

    assert decode_bot(document, "").spec.exits.partial_close == PartialClose()

    for exits in ({"partialClose": True}, {"trailing": False}):
        document["spec"] = {**document["spec"], "exits": exits}
        with pytest.raises(SpecError, match="is not a section"):
            decode_bot(document, "")
