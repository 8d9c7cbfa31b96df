"""What is judged: both books of a schedule, and what was seen on the way. Plain values."""

from decimal import Decimal

import msgspec


class OrderAt(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange has it."""

    order_id: str
    client_order_id: str
    symbol: str
    live: bool
    executed: Decimal
    created_ns: int


class ExecutionAt(msgspec.Struct, frozen=True, kw_only=True):
    """An execution, of either side's book. qty: signed."""

    exec_id: str
    client_order_id: str
    symbol: str
    qty: Decimal
    at_ns: int
    seq: int


class PositionAt(msgspec.Struct, frozen=True, kw_only=True):
    """A position that the exchange holds. size: signed."""

    symbol: str
    size: Decimal
    has_stop: bool


class IntentAt(msgspec.Struct, frozen=True, kw_only=True):
    """An intent's row. inserted_ns: by the database's clock, when it was first written."""

    client_order_id: str
    signal_id: str
    leg: str
    epoch: int
    symbol: str
    state: str
    final: bool
    filled: Decimal
    created_ns: int
    valid_until_ns: int
    inserted_ns: int


class LatchAt(msgspec.Struct, frozen=True, kw_only=True):
    """A latch's row. cleared_ns: None while it is engaged."""

    latch_id: str
    kind: str
    engaged_ns: int
    cleared_ns: int | None


class LimitAt(msgspec.Struct, frozen=True, kw_only=True):
    """From when on this limit of positions was in force."""

    max_positions: int
    since_ns: int


class SignedAt(msgspec.Struct, frozen=True, kw_only=True):
    """A create that has left an executor, by the timestamp that it was signed with."""

    client_order_id: str
    signed_ns: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is judged. grants: when each epoch began. naked: symbols that were ever seen
    without a stop. raised: those whose leverage was raised under an open position. by_hand: ids of orders of
    somebody else that nobody took back. stacked: a position may have several entries. A symbol is a
    position's name: in hedge mode its leg stands behind it. shares: of a position, of each part of a partial
    close; none when there are no parts. late_flat: what a latch had not closed in time while a list was
    broken. off_grid: numbers that were sent beside a tick which had been told long before. per_symbol: so
    many entries may make one position; 0: not judged."""

    orders: tuple[OrderAt, ...] = ()
    executions: tuple[ExecutionAt, ...] = ()
    positions: tuple[PositionAt, ...] = ()
    intents: tuple[IntentAt, ...] = ()
    counted: tuple[ExecutionAt, ...] = ()
    sizes: tuple[PositionAt, ...] = ()
    latches: tuple[LatchAt, ...] = ()
    limits: tuple[LimitAt, ...] = ()
    grants: dict[int, int] = msgspec.field(default_factory=dict)
    signed: tuple[SignedAt, ...] = ()
    naked: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    by_hand: tuple[str, ...] = ()
    late_flat: tuple[str, ...] = ()
    off_grid: tuple[str, ...] = ()
    per_symbol: int = 0
    stacked: bool = False
    shares: tuple[Decimal, ...] = ()
