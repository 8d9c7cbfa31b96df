"""mypy refuses arithmetic by the ambient Decimal context where money is counted, and only there."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

REFUSED = """
a + b, a - b, a * b, a / b, a // b, a % b, a**2, 2 * a, 1 - a, a + 1, -a, +a, abs(a), round(a, 2)
divmod(a, b), sum([a, b]), a.quantize(b), a.normalize(), a.to_integral_value(), a.sqrt(), a.max(b), int(a + b)
"""
ALLOWED = """
a < b, min(a, b), max(a, b), a.copy_abs(), a.copy_negate(), f"{a:f}", int(a), 1 + 2, abs(-3), sum([1])
MONEY.add(a, b), a.quantize(b, context=MONEY), a.normalize(MONEY), a.to_integral_value(context=MONEY)
"""
HEAD = """from decimal import Context, Decimal
MONEY = Context()
def planted(a: Decimal, b: Decimal) -> None:
"""


def checked(folder: Path, package: str) -> list[int]:
    """Lines that mypy refuses, of a file in which each expression has its own."""
    expressions = [one.strip() for line in (REFUSED + ALLOWED).splitlines() if line for one in split(line)]
    planted = folder / "tradefleet" / package / "planted.py"
    planted.parent.mkdir(parents=True)
    planted.write_text(HEAD + "".join(f"    print({one})\n" for one in expressions))
    config = folder / "mypy.ini"
    config.write_text(f"[mypy]\nplugins = {ROOT / 'hack' / 'mypy_money.py'}\n")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", config, "--cache-dir", folder / "cache", planted],
        capture_output=True, text=True, check=False, cwd=folder,
    )  # fmt: skip
    lines = [line for line in done.stdout.splitlines() if ": error:" in line]
    return sorted({int(line.split(":")[1]) - HEAD.count("\n") - 1 for line in lines})


def split(line: str) -> list[str]:
    """At the commas outside of brackets."""
    parts, depth = [""], 0
    for letter in line:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts


def test_each_operation_by_the_ambient_context_is_refused_where_money_is_counted(tmp_path: Path) -> None:
    refused = [one for line in REFUSED.splitlines() if line for one in split(line)]

    assert checked(tmp_path, "risk") == list(range(len(refused)))


def test_elsewhere_nothing_is_refused(tmp_path: Path) -> None:
    assert checked(tmp_path, "simulation") == []
