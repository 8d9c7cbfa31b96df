"""Faults that a test orders: answers that get lost, come late or lie; rows that linger or vanish.

Pure bookkeeping: the REST layer asks what strikes a request (`server.account_faults`), the private
stream what strikes a step's rows (`server.row_faults`). What is in the account's books stays right;
only what is answered and sent is wrong. Documented in docs/simulator.md, "Faults on the account".
"""

from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

SECOND_NS: Final = 1_000_000_000
MILLISECOND_NS: Final = 1_000_000

ANY_ENDPOINT: Final = "*"


class FaultKind(StrEnum):
    """What goes wrong; the table in docs/simulator.md says each in a sentence."""

    LOST_ANSWER = "lost_answer"
    LATE_ANSWER = "late_answer"
    LATE_ORDER = "late_order"
    SLOW = "slow"
    ERROR_CODE = "error_code"
    REJECT = "reject"  # the same as ERROR_CODE
    HTTP_STATUS = "http_status"
    HTML = "html"
    HALF_BODY = "half_body"
    CANCEL_RACE = "cancel_race"
    INCOMPLETE_PAGE = "incomplete_page"
    BROKEN_PAGE = "broken_page"
    MISSING_ORDER = "missing_order"
    CLOCK_SKEW = "clock_skew"
    DELAY_ROWS = "delay_rows"
    DROP_ROWS = "drop_rows"
    DOUBLE_FILLED = "double_filled"
    REPEAT = "repeat"
    REORDERED = "reordered"
    UNKNOWN_WORD = "unknown_status"
    SILENT_SOCKET = "silent_socket"
    DISCONNECT = "disconnect"


ROW_FAULTS: Final = frozenset(
    {
        FaultKind.DELAY_ROWS,
        FaultKind.DROP_ROWS,
        FaultKind.DOUBLE_FILLED,
        FaultKind.REPEAT,
        FaultKind.REORDERED,
        FaultKind.UNKNOWN_WORD,
    }
)
"""Strike a step's rows on their way to the private streams."""

CONDITIONS: Final = frozenset({FaultKind.MISSING_ORDER, FaultKind.CLOCK_SKEW, FaultKind.SILENT_SOCKET})
"""Hold for a time instead of striking requests one by one."""

LATENESS: Final = frozenset(
    {
        FaultKind.LATE_ANSWER,
        FaultKind.LATE_ORDER,
        FaultKind.SLOW,
        FaultKind.CANCEL_RACE,
        FaultKind.DELAY_ROWS,
    }
)
"""Here `seconds` is how late; elsewhere it is how long the fault lasts."""

PAGE_FAULTS: Final = frozenset({FaultKind.INCOMPLETE_PAGE, FaultKind.BROKEN_PAGE})
REQUEST_FAULTS: Final = frozenset(FaultKind) - ROW_FAULTS - CONDITIONS - {FaultKind.DISCONNECT}

SOCKETS: Final = ("/v5/private", "/v5/public")
HANDSHAKE_FAULTS: Final = frozenset({FaultKind.HTTP_STATUS, FaultKind.HTML, FaultKind.SLOW})
"""What may strike the opening of a WebSocket, which is no request with an answer to lose."""

USUAL_SEQUENCE: Final = ("wallet", "position", "order", "execution", "ack")
SEQUENCE_PARTS: Final = frozenset(USUAL_SEQUENCE)

ORDER_ENDPOINTS: Final = ("/v5/order/realtime", "/v5/order/history")
CREATE: Final = "/v5/order/create"
CANCEL: Final = "/v5/order/cancel"


class FaultError(ValueError):
    """A fault that makes no sense; the text names the field and says what would."""


