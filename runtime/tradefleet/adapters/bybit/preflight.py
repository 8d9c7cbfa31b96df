"""May this account be traded at all? Looked at once, before anything is.

Pure: what the exchange says of the key and the account becomes facts, facts become findings, each a
sentence that says what to do. Some refuse, some only warn.
Source: Bybit V5, "Get API Key Information", "Get Account Info", "Position Info"; reference A1, C1, G20.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

import msgspec

from tradefleet.adapters.bybit.errors import BadRow, PreflightRefused
from tradefleet.adapters.bybit.rows import Row

DAY_NS: Final = 86_400 * 1_000_000_000
EXPIRES_SOON_NS: Final = 7 * DAY_NS

MOST_OFFSET_NS: Final = 500_000_000
"""The exchange refuses what comes from a second ahead; half of it is left for drift and the way."""

MOST_NAMED: Final = 5
"""So many things that are not covered are named; an old account may hold dust of many coins."""

CROSS: Final = "REGULAR_MARGIN"
UNIFIED: Final = frozenset({3, 4, 5, 6})
"""unifiedMarginStatus of a unified account, version 1 and 2; 1 is a classic one."""

NOT_ON_DEMO: Final = frozenset({10001, 10032})
"""What demo answers for a path that it does not serve."""


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may do. expires_ns: None for a key that is bound to addresses, which does not expire."""

    uid: str
    read_only: bool
    may_order: bool
    may_change_positions: bool
    may_withdraw: bool
    bound: bool
    expires_ns: int | None
    may_trade_spot: bool = False


class AccountFacts(msgspec.Struct, frozen=True, kw_only=True):
    """uid: whose account. key: None where the exchange does not tell (demo). hedged, one_way: the symbols
    in either position mode. beside: what stands on the account that nothing here covers, in a few words each.
    """

    uid: str
    key: KeyFacts | None
    unified_status: int
    margin_mode: str
    hedged: tuple[str, ...]
    one_way: tuple[str, ...]
    beside: tuple[str, ...] = ()


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """kind: one word. text: what is so, and what to do. refuses: False for a warning."""

    kind: str
    text: str
    refuses: bool


def findings(facts: AccountFacts, hedge: bool, now_ns: int, *, spot: bool = False) -> tuple[Finding, ...]:
    """Everything that speaks against trading this account, refusals first. hedge: as the bot wants it. spot:
    coins shall be traded too."""
    key = facts.key
    found = (
        *_of_account(facts),
        *_of_position_mode(facts, hedge),
        *_not_covered(facts),
        *(_of_key(key, now_ns) if key else ()),
    )
    if spot and key is not None and not key.may_trade_spot:
        found = (*found, _refusal("no_spot", "the key may not trade spot; give it SPOT: Trade"))
    return tuple(sorted(found, key=lambda finding: not finding.refuses))


def warnings_of(facts: AccountFacts, hedge: bool, now_ns: int, *, spot: bool = False) -> tuple[Finding, ...]:
    """What only warns; raises PreflightRefused with every sentence that refuses."""
    found = findings(facts, hedge, now_ns, spot=spot)
    refusals = [finding.text for finding in found if finding.refuses]
    if refusals:
        raise PreflightRefused("; ".join(refusals))
    return found


def key_refusal(key: KeyFacts) -> str:
    """Why this key cannot trade, "" while it can: a permission may be taken away while we run."""
    return "; ".join(finding.text for finding in _of_key(key, 0) if finding.refuses)


def expires_soon(expires_ns: int | None, now_ns: int) -> str:
    """A sentence for a key that ends within a week, else ""."""
    if expires_ns is None or expires_ns - now_ns >= EXPIRES_SOON_NS:
        return ""
    days = max(0, expires_ns - now_ns) / DAY_NS
    return f"the key expires in {days:.1f} days; renew it, or bind it"


def require_clock(offset_ns: int, error_ns: int) -> None:
    """Raises PreflightRefused when this machine's wall clock is wrong: the plain reads sign with it.

    offset_ns: the exchange's clock minus it. error_ns: what the measurement may be wrong by, which is
    not held against the machine.
    """
    if abs(offset_ns) - error_ns > MOST_OFFSET_NS:
        which = "behind" if offset_ns > 0 else "ahead of"
        raise PreflightRefused(
            f"this machine's clock is {abs(offset_ns) / 1e6:.0f} ms {which} the exchange's, more than "
            f"{MOST_OFFSET_NS / 1e6:.0f} ms; keep it right with NTP (chrony, systemd-timesyncd)"
        )


def _of_account(facts: AccountFacts) -> Iterator[Finding]:
    if facts.unified_status not in UNIFIED:
        yield _refusal(
            "not_unified",
            f"the account is no unified trading account (unifiedMarginStatus {facts.unified_status}); "
            "upgrade it on the exchange's site",
        )
    if facts.margin_mode != CROSS:
        yield _refusal(
            "margin_mode",
            f"the margin mode is {facts.margin_mode}; sizes and limits here count on one equity behind all "
            f"positions: set it to cross margin ({CROSS}, POST /v5/account/set-margin-mode)",
        )


