"""The page of Bybit's codes for people, written from the table itself.

`make reference` writes docs/reference/bybit-codes.md; a test holds the committed page against it.
"""

import sys
from collections.abc import Iterator
from typing import Final

from tradefleet.orders.codes import ROWS, TEXTS, Row
from tradefleet.orders.outcome import Operation, Outcome, classify

_INTRODUCTION: Final = """\
# What Bybit's codes mean for each call

<!-- Written by `make reference` from runtime/tradefleet/orders/codes.py; edit the table, not this page. -->

Of a well-formed answer with HTTP status 200. Whatever is not listed here proves nothing and is *ambiguous*;
so is every other HTTP status, every page that is no envelope, and every answer that did not come.
What follows from an outcome is said in [order-path.md](../order-path.md).

- **accepted**: taken for processing. **rejected**: proven not to be taken. **ambiguous**: may or may not have
  been carried out. **already**: all was as asked. **gone**: the order is over and may have filled, so its
  executions are read. A **+** says that the same request may do better later; a create is never sent again.
- **Why** is the word that stands in the journal, in metrics and in the status.
"""
_SHOWN: Final = (
    (Operation.CREATE, "create"),
    (Operation.AMEND, "amend"),
    (Operation.CANCEL, "cancel, cancel-all"),
    (Operation.TRADING_STOP, "trading-stop"),
    (Operation.SET_LEVERAGE, "leverage, mode"),
)


def render() -> str:
    """The whole page, Markdown."""
    return "\n".join([_INTRODUCTION, *_codes(), "", *_texts()]) + "\n"


def _codes() -> Iterator[str]:
    yield "| Codes | What it says | Why | " + " | ".join(title for _, title in _SHOWN) + " |"
    yield "|---" * (3 + len(_SHOWN)) + "|"
    for row in ROWS:
        outcomes = " | ".join(_outcome(operation, row) for operation, _ in _SHOWN)
        codes = ", ".join(str(code) for code in row.codes)
        yield f"| {codes} | {row.meaning} | {row.reason.value} | {outcomes} |"


def _outcome(operation: Operation, row: Row) -> str:
    verdict = classify(operation, row.codes[0])
    shown = verdict.outcome.value if verdict.outcome is not Outcome.AMBIGUOUS else "*ambiguous*"
    return shown + ("+" if verdict.again else "")


def _texts() -> Iterator[str]:
    yield "## Texts of 10001\n"
    yield "One code stands for many things; the first of these that its text holds says which.\n"
    yield "| Text | Class | Why |"
    yield "|---|---|---|"
    for part, says, reason in TEXTS:
        yield f"| `{part}` | {says.value} | {reason.value} |"


if __name__ == "__main__":
    sys.stdout.write(render())
