"""What the scenarios measure: printed at the end of the run, and kept in files for the documentation."""

import json
from pathlib import Path
from typing import Any

import msgspec


class Figure(msgspec.Struct, frozen=True):
    """One number. unit: as written behind it. budget: what the issue asks for, None for none."""

    what: str
    value: float
    unit: str
    budget: float | None = None

    def row(self) -> str:
        """Of the table. Whether it is within its budget is said, and decides no test: machines differ."""
        asked = "" if self.budget is None else f"at most {self.budget:g} {self.unit}"
        verdict = "" if self.budget is None else ("yes" if self.value <= self.budget else "NO")
        return f"| {self.what} | {self.value:.4g} {self.unit} | {asked} | {verdict} |"


class Figures:
    """Collects them."""

    def __init__(self) -> None:
        self._all: list[Figure] = []

    def add(self, what: str, value: float, unit: str, budget: float | None = None) -> None:
        """One more."""
        self._all.append(Figure(what, value, unit, budget))

    def spread(self, what: str, values: list[float], unit: str, p99_budget: float | None = None) -> None:
        """p50, p99 and the number of values; below 100 values the p99 is their maximum."""
        ordered = sorted(values)
        self.add(f"{what}, p50 of {len(ordered)}", ordered[len(ordered) // 2], unit)
        p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
        self.add(f"{what}, p99 of {len(ordered)}", p99, unit, p99_budget)

    def table(self) -> str:
        """In Markdown."""
        head = ["| figure | measured | asked | within |", "|---|---|---|---|"]
        return "\n".join([*head, *(figure.row() for figure in self._all)])

    def write(self, folder: Path) -> None:
        """e2e-figures.md for docs/figures.md, e2e-figures.json for comparing runs."""
        if not self._all:
            return
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "e2e-figures.md").write_text(self.table() + "\n", encoding="utf-8")
        rows: Any = [msgspec.to_builtins(figure) for figure in self._all]
        (folder / "e2e-figures.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
