"""`python -m bench [name ...]`: runs the benchmarks (all of them by default) and prints one table.

A benchmark is one file here with `run() -> list[Row]`, and one line in REGISTRY.
"""

import importlib
import platform
import sys
from typing import Final

from bench.report import Row, table

REGISTRY: Final = {
    "plain_book": "frames/s from raw bytes through the plain book to mid, spread and imbalance",
    "signal_to_order": "ms from a signal to the bytes of its order, the journal included",
    "account_core": "events/s of the order machine and of AccountCore; ms to compare 500 orders",
    "remembered": "us of a mark and a tick, by how much the core remembers and what is due",
    "audit": "ms to write an intent and a batch, with the audit and without",
    "router": "frames/s through the whole shard core: router, book, strategies, trades, bars",
}


def main(names: list[str]) -> int:
    """Run these benchmarks; 2 when one is unknown."""
    unknown = [name for name in names if name not in REGISTRY]
    if unknown:
        print(
            f"no benchmark is called {', '.join(unknown)}; there are: {', '.join(REGISTRY)}", file=sys.stderr
        )
        return 2
    print(f"Python {platform.python_version()}, {platform.machine()}, medians of interleaved rounds")
    rows: list[Row] = []
    for name in names or REGISTRY:
        print(f"{name}: {REGISTRY[name]} ...", flush=True)
        rows += importlib.import_module(f"bench.{name}").run()
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
