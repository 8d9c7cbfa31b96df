"""How the simulator's server behaves where the real exchange's manner matters to clients."""

import msgspec


class ServerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Knobs with the exchange's values as defaults.

    reply_delay_s: before any answer on a WebSocket; pybit registers a subscription after it has sent
    it and loses the answer of a server without delay (3 of 60 connections died, reference H1).
    idle_cut_s: a public socket that has neither subscribed nor pinged by then is cut without a close
    frame; None never (measured on the exchange: about 61 s). max_queued_bytes: waiting for one
    client before it is cut; a full subscription to 100 symbols begins with about 1 MB of snapshots.
    max_args_chars: topics' text per connection, the exchange's documented bound.
    """

    reply_delay_s: float = 0.005
    idle_cut_s: float | None = 60.0
    max_queued_bytes: int = 8_000_000
    max_args_chars: int = 21_000
