"""Sections of a TradingBot about the market: exchange, universe, sharding, feed, features."""

from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Annotated

import msgspec

from tradefleet.spec.fields import IMMUTABLE, IN_SECONDS, RESTART, items, number, plain, text

SYMBOL_PATTERN = "[A-Z0-9]{2,30}"
# As Kubernetes names a Secret: parts of a DNS name, each begun and ended by a letter or digit.
SECRET_PATTERN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
# Host, port, path, and no user:password@ before them: an address is no place for a credential.
_HOST_AND_PATH = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[!-~]*)?"
REST_PATTERN = rf"(https?://{_HOST_AND_PATH})?"
STREAM_PATTERN = rf"(wss?://{_HOST_AND_PATH})?"


class Venue(StrEnum):
    """Exchanges with an adapter."""

    BYBIT = "bybit"


class Category(StrEnum):
    """Markets of the exchange."""

    LINEAR = "linear"


class PositionMode(StrEnum):
    """How many positions a contract can have."""

    ONE_WAY = "oneWay"
    """One, long or short."""
    HEDGE = "hedge"
    """Two legs, a long and a short one, opened and closed apart."""


class Section(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One section of the spec: immutable, camelCase in YAML."""


class Endpoints(Section, frozen=True):
    """Addresses of the exchange; empty means the mode's own (in paper mode: the simulator's)."""

    rest: Annotated[
        str, text("REST address, such as http://127.0.0.1:9000.", 200, REST_PATTERN, reload=RESTART)
    ] = ""
    public_stream: Annotated[
        str,
        text("WebSocket address of the public market, path included.", 200, STREAM_PATTERN, reload=RESTART),
    ] = ""
    private_stream: Annotated[
        str,
        text(
            "WebSocket address of the account's stream, path included.", 200, STREAM_PATTERN, reload=RESTART
        ),
    ] = ""


class Credentials(Section, frozen=True):
    """Where the executor finds its key: never the key itself."""

    api_key_variable: Annotated[
        str, text("Environment variable that holds the API key.", 64, "[A-Z_][A-Z0-9_]*", reload=RESTART)
    ] = "TRADEFLEET_API_KEY"
    api_secret_variable: Annotated[
        str, text("Environment variable that holds the API secret.", 64, "[A-Z_][A-Z0-9_]*", reload=RESTART)
    ] = "TRADEFLEET_API_SECRET"
    secret_name: Annotated[
        str,
        text(
            "In Kubernetes: the Secret beside the bot whose keys are the two variables. The local fleet "
            "reads the variables from its own environment and ignores it.",
            253,
            SECRET_PATTERN,
            reload=RESTART,
        ),
    ] = "tradefleet-exchange"


class Simulator(Section, frozen=True):
    """The simulated exchange that the local fleet starts beside the bot (paper mode)."""

    enabled: Annotated[
        bool, plain("Start a simulated exchange; paper mode without endpoints needs it.", reload=RESTART)
    ] = False
    recording: Annotated[
        str,
        text(
            "Folder of the recorded market to replay; empty for the recording that comes along.",
            1024,
            reload=RESTART,
        ),
    ] = ""
    speed: Annotated[
        Decimal, number("How many recorded seconds pass in one second.", "0.01", "1000", reload=RESTART)
    ] = Decimal(1)
    copies: Annotated[
        int, number("Copies of the recorded symbols under other names, for load.", "0", "50", reload=RESTART)
    ] = 0


class Exchange(Section, frozen=True):
    """The venue, its market, its addresses and where the credentials are."""

    venue: Annotated[Venue, plain("The exchange.", reload=IMMUTABLE)] = Venue.BYBIT
    category: Annotated[Category, plain("The exchange's market.", reload=IMMUTABLE)] = Category.LINEAR
    position_mode: Annotated[
        PositionMode,
        plain(
            "Positions a symbol can have: one, or a long and a short leg at once. The account must be in "
            "this mode; it is refused otherwise, and never switched.",
            reload=IMMUTABLE,
        ),
    ] = PositionMode.ONE_WAY
    endpoints: Annotated[Endpoints, plain("Addresses of the exchange.", reload=RESTART)] = Endpoints()
    credentials: Annotated[Credentials, plain("Where the credentials are.", reload=RESTART)] = Credentials()
    simulator: Annotated[Simulator, plain("The simulated exchange of the local fleet.", reload=RESTART)] = (
        Simulator()
    )


class Stores(Section, frozen=True):
    """Where Postgres and Redis are: in a Secret, since their addresses hold passwords."""

    secret_name: Annotated[
        str,
        text(
            "In Kubernetes: the Secret beside the bot with the keys postgres (a DSN) and redis (a URL). The "
            "local fleet starts stores of its own and ignores it.",
            253,
            SECRET_PATTERN,
            reload=RESTART,
        ),
    ] = "tradefleet-stores"


class UniverseQuery(Section, frozen=True):
    """Symbols by rank instead of by name."""

    top_by_turnover: Annotated[
        int, number("The N symbols with the highest turnover of 24 h; 0 for none.", "0", "500", built=False)
    ] = 0
    exclude: Annotated[
        list[str],
        items("Symbols never to take.", 500, max_length=30, pattern=SYMBOL_PATTERN, built=False),
    ] = msgspec.field(default_factory=list)


class Universe(Section, frozen=True):
    """What the bot trades."""

    symbols: Annotated[
        list[str],
        items(
            "The symbols, each once.",
            500,
            min_items=1,
            max_length=30,
            pattern=SYMBOL_PATTERN,
            reload=RESTART,
        ),
    ] = msgspec.field(default_factory=list)
    query: Annotated[UniverseQuery, plain("Symbols by rank.", reload=RESTART, built=False)] = UniverseQuery()


class Sharding(Section, frozen=True):
    """How symbols are spread over shard processes."""

    symbols_per_shard: Annotated[
        int, number("Symbols that one shard carries at most.", "1", "200", reload=RESTART)
    ] = 25
    max_shards: Annotated[int, number("More shards than this are refused.", "1", "100", reload=RESTART)] = 20


class BookDepth(IntEnum):
    """Depths of book topic that the exchange pushes, levels a side."""

    LEVELS_1 = 1
    LEVELS_50 = 50
    LEVELS_200 = 200


class Reconnect(Section, frozen=True):
    """How a lost connection is made again: exponential with jitter."""

    initial_seconds: Annotated[Decimal, number("First wait.", "0.01", "60", unit=IN_SECONDS)] = Decimal("0.5")
    max_seconds: Annotated[Decimal, number("Longest wait.", "0.1", "600", unit=IN_SECONDS)] = Decimal(30)


class Feed(Section, frozen=True):
    """The public market data of a shard."""

    depth: Annotated[BookDepth, plain("Levels a side of the order book topic.", reload=RESTART)] = (
        BookDepth.LEVELS_50
    )
    topics_per_connection: Annotated[
        int,
        number(
            "Topics on one socket; the exchange's 21,000 characters are kept besides.",
            "1",
            "1000",
            reload=RESTART,
        ),
    ] = 200
    ping_seconds: Annotated[Decimal, number("Between two application pings.", "1", "60", unit=IN_SECONDS)] = (
        Decimal(20)
    )
    book_stale_seconds: Annotated[
        Decimal,
        number(
            "A book without a frame for so long, while its socket is silent too, is stale.",
            "0.5",
            "600",
            unit=IN_SECONDS,
        ),
    ] = Decimal(10)
    reconnect: Annotated[Reconnect, plain("How a lost connection is made again.")] = Reconnect()


class Features(Section, frozen=True):
    """The vector of features that models and strategies may read."""

    vector: Annotated[
        str, text("Version of the default vector to compute; empty for none.", 32, built=False)
    ] = ""
