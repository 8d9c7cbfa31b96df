"""Nothing that a signal can contain crashes the executor: it is refused with a reason, or followed."""

from decimal import Decimal

import msgspec
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.support.account_harness import SYMBOL, Harness

from tradefleet.core import events as ev
from tradefleet.domain.signals import Signal, SignalKind, Target
from tradefleet.risk.decisions import Reason

ANY_INT = st.integers(-(2**63), 2**63 - 1)
ANY_TEXT = st.text(max_size=80)
ANY_PRICE = st.decimals(allow_nan=True, allow_infinity=True) | st.just(Decimal("-0"))

signals = st.builds(
    Signal,
    signal_id=ANY_TEXT,
    bot_uid=st.just(Harness().config.uid) | ANY_TEXT,
    venue=st.just("bybit") | ANY_TEXT,
    symbol=st.just(SYMBOL) | ANY_TEXT,
    strategy=st.sampled_from(["imbalance", "breakout", "__class__", "enabled", ""]) | ANY_TEXT,
    kind=st.sampled_from(SignalKind),
    target=st.sampled_from(Target),
    strength=st.floats(allow_nan=False, allow_infinity=False),  # JSON has no other
    price=ANY_PRICE,
    hold_ns=ANY_INT,
    reason=ANY_TEXT,
    at_ns=ANY_INT,
    seen_ns=ANY_INT,
    expires_ns=ANY_INT | st.just(2**62),
    shard=st.just(0) | ANY_INT,
    instance=st.just("pod-a") | ANY_TEXT,
    owner_epoch=st.just(1) | ANY_INT,
    generation=st.just(1) | ANY_INT,
)


@settings(max_examples=150, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(found=st.lists(signals, max_size=5))
def test_any_signal_is_followed_or_refused_with_a_word(found: list[Signal]) -> None:
    harness = Harness().ready()

    for signal in found:
        # As it comes: what the bus carries is JSON.
        read = msgspec.json.decode(msgspec.json.encode(signal), type=Signal)
        harness.tell(ev.SignalReceived(now_ns=harness.now_ns, signal=read))
    harness.settle()

    known = {"", *Reason}
    assert all(judged.reason in known for judged in harness.judged)
    assert harness.core.state.open_intents() == []
    assert harness.size == harness.exchange.sizes.get(SYMBOL, 0)
