"""An executor whose memories are as short as a schedule, or whose clock stands just before midnight.

    python -m tests.chaos.scaled_executor settings.json      # in place of tradefleet.services.executor

What is remembered for ten minutes, an hour or a day is forgotten within a schedule of ten seconds, so that
"forgetting loosens no rule" is tried by schedules too. CHAOS_FORGETS=1 and CHAOS_AHEAD_NS say which. The
clock is patched before anything is imported that could keep the true one.
"""

import importlib
import os
import sys
import time
from types import ModuleType
from typing import Final

S: Final = 1_000_000_000

MEMORIES: Final = {
    ("tradefleet.core.account_signals", "SEEN_SIGNALS_NS"): 6 * S,
    ("tradefleet.core.account_sends", "REMEMBERED_NS"): 7 * S,
    ("tradefleet.core.counted", "REMEMBERED_NS"): 14 * S,
    ("tradefleet.core.account_reconciling", "SHOWN_FOR_NS"): 7 * S,
}
"""Longer than a signal lives and than an order's time with its grace, in the order of the true ones."""

QUERIES: Final = "tradefleet.adapters.postgres.restore"
IN_QUERIES: Final = {
    f"{86_400 * S}": f"{8 * S}",
    f"{3600 * S}": f"{7 * S}",
    "interval '10 minutes'": "interval '6 seconds'",
}


def forget_soon() -> None:
    """Shorten every memory. Raises LookupError for one that is not where it was."""
    for (module, name), value in MEMORIES.items():
        found = importlib.import_module(module)
        if not isinstance(getattr(found, name, None), int):
            raise LookupError(f"{module} has no {name} any more: say in MEMORIES where that memory is now")
        setattr(found, name, value)
    shorten_queries(importlib.import_module(QUERIES))


def shorten_queries(module: ModuleType) -> None:
    """The same of what the journal is asked for."""
    shortened = set()
    for name, text in vars(module).copy().items():
        if isinstance(text, str):
            for long, short in IN_QUERIES.items():
                if long in text:
                    shortened.add(long)
                    text = text.replace(long, short)
            setattr(module, name, text)
    if shortened != IN_QUERIES.keys():
        raise LookupError(f"{QUERIES} does not say {IN_QUERIES.keys() - shortened} any more")


def set_ahead(ahead_ns: int) -> None:
    """This process's wall clock is so far ahead from now on."""
    true_ns, true_s = time.time_ns, time.time
    time.time_ns = lambda: true_ns() + ahead_ns
    time.time = lambda: true_s() + ahead_ns / 1e9


def main() -> int:
    """The executor's exit status."""
    set_ahead(int(os.environ.get("CHAOS_AHEAD_NS", "0")))
    if os.environ.get("CHAOS_FORGETS"):
        forget_soon()
    return int(importlib.import_module("tradefleet.services.executor.program").main(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(main())
