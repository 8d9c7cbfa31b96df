"""An entry, an account and a spec with one thing changed: for the tables of the rules of risk."""

from decimal import Decimal
from typing import Any

import msgspec
from tests.support.configs import make_snapshot
from tests.support.raw_frames import make_instrument

from tradefleet.domain.orders import Side
from tradefleet.risk.entry import AccountView, Entry
from tradefleet.spec.bot import BotSpec

INSTRUMENT = make_instrument("ABCUSDT", tick="0.1", step="0.01")  # at least 0.01 and 5 USDT

ENTRY = Entry(
    instrument=INSTRUMENT,
    side=Side.BUY,
    qty=Decimal(10),
    price=Decimal(100),
    stop_loss=Decimal(98),
    take_profit=Decimal(104),
)
ACCOUNT = AccountView(equity=Decimal(10000), exposed=frozenset(), entries=0, taker_fee=Decimal("0.001"))


def entry(**changed: Any) -> Entry:
    return msgspec.structs.replace(ENTRY, **changed)


def account(**changed: Any) -> AccountView:
    return msgspec.structs.replace(ACCOUNT, **changed)


def spec(*, exits: dict[str, Any] | None = None, **risk: Any) -> BotSpec:
    """A bot with these limits."""
    made = make_snapshot().spec
    return msgspec.structs.replace(
        made,
        risk=msgspec.structs.replace(made.risk, **risk),
        exits=msgspec.structs.replace(made.exits, **(exits or {})),
    )
