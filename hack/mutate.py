"""Breaks the code that decides about money, one small change at a time, and asks its tests: `make mutate`.

A mutant is one change of one line: a boundary, a sign, a constant, a condition, a member that is missing. For
each the tests that import the module are run; a mutant that no test notices is a line that no test holds.
Those that cannot be noticed, since they mean the same, stand in equivalent_mutants.toml with the reason.
docs/mutation.md is the result.

Most mutants change one function: pytest collects the module's tests once, and each mutant is a fork of that
process in which the function has the changed code. What cannot be made so (constants, tables, defaults), and
what survived, is asked again in a fork of a process in which nothing of ours is loaded: an import of the
module gives its changed code. No file is touched. What was killed is remembered in build/mutation until the
module changes, what survived until the module or its tests change, so that a run can be stopped and goes on
where it was.
"""

import argparse
import ast
import contextlib
import copy
import datetime
import functools
import hashlib
import importlib
import importlib.machinery
import json
import os
import resource
import signal
import sys
import time
import tomllib
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
RUNTIME: Final = ROOT / "runtime"
STORE: Final = ROOT / "build" / "mutation"
PAGE: Final = ROOT / "docs" / "mutation.md"
EQUIVALENT: Final = ROOT / "hack" / "equivalent_mutants.toml"

FOLDERS: Final = ("risk", "risk/rules", "positions", "orders")
OTHERS: Final = {
    "adapters/postgres/lease_terms.py": (),
    "adapters/postgres/lease_row.py": ("take", "_left_s", "renew", "release", "_of"),
    "adapters/postgres/lease.py": ("_keep", "_renew", "_extend"),
    "adapters/bybit/signing.py": (),
    "adapters/bybit/order_client.py": ("create", "_room_to_reduce", "_sign_and_send", "_reduces"),
    "adapters/bybit/batch_orders.py": ("_require_one_batch", "_window", "_refused", "_late_or_forbidden"),
    "core/account_kill_switch.py": ("is_flat", "_tell"),
    "core/account_sends.py": ("order_queried", "resolve_older", "absent"),
}
"""Modules of other folders, and of which functions: the rest is input and output, held by other tests."""
ASKED: Final = {
    "adapters/postgres/lease_row.py": ("tests/unit/adapters/test_lease_row.py",),
    "adapters/postgres/lease.py": ("tests/unit/adapters/test_lease_keeper.py",),
    "adapters/bybit/order_client.py": ("tests/integration/bybit/test_order_client_account.py",),
    "adapters/bybit/batch_orders.py": ("tests/integration/bybit/test_batch_orders_account.py",),
    "core/account_kill_switch.py": ("tests/unit/core/test_account_kill_switch_flat.py",),
    "core/account_sends.py": (
        "tests/unit/core/test_account_sends_boundaries.py",
        "tests/unit/core/test_account_core.py",
    ),
}
"""Tests that are asked instead of those that stand beside the module."""
FIRST: Final = (
    *OTHERS,
    *(
        f"orders/{name}.py"
        for name in ("lone_right", "standing", "flatten", "tracked", "reconcile", "newness")
    ),
)
"""What money depends on most: who may sign, what opens, what is taken away. The rest follows by folder."""
LAST: Final = ("orders/audit.py", "orders/budget.py", "orders/breaker.py")
"""Their tests are the slowest, and an error in them costs time and not money."""
PAGES: Final = frozenset(
    {
        "orders/outcome_page.py",
        "orders/audit_story.py",
        "risk/refusals.py",
        "orders/codes.py",
    }
)
"""Text for people, and tables that are compared with a fixture line by line."""

PLUGINS: Final = (
    "pytest_asyncio.plugin",
    "pytest_timeout",
    "_hypothesis_pytestplugin",
    "xdist.plugin",
)
LOADED: Final = (
    *(
        "pytest",
        "hypothesis",
        "hypothesis.strategies",
        "msgspec",
        "asyncio",
        "xml.etree.ElementTree",
        "tomllib",
    ),
    *(
        "_pytest.assertion.rewrite",
        "_pytest.junitxml",
        "_pytest.doctest",
        "hypothesis.extra.pytestplugin",
    ),
    *(
        "tradefleet.domain.fills",
        "tradefleet.domain.instruments",
        "tradefleet.domain.orders",
    ),
    *(
        "tradefleet.domain.positions",
        "tradefleet.domain.signals",
        "tradefleet.spec.snapshot",
    ),
)
"""What every mutant may share: nothing of it is broken, and none of it imports what is."""

