"""Prices that were asked for by REST are prices, and no sign that a symbol's topic lives."""

from decimal import Decimal

from tests.support.account_harness import MARK, SECOND, SYMBOL, Harness

from tradefleet.core import events as ev
from tradefleet.domain.signals import Target


def _polled(account: Harness, mark: Decimal) -> None:
    account.tell(
        ev.MarketMoved(
            now_ns=account.now_ns, symbol=SYMBOL, mark=mark, bid=None, ask=None, last=None, polled=True
        )
    )


def _silent_for(account: Harness, seconds: int) -> None:
    account.now_ns += seconds * SECOND
    account.tell(ev.Ticked(now_ns=account.now_ns))


def test_nothing_opens_on_polled_prices_alone() -> None:
    account = Harness().ready()

    _silent_for(account, 6)
    _polled(account, MARK)
    account.signal("entry", Target.LONG)

    assert account.judged[-1].reason == "market_silent"


def test_a_polled_mark_counts_for_what_is_held() -> None:
    account = Harness().ready()
    account.signal("entry", Target.LONG)
    account.settle()
    before = account.core.state.equity()

    _silent_for(account, 6)
    _polled(account, MARK - 10)

    after = account.core.state.equity()
    assert before is not None
    assert after is not None
    assert after == before - 10 * account.size


def test_a_fee_that_is_read_later_replaces_the_one_of_the_start() -> None:
    account = Harness().ready()

    account.tell(ev.TakerFeeRead(now_ns=account.now_ns, taker_fee=Decimal("0.0002")))

    assert account.core.state.taker_fee == Decimal("0.0002")
