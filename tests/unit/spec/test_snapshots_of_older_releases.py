"""A snapshot that an older release has written is read: the journal keeps them for ever."""

from tests.support.configs import make_snapshot

from tradefleet.spec.partial_close import PartialClose
from tradefleet.spec.snapshot import ConfigSnapshot


def test_partial_closes_were_a_switch_that_nobody_could_turn_on() -> None:
    newest = make_snapshot()
    section = newest.encode().partition(b'"partialClose":')[2].partition(b',"reverseOnOpposite"')[0]
    for older in (b'"partialClose":false', b'"partialClose": false'):
        raw = newest.encode().replace(b'"partialClose":' + section, older)

        assert raw != newest.encode()
        assert ConfigSnapshot.decode(raw) == newest


def test_a_snapshot_of_this_release_comes_back_as_it_was() -> None:
    newest = make_snapshot()

    assert newest.spec.exits.partial_close == PartialClose()
    assert ConfigSnapshot.decode(newest.encode()) == newest
