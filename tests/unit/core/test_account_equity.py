"""Equity by `sizing.equity`: what it is, and that an account without any opens nothing and sells nothing."""

from decimal import Decimal

import msgspec
import pytest
from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness, account_config, wallet
from tests.support.resting_harness import RestingHarness, resting_config

from tradefleet.core import events as ev
from tradefleet.domain.signals import Target
from tradefleet.orders.exchange_view import ExchangeView, Wallet
from tradefleet.spec.snapshot import ConfigSnapshot
from tradefleet.spec.trading import EquityOf

D = Decimal


def counting(config: ConfigSnapshot, equity: EquityOf) -> ConfigSnapshot:
    sizing = msgspec.structs.replace(config.spec.sizing, equity=equity)
    return msgspec.structs.replace(config, spec=msgspec.structs.replace(config.spec, sizing=sizing))


def told(harness: Harness, margin: str | None, total: str | None, balance: str = "10000") -> None:
    """From now on the exchange's wallet says this, by the stream and by each reading."""

    def with_totals(plain: Wallet) -> Wallet:
        return msgspec.structs.replace(
            plain,
            wallet_balance=D(balance),
            equity=D(balance),
            margin_balance=None if margin is None else D(margin),
            total_equity=None if total is None else D(total),
        )

    view = type(harness.exchange).view

    def changed(now_ns: int) -> ExchangeView:
        found = view(harness.exchange, now_ns)
        return msgspec.structs.replace(found, wallet=with_totals(found.wallet))

    harness.exchange.view = changed  # type: ignore[method-assign]
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=with_totals(wallet(harness.now_ns))))


def started(
    equity: EquityOf, margin: str | None, total: str | None, balance: str = "10000", held: int = 0
) -> Harness:
    harness = Harness(counting(account_config(max_daily_loss=D("0.05")), equity))
    if held:
        harness.exchange.sizes[SYMBOL] = D(held)
    told(harness, margin, total, balance)
    return harness.ready()


@pytest.mark.parametrize(
    ("equity", "margin", "total", "balance", "is_"),
    [
        (EquityOf.SETTLE_COIN, "9000", "8000", "10000", "10000"),
        (EquityOf.SETTLE_COIN, None, None, "-0.5", "-0.5"),
        (EquityOf.ACCOUNT, "9000", "8000", "10000", "8000"),
        (EquityOf.ACCOUNT, "7000", "8000", "-0.5", "7000"),
        (EquityOf.ACCOUNT, "7000", None, "10000", ""),
        (EquityOf.ACCOUNT, None, "8000", "10000", ""),
        (EquityOf.ACCOUNT, "0", "8000", "10000", "0"),
    ],
)
def test_equity_is_the_settle_coins_or_the_lesser_of_the_accounts_two(
    equity: EquityOf, margin: str | None, total: str | None, balance: str, is_: str
) -> None:
    harness = started(equity, margin, total, balance)

    assert harness.core.status(harness.now_ns)["equity"] == is_


@pytest.mark.parametrize(
    ("equity", "margin", "total", "balance", "reason"),
    [
        (EquityOf.SETTLE_COIN, "9000", "9000", "0", "no_equity"),
        (EquityOf.SETTLE_COIN, "9000", "9000", "-0.5", "no_equity"),  # collateral in another coin
        (EquityOf.SETTLE_COIN, "9000", "9000", "-5000", "no_equity"),  # borrowed
        (EquityOf.ACCOUNT, "9000", "9000", "-0.5", ""),
        (EquityOf.ACCOUNT, "9000", "9000", "0", ""),  # an account of coins only
        (EquityOf.ACCOUNT, "-1", "9000", "10000", "no_equity"),
        (EquityOf.ACCOUNT, "9000", "0", "10000", "no_equity"),
        (EquityOf.ACCOUNT, None, None, "10000", "equity_unknown"),
    ],
)
@pytest.mark.parametrize("held", [0, 1])
def test_without_equity_nothing_opens_and_nothing_is_sold(
    equity: EquityOf, margin: str | None, total: str | None, balance: str, reason: str, held: int
) -> None:
    harness = started(equity, margin, total, balance, held)
    for _ in range(3):
        harness.settle()
    harness.prices(MARK - 1)
    harness.settle()
    for latch in list(harness.core.state.latches):
        assert harness.core.state.latches[latch].kind == "position_mismatch"
        harness.tell(ev.LatchCleared(now_ns=harness.now_ns, latch_id=latch))
    why_not = harness.core.status(harness.now_ns)["why_not"]
    harness.announce()
    harness.signal("in", Target.LONG)

    assert why_not.partition(":")[0] == reason
    assert harness.judged[-1].reason == ("adopted_position" if held else reason)
    assert harness.exchange.sizes.get(SYMBOL, 0) == held


def test_a_wallet_that_was_never_heard_opens_nothing() -> None:
    harness = Harness(account_config())
    harness.tell(ev.RightToOpenChanged(now_ns=harness.now_ns, granted=True, reason=""))
    harness.tell(ev.PrivateStreamChanged(now_ns=harness.now_ns, up=True))

    assert not harness.core.status(harness.now_ns)["may_open"]
    assert harness.core.status(harness.now_ns)["equity"] == ""


def test_the_accounts_loss_is_held_against_the_accounts_equity() -> None:
    harness = started(EquityOf.ACCOUNT, "1000", "1200", "-0.5")
    harness.signal("in", Target.LONG, hold_s=36_000)
    harness.settle()
    size = harness.size
    assert size > 0
    assert harness.core.status(harness.now_ns)["baseline"] == "1000"

    harness.prices(MARK - 50 / size - D("0.01"))

    assert sorted(latch.kind for latch in harness.core.state.latches.values()) == ["daily_loss"]


def test_the_accounts_equity_falls_with_open_profit_and_does_not_rise_with_it() -> None:
    harness = started(EquityOf.ACCOUNT, "10000", "10000")
    harness.signal("in", Target.LONG, hold_s=36_000)
    harness.settle()
    harness.tell(ev.WalletSeen(now_ns=harness.now_ns, wallet=harness.exchange.view(harness.now_ns).wallet))
    equities = []

    for mark in (MARK, MARK - 1, MARK + 1):
        harness.prices(mark)
        equities.append(harness.core.state.equity())

    assert equities == [D(10000), D(10000) - harness.size, D(10000)]


@pytest.mark.parametrize(("waits_s", "cancels"), [(58, 0), (63, 1)])
def test_after_a_minute_without_equity_what_rests_is_cancelled(waits_s: int, cancels: int) -> None:
    harness = RestingHarness(counting(resting_config(rest_seconds=600), EquityOf.ACCOUNT))
    told(harness, "10000", "10000")
    harness.ready()
    harness.signal("in", Target.LONG)
    harness.send()
    harness.deliver()
    assert [order for order in harness.exchange.orders.values() if not order.status.is_terminal]

    told(harness, None, None)
    for _ in range(waits_s):
        harness.wait(1)
        harness.answer_all()

    assert len(harness.cancels) == cancels


def test_the_next_leader_knows_the_first_equity_of_both() -> None:
    harness = started(EquityOf.ACCOUNT, "1000", "1200", "4000")
    harness.restart()
    told(harness, "800", "800", "3000")
    harness.ready()

    row = harness.core.state.baseline
    assert row is not None
    assert (row.equity, row.account) == (4000, 1000)
    assert harness.now_ns // SECOND
