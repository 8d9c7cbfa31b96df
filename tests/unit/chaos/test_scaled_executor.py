"""The memories that chaos shortens are where it looks for them."""

import subprocess
import sys
import types

import pytest
from tests.chaos import scaled_executor


def test_every_memory_is_shortened_in_a_process_of_its_own() -> None:
    program = (
        "from tests.chaos import scaled_executor as s; s.forget_soon(); "
        "from tradefleet.core import account_sends; print(account_sends.REMEMBERED_NS)"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert done.stdout == "7000000000\n", done.stderr


def test_a_query_that_remembers_otherwise_is_said() -> None:
    module = types.ModuleType("restore")
    module.QUERY = "SELECT 1"  # type: ignore[attr-defined]

    with pytest.raises(LookupError, match="does not say"):
        scaled_executor.shorten_queries(module)
