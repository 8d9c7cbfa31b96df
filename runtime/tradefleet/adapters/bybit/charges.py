"""What an execution row names as charged beside its fee, each amount in its own coin.

No row is refused for a charge that cannot be read, since its size counts more: the field is handed on by
name, and a person is told. Source: Bybit V5, "execution": `execFeeV2` is the fee of a spread's spot leg;
`extraFees` is empty, or a list (text in some places) of {feeCoin, feeType, subFeeType, feeRate, fee}.
"""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from tradefleet.domain.fills import Charge

KNOWN: Final = frozenset({"execFee", "execFeeV2", "feeRate", "feeCurrency", "extraFees"})
_NOTHING: Final[tuple[object, ...]] = ("", "0", None, [], {}, 0, False)


class Charged(msgspec.Struct, frozen=True):
    """charges: read. unread: names of fields that say fee and could not be read."""

    charges: tuple[Charge, ...] = ()
    unread: tuple[str, ...] = ()


def charges_of(row: Mapping[str, Any], fee_coin: str) -> Charged:
    """Everything but `execFee`. fee_coin: of a charge that names none."""
    charges: list[Charge] = []
    unread = [name for name in sorted(row) if "fee" in name.lower() and name not in KNOWN]
    unread = [name for name in unread if row[name] not in _NOTHING]
    for name, read in (("execFeeV2", _second_leg), ("extraFees", _extra)):
        value = row.get(name)
        if value in _NOTHING:
            continue
        try:
            charges += [charge for charge in read(value, fee_coin) if charge.amount]
        except (InvalidOperation, KeyError, TypeError, ValueError, msgspec.MsgspecError):
            unread.append(name)
    return Charged(tuple(charges), tuple(unread)) if charges or unread else _NONE


_NONE: Final = Charged()


def _second_leg(value: Any, fee_coin: str) -> list[Charge]:
    return [Charge(coin=fee_coin, amount=_amount(value))]


def _extra(value: Any, fee_coin: str) -> list[Charge]:
    listed = msgspec.json.decode(value) if isinstance(value, str) else value
    if not isinstance(listed, list):
        raise TypeError("extraFees is no list")
    return [
        Charge(coin=str(one.get("feeCoin") or fee_coin), amount=_amount(one["fee"]))
        for one in listed
        if one["fee"] != ""
    ]


def _amount(value: Any) -> Decimal:
    if not isinstance(value, str):
        raise TypeError("an amount is a string")
    amount = Decimal(value)
    if not amount.is_finite():
        raise ValueError("an amount is a number")
    return amount