def _of_position_mode(facts: AccountFacts, hedge: bool) -> Iterator[Finding]:
    """Never switched by us: it is a setting of a person's account, which other programs may count on."""
    otherwise = facts.one_way if hedge else facts.hedged
    if not otherwise:
        return
    have, want, mode = ("one-way", "hedge", 3) if hedge else ("hedge", "one-way", 0)
    yield _refusal(
        "position_mode",
        f"{', '.join(otherwise)}: in {have} mode, but spec.exchange.positionMode is "
        f"{'hedge' if hedge else 'oneWay'}; close the positions, cancel the orders and switch to {want} mode "
        f"(POST /v5/position/switch-mode, mode {mode}), or make the bot anew with the account's mode",
    )


def _not_covered(facts: AccountFacts) -> Iterator[Finding]:
    if facts.beside:
        named, more = facts.beside[:MOST_NAMED], len(facts.beside) - MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        yield _warning(
            "not_covered",
            f"the account holds {', '.join(named)}{rest}; only linear contracts are covered: the rest is "
            "neither counted nor protected nor closed, nor by the kill switch; give the bot a subaccount",
        )


def _of_key(key: KeyFacts, now_ns: int) -> Iterator[Finding]:
    if key.read_only or not key.may_order:
        yield _refusal("no_permission", "the key may not order; give it read-write and Contract: Orders")
    elif not key.may_change_positions:
        yield _refusal("no_permission", "the key may not change positions; give it Contract: Positions")
    if key.may_withdraw:
        yield _warning("may_withdraw", "the key may withdraw; take that away, nothing here needs it")
    if not key.bound:
        yield _warning(
            "no_address",
            "the key is bound to no address: anybody who has it may trade, and it expires after 90 days; "
            "bind it to this machine's address",
        )
    if soon := expires_soon(key.expires_ns, now_ns):
        yield _warning("expires_soon", soon)


def _refusal(kind: str, text: str) -> Finding:
    return Finding(kind=kind, text=text, refuses=True)


def _warning(kind: str, text: str) -> Finding:
    return Finding(kind=kind, text=text, refuses=False)


# ---- from the exchange's rows


def key_facts(row: Row) -> KeyFacts:
    """`result` of /v5/user/query-api; raises BadRow."""
    granted = row.get("permissions")
    if not isinstance(granted, Mapping):
        raise BadRow("permissions", granted, "an object of lists")
    contract, derivatives = _words(granted, "ContractTrade"), _words(granted, "Derivatives")
    unified = "DerivativesTrade" in derivatives
    ips = _words(row, "ips")
    bound = bool(ips) and "*" not in ips
    return KeyFacts(
        uid=uid_of(row),
        read_only=row.get("readOnly") != 0,
        may_order="Order" in contract or unified,
        may_change_positions="Position" in contract or unified,
        may_withdraw="Withdraw" in _words(granted, "Wallet"),
        may_trade_spot="SpotTrade" in _words(granted, "Spot"),
        bound=bound,
        expires_ns=None if bound else _moment_ns(row, "expiredAt"),
    )


def uid_of(row: Row) -> str:
    """The UID of a key's row; raises BadRow."""
    uid = row.get("userID")
    if not isinstance(uid, int | str) or not str(uid):
        raise BadRow("userID", uid, "a UID")
    return str(uid)


def demo_uid(api_key: str) -> str:
    """Demo does not say whose account a key opens: the key itself stands for it, as a hash. Two keys of
    one demo account are therefore taken for two accounts."""
    return "demo-key-" + hashlib.sha256(api_key.encode()).hexdigest()[:16]


def coins_beside(row: Row, settle_coins: Iterable[str]) -> Iterator[str]:
    """Coins of a wallet row beside the settle coins, of which there is something; what cannot be read is
    none."""
    coins = row.get("coin")
    for held in coins if isinstance(coins, list) else ():
        if isinstance(held, dict) and held.get("coin") not in {*settle_coins, None}:
            balance = str(held.get("walletBalance") or "0")
            if balance.strip("-0."):
                yield f"{balance} {held['coin']}"


def margin_of(row: Row) -> tuple[int, str]:
    """(unifiedMarginStatus, marginMode) of /v5/account/info; raises BadRow."""
    status, mode = row.get("unifiedMarginStatus"), row.get("marginMode")
    if not isinstance(status, int):
        raise BadRow("unifiedMarginStatus", status, "a whole number")
    if not isinstance(mode, str) or not mode:
        raise BadRow("marginMode", mode, "a word")
    return status, mode


def _words(row: Row, name: str) -> Iterable[str]:
    words = row.get(name) or []
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise BadRow(name, words, "a list of words")
    return words


def _moment_ns(row: Row, name: str) -> int:
    text = row.get(name)
    try:
        moment = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        raise BadRow(name, text, "a moment such as 2026-12-31T00:00:00Z") from None
    if moment.tzinfo is None:
        raise BadRow(name, text, "a moment with its time zone")
    return int(Decimal(str(moment.timestamp())) * 1_000_000_000)