LONGEST_S: Final = 30.0
"""For one mutant; one that makes a loop endless is noticed by this,"""
MOST_BYTES: Final = 2_000_000_000
"""or by this, when the loop keeps what it makes."""
SLOW: Final = (
    "tests/unit/core/test_account",
    "tests/unit/simulation",
    "tests/unit/fleet",
)
"""Tests that take seconds each, used where a module has no quicker one."""

COMPARED: Final[dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
REACHED: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.BitOr: ast.BitAnd,
}
CALLED: Final = {
    "min": "max", "max": "min", "any": "all", "all": "any", "add": "subtract", "subtract": "add",
    "multiply": "divide", "price_up": "price_down", "price_down": "price_up", "floor_to": "ceil_to",
}  # fmt: skip


class Mutant(NamedTuple):
    """One change: where, what it was, what it is."""

    number: int
    line: int
    function: str
    change: str

    @property
    def name(self) -> str:
        return f"{self.function}: {self.change}"


class Changes(ast.NodeTransformer):
    """Walks a module and offers every change; makes the one with the number `wanted`."""

    def __init__(self, only: Sequence[str] = (), wanted: int = -1) -> None:
        self.only, self.wanted = only, wanted
        self.found: list[Mutant] = []
        self.where: list[str] = []

    def offer(self, old: ast.AST, new: ast.AST, change: str = "") -> ast.AST | None:
        """The new node when it is this change that is wanted."""
        if self.only and not any(name in self.only for name in self.where):
            return None
        number = len(self.found)
        said = change or (f"{self.short(old)} -> {self.short(new)}" if self.wanted < 0 else "")
        self.found.append(Mutant(number, getattr(old, "lineno", 0), ".".join(self.where), said))
        return ast.copy_location(new, old) if number == self.wanted else None

    def short(self, node: ast.AST) -> str:
        """Its words, when it is the list that is wanted and not one change."""
        return short(node) if self.wanted < 0 else ""

    def first(self, node: ast.AST, offers: Iterator[tuple[ast.AST, str]]) -> ast.AST:
        """The change of this node that is wanted, or the node with its inside walked."""
        chosen: ast.AST | None = None
        for new, change in offers:
            made = self.offer(node, new, change)
            chosen = made if made is not None else chosen
        return chosen if chosen is not None else self.generic_visit(node)

    # ---- what is left alone

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        return node  # words for a person

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is not None:
            node.value = self.visit(node.value)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return self.offer(node, ast.Pass()) or node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        self.where.append(node.name)
        node.args.defaults = [self.visit(value) for value in node.args.defaults]
        node.body = self.block(node.body)
        self.where.pop()
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.where.append(node.name)
        node.body = self.block(node.body)
        self.where.pop()
        return node

    # ---- statements

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        """Statements, of which each that has an effect of its own may be missing."""
        walked: list[ast.stmt] = []
        for statement in body:
            said = is_text(statement)
            gone = None
            if not said and is_removable(statement):
                gone = self.offer(statement, ast.Pass(), f"{self.short(statement)} is gone")
            walked.append(statement if said else gone if gone is not None else self.visit(statement))  # type: ignore[arg-type]
        return walked

    def visit_With(self, node: ast.With | ast.AsyncWith) -> ast.AST:
        node.body = self.block(node.body)
        return node

    def visit_AsyncWith(self, node: ast.AsyncWith) -> ast.AST:
        return self.visit_With(node)

    def visit_Try(self, node: ast.Try) -> ast.AST:
        node.body, node.finalbody = self.block(node.body), self.block(node.finalbody)
        for handler in node.handlers:
            handler.body = self.block(handler.body)
        return node

    def visit_If(self, node: ast.If) -> ast.AST:
        negated = self.offer(node.test, negation(node.test))
        node.test = negated if negated is not None else self.visit(node.test)  # type: ignore[assignment]
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        node.iter = self.visit(node.iter)
        node.body, node.orelse = self.block(node.body), self.block(node.orelse)
        return node

    def visit_While(self, node: ast.While) -> ast.AST:
        node.test = self.visit(node.test)
        node.body = self.block(node.body)
        return node

    def visit_Match(self, node: ast.Match) -> ast.AST:
        node.subject = self.visit(node.subject)
        for index, case in enumerate(node.cases):
            fewer = copy.deepcopy(node)
            del fewer.cases[index]
            if fewer.cases:
                gone = self.offer(node, fewer, f"case {self.short(case.pattern)} is gone")
                if gone is not None:
                    return gone
            if case.guard is not None:
                case.guard = self.visit(case.guard)
            case.body = self.block(case.body)
        return node

    def visit_Return(self, node: ast.Return) -> ast.AST:
        value = node.value
        if value is None or (isinstance(value, ast.Constant) and value.value in (None, True, False)):
            return self.generic_visit(node)
        none = ast.Return(ast.Constant(None))
        return self.first(node, iter([(none, f"{self.short(node)} -> return None")]))

    # ---- expressions

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        def offers() -> Iterator[tuple[ast.AST, str]]:
            for index, operator in enumerate(node.ops):
                for other in COMPARED[type(operator)]:
                    new = copy.deepcopy(node)
                    new.ops[index] = other()
                    yield new, ""

        return self.first(node, offers())

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.AST:
        def offers() -> Iterator[tuple[ast.AST, str]]:
            other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
            yield ast.BoolOp(other, copy.deepcopy(node.values)), ""
            for index in range(len(node.values)):
                rest = [copy.deepcopy(value) for at, value in enumerate(node.values) if at != index]
                yield (rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest)), ""

        return self.first(node, offers())

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        other = REACHED.get(type(node.op))
        texts = any(
            isinstance(side, ast.Constant | ast.JoinedStr) and is_str(side)
            for side in (node.left, node.right)
        )
        if other is None or texts or is_type(node):
            return self.generic_visit(node)
        new = ast.BinOp(copy.deepcopy(node.left), other(), copy.deepcopy(node.right))
        return self.first(node, iter([(new, "")]))

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if isinstance(node.op, ast.Not | ast.USub) and not isinstance(node.operand, ast.Constant):
            return self.first(node, iter([(copy.deepcopy(node.operand), "")]))
        return self.generic_visit(node)

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        value = node.value
        if isinstance(value, bool):
            return self.offer(node, ast.Constant(not value)) or node
        if isinstance(value, int):
            return self.first(
                node,
                iter([(ast.Constant(value + 1), ""), (ast.Constant(value - 1), "")]),
            )
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        return self.first(
            node,
            iter([(copy.deepcopy(node.body), ""), (copy.deepcopy(node.orelse), "")]),
        )

    def visit_Call(self, node: ast.Call) -> ast.AST:
        return self.first(node, self.calls(node))

    def calls(self, node: ast.Call) -> Iterator[tuple[ast.AST, str]]:
        function = node.func
        name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
        if name in CALLED:
            new = copy.deepcopy(node)
            if isinstance(new.func, ast.Attribute):
                new.func.attr = CALLED[name]
            elif isinstance(new.func, ast.Name):
                new.func.id = CALLED[name]
            yield new, ""
        if name == "Decimal" and node.args and is_str(node.args[0]):
            text = node.args[0].value  # type: ignore[attr-defined]
            new = copy.deepcopy(node)
            new.args[0] = ast.Constant(f"{text}1" if "." in text else f"{text}.1")
            yield new, ""
        if name == "replace":
            for index, keyword in enumerate(node.keywords):
                new = copy.deepcopy(node)
                del new.keywords[index]
                yield new, f"{keyword.arg}={self.short(keyword.value)} is gone"

    def fewer(self, node: ast.Tuple | ast.List | ast.Set) -> ast.AST:
        def offers() -> Iterator[tuple[ast.AST, str]]:
            for index, member in enumerate(node.elts):
                new = copy.deepcopy(node)
                del new.elts[index]
                if new.elts or not isinstance(node, ast.Set):
                    yield new, f"member {self.short(member)} is gone"

        if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or len(node.elts) < 2:
            return self.generic_visit(node)
        return self.first(node, offers())

    def visit_Tuple(self, node: ast.Tuple) -> ast.AST:
        return self.fewer(node)

    def visit_List(self, node: ast.List) -> ast.AST:
        return self.fewer(node)

    def visit_Set(self, node: ast.Set) -> ast.AST:
        return self.fewer(node)

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        def offers() -> Iterator[tuple[ast.AST, str]]:
            for index, key in enumerate(node.keys):
                new = copy.deepcopy(node)
                del new.keys[index], new.values[index]
                yield new, f"key {self.short(key) if key is not None else '**'} is gone"

        return self.first(node, offers()) if node.keys else node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        return node if is_type(node) else self.generic_visit(node)