class Fault(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """One order for trouble.

    endpoint: the REST path it strikes, "*" for every one; None for the kind's usual one. symbol,
    order_link_id: strikes only what names them; "" for all. count: how many requests or steps.
    seconds: how late (`LATENESS`), else how long it lasts, then in place of count; 0 for
    conditions: until cleared. delay_ms: the same as seconds, in ms. ret_code, ret_msg, reset_ms: of
    an error; the last how far ahead the reset header lies. processed: a request that is answered
    with an error is carried out all the same. skew_ms: how far the exchange's clock is ahead.
    sequence: in which order the parts of a step leave. topic, field, word: what an unknown word
    stands in.
    """

    kind: FaultKind
    endpoint: str | None = None
    symbol: str = ""
    order_link_id: str = ""
    count: int = 1
    seconds: float = 0.0
    delay_ms: float = 0.0
    ret_code: int = 10016
    ret_msg: str = "Internal System Error."
    reset_ms: int = 1000
    status: int = 503
    processed: bool = False
    skew_ms: int = 0
    sequence: tuple[str, ...] = USUAL_SEQUENCE
    topic: str = "order"
    field: str = "orderStatus"
    word: str = "Contemplating"

    @property
    def lateness_s(self) -> float:
        """How late, in seconds."""
        return self.seconds + self.delay_ms / 1e3

    @property
    def lasts(self) -> bool:
        """True when it ends by time and not by count."""
        return self.kind in CONDITIONS or (self.kind not in LATENESS and self.seconds > 0)

    def strikes_path(self, path: str) -> bool:
        """Does it strike requests to this REST path?"""
        if self.endpoint is not None:
            return self.endpoint in (path, ANY_ENDPOINT)
        if self.kind is FaultKind.MISSING_ORDER:
            return path in ORDER_ENDPOINTS
        if self.kind in PAGE_FAULTS:
            return path == "/v5/order/realtime"
        return path == (CANCEL if self.kind is FaultKind.CANCEL_RACE else CREATE)


class Asked(msgspec.Struct, frozen=True):
    """What of a request a fault may look at. symbols: all that it names."""

    path: str
    symbols: frozenset[str] = frozenset()
    link_ids: frozenset[str] = frozenset()
    has_cursor: bool = False

    def is_meant_by(self, fault: Fault) -> bool:
        """Does this fault strike this request?"""
        if not fault.strikes_path(self.path):
            return False
        if self.path.startswith(SOCKETS) and fault.kind not in HANDSHAKE_FAULTS:
            return False
        if fault.kind is FaultKind.BROKEN_PAGE and not self.has_cursor:
            return False
        if fault.order_link_id and fault.order_link_id not in self.link_ids:
            return False
        return not fault.symbol or fault.symbol in self.symbols


class _Armed(msgspec.Struct):
    fault: Fault
    until_ns: int | None


class FaultPlan:
    """The faults still to come, oldest first.

    struck: how often each kind has struck. cutters: what ends the private connections. ack_late_s:
    by how much the answer to the request at hand has to wait for its rows.
    """

    def __init__(self, now_ns: Callable[[], int]) -> None:
        """now_ns: the simulator's true clock."""
        self._now_ns = now_ns
        self._armed: list[_Armed] = []
        self.struck: Counter[str] = Counter()
        self.cutters: list[Callable[[], None]] = []
        self.ack_late_s = 0.0

    def add(self, fault: Fault) -> None:
        """Orders a fault; a disconnection happens at once. Raises FaultError."""
        check(fault)
        if fault.kind is FaultKind.DISCONNECT:
            self.struck[fault.kind.value] += 1
            for cut in self.cutters:
                cut()
            return
        until_ns = None
        if fault.lasts and fault.seconds > 0:
            until_ns = self._now_ns() + int(fault.seconds * SECOND_NS)
        self._armed.append(_Armed(fault, until_ns))

    def clear(self) -> None:
        """Forgets all that has not struck, and ends what lasts."""
        self._armed.clear()

    def pending(self) -> Sequence[dict[str, Any]]:
        """What is still to come, with the ms at which it ends when it ends by time."""
        self._forget_over()
        return [
            {
                **msgspec.to_builtins(armed.fault),
                "until": None if armed.until_ns is None else armed.until_ns // MILLISECOND_NS,
            }
            for armed in self._armed
        ]

    @property
    def idle(self) -> bool:
        """True when nothing needs to be looked at."""
        return not self._armed

    def strike_request(self, asked: Asked) -> Fault | None:
        """The oldest fault that strikes this request, one use of it spent; or None."""
        return self._strike(lambda fault: fault.kind in REQUEST_FAULTS and asked.is_meant_by(fault))

    def strike_rows(self, symbols: frozenset[str], traits: frozenset[str]) -> Fault | None:
        """The oldest fault that strikes a step with rows of these symbols, or None.

        traits: the topics that have rows, and "Filled" when an order has been filled.
        """

        def meant(fault: Fault) -> bool:
            needed = {FaultKind.DOUBLE_FILLED: "Filled", FaultKind.UNKNOWN_WORD: fault.topic}
            trait = needed.get(fault.kind)
            return (
                fault.kind in ROW_FAULTS
                and (not fault.symbol or fault.symbol in symbols)
                and (trait is None or trait in traits)
            )

        return self._strike(meant)

    def holding(self, kind: FaultKind) -> Sequence[Fault]:
        """The conditions of this kind that hold now."""
        if not self._armed:
            return ()
        self._forget_over()
        return [armed.fault for armed in self._armed if armed.fault.kind is kind]

    @property
    def skew_ns(self) -> int:
        """How far the exchange's clock is ahead of the true one."""
        return sum(fault.skew_ms for fault in self.holding(FaultKind.CLOCK_SKEW)) * MILLISECOND_NS

    def _strike(self, meant: Callable[[Fault], bool]) -> Fault | None:
        if not self._armed:
            return None
        self._forget_over()
        for armed in self._armed:
            fault = armed.fault
            if not meant(fault):
                continue
            self.struck[fault.kind.value] += 1
            if armed.until_ns is None:
                fault.count -= 1
                if fault.count <= 0:
                    self._armed.remove(armed)
            return fault
        return None

    def _forget_over(self) -> None:
        now_ns = self._now_ns()
        self._armed = [a for a in self._armed if a.until_ns is None or now_ns < a.until_ns]


def check(fault: Fault) -> None:
    """Raises FaultError unless the fault can strike."""
    if not 1 <= fault.count <= 1_000_000:
        raise FaultError(f"count: {fault.count} is not in 1..1000000")
    if fault.seconds < 0 or fault.delay_ms < 0:
        raise FaultError("seconds, delay_ms: must not be negative")
    if fault.endpoint is not None and fault.endpoint != ANY_ENDPOINT and fault.endpoint[:4] != "/v5/":
        raise FaultError(f'endpoint: {fault.endpoint!r} is no path of the exchange; "/v5/..." or "*"')
    if fault.kind is FaultKind.CLOCK_SKEW and fault.skew_ms == 0:
        raise FaultError("skew_ms: must say by how much the exchange's clock is ahead")
    if fault.kind is FaultKind.HTTP_STATUS and not 400 <= fault.status <= 599:
        raise FaultError(f"status: {fault.status} is not in 400..599")
    if fault.kind is FaultKind.UNKNOWN_WORD and fault.topic not in ("order", "execution", "position"):
        raise FaultError(f"topic: {fault.topic!r} is none of order, execution, position")
    if not set(fault.sequence) <= SEQUENCE_PARTS or len(set(fault.sequence)) != len(fault.sequence):
        raise FaultError(f"sequence: each of {', '.join(USUAL_SEQUENCE)} at most once")
