"""The lists of hack/mutate.py name what is there, and the money's modules are among what it breaks."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).parents[3] / "hack" / "mutate.py"


@pytest.fixture(scope="module")
def mutate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutate", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["mutate"] = module
    spec.loader.exec_module(module)
    return module


def test_every_module_function_and_test_that_it_names_is_there(mutate: ModuleType) -> None:
    assert mutate.missing() == []


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OTHERS", {"adapters/postgres/lease.py": ("right",)}, ["adapters/postgres/lease.py: right"]),
        ("OTHERS", {"adapters/none.py": ("some",)}, ["adapters/none.py: some"]),
        ("FIRST", ("orders/none.py",), ["orders/none.py"]),
        ("LAST", ("orders/none.py",), ["orders/none.py"]),
        ("ASKED", {"orders/flatten.py": ("tests/unit/test_none.py",)}, ["tests/unit/test_none.py"]),
    ],
)
def test_a_name_that_nothing_has_is_said(
    mutate: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, value: object, said: list[str]
) -> None:
    monkeypatch.setattr(mutate, name, value)

    assert mutate.missing() == said


def test_every_module_has_a_test_and_what_money_depends_on_most_comes_first(mutate: ModuleType) -> None:
    found = [*mutate.modules(())]

    assert [module.path for module in found if not module.tests] == []
    assert [module.path for module in found][: len(mutate.FIRST)] == [*mutate.FIRST]
    assert len({module.path for module in found}) == len(found)


def test_every_reason_is_that_of_a_mutant_that_can_be_made(mutate: ModuleType) -> None:
    made = {(module.path, mutant.name) for module in mutate.modules(()) for mutant in module.mutants()}

    assert [reason for reason in mutate.excused() if reason not in made] == []
