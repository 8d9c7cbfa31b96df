"""What the exchange says of key and account becomes sentences that say what to do."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradefleet.adapters.bybit.errors import BadRow, PreflightRefused
from tradefleet.adapters.bybit.preflight import (
    AccountFacts,
    KeyFacts,
    coins_beside,
    demo_uid,
    findings,
    key_facts,
    margin_of,
    require_clock,
    warnings_of,
)

RECORDED = Path("tests/fixtures/bybit-payloads/account")
DAY_NS = 86_400 * 10**9
NOW_NS = 20_000 * DAY_NS
GOOD_KEY = KeyFacts(
    uid="1",
    read_only=False,
    may_order=True,
    may_change_positions=True,
    may_withdraw=False,
    bound=True,
    expires_ns=None,
)
GOOD = AccountFacts(
    uid="1", key=GOOD_KEY, unified_status=5, margin_mode="REGULAR_MARGIN", hedged=(), one_way=()
)


def account(**changes: Any) -> AccountFacts:
    return msgspec.structs.replace(GOOD, **changes)


def key(**changes: Any) -> AccountFacts:
    return account(key=msgspec.structs.replace(GOOD_KEY, **changes))


def test_nothing_speaks_against_an_account_that_is_set_up_well() -> None:
    assert findings(GOOD, False, NOW_NS) == ()
    assert findings(account(key=None), False, NOW_NS) == ()


@pytest.mark.parametrize("status", [3, 4, 5, 6])
def test_every_unified_account_is_let_through(status: int) -> None:
    assert findings(account(unified_status=status), False, NOW_NS) == ()


@pytest.mark.parametrize(
    ("facts", "kind", "says"),
    [
        (account(unified_status=1), "not_unified", "upgrade it"),
        (account(margin_mode="ISOLATED_MARGIN"), "margin_mode", "set it to cross margin"),
        (account(margin_mode="PORTFOLIO_MARGIN"), "margin_mode", "set it to cross margin"),
        (account(hedged=("BTCUSDT", "ETHUSDT")), "position_mode", "BTCUSDT, ETHUSDT: in hedge mode"),
        (key(read_only=True), "no_permission", "give it read-write"),
        (key(may_order=False), "no_permission", "Contract: Orders"),
        (key(may_change_positions=False), "no_permission", "Contract: Positions"),
    ],
)
def test_what_must_not_be_traded_is_refused_with_what_to_do(
    facts: AccountFacts, kind: str, says: str
) -> None:
    (finding,) = findings(facts, False, NOW_NS)

    assert (finding.kind, finding.refuses) == (kind, True)
    assert says in finding.text
    with pytest.raises(PreflightRefused, match=says):
        warnings_of(facts, False, NOW_NS)


@pytest.mark.parametrize(
    ("facts", "kinds"),
    [
        (key(may_withdraw=True), ["may_withdraw"]),
        (key(bound=False, expires_ns=NOW_NS + 30 * DAY_NS), ["no_address"]),
        (key(bound=False, expires_ns=NOW_NS + 6 * DAY_NS), ["no_address", "expires_soon"]),
        (key(bound=False, expires_ns=NOW_NS - DAY_NS), ["no_address", "expires_soon"]),
    ],
)
def test_what_is_only_unwise_warns(facts: AccountFacts, kinds: list[str]) -> None:
    assert [warning.kind for warning in warnings_of(facts, False, NOW_NS)] == kinds


@pytest.mark.parametrize(
    ("hedge", "hedged", "one_way", "says"),
    [
        (False, (), ("BTCUSDT",), ""),
        (True, ("BTCUSDT",), (), ""),
        (
            False,
            ("ETHUSDT",),
            ("BTCUSDT",),
            "ETHUSDT: in hedge mode, but spec.exchange.positionMode is oneWay",
        ),
        (
            True,
            ("ETHUSDT",),
            ("BTCUSDT",),
            "BTCUSDT: in one-way mode, but spec.exchange.positionMode is hedge",
        ),
        (False, ("BTCUSDT",), (), "switch to one-way mode (POST /v5/position/switch-mode, mode 0)"),
        (True, (), ("BTCUSDT",), "switch to hedge mode (POST /v5/position/switch-mode, mode 3)"),
    ],
)
def test_an_account_in_the_other_position_mode_is_refused_either_way(
    hedge: bool, hedged: tuple[str, ...], one_way: tuple[str, ...], says: str
) -> None:
    found = findings(account(hedged=hedged, one_way=one_way), hedge, NOW_NS)

    assert [(finding.kind, finding.refuses) for finding in found] == (
        [("position_mode", True)] if says else []
    )
    assert all(says in finding.text for finding in found)


def test_everything_that_refuses_is_said_at_once() -> None:
    facts = account(unified_status=1, hedged=("BTCUSDT",), key=None)

    with pytest.raises(PreflightRefused, match=r"unified.*hedge mode"):
        warnings_of(facts, False, NOW_NS)


@pytest.mark.parametrize(
    ("offset_ms", "error_ms", "refused"),
    [
        (0, 0, ""),
        (500, 0, ""),
        (-500, 0, ""),
        (600, 100, ""),
        (501, 0, "501 ms behind"),
        (-734, 20, "734 ms ahead of"),
    ],
)
def test_a_clock_that_is_wrong_beyond_doubt_is_refused(offset_ms: int, error_ms: int, refused: str) -> None:
    said = ""
    try:
        require_clock(offset_ms * 10**6, error_ms * 10**6)
    except PreflightRefused as error:
        said = str(error)

    assert refused in said
    assert bool(said) is bool(refused)


def _recorded(file: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((RECORDED / f"{file}.json").read_text())["response"]["result"]
    return result


def test_a_recorded_key_is_read() -> None:
    facts = key_facts(_recorded("net_Account_GetApiKeyInfo"))

    assert facts == KeyFacts(
        uid="24617703",
        read_only=False,
        may_order=True,
        may_change_positions=True,
        may_withdraw=False,
        bound=False,
        expires_ns=1_703_229_625 * 10**9,
        may_trade_spot=True,
    )


def test_a_recorded_account_is_read() -> None:
    assert margin_of(_recorded("net_Account_GetMarginAccountInfo")) == (4, "REGULAR_MARGIN")


@pytest.mark.parametrize(
    ("changes", "field", "value"),
    [
        ({"readOnly": 1}, "read_only", True),
        ({"permissions": {"ContractTrade": ["Order"]}}, "may_change_positions", False),
        ({"permissions": {"ContractTrade": [], "Derivatives": ["DerivativesTrade"]}}, "may_order", True),
        ({"permissions": {"Spot": ["SpotTrade"]}}, "may_order", False),
        ({"permissions": {"ContractTrade": ["Order"], "Wallet": ["Withdraw"]}}, "may_withdraw", True),
        ({"ips": ["203.0.113.7"], "expiredAt": "1970-01-01T00:00:00Z"}, "expires_ns", None),
    ],
)
def test_what_a_key_may_do_is_read_from_its_row(changes: dict[str, Any], field: str, value: Any) -> None:
    facts = key_facts({**_recorded("net_Account_GetApiKeyInfo"), **changes})

    assert getattr(facts, field) == value


@pytest.mark.parametrize(
    "changes",
    [
        {"permissions": None},
        {"permissions": {"ContractTrade": "Order"}},
        {"userID": None},
        {"userID": ""},
        {"expiredAt": "soon"},
        {"expiredAt": "2026-12-31T00:00:00"},
        {"ips": "*"},
    ],
)
def test_a_row_that_cannot_be_understood_is_no_facts(changes: dict[str, Any]) -> None:
    with pytest.raises(BadRow):
        key_facts({**_recorded("net_Account_GetApiKeyInfo"), **changes})


def test_a_demo_account_is_named_by_a_hash_of_its_key() -> None:
    assert demo_uid("key") == demo_uid("key")
    assert demo_uid("key") != demo_uid("other")
    assert "secret-looking" not in demo_uid("secret-looking")


def test_a_key_without_the_spot_permission_refuses_when_spot_is_asked_for() -> None:
    (finding,) = findings(GOOD, False, NOW_NS, spot=True)

    assert (finding.kind, finding.refuses) == ("no_spot", True)
    assert findings(key(may_trade_spot=True), False, NOW_NS, spot=True) == ()


def test_what_is_not_covered_is_named_and_refuses_nothing() -> None:
    (finding,) = findings(account(beside=("0.5 BTC", "a position in BTCUSD (inverse)")), False, NOW_NS)

    assert (finding.kind, finding.refuses) == ("not_covered", False)
    assert "0.5 BTC, a position in BTCUSD (inverse); only linear contracts are covered" in finding.text


def test_of_much_that_is_not_covered_some_is_named() -> None:
    (finding,) = findings(account(beside=tuple(f"1 C{n}" for n in range(7))), False, NOW_NS)

    assert "1 C4 and 2 more; only" in finding.text
    assert "C5" not in finding.text


@pytest.mark.parametrize(
    ("coins", "found"),
    [
        ([{"coin": "USDT", "walletBalance": "5"}, {"coin": "USDC", "walletBalance": "5"}], []),
        ([{"coin": "BTC", "walletBalance": "0.10"}], ["0.10 BTC"]),
        ([{"coin": "BTC", "walletBalance": "-3"}], ["-3 BTC"]),
        ([{"coin": "BTC", "walletBalance": "0.00"}, {"coin": "ETH", "walletBalance": ""}, {"coin": "X"}], []),
        (["no coin", {"walletBalance": "1"}], []),
        ("none", []),
        (None, []),
    ],
)
def test_coins_beside_the_settle_coins_are_found_and_nothing_raises(coins: Any, found: list[str]) -> None:
    assert list(coins_beside({"coin": coins}, ("USDT", "USDC"))) == found
