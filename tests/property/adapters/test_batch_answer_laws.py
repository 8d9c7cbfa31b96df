"""Whatever comes back of a batch: each order has one result, and a definite one only for its own words."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tradefleet.adapters.bybit.batch_answers import Asked, read_batch_answer
from tradefleet.orders.outcome import Outcome

NAMES = [f"tf1-{number}" for number in range(3)]
SENT = [Asked("BTCUSDT", name) for name in NAMES]

words = st.sampled_from(["", "11", *NAMES, "somebody-elses"])
junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
ids = st.fixed_dictionaries(
    {}, optional={"symbol": st.sampled_from(["", "BTCUSDT", "X"]), "orderId": words, "orderLinkId": words}
)
codes = st.fixed_dictionaries(
    {},
    optional={"code": st.sampled_from([0, 10006, 110017, 110007, 10016, 5, "0"]), "msg": st.text(max_size=5)},
)
bodies = st.fixed_dictionaries(
    {"retCode": st.sampled_from([0, 0, 0, 10006, 110007, "0", None])},
    optional={
        "retMsg": st.text(max_size=5),
        "result": st.fixed_dictionaries({"list": st.lists(ids | junk, max_size=4)}) | junk,
        "retExtInfo": st.fixed_dictionaries({"list": st.lists(codes | junk, max_size=4)}) | junk,
    },
)


def item(body: dict[str, Any], part: str, place: int) -> dict[str, Any]:
    """An item of one of the lists; empty when there is none."""
    found = body.get(part)
    rows = found.get("list") if isinstance(found, dict) else None
    row = rows[place] if isinstance(rows, list) and place < len(rows) else None
    return row if isinstance(row, dict) else {}


@given(bodies)
def test_a_definite_result_is_an_items_own(body: dict[str, Any]) -> None:
    results = read_batch_answer(200, json.dumps(body).encode(), SENT)

    assert len(results) == len(SENT)
    for place, result in enumerate(results):
        said, code = item(body, "result", place), item(body, "retExtInfo", place)
        if result.outcome is Outcome.ACCEPTED:
            assert code["code"] == 0
            assert said["orderLinkId"] == NAMES[place]
            assert result.order_id == said["orderId"] != ""
        elif result.outcome is Outcome.REJECTED and body["retCode"] == 0:
            assert code["code"] == result.ret_code != 0
            assert not said.get("orderId")
            assert said.get("orderLinkId", "") in ("", NAMES[place])
        elif result.outcome is Outcome.REJECTED:
            assert body["retCode"] == 10006
        else:
            assert result.outcome is Outcome.AMBIGUOUS


@given(st.binary(max_size=200), st.sampled_from([200, 200, 403, 500, 302]))
def test_bytes_that_are_no_answer_prove_nothing(body: bytes, status: int) -> None:
    results = read_batch_answer(status, body, SENT)

    assert [result.outcome for result in results] == [Outcome.AMBIGUOUS] * len(SENT)
