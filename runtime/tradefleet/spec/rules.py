"""Rules between fields of a TradingBot, which no bound of one field can say.

Each rule is a named pure function over the spec; its name is the rule's id. Its twin in
CEL, for the API server, stands beside it; tests hold both against the same good and bad specs.
A rule never stands in the way of tightening a limit: whoever lowers one in an emergency must not be
told to change something else first.
"""

import inspect
import itertools
import re
from collections.abc import Callable, Iterator
from decimal import Decimal

import msgspec

from tradefleet.spec.addresses import PLAY_HOSTS
from tradefleet.spec.bot import BotSpec, Mode
from tradefleet.spec.entry import EntryKind, PriceFrom
from tradefleet.spec.problems import shown
from tradefleet.spec.schema_walk import concerns, leaf_by_path

# Hosts of Bybit's own servers under any top-level domain, in RE2 so that CEL can hold the same. A wrong
# refusal costs a renamed simulator; a wrong permission costs real money on what calls itself paper.
# Source: Bybit V5, "Integration Guidance", hosts by region.
_REAL_EXCHANGE = re.compile(
    r"(?i)[a-z]+://([^/]*[.@])?(bybit|bytick|bybit-tr|bybitgeorgia|manepa)\.[a-z]+\.?(:[0-9]+)?(/.*)?"
)


class Rule(msgspec.Struct, frozen=True):
    """One rule.

    holds: True when the spec keeps it. paths: the fields (or sections) it reads; the first is the one
    that is blamed. message: what would be right; it continues a sentence that begins with the value
    of the field that is blamed, or stands alone when that is a section. cel: the same rule as the API
    server checks it, over `self`, the spec with its defaults; None for a rule that it does not check.
    """

    holds: Callable[[BotSpec], bool]
    paths: tuple[str, ...]
    message: str
    cel: str | None

    @property
    def id(self) -> str:
        """The rule's name."""
        return self.holds.__name__

    @property
    def meaning(self) -> str:
        """The rule as one sentence."""
        return inspect.getdoc(self.holds) or ""


def live_mode_is_confirmed(spec: BotSpec) -> bool:
    """Live mode needs its second switch."""
    return spec.mode is not Mode.LIVE or spec.confirm_live


def simulator_only_in_paper_mode(spec: BotSpec) -> bool:
    """The simulated exchange is never started beside a bot that trades elsewhere."""
    return spec.mode is Mode.PAPER or not spec.exchange.simulator.enabled


def paper_mode_has_an_exchange(spec: BotSpec) -> bool:
    """Paper mode has the simulator started for it, or is told where one runs."""
    given = spec.exchange.simulator.enabled or spec.exchange.endpoints.rest != ""
    return spec.mode is not Mode.PAPER or given


def paper_mode_trades_at_no_real_exchange(spec: BotSpec) -> bool:
    """Paper mode sends no order to Bybit's own servers; their public stream may feed it."""
    orders_go_to = (spec.exchange.endpoints.rest, spec.exchange.endpoints.private_stream)
    return spec.mode is not Mode.PAPER or not any(map(_REAL_EXCHANGE.fullmatch, orders_go_to))


def only_live_mode_trades_at_the_live_exchange(spec: BotSpec) -> bool:
    """Demo and testnet send no order to the live exchange, which has its second switch and permission."""
    orders_go_to = (spec.exchange.endpoints.rest, spec.exchange.endpoints.private_stream)
    play = spec.mode in (Mode.DEMO, Mode.TESTNET)
    return not play or not any(
        _REAL_EXCHANGE.fullmatch(address) and not PLAY_HOSTS.fullmatch(address) for address in orders_go_to
    )


def endpoints_are_given_together(spec: BotSpec) -> bool:
    """All three addresses are given or none, so that no part speaks to another exchange."""
    endpoints = spec.exchange.endpoints
    given = (endpoints.rest != "", endpoints.public_stream != "", endpoints.private_stream != "")
    return all(given) or not any(given)


def credentials_are_two_variables(spec: BotSpec) -> bool:
    """Key and secret are two variables."""
    credentials = spec.exchange.credentials
    return credentials.api_key_variable != credentials.api_secret_variable


def symbols_fit_the_shards(spec: BotSpec) -> bool:
    """The symbols fit into maxShards shards."""
    return len(spec.universe.symbols) <= spec.sharding.symbols_per_shard * spec.sharding.max_shards


def reconnect_begins_below_its_longest_wait(spec: BotSpec) -> bool:
    """The first wait of a reconnect is not above the longest."""
    return spec.feed.reconnect.initial_seconds <= spec.feed.reconnect.max_seconds


def imbalance_levels_are_in_the_feed(spec: BotSpec) -> bool:
    """The feed brings as many levels as the strategy counts."""
    return spec.strategies.imbalance.levels <= spec.feed.depth


