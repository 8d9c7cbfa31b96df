"""The whole shard core on one core: a lap of all its topics through FrameRouter, at 50 levels.

Both strategies run and the process is the owner, so signals are made. Beside it stands the book
alone (`plain_book`) on the book's frames of the same lap.
"""

from bench import recorded
from bench.plain_book import Ours, replay
from bench.report import Row, rates
from tradefleet.core.pipeline_router import FrameRouter
from tradefleet.domain.instruments import Instrument
from tradefleet.spec.bot import BotSpec
from tradefleet.spec.market import BookDepth, Feed
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.strategies import Breakout, Imbalance, Strategies

ROUNDS = 7
DEPTH = BookDepth.LEVELS_50


def run() -> list[Row]:
    """Frames/s, all topics and the book's alone."""
    instruments, everything = recorded.lap(["book", "trades", "kline"], DEPTH)
    _, books = recorded.lap(["book"], DEPTH)
    routers = {"all": _router(instruments), "book": _router(instruments)}

    def feed(name: str, frames: recorded.Frames) -> int:
        router = routers[name]
        for seen_ns, raw in frames:
            router.feed(raw, seen_ns)
        return len(frames)

    taken = rates(
        {
            "all": lambda: feed("all", everything),
            "book": lambda: feed("book", books),
            "alone": replay(Ours(instruments, DEPTH), books),
        },
        ROUNDS,
    )
    return [
        Row(
            name=f"shard core, {topics}",
            value=taken[name],
            unit="frames/s",
            ratio=taken[name] / taken["alone"],
            peer="of the plain book alone",
            note="books and both strategies" if name == "book" else "books, trades, klines, both strategies",
        )
        for name, topics in (("all", "all topics"), ("book", "book topic"))
    ]


def _router(instruments: list[Instrument]) -> FrameRouter:
    strategies = Strategies(breakout=Breakout(enabled=True), imbalance=Imbalance(enabled=True))
    snapshot = ConfigSnapshot(
        generation=1,
        uid="bench",
        name="bench",
        namespace="default",
        spec=BotSpec(feed=Feed(depth=DEPTH), strategies=strategies),
        shards=(),
    )
    router = FrameRouter(instruments, snapshot, shard=0, instance="bench")
    router.set_owner(1)
    return router
