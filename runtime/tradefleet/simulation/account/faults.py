"""Faults that a test orders: answers that get lost, come late or refuse; rows that linger or vanish.

Pure bookkeeping: the REST layer asks before and after it answers, the private stream asks before it
pushes. Each fault is used up after `count` uses. Documented in docs/simulator.md, "Faults".
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

import msgspec


class FaultKind(StrEnum):
    """What goes wrong.

    LOST_ANSWER: the request is carried out, the connection closes without an answer. LATE_ANSWER:
    carried out at once, answered `delay_ms` later. REJECT: not carried out, answered with
    `ret_code`. DELAY_ROWS, DROP_ROWS: the private rows of a step come `delay_ms` later, or never.
    """

    LOST_ANSWER = "lost_answer"
    LATE_ANSWER = "late_answer"
    REJECT = "reject"
    DELAY_ROWS = "delay_rows"
    DROP_ROWS = "drop_rows"


ROW_FAULTS: Final = frozenset({FaultKind.DELAY_ROWS, FaultKind.DROP_ROWS})
ANSWER_FAULTS: Final = frozenset({FaultKind.LOST_ANSWER, FaultKind.LATE_ANSWER})


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """One order for trouble. endpoint: which REST path it strikes (not used for rows)."""

    kind: FaultKind
    endpoint: str = "/v5/order/create"
    count: int = 1
    delay_ms: float = 0.0
    ret_code: int = 10016
    ret_msg: str = "Internal System Error."


class FaultPlan:
    """The faults still to come, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Orders a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Forgets all that has not struck."""
        self._faults.clear()

    def pending(self) -> Sequence[Fault]:
        """What is still to come."""
        return tuple(self._faults)

    def strike(self, kinds: frozenset[FaultKind], endpoint: str = "") -> Fault | None:
        """The oldest fault of these kinds (for this endpoint), one use of it spent; or None."""
        for fault in self._faults:
            if fault.kind in kinds and (fault.kind in ROW_FAULTS or fault.endpoint == endpoint):
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
                return fault
        return None