def breakout_looks_back_over_its_touches(spec: BotSpec) -> bool:
    """The look-back is longer than the touches it must hold."""
    return spec.strategies.breakout.lookback > spec.strategies.breakout.resistance_strength


def an_entry_at_market_has_no_offset(spec: BotSpec) -> bool:
    """Only an entry that rests has a distance from the price."""
    entry = spec.execution.entry
    return entry.kind is not EntryKind.MARKET or entry.offset_bps == 0


def a_conditional_entry_waits_ahead(spec: BotSpec) -> bool:
    """A conditional entry waits ahead of the price: at the price itself the exchange refuses it."""
    entry = spec.execution.entry
    return entry.kind is not EntryKind.CONDITIONAL or entry.offset_bps > 0


def slippage_is_bounded_where_an_entry_takes(spec: BotSpec) -> bool:
    """The price of a limit is its bound already."""
    entry = spec.execution.entry
    return entry.max_slippage_bps == 0 or entry.kind in (EntryKind.MARKET, EntryKind.CONDITIONAL)


def an_entry_follows_from_the_touch(spec: BotSpec) -> bool:
    """What follows the touch rests in the book and is priced from the touch."""
    entry = spec.execution.entry
    in_the_book = entry.kind in (EntryKind.LIMIT, EntryKind.POST_ONLY)
    return entry.follow_bps == 0 or (in_the_book and entry.price_from is PriceFrom.TOUCH)


def target_is_beyond_the_least_profit(spec: BotSpec) -> bool:
    """The target is beyond the least profit; else every entry would be refused."""
    return spec.exits.take_profit > spec.exits.min_profit


def parts_lie_one_beyond_the_other(spec: BotSpec) -> bool:
    """Each part of a partial close lies beyond the one before it; a part without a share is none."""
    profits = [part.profit for part in spec.exits.partial_close.parts if part.share > 0]
    return all(nearer < farther for nearer, farther in itertools.pairwise(profits))


def parts_are_no_more_than_the_whole(spec: BotSpec) -> bool:
    """All parts of a partial close together are at most the whole position."""
    return sum((part.share for part in spec.exits.partial_close.parts), Decimal(0)) <= 1


def _nearer(one: str, other: str) -> str:
    """In CEL: one part is none, or lies nearer than the other."""
    near, far = f"self.exits.partialClose.{one}", f"self.exits.partialClose.{other}"
    return f"({near}.share == 0.0 || {far}.share == 0.0 || {near}.profit < {far}.profit)"


