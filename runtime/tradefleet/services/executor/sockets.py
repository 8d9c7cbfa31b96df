"""The executor's two sockets: the account's stream, and its own prices.

Both run until they are cancelled; what they hear becomes events in the queue.
"""

import time
from collections.abc import Callable

from tradefleet.adapters.bybit.clock import ExchangeClock
from tradefleet.adapters.bybit.private_stream import PrivateStream, PrivateStreamSettings
from tradefleet.adapters.bybit.public_stream import PublicStream, StreamSettings
from tradefleet.adapters.redis import dead_letters
from tradefleet.adapters.redis.dead_letters import DeadLetters
from tradefleet.core.events import (
    AnyEvent,
    ExecutionSeen,
    OrderSeen,
    PositionSeen,
    PrivateStreamChanged,
    WalletSeen,
)
from tradefleet.domain.fills import Execution
from tradefleet.domain.orders import ExchangeOrder
from tradefleet.domain.positions import ExchangePosition
from tradefleet.orders.exchange_view import Wallet
from tradefleet.services.executor import feeds
from tradefleet.services.executor.settings import ExecutorSettings


async def private_stream(
    settings: ExecutorSettings,
    clock: ExchangeClock,
    letters: DeadLetters,
    put: Callable[[AnyEvent], None],
    refused: Callable[[], None],
) -> None:
    """Orders, executions, positions and the wallet, as they change. refused: told when the exchange does not
    take our authentication."""

    def bad(topic: str, raw: bytes, error: str) -> None:
        # No event is made of it: the account is compared with the exchange instead.
        letters.bury(dead_letters.letter(f"{dead_letters.PRIVATE}:{topic}", raw, error, time.time_ns()))

    key, secret = settings.credentials()
    stream = PrivateStream(
        settings.private_stream,
        key,
        secret,
        clock,
        on_event=lambda value: put(_event(value)),
        on_up=lambda: put(PrivateStreamChanged(now_ns=0, up=True)),
        on_down=lambda _reason: put(PrivateStreamChanged(now_ns=0, up=False)),
        settings=PrivateStreamSettings.silent_for(settings.private_silence_s),
        on_bad=bad,
        on_refused=refused,
    )
    await stream.run()


async def public_stream(settings: ExecutorSettings, tickers: feeds.Tickers) -> None:
    """Prices of every symbol that the epoch knows, and of those that it comes to know."""
    stream = PublicStream(
        settings.public_stream,
        tickers.on_frame,
        # A silent topic is seen by the age of its prices; no need to hear of the socket.
        on_up=lambda _topics: None,
        on_lost=lambda _topics, _reason: None,
        settings=StreamSettings(),
    )
    tickers.subscribe = lambda topic: stream.add([topic])
    await stream.run([topic] for topic in tickers.topics)


def _event(value: ExchangeOrder | Execution | ExchangePosition | Wallet) -> AnyEvent:
    match value:
        case ExchangeOrder():
            return OrderSeen(now_ns=0, order=value)
        case Execution():
            return ExecutionSeen(now_ns=0, execution=value)
        case ExchangePosition():
            return PositionSeen(now_ns=0, position=value)
        case Wallet():
            return WalletSeen(now_ns=0, wallet=value)
