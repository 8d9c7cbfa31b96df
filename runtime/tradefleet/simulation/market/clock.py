"""From the recording's time to the wall clock: one straight line for all symbols.

Every stamp (ts, cts, T) goes through the same rising line, so their order survives any speed: at
speed 10 a cts that lay 50 ms before its ts lies 5 ms before it.
"""

MILLISECOND_NS = 1_000_000


class LapClock:
    """When a moment of a lap happens.

    origin_ns: when lap 0 begins for a symbol without phase; speed: recorded seconds a wall second,
    above 0; length_ms: of a lap, recorded.
    """

    def __init__(self, origin_ns: int, speed: float, length_ms: int) -> None:
        if not speed > 0:
            raise ValueError(f"speed: {speed} is not above 0; 1.0 is real time, 10 is ten times faster")
        self.origin_ns = origin_ns
        self.speed = speed
        self.length_ms = length_ms

    def at_ns(self, lap: int, offset_ms: int) -> int:
        """The wall clock, ns UTC, `offset_ms` after the start of `lap`."""
        return self.origin_ns + round((lap * self.length_ms + offset_ms) * MILLISECOND_NS / self.speed)

    def postpone(self, by_ns: int) -> None:
        """Let everything that has not happened yet happen so much later."""
        self.origin_ns += by_ns
