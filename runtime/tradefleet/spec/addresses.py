"""Where each mode's exchange is: the one table that empty endpoints resolve to.

Here and not in the adapter, because the operator writes these addresses into pods and knows no more of
the runtime than the spec. Demo is an account of its own on the live market: it has no public stream
(mainnet's shows its prices), no trade socket, and does not tell fees.
Source: Bybit V5, "Integration Guidance", "Demo Trading Service"; reference A1, G17.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final

import msgspec

from tradefleet.spec.bot import BotSpec, Mode
from tradefleet.spec.market import Category, Endpoints


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """One of Bybit's environments. public: without the category at its end. trade: "" where there is no
    trade socket. untold_taker_fee: what to count with where fee-rate is not served; None where it is."""

    rest: str
    public: str
    private: str
    trade: str
    untold_taker_fee: Decimal | None = None


MAINNET_PUBLIC: Final = "wss://stream.bybit.com/v5/public"

ENVIRONMENTS: Final[Mapping[Mode, Environment]] = MappingProxyType(
    {
        Mode.DEMO: Environment(
            rest="https://api-demo.bybit.com",
            public=MAINNET_PUBLIC,
            private="wss://stream-demo.bybit.com/v5/private",
            trade="",
            # Non-VIP taker of a perpetual: what the demo account is charged.
            untold_taker_fee=Decimal("0.00055"),
        ),
        Mode.TESTNET: Environment(
            rest="https://api-testnet.bybit.com",
            public="wss://stream-testnet.bybit.com/v5/public",
            private="wss://stream-testnet.bybit.com/v5/private",
            trade="wss://stream-testnet.bybit.com/v5/trade",
        ),
        Mode.LIVE: Environment(
            rest="https://api.bybit.com",
            public=MAINNET_PUBLIC,
            private="wss://stream.bybit.com/v5/private",
            trade="wss://stream.bybit.com/v5/trade",
        ),
    }
)

# Bybit's hosts where nothing but play money is traded.
PLAY_HOSTS: Final = re.compile(r"(?i)[a-z]+://(api|stream)-(demo|testnet)\.bybit\.com\.?(:[0-9]+)?(/.*)?")


def mode_endpoints(mode: Mode, category: Category) -> Endpoints:
    """A mode's own addresses; empty in paper mode, whose exchange is a simulator that somebody runs."""
    environment = ENVIRONMENTS.get(mode)
    if environment is None:
        return Endpoints()
    return Endpoints(
        rest=environment.rest,
        public_stream=f"{environment.public}/{category.value}",
        private_stream=environment.private,
    )


def endpoints_of(spec: BotSpec) -> Endpoints:
    """Where this bot's exchange is: as it says, else as its mode says."""
    given = spec.exchange.endpoints
    return given if given.rest else mode_endpoints(spec.mode, spec.exchange.category)


def untold_taker_fee(mode: Mode) -> Decimal | None:
    """The taker fee to count with where the exchange does not tell it; None where it does."""
    environment = ENVIRONMENTS.get(mode)
    return None if environment is None else environment.untold_taker_fee