def short(node: ast.AST) -> str:
    """One line of source, at most 90 characters."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 90 else f"{text[:87]}..."


def negation(node: ast.expr) -> ast.expr:
    """The opposite of a condition."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return copy.deepcopy(node.operand)
    return ast.UnaryOp(ast.Not(), copy.deepcopy(node))


def is_str(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def is_text(statement: ast.stmt) -> bool:
    """A docstring, or a text below a constant."""
    return isinstance(statement, ast.Expr) and is_str(statement.value)


def is_removable(statement: ast.stmt) -> bool:
    """A statement without which the rest can still be run: others end in a NameError, which says nothing."""
    if isinstance(statement, ast.Assign):
        return all(isinstance(target, ast.Attribute | ast.Subscript) for target in statement.targets)
    if isinstance(statement, ast.If):
        return not statement.orelse
    return isinstance(statement, ast.Expr | ast.AugAssign | ast.Continue | ast.Delete)


def is_type(node: ast.expr) -> bool:
    """A type that is written as a value: `A | B`, `dict[str, int]`."""
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.BitOr) and (is_type(node.left) or is_type(node.right))
    if isinstance(node, ast.Constant):
        return node.value is None
    name = node.value if isinstance(node, ast.Subscript) else node
    word = name.id if isinstance(name, ast.Name) else ""
    return word[:1].isupper() or word in (
        "int",
        "str",
        "dict",
        "tuple",
        "list",
        "frozenset",
        "set",
        "bool",
    )


