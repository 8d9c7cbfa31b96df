"""Nothing is raised that the table of alerts does not explain, and the table explains nothing else."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tradefleet import core
from tradefleet.core import alert_kinds
from tradefleet.core.alert_kinds import AlertKind

ROOT = Path(core.__path__[0]).parent
FOLDERS = ("core", "services", "adapters")
EITHER_STORE = {AlertKind.POSTGRES_DOWN, AlertKind.REDIS_DOWN}

COMPUTED = {
    # The kind is a variable there; where it comes from says that it is one of the table.
    ("core/account_fills.py", "kind"): {AlertKind.LIQUIDATED, AlertKind.DELEVERAGED},
    ("core/account_kill_switch.py", "KIND"): {AlertKind.KILL_SWITCH},
    ("core/account_day.py", "kind"): {AlertKind.DAILY_LOSS, AlertKind.UNEXPLAINED_LOSS},
    ("core/account_stop_trouble.py", "kind"): {
        AlertKind.STOP_PASSED,
        AlertKind.STOP_DOES_NOT_WORK,
        AlertKind.STOP_REFUSED_CLOSING,
    },
    ("services/executor/performer.py", "kind"): set(),  # an Alert of the core
    ("services/executor/performer.py", "reason"): {AlertKind.FENCED},
    ("services/executor/status.py", "kind"): set(),  # a problem or a warning that was raised elsewhere
    ("services/executor/status.py", "f'{store}_down'"): EITHER_STORE,
}
"""(file, expression) of a kind that is no literal, and what it can be. An Alert of a variable needs a row."""


def raised() -> Iterator[tuple[str, ast.expr]]:
    """(file, expression of the kind) of every alert, problem and warning with a kind."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and (kind := _kind(node)) is not None:
                    yield name, kind


def _kind(call: ast.Call) -> ast.expr | None:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    if name in ("problem", "_warning") and call.args:
        return call.args[0]
    if name in ("Alert", "error", "warning"):
        return next((word.value for word in call.keywords if word.arg == "kind"), None)
    return None


def kinds(name: str, kind: ast.expr) -> set[str]:
    if isinstance(kind, ast.Constant):
        return {str(kind.value)}
    if isinstance(kind, ast.Attribute) and getattr(kind.value, "id", "") == "AlertKind":
        return {AlertKind[kind.attr]}
    place = (name, ast.unparse(kind))
    assert place in COMPUTED, f"{place}: say in COMPUTED which kinds of core/alert_kinds.py this can be"
    return set(COMPUTED[place])


def test_every_alert_that_is_raised_stands_in_the_table() -> None:
    for name, kind in raised():
        unknown = kinds(name, kind) - set(AlertKind)
        assert not unknown, f"{name} raises {unknown}: add it to core/alert_kinds.py, then `make reference`"


def test_every_alert_of_the_table_is_raised_somewhere() -> None:
    found = {str(word) for name, kind in raised() for word in kinds(name, kind)}

    assert set(AlertKind) == found


def test_every_kind_is_explained() -> None:
    assert set(alert_kinds.EXPLAINED) == set(AlertKind)
    for line in alert_kinds.EXPLAINED.values():
        assert all(part.endswith(".") for part in (line.cause, line.act))
