"""Everything that can be wrong with a frame or a book, each with one name.

Nothing on the market's side raises into the loop that feeds it: a frame that cannot be used becomes
a `BadFrame`, a book that may not be used remembers a `BookGap`. Both carry a `Fault`, whose value
is the label under which it is counted, shown and logged.
"""

from enum import StrEnum

import msgspec


class Fault(StrEnum):
    """Why a frame or a book may not be used."""

    NOT_JSON = "not_json"
    UNEXPECTED_SHAPE = "unexpected_shape"
    """JSON, but a field is missing, of another type, or out of its order."""
    UNKNOWN_TOPIC = "unknown_topic"
    UNKNOWN_SYMBOL = "unknown_symbol"
    NEGATIVE_SIZE = "negative_size"
    ABSURD_SIZE = "absurd_size"
    ABSURD_PRICE = "absurd_price"
    """Zero, negative, or beyond every instrument."""
    ABSURD_TIME = "absurd_time"
    """Far from our clock, see `bybit_codec.MAX_CLOCK_DISTANCE_NS`."""
    OFF_GRID = "off_grid"
    """A price between ticks or a size between steps."""
    GAP = "gap"
    NO_SNAPSHOT = "no_snapshot"
    """A delta while the book waits for a snapshot."""
    CROSSED = "crossed"
    """Best bid at or above best ask."""
    WINDOW_SIZE = "window_size"
    """Not as many levels a side as the topic's depth."""
    SEQ_BACKWARDS = "seq_backwards"
    """The matching engine's cross sequence fell within one chain of updates."""
    DISCONNECTED = "disconnected"
    """The connection was lost, so frames may have been missed."""


class BadValue(ValueError):
    """A value inside a frame or an answer cannot be used; `fault` says why.

    Decoders of frames catch it themselves; readers of REST answers raise it to their caller.
    """

    def __init__(self, fault: Fault, value: object) -> None:
        super().__init__(f"{fault.value}: {str(value)[:60]!r}")
        self.fault = fault


class BadFrame(msgspec.Struct, frozen=True):
    """A frame that cannot be used. topic: "" when it could not be told; detail: for a person."""

    fault: Fault
    topic: str
    detail: str
    seen_ns: int


class BookGap(msgspec.Struct, frozen=True):
    """Why and when a book became stale.

    from_update, to_update: the last u that was applied and the one that broke the chain, None where
    there is none. at_ns: exchange time of the breaking frame (of the last good one when the frame
    could not be read); seen_ns: our clock.
    """

    topic: str
    fault: Fault
    from_update: int | None
    to_update: int | None
    at_ns: int
    seen_ns: int