# ---- running


class Module(NamedTuple):
    """What is broken: its path below runtime/tradefleet, its source, and the tests that are asked."""

    path: str
    source: str
    tests: tuple[str, ...]

    @property
    def file(self) -> Path:
        return RUNTIME / "tradefleet" / self.path

    @property
    def dotted(self) -> str:
        return "tradefleet." + self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def mutants(self) -> list[Mutant]:
        return mutants_of(self.path, self.source)

    def mutated(self, number: int) -> ast.Module:
        tree: ast.Module = Changes(OTHERS.get(self.path, ()), number).visit(ast.parse(self.source))
        return ast.fix_missing_locations(tree)


@functools.cache
def mutants_of(path: str, source: str) -> list[Mutant]:
    """Every change of a module that can be made."""
    changes = Changes(OTHERS.get(path, ()))
    changes.visit(ast.parse(source))
    return changes.found


def modules(wanted: Sequence[str]) -> Iterator[Module]:
    """Every module that is broken, or those whose path holds one of these words."""
    folder = RUNTIME / "tradefleet"
    paths = [path for name in FOLDERS for path in sorted((folder / name).glob("*.py"))]
    names = [path.relative_to(folder).as_posix() for path in paths]
    rest = [name for name in names if name not in FIRST and name not in LAST]
    imported = imports_of_tests()
    for name in (*FIRST, *rest, *LAST):
        if name in PAGES or (wanted and not any(word in name for word in wanted)):
            continue
        module = Module(name, (folder / name).read_text(encoding="utf-8"), ())
        module = module._replace(tests=tests_of(module, imported))
        if module.mutants():
            yield module


def missing() -> list[str]:
    """What the lists above name and nobody finds: a module, a function of it, a file of tests."""
    folder, absent = RUNTIME / "tradefleet", list[str]()
    for name in (*FOLDERS, *FIRST, *LAST, *PAGES):
        if not (folder / name).exists():
            absent.append(name)
    for name, functions in OTHERS.items():
        file = folder / name
        tree = ast.parse(file.read_text(encoding="utf-8") if file.exists() else "")
        defined = {
            node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        absent += [f"{name}: {function}" for function in functions if function not in defined]
    absent += [test for tests in ASKED.values() for test in tests if not (ROOT / test).exists()]
    return absent


def imports_of_tests() -> dict[str, set[str]]:
    """What each quick test file imports of ours."""
    found: dict[str, set[str]] = {}
    folders = [ROOT / "tests" / name for name in ("unit", "property/orders")]
    for path in sorted(path for folder in folders for path in folder.rglob("test_*.py")):
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tradefleet"):
                names.add(node.module)
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
        found[path.relative_to(ROOT).as_posix()] = names
    return found


def tests_of(module: Module, imported: dict[str, set[str]]) -> tuple[str, ...]:
    """Those that stand beside it; where none does, the quick ones that import it; else the slow ones. Laws
    come last, since a table is quicker."""
    if module.path in ASKED:
        return ASKED[module.path]
    all_of_it = [test for test, names in imported.items() if module.dotted in names]
    layer = Path(module.path).parts[0]
    beside = [test for test in all_of_it if f"/{layer}/" in test]
    quick = [test for test in all_of_it if not test.startswith(SLOW)]
    asked = beside or quick or all_of_it[:3]
    return tuple(sorted(asked, key=lambda test: test.startswith("tests/property")))


def begin(module: Module, number: int) -> int:
    """Run the tests against one mutant, or against none (-1), in a fork of this process. It has one thread: a
    fork of one that has more may wait for ever for a lock that nobody holds."""
    child = os.fork()
    if child == 0:
        status = 3
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
            status = in_the_child(module, number)
        finally:
            os._exit(status)
    return child


def ended(child: int, deadline: float) -> str | None:
    """What became of it; None while it runs and has time."""
    pid, status = os.waitpid(child, os.WNOHANG)
    if pid:
        return {0: "survived", 5: "no tests"}.get(os.waitstatus_to_exitcode(status), "killed")
    if time.monotonic() < deadline:
        return None
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError):
            kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def play(start: Callable[[int], int], numbers: Sequence[int], workers: int) -> Iterator[tuple[int, str]]:
    """(number, what became of it) of these mutants, so many at a time. start: begins one in a fork."""
    waiting, running = list(reversed(numbers)), dict[int, tuple[int, float]]()
    while waiting or running:
        while waiting and len(running) < workers:
            number = waiting.pop()
            running[start(number)] = (number, time.monotonic() + LONGEST_S)
        for child, (number, deadline) in list(running.items()):
            came_to = ended(child, deadline)
            if came_to is not None:
                del running[child]
                yield number, came_to
        time.sleep(0.005)


def asked(module: Module, numbers: Sequence[int], workers: int) -> Iterator[tuple[int, str]]:
    """What became of these mutants: first of those that are one function, then of all others and of what
    survived, for which everything is imported anew."""
    known = set[int]()
    for number, came_to in in_functions(module, numbers, workers):
        if came_to in ("killed", "timeout"):
            known.add(number)
            yield number, came_to
    rest = [number for number in numbers if number not in known]
    yield from play(lambda number: begin(module, number), rest, workers)


def in_functions(module: Module, numbers: Sequence[int], workers: int) -> Iterator[tuple[int, str]]:
    """Of a process that has collected the tests; nothing when it cannot, or they fail there by themselves."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reads)
            run_pytest(module, InFunctions(module, numbers, workers, writes))
        finally:
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads, encoding="utf-8") as lines:
        for line in lines:
            number, came_to = line.split()
            yield int(number), came_to
    os.waitpid(child, 0)


class InFunctions:
    """In place of a run of the collected tests: one in a fork for each mutant."""

    def __init__(self, module: Module, numbers: Sequence[int], workers: int, writes: int) -> None:
        self.module, self.numbers, self.workers, self.writes = module, numbers, workers, writes

    def pytest_runtestloop(self, session: Any) -> bool:
        ((_, plain),) = play(lambda number: self.begin(session, number), [-1], 1)
        numbers = self.numbers if plain == "survived" else ()
        for number, came_to in play(lambda number: self.begin(session, number), numbers, self.workers):
            os.write(self.writes, f"{number} {came_to}\n".encode())
        return True

    def begin(self, session: Any, number: int) -> int:
        child = os.fork()
        if child == 0:
            status = 0
            try:
                os.setsid()
                resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES, MOST_BYTES))
                if number < 0 or swapped(self.module, number):
                    status = self.run(session)
            finally:
                os._exit(status)
        return child

    def run(self, session: Any) -> int:
        from _pytest.main import pytest_runtestloop

        with contextlib.suppress(session.Failed, session.Interrupted):
            pytest_runtestloop(session)
        return 1 if session.testsfailed else 0


def swapped(module: Module, number: int) -> bool:
    """Give the function that this mutant changes its new code; False when it is not one function."""
    place: Any = sys.modules.get(module.dotted)
    for name in module.mutants()[number].function.split("."):
        place = vars(place).get(name) if isinstance(place, type | types.ModuleType) else place
        place = getattr(place, "fget", None) or getattr(place, "__func__", place)
    if not isinstance(place, types.FunctionType):
        return False
    code = compile(module.mutated(number), str(module.file), "exec")
    for found in codes(code):
        if found.co_qualname == place.__qualname__:
            try:
                place.__code__ = found
            except ValueError:  # of other free variables
                return False
            return True
    return False


def codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """Every function's code inside."""
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from codes(constant)


def in_the_child(module: Module, number: int) -> int:
    if number >= 0:
        give(module, number)
    return run_pytest(module)


def run_pytest(module: Module, *plugins: object) -> int:
    import pytest

    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.chdir(ROOT)
    named = [word for name in PLUGINS for word in ("-p", name)]
    options = ["-x", "-q", "-p", "no:cacheprovider", "--tb=no", *named]
    return int(pytest.main([*options, *module.tests], plugins=[NoSmallestExample(), *plugins]))


class NoSmallestExample:
    """That a law fails is enough: its smallest example takes a hundred times as long, and nobody reads it."""

    def pytest_configure(self) -> None:
        from hypothesis import Phase, settings

        settings.register_profile("mutants", settings(), phases=(Phase.explicit, Phase.generate))
        settings.load_profile("mutants")


def give(module: Module, number: int) -> None:
    """An import of the module's file gives the mutant from now on."""
    code = compile(module.mutated(number), str(module.file), "exec")
    loader = importlib.machinery.SourceFileLoader
    plain: Callable[..., Any] = loader.get_code

    def get_code(self: Any, fullname: str) -> Any:
        return code if self.path == str(module.file) else plain(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign]


class Results:
    """What became of each mutant, kept between runs."""

    def __init__(self, fresh: bool) -> None:
        STORE.mkdir(parents=True, exist_ok=True)
        self.file = STORE / "results.jsonl"
        self.known: dict[str, tuple[str, str]] = {}
        if fresh:
            self.file.unlink(missing_ok=True)
        if self.file.exists():
            for line in self.file.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.known[row["key"]] = (row["came_to"], row["tests"])

    def get(self, key: str, tests: str) -> str | None:
        came_to, asked = self.known.get(key, ("", ""))
        return came_to if came_to in ("killed", "timeout") or (came_to and asked == tests) else None

    def put(self, key: str, tests: str, came_to: str) -> None:
        self.known[key] = (came_to, tests)
        with self.file.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "tests": tests, "came_to": came_to}) + "\n")


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


class Found(NamedTuple):
    """A module's mutants and what became of them."""

    module: Module
    mutants: list[Mutant]
    came_to: list[str]

    def of(self, *words: str) -> list[Mutant]:
        return [one for one, word in zip(self.mutants, self.came_to, strict=True) if word in words]


def examine(module: Module, results: Results, workers: int) -> Found:
    """Every mutant of a module, those that are not known yet by running its tests; without workers those stay
    unknown."""
    mutants = module.mutants()
    source = digest(module.path, module.source, *OTHERS.get(module.path, ()))
    tests = digest(*(path + (ROOT / path).read_text(encoding="utf-8") for path in module.tests))
    if module.tests and workers and results.get(f"{source}/plain", tests) is None:
        ((_, came_to),) = play(lambda number: begin(module, number), [-1], 1)
        if came_to != "survived":
            raise SystemExit(f"{module.path}: its tests fail without any mutant ({came_to}): {module.tests}")
        results.put(f"{source}/plain", tests, came_to)
    known = {one.number: results.get(f"{source}/{one.number}", tests) for one in mutants}
    unknown = [number for number, came_to in known.items() if came_to is None]
    for number, came_to in asked(module, unknown, workers) if module.tests and workers else ():
        known[number] = came_to
        results.put(f"{source}/{number}", tests, came_to)
        if came_to == "survived":
            print(
                f"  survives: {module.path}:{mutants[number].line} {mutants[number].name}",
                flush=True,
            )
    otherwise = "not run" if module.tests else "survived"
    return Found(module, mutants, [known[one.number] or otherwise for one in mutants])


