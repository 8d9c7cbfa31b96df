"""Where a bot's exchange is follows from its mode, unless it says so itself."""

import pytest
from tests.support.rule_cases import LOCAL, spec_with

from tradefleet.spec.addresses import ENVIRONMENTS, PLAY_HOSTS, endpoints_of, untold_taker_fee
from tradefleet.spec.bot import Mode


@pytest.mark.parametrize(
    ("mode", "rest", "public", "private"),
    [
        (
            Mode.DEMO,
            "https://api-demo.bybit.com",
            "wss://stream.bybit.com/v5/public/linear",
            "wss://stream-demo.bybit.com/v5/private",
        ),
        (
            Mode.TESTNET,
            "https://api-testnet.bybit.com",
            "wss://stream-testnet.bybit.com/v5/public/linear",
            "wss://stream-testnet.bybit.com/v5/private",
        ),
        (
            Mode.LIVE,
            "https://api.bybit.com",
            "wss://stream.bybit.com/v5/public/linear",
            "wss://stream.bybit.com/v5/private",
        ),
        (Mode.PAPER, "", "", ""),
    ],
)
def test_empty_endpoints_are_those_of_the_mode(mode: Mode, rest: str, public: str, private: str) -> None:
    found = endpoints_of(spec_with(mode=mode))

    assert (found.rest, found.public_stream, found.private_stream) == (rest, public, private)


@pytest.mark.parametrize("mode", Mode)
def test_endpoints_that_are_given_win(mode: Mode) -> None:
    assert endpoints_of(spec_with(**LOCAL, mode=mode)).rest == LOCAL["exchange.endpoints.rest"]


def test_play_money_is_where_demo_and_testnet_trade_and_nowhere_else() -> None:
    for mode, environment in ENVIRONMENTS.items():
        for address in (environment.rest, environment.private):
            assert bool(PLAY_HOSTS.fullmatch(address)) is (mode is not Mode.LIVE)


def test_only_demo_has_no_trade_socket_and_tells_no_fee() -> None:
    assert {mode for mode, there in ENVIRONMENTS.items() if not there.trade} == {Mode.DEMO}
    assert {mode for mode in Mode if untold_taker_fee(mode) is not None} == {Mode.DEMO}
