"""What a benchmark returns, how rounds are taken, and how the table is printed."""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the table.

    value: the median of the rounds, in `unit`. ratio: a quotient with another program of the same
    run; `peer` says which and which way round. note: what was done.
    """

    name: str
    value: float
    unit: str
    ratio: float | None = None
    peer: str = ""
    note: str = ""


def rates(programs: Mapping[str, Callable[[], int]], rounds: int) -> dict[str, float]:
    """Median items/s of each program, which returns how many items it has handled.

    Rounds are interleaved, so that a slow moment of the machine meets every program; one unmeasured
    round comes first. The collector runs between the measurements, not in them.
    """
    taken: dict[str, list[float]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        for name, program in programs.items():
            gc.collect()
            gc.disable()
            start = time.perf_counter()
            items = program()
            elapsed = time.perf_counter() - start
            gc.enable()
            if number:
                taken[name].append(items / elapsed)
    return {name: statistics.median(values) for name, values in taken.items()}


def table(rows: Sequence[Row]) -> str:
    """The rows as text in columns."""
    cells = [("benchmark", "figure", "unit", "ratio", "of what", "what was done")]
    cells += [
        (
            row.name,
            f"{row.value:,.0f}" if row.value >= 100 else f"{row.value:,.3g}",
            row.unit,
            "" if row.ratio is None else f"{row.ratio:.2f} x",
            row.peer,
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    numbers = {1, 3}
    return "\n".join(
        "  ".join(
            text.rjust(width) if column in numbers else text.ljust(width)
            for column, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )
