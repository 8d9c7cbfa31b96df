"""How long to wait before a process that died is started again.

Pure: the caller brings the time it ran and does the waiting. A process that ran well for a while
has earned a fresh start; one that dies at once is tried ever more slowly.
"""

import msgspec


class BackOff(msgspec.Struct, frozen=True, kw_only=True):
    """Doubling waits. All in seconds; `well_after_s`: a run this long counts as good."""

    first_s: float = 0.2
    longest_s: float = 10.0
    well_after_s: float = 20.0

    def wait_s(self, deaths_in_a_row: int) -> float:
        """Seconds to wait after so many deaths (1 or more) without a good run between them."""
        return float(min(self.longest_s, self.first_s * 2 ** min(deaths_in_a_row - 1, 30)))

    def deaths_after(self, deaths_in_a_row: int, ran_s: float) -> int:
        """The count that includes a death after `ran_s` seconds of running."""
        return 1 if ran_s >= self.well_after_s else deaths_in_a_row + 1
