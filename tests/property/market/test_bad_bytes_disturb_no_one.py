"""Whatever the bytes: nothing is raised, and no symbol but the one that is named is touched."""

from functools import cache

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.configs import make_snapshot
from tests.support.recorded import SYMBOLS, recorded_frames, recorded_instruments

from tradefleet.core.pipeline import Resubscribe
from tradefleet.core.pipeline_router import FrameRouter
from tradefleet.domain.signals import Signal
from tradefleet.market.bybit_codec import BybitCodec
from tradefleet.market.faults import BadFrame
from tradefleet.market.frames import ControlFrame
from tradefleet.spec.market import BookDepth
from tradefleet.spec.strategies import Imbalance

START_NS = recorded_frames()[0][0]


@cache
def recorded_pieces() -> tuple[bytes, ...]:
    """A few of the recorded frames of each topic, cut short enough to be mutated often."""
    raws = [raw for _, raw in recorded_frames()]
    return tuple(raw[:1500] if index % 3 else raw for index, raw in enumerate(raws[:60] + raws[::40]))


@cache
def shared_codec() -> BybitCodec:
    return BybitCodec(recorded_instruments().values())


BYTES = st.binary(max_size=200)
HEADS = st.sampled_from(
    [
        b"",
        b"{",
        b'{"topic":"',
        b'{"topic":"orderbook.200.BTCUSDT",',
        b'{"topic":"publicTrade.BTCUSDT","data":[',
    ]
)


@st.composite
def mutated_frames(draw: st.DrawFn) -> bytes:
    """A recorded frame with a piece deleted, replaced, doubled, or joined with another frame's."""
    raw = draw(st.sampled_from(recorded_pieces()))
    start = draw(st.integers(min_value=0, max_value=len(raw)))
    end = draw(st.integers(min_value=start, max_value=min(len(raw), start + 40)))
    other = draw(st.sampled_from(recorded_pieces()))
    filling = draw(
        st.one_of(
            st.just(b""),
            st.just(raw[start:end] * 2),
            st.just(other[start:end]),
            BYTES,
            st.sampled_from(
                [b"-", b"9" * 50, b"null", b'"', b"\\u0000", b"\\", b"[", b"{", b"1e400", b"0", b",,"]
            ),
        )
    )
    return raw[:start] + filling + raw[end:]


@given(st.one_of(BYTES, st.builds(lambda head, tail: head + tail, HEADS, BYTES), mutated_frames()))
@example(b'{"topic":"orderbook.200.BTCUSDT"' + b"[" * 5000)
@example(b'{"topic":"\\ud800"}')
@example(b'{"topic":"orderbook.200.\\u0042TCUSDT"}')
@settings(max_examples=1500, deadline=None)
def test_the_codec_never_raises(raw: bytes) -> None:
    frame = shared_codec().decode(raw, START_NS)

    assert isinstance(frame, BadFrame) or frame.seen_ns == START_NS


def synced_router() -> FrameRouter:
    router = FrameRouter(
        recorded_instruments().values(),
        make_snapshot(imbalance=Imbalance(enabled=True), depth=BookDepth.LEVELS_200),
        shard=0,
        instance="i",
    )
    router.set_owner(1)
    for seen, raw in recorded_frames()[:60]:
        router.feed(raw, seen)
    return router


@given(st.lists(mutated_frames(), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_a_mutated_frame_touches_at_most_the_symbol_that_it_names(raws: list[bytes]) -> None:
    router = synced_router()
    states = {symbol: router.pipelines[symbol].book.update_id for symbol in SYMBOLS}
    named = {symbol for symbol in SYMBOLS if any(symbol.encode() in raw or b"\\" in raw for raw in raws)}

    for raw in raws:
        for output in router.feed(raw, START_NS):
            assert isinstance(output, Resubscribe | ControlFrame | Signal)
            if isinstance(output, Resubscribe):
                assert output.topic.rpartition(".")[2] in named

    for symbol in set(SYMBOLS) - named:
        book = router.pipelines[symbol].book
        assert book.update_id == states[symbol]
        assert not book.faults


@given(mutated_frames())
@settings(max_examples=60, deadline=None)
def test_after_any_frame_the_next_snapshots_heal_every_book(raw: bytes) -> None:
    router = synced_router()
    router.feed(raw, START_NS)

    for seen, recorded in recorded_frames():
        if b'"type":"snapshot"' in recorded[:80] and recorded.startswith(b'{"topic":"orderbook'):
            router.feed(recorded, seen)

    assert {symbol for symbol in SYMBOLS if router.pipelines[symbol].book.is_stale} == set()
