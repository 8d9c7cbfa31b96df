"""Which accepted signal of a strategy in a symbol is the newest: the one thing that signals are held against.

Kept for ever and never back, whatever is forgotten or restored: there are as many marks as strategies have
followed signals in symbols, a few for each symbol that was ever traded.
"""

from tradefleet.core.events import SignalMark
from tradefleet.domain.signals import Signal


def marked(before: SignalMark | None, signal: Signal, by_ns: int) -> SignalMark:
    """The mark after a signal that was accepted at by_ns.

    No later than then: a shard whose clock is a day ahead for one signal must not silence its strategy for
    that day.
    """
    at_ns = min(signal.at_ns, by_ns)
    if before is not None and at_ns < before.at_ns:
        at_ns = before.at_ns
    return SignalMark(strategy=signal.strategy, symbol=signal.symbol, at_ns=at_ns, signal_id=signal.signal_id)


def is_superseded(mark: SignalMark | None, signal: Signal) -> bool:
    """Whether a newer signal was accepted; one of the same time, as of the same frame, is none."""
    return mark is not None and signal.at_ns < mark.at_ns
