"""The judge finds each kind of harm, and nothing in good books: a judge that never objects proves nothing."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from tests.chaos.books import Books, ExecutionAt, IntentAt, LatchAt, LimitAt, OrderAt, PositionAt, SignedAt
from tests.chaos.judge import Harm, counts, judge

S = 1_000_000_000
ONE = Decimal(1)


def intent(name: str = "tf1-a", **changes: Any) -> IntentAt:
    fields: dict[str, Any] = {
        "client_order_id": name,
        "signal_id": f"signal of {name}",
        "leg": "open",
        "epoch": 1,
        "symbol": "BTC",
        "state": "done",
        "final": True,
        "filled": ONE,
        "created_ns": 10 * S,
        "valid_until_ns": 12 * S,
        "inserted_ns": 10 * S,
    }
    return IntentAt(**(fields | changes))


def order(name: str = "tf1-a", **changes: Any) -> OrderAt:
    fields: dict[str, Any] = {
        "order_id": f"order of {name}",
        "client_order_id": name,
        "symbol": "BTC",
        "live": False,
        "executed": ONE,
        "created_ns": 11 * S,
    }
    return OrderAt(**(fields | changes))


def execution(name: str = "tf1-a", **changes: Any) -> ExecutionAt:
    fields: dict[str, Any] = {
        "exec_id": f"execution of {name}",
        "client_order_id": name,
        "symbol": "BTC",
        "qty": ONE,
        "at_ns": 11 * S,
        "seq": 1,
    }
    return ExecutionAt(**(fields | changes))


HELD = PositionAt(symbol="BTC", size=ONE, has_stop=True)
GOOD = Books(
    orders=(order(),),
    executions=(execution(),),
    positions=(HELD,),
    intents=(intent(),),
    counted=(execution(),),
    sizes=(HELD,),
    limits=(LimitAt(max_positions=1, since_ns=0),),
    grants={1: S},
    signed=(SignedAt(client_order_id="tf1-a", signed_ns=10 * S),),
)
KILLED = LatchAt(latch_id="l", kind="kill_switch", engaged_ns=20 * S, cleared_ns=None)
SECOND = {"orders": (order(), order("tf1-b", created_ns=13 * S))}
AGAIN = execution("tf1-b", at_ns=13 * S, seq=2)


def books(**changes: Any) -> Books:
    return msgspec.structs.replace(GOOD, **changes)


def with_a_part(closed: str, leg: str = "part-1", shares: tuple[str, ...] = ("0.3", "0.3", "0.2")) -> Books:
    """The good books, and a part of their position closed."""
    left, qty = ONE - Decimal(closed), -Decimal(closed)
    part = execution("tf1-p", qty=qty, at_ns=14 * S, seq=3)
    held = PositionAt(symbol="BTC", size=left, has_stop=True)
    of = {"signal_id": "signal of tf1-a", "created_ns": 13 * S, "valid_until_ns": 15 * S}
    return books(
        orders=(*GOOD.orders, order("tf1-p", executed=abs(qty), created_ns=14 * S)),
        executions=(*GOOD.executions, part),
        counted=(*GOOD.counted, part),
        positions=(held,),
        sizes=(held,),
        intents=(*GOOD.intents, intent("tf1-p", leg=leg, filled=abs(qty), **of)),
        shares=tuple(map(Decimal, shares)),
    )


def test_good_books_have_no_finding() -> None:
    assert judge(GOOD) == ()
    assert judge(Books()) == ()


CASES: dict[str, tuple[Harm, Books]] = {
    "a part beyond its target": (Harm.AGAINST, with_a_part("0.31")),
    "a part that may not be there": (Harm.AGAINST, with_a_part("0.01", shares=())),
    "two orders of one id": (Harm.DUPLICATE, books(orders=(order(), order(order_id="other")))),
    "two entries of one signal": (
        Harm.DUPLICATE,
        books(**SECOND, intents=(intent(), intent("tf1-b", signal_id="signal of tf1-a"))),
    ),
    "an entry on top of another": (
        Harm.DUPLICATE,
        books(
            **SECOND,
            executions=(execution(), AGAIN),
            intents=(intent(), intent("tf1-b", created_ns=13 * S, valid_until_ns=15 * S)),
        ),
    ),
    "signed twice": (Harm.DUPLICATE, books(signed=GOOD.signed * 2)),
    "the exchange holds more": (
        Harm.LOST,
        books(positions=(PositionAt(symbol="BTC", size=Decimal(2), has_stop=True),)),
    ),
    "the journal's row differs": (Harm.LOST, books(sizes=())),
    "an execution not counted": (Harm.LOST, books(counted=())),
    "no stop at the end": (Harm.LOST, books(positions=(PositionAt(symbol="BTC", size=ONE, has_stop=False),))),
    "no stop for a while": (Harm.LOST, books(naked=("BTC",))),
    "leverage that was raised": (Harm.AGAINST, books(raised=("BTC",))),
    "a size that was believed": (
        Harm.LOST,
        books(latches=(LatchAt(latch_id="p", kind="position_mismatch", engaged_ns=20 * S, cleared_ns=None),)),
    ),
    "an intent without an end": (Harm.UNRESOLVED, books(intents=(intent(final=False, state="ambiguous"),))),
    "an end that is not true": (
        Harm.UNRESOLVED,
        books(intents=(intent(state="absent", filled=Decimal(0)),)),
    ),
    "an order without an intent": (Harm.UNRESOLVED, books(intents=(), signed=())),
    "an order that rests": (Harm.UNRESOLVED, books(orders=(order(live=True),))),
    "written after its epoch": (Harm.FORMER, books(grants={1: S, 2: 9 * S})),
    "signed after its epoch": (
        Harm.FORMER,
        books(grants={1: S, 2: 11 * S}, signed=(SignedAt(client_order_id="tf1-a", signed_ns=11 * S + 1),)),
    ),
    "sent without being written": (
        Harm.FORMER,
        books(signed=(*GOOD.signed, SignedAt(client_order_id="tf1-x", signed_ns=10 * S))),
    ),
    "accepted after its time": (Harm.FORMER, books(orders=(order(created_ns=12 * S + 1),))),
    "opened while the last leader's order could arrive": (
        Harm.FORMER,
        books(
            grants={1: S, 2: 10 * S + 1},
            orders=(order("tf1-b", created_ns=11 * S),),
            intents=(intent(filled=Decimal(0), state="absent"), intent("tf1-b", epoch=2, inserted_ns=11 * S)),
            executions=(execution("tf1-b"),),
            counted=(execution("tf1-b"),),
        ),
    ),
    "above the limit": (Harm.AGAINST, books(limits=(LimitAt(max_positions=0, since_ns=5 * S),))),
    "above the limit that was loosened much later": (
        Harm.AGAINST,
        books(limits=(LimitAt(max_positions=0, since_ns=5 * S), LimitAt(max_positions=1, since_ns=15 * S))),
    ),
    "under a latch": (
        Harm.AGAINST,
        books(latches=(LatchAt(latch_id="l", kind="daily_loss", engaged_ns=9 * S, cleared_ns=None),)),
    ),
    "not flat under the kill switch": (Harm.AGAINST, books(latches=(KILLED,))),
    "somebody else's order is gone": (Harm.AGAINST, books(by_hand=("by hand",))),
}


@pytest.mark.parametrize("case", CASES)
def test_the_judge_finds(case: str) -> None:
    harm, bad = CASES[case]

    found = judge(bad)

    assert harm in {finding.harm for finding in found}
    assert counts(found)[harm.value] >= 1


@pytest.mark.parametrize(
    "harmless",
    [
        books(latches=(msgspec.structs.replace(KILLED, engaged_ns=S, cleared_ns=5 * S),)),
        books(limits=(*GOOD.limits, LimitAt(max_positions=0, since_ns=30 * S))),
        books(limits=(LimitAt(max_positions=0, since_ns=S), LimitAt(max_positions=1, since_ns=11 * S))),
        books(grants={1: S, 2: 20 * S}),
        with_a_part("0.3"),
        with_a_part("0.6", "part-2"),
        books(orders=(order(), order("by-hand", order_id="by hand", live=True)), by_hand=("by hand",)),
    ],
    ids=[
        "a latch cleared before",
        "a limit tightened later",
        "a limit whose loosening was written late",
        "an epoch that ended later",
        "a part up to its target",
        "two parts up to their target",
        "left alone",
    ],
)
def test_the_judge_does_not_object_to(harmless: Books) -> None:
    assert judge(harmless) == ()


# ---- what people, other systems and the exchange do


HAND_BUYS = execution("hand-1", exec_id="by hand", at_ns=5 * S)


def test_somebody_elses_trade_is_no_harm_when_the_journal_has_the_exchanges_size() -> None:
    both = PositionAt(symbol="BTC", size=Decimal(2), has_stop=True)
    seen = books(
        executions=(HAND_BUYS, execution()),
        positions=(both,),
        sizes=(both,),
        naked=("BTC",),
        latches=(LatchAt(latch_id="l", kind="position_mismatch", engaged_ns=6 * S, cleared_ns=None),),
        intents=(intent(created_ns=5 * S),),
    )

    assert judge(seen) == ()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"positions": (PositionAt(symbol="BTC", size=Decimal(2), has_stop=False),)}, "2 without a stop"),
        ({"sizes": (HELD,)}, "BTC: the exchange holds 2"),
        ({"intents": (intent(created_ns=10 * S),)}, "tf1-a was filled on top of 1 BTC"),
        ({"counted": ()}, "executions in one book only: execution of tf1-a"),
    ],
)
def test_somebody_elses_trade_excuses_nothing_that_a_leader_must_know(
    changes: dict[str, Any], said: str
) -> None:
    both = PositionAt(symbol="BTC", size=Decimal(2), has_stop=True)
    theirs = {
        "executions": (HAND_BUYS, execution()),
        "positions": (both,),
        "sizes": (both,),
        "intents": (intent(created_ns=5 * S),),
    }

    assert any(said in finding.text for finding in judge(books(**(theirs | changes))))


def stacked(number: int, per_symbol: int, **changes: Any) -> Books:
    """So many entries of one position."""
    names = [f"tf1-{n}" for n in range(number)]
    held = PositionAt(symbol="BTC", size=Decimal(number), has_stop=True)
    fields: dict[str, Any] = {
        "orders": tuple(order(name) for name in names),
        "executions": tuple(execution(name, seq=n) for n, name in enumerate(names)),
        "counted": tuple(execution(name, seq=n) for n, name in enumerate(names)),
        "intents": tuple(intent(name) for name in names),
        "signed": tuple(SignedAt(client_order_id=name, signed_ns=10 * S) for name in names),
        "positions": (held,),
        "sizes": (held,),
        "stacked": True,
        "per_symbol": per_symbol,
    }
    return books(**(fields | changes))


@pytest.mark.parametrize(
    ("number", "per_symbol", "harms"), [(1, 1, 0), (2, 2, 0), (3, 2, 1), (4, 2, 2), (3, 0, 0)]
)
def test_a_position_has_as_many_entries_as_may_make_it(number: int, per_symbol: int, harms: int) -> None:
    found = judge(stacked(number, per_symbol))

    assert [finding.harm for finding in found] == [Harm.AGAINST] * harms


def test_a_further_entry_is_on_the_side_of_its_position() -> None:
    against = execution("tf1-1", qty=-ONE / 2, seq=1)
    held = PositionAt(symbol="BTC", size=ONE / 2, has_stop=True)
    seen = stacked(
        2,
        2,
        executions=(execution("tf1-0", seq=0), against),
        counted=(execution("tf1-0", seq=0), against),
        intents=(intent("tf1-0"), intent("tf1-1", filled=ONE / 2)),
        positions=(held,),
        sizes=(held,),
    )

    assert [finding.harm for finding in judge(seen)] == [Harm.DUPLICATE]


@pytest.mark.parametrize(
    ("cleared_ns", "at_ns", "harms"),
    [(None, 60 * S, 0), (25 * S, 32 * S, 0), (25 * S, 34 * S, 1), (25 * S, 15 * S, 0)],
)
def test_a_way_out_ends_with_its_latch(cleared_ns: int | None, at_ns: int, harms: int) -> None:
    out = execution("tfx-1", qty=-ONE, at_ns=at_ns, seq=2)
    seen = books(
        executions=(execution(), out),
        counted=(execution(), out),
        positions=(),
        sizes=(),
        latches=(LatchAt(latch_id="l", kind="kill_switch", engaged_ns=20 * S, cleared_ns=cleared_ns),),
    )

    found = [finding for finding in judge(seen) if "the way out" in finding.text]

    assert len(found) == harms


@pytest.mark.parametrize("name", ["late_flat", "off_grid"])
def test_what_was_seen_on_the_way_is_told(name: str) -> None:
    (found,) = judge(books(**{name: ("this and that",)}))

    assert found.harm is Harm.AGAINST
    assert "this and that" in found.text
