"""What an order's entries tell a person: sentences, in the order of the chain.

Pure. Reads what `core.audit` has written into the entries; a field that an older release did not write
is passed over, a word of a newer one is told as it is.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from tradefleet.domain.quantities import MONEY
from tradefleet.orders.audit import Act, Entry
from tradefleet.orders.client_order_id import is_way_out

_VERBS: Final = {"Buy": "buy", "Sell": "sell"}
_BY_THE_EXCHANGE: Final = {
    "BustTrade": "by the exchange, which took the position over: liquidation",
    "AdlTrade": "by the exchange, which closed of the position: auto-deleveraging",
}


def story(entries: Sequence[Entry]) -> list[str]:
    """A sentence for each entry; the last says what is still unknown of an order."""
    sentences = [sentence(entry) for entry in entries]
    acts = {entry.act for entry in entries}
    if Act.INTENT in acts and Act.END not in acts:
        known = Act.ANSWER in acts or Act.EXECUTION in acts
        sentences.append(
            "It has not ended yet."
            if known
            else "What became of it is not in the audit: it may have been sent."
        )
    return sentences


def sentence(entry: Entry) -> str:
    """One entry in plain English."""
    what = _what(entry.what)
    return f"At {clock(entry.at_ns)} {_told(entry, what)}."


def clock(at_ns: int) -> str:
    """A time as a person reads it: UTC, milliseconds."""
    seconds, rest = divmod(at_ns, 1_000_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{rest // 1_000_000:03d}"


def who(entry: Entry) -> str:
    """The actor, with the epoch of a leader."""
    program, _, name = entry.actor.partition(":")
    if program == "executor":
        return "the executor" if entry.epoch is None else f"the executor (epoch {entry.epoch})"
    return f"{name} ({program})" if name else program


def _told(entry: Entry, what: dict[str, Any]) -> str:
    match entry.act:
        case Act.INTENT:
            return _intent(entry, what.get("intent", {}))
        case Act.ANSWER:
            return _answer(what)
        case Act.EXECUTION:
            return _execution(what)
        case Act.END:
            return _end(what)
        case Act.CANCEL:
            scope = "every order, stops included" if what.get("everything") else "every active order"
            return f"{who(entry)} meant to cancel {scope}{_because(entry.why)}"
        case Act.CANCELLED:
            done = "had cancelled" if what.get("done") else "had NOT said that it cancelled"
            return f"the exchange {done} them{_because(entry.why)}"
        case Act.ORDER_CANCEL:
            found = "protects" in what
            which = f"the order {entry.subject} of {what.get('symbol')}" if found else "what was left of it"
            return f"{who(entry)} meant to cancel {which}{_because(entry.why)}"
        case Act.AMEND:
            return (
                f"{who(entry)} meant it to rest at {_figure(what.get('price'))} with a size of "
                f"{_figure(what.get('qty'))} in all{_because(entry.why)}"
            )
        case Act.ORDER_CANCELLED | Act.AMENDED:
            return f"the exchange answered: {_outcome(what)}"
        case _:
            return _told_of_no_order(entry, what)


def _told_of_no_order(entry: Entry, what: dict[str, Any]) -> str:
    match entry.act:
        case Act.STOP:
            target = what.get("take_profit")
            beside = f" and the target at {_figure(target)}" if target else ""
            return (
                f"{who(entry)} meant to set the stop of {entry.subject} at "
                f"{_figure(what.get('stop_loss'))}{beside}{_because(entry.why)}"
            )
        case Act.LEVERAGE:
            wish = _figure(what.get("leverage"))
            return f"{who(entry)} meant to set the leverage of {entry.subject} to {wish}{_because(entry.why)}"
        case Act.LEVERAGE_ANSWER:
            wish = _figure(what.get("leverage"))
            return f"the exchange answered for the leverage {wish} of {entry.subject}: {_outcome(what)}"
        case Act.STOP_ANSWER:
            return f"the exchange answered for {entry.subject}: {_outcome(what)}"
        case Act.LATCH_ENGAGED:
            return f"{who(entry)} engaged the latch {entry.subject}{_because(entry.why)}"
        case Act.LATCH_CLEARED:
            return f"{who(entry)} cleared the latch {entry.subject}"
        case Act.ADOPTED:
            return f"{who(entry)} took a position over from the exchange{_because(entry.why)}"
        case Act.LIMITS:
            return f"{who(entry)} took {entry.subject} into force: {entry.why}"
        case Act.ACCOUNT:
            return f"the exchange said of {entry.subject}: {entry.why}"
        case Act.FLATTEN:
            return f"{who(entry)} ran `tradefleet flatten`: {entry.why}"
        case _:
            return f"{who(entry)}: {entry.act} {entry.subject}{_because(entry.why)}"


def _intent(entry: Entry, intent: dict[str, Any]) -> str:
    symbol = intent.get("key", {}).get("symbol", "")
    verb = _VERBS.get(intent.get("side", ""), intent.get("side", ""))
    at = "at market" if intent.get("price") is None else f"at {_figure(intent.get('price'))}"
    trigger = (intent.get("trigger") or {}).get("price")
    at += f" once the mark has come to {_figure(trigger)}" if trigger else ""
    only = ", only to reduce," if intent.get("reduce_only") else ""
    stop = intent.get("stop_loss")
    attached = f", with its stop at {_figure(stop)}" if stop else ""
    target = intent.get("take_profit")
    attached += f" and its target at {_figure(target)}" if target else ""
    until = intent.get("rest_until_ns")
    attached += f", to rest until {clock(int(until))}" if until else ""
    attached += "," if attached else ""
    size = f"{verb} {_figure(intent.get('qty'))} {symbol}"
    return f"{who(entry)} meant to {size} {at}{only}{attached}{_because(entry.why)}"


def _answer(what: dict[str, Any]) -> str:
    if what.get("outcome") == "not_sent":
        return f"it was not sent: {what.get('message') or 'no reason given'}"
    return f"it had been sent; the exchange answered: {_outcome(what)}"


def _outcome(what: dict[str, Any]) -> str:
    outcome = str(what.get("outcome", ""))
    order = f", order id {what['order_id']}" if what.get("order_id") else ""
    code = what.get("ret_code")
    said = f" (code {code}: {what.get('message', '')})" if code else ""
    if outcome == "ambiguous" and not code:
        said = f" ({what.get('message', '')}; it may have arrived, and is asked for)"
    return f"{outcome}{order}{said}"


def _execution(what: dict[str, Any]) -> str:
    if what.get("exec_type") == "Funding":
        return f"funding of {_figure(what.get('fee'))} was paid for {what.get('symbol')}"
    exec_type = str(what.get("exec_type"))
    kind = "" if exec_type == "Trade" else f" ({_BY_THE_EXCHANGE.get(exec_type, exec_type)})"
    if is_way_out(str(what.get("client_order_id"))):
        kind = " (by the way out: `tradefleet flatten`, or the kill switch without the journal)"
    verb = "bought" if what.get("side") == "Buy" else "sold"
    return f"{_figure(what.get('qty'))} {what.get('symbol')} was {verb} at {_figure(what.get('price'))}{kind}"


def _end(what: dict[str, Any]) -> str:
    filled = _figure(what.get("filled"))
    match what.get("state"):
        case "done":
            return f"it was done: {filled} filled{_because(what.get('reason', ''))}"
        case "rejected":
            return f"it was over, rejected{_because(what.get('reason', ''))}"
        case "absent":
            return "it was abandoned: the exchange does not know it, and it is never sent again"
        case state:
            return f"it was over: {state}"


def _because(why: str) -> str:
    return f" because {why}" if why else ""


def _figure(value: object) -> str:
    """A decimal without zeros at its end."""
    text = str(value)
    return f"{Decimal(text).normalize(context=MONEY):f}" if text[:1].isdigit() or text[:1] == "-" else text


def _what(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}
