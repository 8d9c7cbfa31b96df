"""What came of schedules: one line each, what a run still wants, and its summary.

Pure but for `read_results`. A schedule counts when it was played to its end and something was ordered in it.
"""

from collections import Counter
from pathlib import Path

import msgspec
from tests.chaos.judge import Finding, Harm, counts

NOT_PLAYED = "not played"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a schedule.

    placed: orders of ours that the exchange took. orders: of those, executed. struck: requests that met
    trouble. parts: of the orders, closes of parts. verdicts: signals by the reason of their refusal. trouble:
    why it was not played, or why the fleet did not come to rest.
    """

    seed: int
    acts: int = 0
    findings: tuple[Finding, ...] = ()
    seconds: float = 0.0
    placed: int = 0
    orders: int = 0
    epochs: int = 0
    struck: int = 0
    parts: int = 0
    verdicts: dict[str, int] = {}
    trouble: str = ""

    @property
    def was_played(self) -> bool:
        """Whether it came to a verdict."""
        return not self.trouble.startswith(NOT_PLAYED)

    @property
    def proves(self) -> bool:
        """Whether it may be counted: where nothing is ordered nothing can go wrong."""
        return self.was_played and (self.placed > 0 or bool(self.findings or self.trouble))


class Tried:
    """The seeds of a run. wanted: so many as `seeds` shall prove something."""

    def __init__(self, seeds: range, before: list[Result]) -> None:
        self._seeds = seeds
        # A seed that could not be played is played again by whoever goes on.
        self.results = [result for result in before if result.seed >= seeds.start and result.was_played]

    def wanted(self) -> list[int]:
        """Seeds to play next: those not played yet, and further ones for those that prove nothing."""
        known = {result.seed for result in self.results}
        missing = [seed for seed in self._seeds if seed not in known]
        proven = sum(result.proves for result in self.results)
        more = len(self._seeds) - proven - len(missing)
        last = max((*known, self._seeds.stop - 1))
        return [*missing, *range(last + 1, last + 1 + max(0, more))]


class Tally:
    """Sums over results, the last one of each seed."""

    def __init__(self, results: list[Result]) -> None:
        self._results = list({result.seed: result for result in results}.values())
        self.verdicts: Counter[str] = Counter()
        for result in self._results:
            self.verdicts.update(result.verdicts)

    @property
    def failed(self) -> list[int]:
        """Seeds with harm, or that did not come to rest."""
        return sorted(result.seed for result in self._results if result.findings or result.trouble)

    def text(self, wanted: int, seconds: float) -> str:
        """The summary, for people."""
        total: Counter[str] = Counter()
        for result in self._results:
            total.update(counts(result.findings))
            for name in ("acts", "struck", "placed", "orders", "parts", "epochs"):
                total[name] += getattr(result, name)
        empty = sorted(r.seed for r in self._results if r.was_played and not r.proves)
        lines = [
            f"{sum(result.proves for result in self._results)} of {wanted} schedules in {seconds:.0f} s: "
            f"{total['acts']} acts, {total['struck']} requests struck, {total['placed']} orders, "
            f"{total['orders']} of them executed ({total['parts']} parts), {total['epochs']} epochs",
            ", ".join(f"{total[kind.value]} {kind.value}" for kind in Harm),
        ]
        if empty:
            lines.append(f"made no order and not counted: {', '.join(map(str, empty))}")
        if self.failed:
            lines.append(f"failed: {', '.join(map(str, self.failed))}")
        return "\n".join(lines)


def read_results(file: Path) -> list[Result]:
    """Those of an earlier run; a last line that is not whole is left out."""
    if not file.exists():
        return []
    whole = file.read_bytes().split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=Result) for line in whole]
