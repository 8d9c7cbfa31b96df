"""The pages of refusals and of alerts for people, written from the tables themselves.

`make reference` writes docs/reference/refusals.md and docs/reference/alerts.md; `make lint` holds the
committed pages against them.
"""

import sys
from collections.abc import Iterator, Mapping
from typing import Final, TypeVar

from tradefleet.core import alert_kinds
from tradefleet.domain.explained import Explained
from tradefleet.orders import not_taken
from tradefleet.risk import refusals

Word = TypeVar("Word", bound=str)

_REFUSALS: Final = """\
# Why a signal was not followed, and why an order was not taken

<!-- Written by `make reference` from runtime/tradefleet/risk/refusals.py and orders/not_taken.py; edit those,
not this page. -->

Each word stands with its figures in the tables `signals` and `intents`, in `tradefleet audit show SIGNAL_ID`,
in the metrics' labels and in the status.

## Signals
Counted as `refused_by_reason`. A signal is asked these questions in the order of the code, and the first
answer stands.
"""

_ORDERS: Final = """
## Orders
Counted as `orders_not_taken_by_reason`. Which code of the exchange means which word is said in
[bybit-codes.md](bybit-codes.md).
"""

_ALERTS: Final = """\
# Alerts

<!-- Written by `make reference` from runtime/tradefleet/core/alert_kinds.py; edit that, not this page. -->

What a person should know: a log line with this `kind` and a sentence with its figures. The executor counts
its own as `tradefleet_executor_errors_total{kind=...}` and in its status as `errors`.
"""


def refusals_page() -> str:
    """Markdown."""
    return "\n".join([_REFUSALS, *_table(refusals.EXPLAINED), _ORDERS, *_table(not_taken.EXPLAINED)]) + "\n"


def alerts_page() -> str:
    """Markdown."""
    return "\n".join([_ALERTS, *_table(alert_kinds.EXPLAINED)]) + "\n"


def _table(explained: Mapping[Word, Explained]) -> Iterator[str]:
    yield "| Word | What is so | Who decides | What to do |"
    yield "|---|---|---|---|"
    for word, line in explained.items():
        yield f"| `{word}` | {line.cause} | {line.decides} | {line.act} |"


PAGES: Final = {"refusals": refusals_page, "alerts": alerts_page}

if __name__ == "__main__":
    sys.stdout.write(PAGES[sys.argv[1]]())