# ---- the page


def excused() -> dict[tuple[str, str], str]:
    """(module, name of a mutant) of those that mean the same as the line itself, and why."""
    if not EQUIVALENT.exists():
        return {}
    rows = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("mutant", [])
    return {(row["module"], row["change"]): row["why"] for row in rows}


def page(found: Sequence[Found], day: str) -> str:
    """docs/mutation.md."""
    reasons = excused()
    total = sum(len(one.mutants) for one in found)
    left = sum(len(one.of("survived", "no tests")) for one in found)
    unrun = sum(len(one.of("not run")) for one in found)
    noticed = total - left - unrun
    share = 100 * noticed / max(1, total - unrun)
    lines = [
        "# Mutants: lines that tests hold",
        "Written by `make mutate` (`hack/mutate.py`), which changes one line at a time of the code that",
        "decides about money and runs the tests that import it. Not in CI: half an hour on two cores.",
        "Why a runner of our own: [decision 27](decisions/0027-mutants.md).",
        "",
        f"{day}: {total} mutants, {noticed} noticed ({share:.1f} % of those that were run), {left} not, "
        f"{unrun} not run yet.",
        "",
        "| module | mutants | noticed | not noticed | not run | tests |",
        "|---|---|---|---|---|---|",
    ]
    for one in found:
        survived = len(one.of("survived", "no tests"))
        tests = ", ".join(f"`{Path(test).name}`" for test in one.module.tests) or "none"
        count, waits = len(one.mutants), len(one.of("not run"))
        figures = f"{count} | {count - survived - waits} | {survived} | {waits}"
        lines.append(f"| `{one.module.path}` | {figures} | {tests} |")
    lines += [
        "",
        "## Not noticed, and why",
        "| where | change | why no test can notice it |",
        "|---|---|---|",
    ]
    for one in found:
        for mutant in one.of("survived"):
            why = reasons.get((one.module.path, mutant.name), "**not explained**")
            change = mutant.change.replace("|", "\\|")
            lines.append(f"| `{one.module.path}` `{mutant.function}` | `{change}` | {why} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("words", nargs="*", help="only modules whose path holds one of these")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="forget what earlier runs have found")
    parser.add_argument("--list", action="store_true", help="count the mutants, run nothing")
    parser.add_argument(
        "--page",
        action="store_true",
        help="write docs/mutation.md (a run of all modules does)",
    )
    options = parser.parse_args()
    if absent := missing():
        raise SystemExit(f"hack/mutate.py names what is not there: {', '.join(absent)}")
    if options.list:
        for module in modules(options.words):
            print(f"{len(module.mutants()):5} {module.path} {' '.join(module.tests) or 'NO TEST'}")
        return 0
    os.environ["CI"] = "true"  # Hypothesis draws the same examples in every run
    sys.path[:0] = [str(ROOT), str(RUNTIME)]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for name in LOADED:
        importlib.import_module(name)
    results, reasons, found = Results(options.fresh), excused(), []
    for module in modules(options.words):
        one = examine(module, results, 0 if options.page else options.workers)
        found.append(one)
        print(
            f"{module.path}: {len(one.mutants)} mutants, {len(one.of('survived'))} survive",
            flush=True,
        )
    open_ones = [
        (one.module, mutant)
        for one in found
        for mutant in one.of("survived")
        if (one.module.path, mutant.name) not in reasons
    ]
    print(f"\n{len(open_ones)} survive without a reason in {EQUIVALENT.relative_to(ROOT)}:")
    for module, mutant in open_ones:
        print(f"  {module.path}:{mutant.line} {mutant.name}")
    if options.page or not options.words:
        today = datetime.datetime.now(tz=datetime.UTC).date().isoformat()
        PAGE.write_text(page(found, today), encoding="utf-8")
    return 1 if open_ones else 0


if __name__ == "__main__":
    sys.exit(main())
