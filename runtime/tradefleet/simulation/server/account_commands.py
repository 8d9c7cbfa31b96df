"""What only the exchange itself does to an account, on command: for tests, not signed.

POST /simulator/account/funding, /transfer, /adl and /key; documented in docs/simulator.md.
"""

import decimal
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from aiohttp import web

from tradefleet.domain.quantities import MONEY
from tradefleet.simulation.account.exchange import ApiKey, SimulatedExchange
from tradefleet.simulation.account.orders import Refused
from tradefleet.simulation.account.rows import execution_row
from tradefleet.simulation.account.state import Step
from tradefleet.simulation.server.envelope import parameter_error, respond

PREFIX: Final = "/simulator/account"

Command = TypeVar("Command")


class Funding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settle funding now. rate: a fraction; above zero longs pay."""

    symbol: str
    rate: Decimal


class Transfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Move USDT (or another coin) in, or out when below zero."""

    amount: Decimal
    coin: str = "USDT"


class Deleverage(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Auto-deleverage a position. qty: all when None; price: the mark when None."""

    symbol: str
    position_idx: int = 0
    qty: Decimal | None = None
    price: Decimal | None = None


def add_routes(app: web.Application, exchange: SimulatedExchange) -> None:
    """Serve the commands."""

    def fund(asked: Funding) -> object:
        return _told(exchange, exchange.fund(asked.symbol, asked.rate))

    def transfer(asked: Transfer) -> object:
        return _told(exchange, exchange.transfer(asked.amount, asked.coin))

    def deleverage(asked: Deleverage) -> object:
        step = exchange.deleverage(asked.symbol, asked.position_idx, asked.qty, asked.price)
        return _told(exchange, step)

    def change_key(asked: ApiKey) -> object:
        exchange.key = asked
        return msgspec.to_builtins(asked)

    app.router.add_post(f"{PREFIX}/funding", _handler(exchange, Funding, fund))
    app.router.add_post(f"{PREFIX}/transfer", _handler(exchange, Transfer, transfer))
    app.router.add_post(f"{PREFIX}/adl", _handler(exchange, Deleverage, deleverage))
    app.router.add_post(f"{PREFIX}/key", _handler(exchange, ApiKey, change_key))


def _told(exchange: SimulatedExchange, step: Step) -> object:
    """The executions of a step and the wallet after it."""
    return {
        "executions": [execution_row(fill) for fill in step.fills],
        "wallet": exchange.wallet(),
    }


def _handler(
    exchange: SimulatedExchange, kind: type[Command], act: Callable[[Command], object]
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            asked = msgspec.json.decode(await request.read(), type=kind)
        except msgspec.DecodeError as error:
            raise parameter_error(f"{request.path}: {error}") from error
        now_ns = exchange.market.now_ns
        try:
            with decimal.localcontext(MONEY):
                return respond(act(asked), now_ns=now_ns())
        except Refused as refused:
            return respond({}, now_ns=now_ns(), code=refused.code, message=refused.text)

    return handle
