"""Which entries may go on resting, by the rules of risk: tables of what is held, rests and is allowed."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.support.account_harness import ACCOUNT, MARK, START, Harness, wallet
from tests.support.resting_harness import resting_config

from tradefleet.core.account_resting_risk import over_the_limits
from tradefleet.core.account_state import AccountState
from tradefleet.domain.orders import OrderType, Side, TimeInForce
from tradefleet.domain.positions import PositionKey
from tradefleet.orders.client_order_id import client_order_id
from tradefleet.orders.intents import Intent, IntentRecord, IntentState, Leg
from tradefleet.positions.ledger import flat
from tradefleet.positions.plan import PositionRecord

D = Decimal
A, B, C = "ABCUSDT", "BBBUSDT", "CCCUSDT"


def key(symbol: str) -> PositionKey:
    return PositionKey("linear", symbol)


def entry(name: str, symbol: str = A, **fields: Any) -> IntentRecord:
    """An entry of one unit at 100 with its stop at 98, as it rests since a moment ago."""
    record = {k: fields.pop(k) for k in ("filled", "filled_into", "state") if k in fields}
    intent = Intent(
        account=ACCOUNT,
        bot_uid="bot",
        epoch=1,
        signal_id=name,
        leg=Leg.OPEN,
        attempt=0,
        client_order_id=client_order_id(ACCOUNT, name, Leg.OPEN, 0),
        strategy="imbalance",
        key=key(symbol),
        side=Side.BUY,
        order_type=OrderType.LIMIT,
        time_in_force=TimeInForce.POST_ONLY,
        qty=D(1),
        price=MARK,
        reduce_only=False,
        stop_loss=D(98),
        take_profit=D(104),
        reference_price=MARK,
        hold_ns=0,
        created_ns=START,
        sign_by_ns=START,
        valid_until_ns=START,
        rest_until_ns=START + 600_000_000_000,
    )
    intent = msgspec.structs.replace(intent, **fields)
    return IntentRecord(**{"intent": intent, "state": IntentState.ACCEPTED, **record})


def held(symbol: str, entries: int | None = 1) -> PositionRecord:
    return msgspec.structs.replace(
        flat(key(symbol)), size=D(1), entry_price=MARK, generation=1, entries=entries
    )


def state_of(
    *records: IntentRecord,
    positions: tuple[PositionRecord, ...] = (),
    balance: str | None = "10000",
    **risk: object,
) -> AccountState:
    world = Harness(resting_config(risk), symbols=(A, B, C))
    world.journal.intents = {record.intent.client_order_id: record for record in records}
    world.journal.positions = {position.key: position for position in positions}
    world.restart()
    state = world.core.state
    state.wallet = None if balance is None else wallet(world.now_ns, balance)
    return state


def gone(state: AccountState) -> dict[str, str]:
    """By signal, the word with which its entry goes."""
    found = over_the_limits(state, state.tracked.resting)
    return {state.tracked[name].intent.signal_id: why.partition(":")[0] for name, why in found.items()}


POSITIONS, PER_SYMBOL = "max_positions", "max_positions_per_symbol"


@pytest.mark.parametrize(
    ("records", "positions", "limit", "expected"),
    [
        ((entry("1", A),), (), 1, {}),  # its own reservation does not count
        ((entry("1", A),), (), 0, {"1": POSITIONS}),
        ((entry("1", A), entry("2", B)), (), 2, {}),
        ((entry("1", A), entry("2", B)), (), 1, {"2": POSITIONS}),  # the newest goes
        ((entry("1", A), entry("2", B), entry("3", C)), (), 1, {"2": POSITIONS, "3": POSITIONS}),
        ((entry("1", A), entry("2", B)), (held(B),), 1, {"1": POSITIONS}),  # what is held has its place
        ((entry("1", A),), (held(B),), 1, {"1": POSITIONS}),
        ((entry("1", A),), (held(B),), 2, {}),
        ((entry("1", A),), (held(A), held(B)), 1, {"1": POSITIONS}),
        ((entry("1", A, filled=D("0.5"), filled_into=1),), (held(A), held(B)), 1, {}),
        ((entry("1", A, filled=D("0.5"), filled_into=1),), (held(A),), 0, {"1": POSITIONS}),
        # An entry that does not rest is under way, and nobody can take it back.
        (
            (entry("1", A), entry("2", B, rest_until_ns=0, state=IntentState.AMBIGUOUS)),
            (),
            1,
            {"1": POSITIONS},
        ),
    ],
)
def test_of_symbols_no_more_than_the_limit_stay(
    records: tuple[IntentRecord, ...],
    positions: tuple[PositionRecord, ...],
    limit: int,
    expected: dict[str, str],
) -> None:
    state = state_of(*records, positions=positions, max_positions=limit, max_positions_per_symbol=9)

    assert gone(state) == expected


@pytest.mark.parametrize(
    ("records", "positions", "limit", "expected"),
    [
        ((entry("1"),), (), 1, {}),
        ((entry("1"), entry("2")), (), 2, {}),
        ((entry("1"), entry("2"), entry("3")), (), 2, {"3": PER_SYMBOL}),
        ((entry("1"), entry("2", B), entry("3")), (), 1, {"3": PER_SYMBOL}),
        ((entry("1"),), (held(A, 1),), 2, {}),
        ((entry("1"),), (held(A, 2),), 2, {"1": PER_SYMBOL}),
        ((entry("1"),), (held(A, None),), 2, {"1": PER_SYMBOL}),  # unknown is as many as are allowed
        ((entry("1", filled=D("0.5"), filled_into=1), entry("2")), (held(A, 1),), 2, {}),
        ((entry("1", filled=D("0.5"), filled_into=1), entry("2")), (held(A, 1),), 1, {"2": PER_SYMBOL}),
        # What had filled into the position before is one more when it fills again.
        ((entry("1", filled=D("0.5"), filled_into=0), entry("2")), (held(A, 1),), 2, {"2": PER_SYMBOL}),
        ((entry("1", filled=D("0.5"), filled_into=1),), (held(A, 1),), 0, {"1": PER_SYMBOL}),
        ((entry("1", state=IntentState.DONE), entry("2")), (), 1, {}),
    ],
)
def test_of_a_symbol_no_more_entries_than_the_limit_stay(
    records: tuple[IntentRecord, ...],
    positions: tuple[PositionRecord, ...],
    limit: int,
    expected: dict[str, str],
) -> None:
    state = state_of(*records, positions=positions, max_positions=9, max_positions_per_symbol=limit)

    assert gone(state) == expected


@pytest.mark.parametrize("filled", ["0", "0.5"])
@pytest.mark.parametrize(
    ("fields", "balance", "risk", "word"),
    [
        ({}, "10000", "0.0002109", None),
        ({"qty": D(1)}, "1000", "0.0021090", None),  # 2.1089 at its stop with both fees: within
        ({"qty": D(1)}, "1000", "0.0020086", None),  # within 5 %
        ({"qty": D(1)}, "1000", "0.0020083", "only 0.99 of 1 may be lost at its stop"),
        ({"qty": D(1)}, "10", "0", "max_risk_per_trade"),
        ({"qty": D("0.04"), "stop_loss": D(98)}, "1000", "1", "size_below_minimum"),
        ({"take_profit": D("100.1")}, "1000", "1", "target_below_costs"),
        (
            {"stop_loss": None},
            "1000",
            "1",
            "it has no stop or no target, or the symbol's rules are not known",
        ),
        ({"take_profit": D("100.1")}, None, "1", None),  # an unknown equity is asked about elsewhere
        ({"qty": D(1)}, "0", "0", None),
        ({"qty": D(1)}, "-5", "0", None),
    ],
)
def test_what_it_may_lose_is_judged_as_that_of_a_new_one(
    filled: str, fields: dict[str, Any], balance: str | None, risk: str, word: str | None
) -> None:
    record = entry("1", filled=D(filled), filled_into=1 if D(filled) else None, **fields)
    state = state_of(
        record,
        positions=(held(A),) if D(filled) else (),
        balance=balance,
        max_risk_per_trade=D(risk),
        max_positions_per_symbol=9,
    )

    assert gone(state) == ({} if word is None else {"1": word})