RULES: tuple[Rule, ...] = (
    Rule(
        live_mode_is_confirmed,
        ("spec.confirmLive", "spec.mode"),
        "leaves live mode without its second switch; set it to true, or use another mode",
        "self.mode != 'live' || self.confirmLive",
    ),
    Rule(
        simulator_only_in_paper_mode,
        ("spec.exchange.simulator.enabled", "spec.mode"),
        "is right in paper mode only; leave the simulator out, or use mode: paper",
        "self.mode == 'paper' || !self.exchange.simulator.enabled",
    ),
    Rule(
        paper_mode_has_an_exchange,
        ("spec.exchange.simulator.enabled", "spec.mode", "spec.exchange.endpoints.rest"),
        "leaves paper mode without an exchange; set it to true, or give exchange.endpoints",
        "self.mode != 'paper' || self.exchange.simulator.enabled || self.exchange.endpoints.rest != ''",
    ),
    Rule(
        paper_mode_trades_at_no_real_exchange,
        ("spec.exchange.endpoints", "spec.mode"),
        "rest or privateStream is Bybit itself, where paper mode may not trade; give a simulator's addresses",
        "self.mode != 'paper' || !([self.exchange.endpoints.rest, self.exchange.endpoints.privateStream]"
        f".exists(address, address.matches(r'^(?:{_REAL_EXCHANGE.pattern})$')))",
    ),
    Rule(
        only_live_mode_trades_at_the_live_exchange,
        ("spec.exchange.endpoints", "spec.mode"),
        "rest or privateStream is the live exchange, where demo and testnet may not trade; leave the "
        "endpoints empty, or use mode: live",
        "!(self.mode in ['demo', 'testnet']) || "
        "!([self.exchange.endpoints.rest, self.exchange.endpoints.privateStream]"
        f".exists(address, address.matches(r'^(?:{_REAL_EXCHANGE.pattern})$') && "
        f"!address.matches(r'^(?:{PLAY_HOSTS.pattern})$')))",
    ),
    Rule(
        endpoints_are_given_together,
        ("spec.exchange.endpoints",),
        "rest, publicStream and privateStream are given together or not at all",
        "(self.exchange.endpoints.rest == '') == (self.exchange.endpoints.publicStream == '') && "
        "(self.exchange.endpoints.rest == '') == (self.exchange.endpoints.privateStream == '')",
    ),
    Rule(
        credentials_are_two_variables,
        ("spec.exchange.credentials.apiSecretVariable", "spec.exchange.credentials.apiKeyVariable"),
        "names the API key's variable too; key and secret stand in two variables",
        "self.exchange.credentials.apiKeyVariable != self.exchange.credentials.apiSecretVariable",
    ),
    Rule(
        symbols_fit_the_shards,
        ("spec.sharding.maxShards", "spec.sharding.symbolsPerShard", "spec.universe.symbols"),
        "shards of symbolsPerShard hold fewer symbols than universe.symbols names; raise one of the two",
        "self.universe.symbols.size() <= self.sharding.symbolsPerShard * self.sharding.maxShards",
    ),
    Rule(
        reconnect_begins_below_its_longest_wait,
        ("spec.feed.reconnect.initialSeconds", "spec.feed.reconnect.maxSeconds"),
        "is above maxSeconds; the first wait is the shortest",
        "self.feed.reconnect.initialSeconds <= self.feed.reconnect.maxSeconds",
    ),
    Rule(
        imbalance_levels_are_in_the_feed,
        ("spec.strategies.imbalance.levels", "spec.feed.depth"),
        "levels are more than feed.depth brings; lower it or raise feed.depth",
        "self.strategies.imbalance.levels <= self.feed.depth",
    ),
    Rule(
        breakout_looks_back_over_its_touches,
        ("spec.strategies.breakout.lookback", "spec.strategies.breakout.resistanceStrength"),
        "candles cannot hold that many touches; it must be above resistanceStrength",
        "self.strategies.breakout.lookback > self.strategies.breakout.resistanceStrength",
    ),
    Rule(
        an_entry_at_market_has_no_offset,
        ("spec.execution.entry.offsetBps", "spec.execution.entry.kind"),
        "has no meaning for entries at market; leave it 0, or use kind: limit, postOnly or conditional",
        "self.execution.entry.kind != 'market' || self.execution.entry.offsetBps == 0.0",
    ),
    Rule(
        a_conditional_entry_waits_ahead,
        ("spec.execution.entry.offsetBps", "spec.execution.entry.kind"),
        "puts a conditional entry at the price itself, where the exchange refuses it; raise it",
        "self.execution.entry.kind != 'conditional' || self.execution.entry.offsetBps > 0.0",
    ),
    Rule(
        slippage_is_bounded_where_an_entry_takes,
        ("spec.execution.entry.maxSlippageBps", "spec.execution.entry.kind"),
        "has no meaning for limit and postOnly, whose price is the bound; leave it 0",
        "self.execution.entry.maxSlippageBps == 0.0 || "
        "self.execution.entry.kind in ['market', 'conditional']",
    ),
    Rule(
        an_entry_follows_from_the_touch,
        (
            "spec.execution.entry.followBps",
            "spec.execution.entry.kind",
            "spec.execution.entry.priceFrom",
        ),
        "is right for kind limit or postOnly with priceFrom: touch only; leave it 0",
        "self.execution.entry.followBps == 0.0 || (self.execution.entry.kind in "
        "['limit', 'postOnly'] && self.execution.entry.priceFrom == 'touch')",
    ),
    Rule(
        target_is_beyond_the_least_profit,
        ("spec.exits.takeProfit", "spec.exits.minProfit"),
        "is not above minProfit, so that every entry would be refused; raise it or lower minProfit",
        "self.exits.takeProfit > self.exits.minProfit",
    ),
    Rule(
        parts_lie_one_beyond_the_other,
        ("spec.exits.partialClose",),
        "has a part that lies no farther than the one before it; let profits rise, or set its share to 0",
        " && ".join(map(_nearer, ("first", "second", "first"), ("second", "third", "third"))),
    ),
    Rule(
        parts_are_no_more_than_the_whole,
        ("spec.exits.partialClose",),
        "has parts that add up to more than the whole position; lower their shares to 1 in all",
        # Doubles: three shares that are 1 in all may add up to a little more.
        "self.exits.partialClose.first.share + self.exits.partialClose.second.share + "
        "self.exits.partialClose.third.share <= 1.000000001",
    ),
)


def broken(spec: BotSpec, unreadable: tuple[str, ...] = ()) -> Iterator[tuple[str, str, str]]:
    """(path, value, message) of each rule that the spec breaks.

    unreadable: paths whose value could not be read; a rule that reads one of them, or a field below
    it, is not asked, since what stands there is only a default.
    """
    for rule in RULES:
        if not any(concerns(path, wrong) for path in rule.paths for wrong in unreadable) and not rule.holds(
            spec
        ):
            blamed = leaf_by_path().get(rule.paths[0])
            yield rule.paths[0], "" if blamed is None else shown(blamed.value(spec)), rule.message
