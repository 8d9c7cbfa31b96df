"""Loading a TradingBot: what is accepted, and how each mistake reads."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from tradefleet.spec.bot import Mode, TradingBot
from tradefleet.spec.decode import LARGEST_BYTES, decode_bot, load_bot
from tradefleet.spec.market import BookDepth
from tradefleet.spec.problems import SpecError
from tradefleet.spec.strategies import Timeframe

HEAD = "apiVersion: tradefleet.dev/v1alpha1\nkind: TradingBot\nmetadata: {name: bot}\n"
EXCHANGE = "  exchange: {simulator: {enabled: true}}\n"
SYMBOLS = "  universe: {symbols: [BTCUSDT]}\n"
BOT = HEAD + "spec:\n" + EXCHANGE + SYMBOLS


def decoded(more: str = "", text: str = BOT) -> TradingBot:
    return decode_bot((text + more).encode(), "bot.yaml")


def lines(more: str = "", text: str = BOT) -> list[str]:
    with pytest.raises(SpecError) as caught:
        decoded(more, text)
    return str(caught.value).splitlines()


def test_a_bot_of_a_few_lines_has_the_defaults_everywhere_else() -> None:
    bot = decoded()

    assert bot.metadata.name == "bot"
    assert bot.metadata.namespace == "default"
    assert bot.spec.mode is Mode.PAPER
    assert bot.spec.universe.symbols == ["BTCUSDT"]
    assert bot.spec.risk.max_daily_loss == Decimal("0.05")


def test_numbers_are_exactly_as_written() -> None:
    bot = decoded("  risk: {maxRiskPerTrade: 0.020, maxDailyLoss: 5e-2}\n  feed: {pingSeconds: 15}\n")

    assert str(bot.spec.risk.max_risk_per_trade) == "0.020"
    assert bot.spec.risk.max_daily_loss == Decimal("0.05")
    assert bot.spec.feed.ping_seconds == Decimal(15)
    assert isinstance(bot.spec.feed.ping_seconds, Decimal)


def test_a_whole_number_may_be_written_with_an_empty_fraction() -> None:
    spec = decoded("  risk: {maxPositions: 5.0}\n").spec

    assert spec.risk.max_positions == 5
    assert isinstance(spec.risk.max_positions, int)


def test_enumerations_are_read_by_value() -> None:
    spec = decoded("  feed: {depth: 200}\n  strategies: {breakout: {timeframe: 15m}}\n").spec

    assert spec.feed.depth is BookDepth.LEVELS_200
    assert spec.strategies.breakout.timeframe is Timeframe.M15


@pytest.mark.parametrize("null", ["null", "~", ""])
def test_an_explicit_null_means_the_default(null: str) -> None:
    bot = decoded(f"  risk:\n    maxPositions: {null}\n  strategies: {null}\n  paused: {null}\n")

    assert bot == decoded()


def test_what_kubernetes_writes_beside_a_bot_is_let_through() -> None:
    text = BOT.replace("{name: bot}", "{name: bot, uid: a-b, labels: {app: x}, annotations: {y: '1'}}")

    assert decoded("status: {observedGeneration: 3, conditions: [1, x]}\n", text) == decoded()


def test_an_object_that_is_decoded_already_reads_the_same() -> None:
    text = BOT + "  risk: {maxDailyLoss: 0.03, maxPositions: 4}\n"

    assert decode_bot(yaml.safe_load(text), "the API server") == decoded(text=text)


def test_an_unbuilt_field_may_name_its_default() -> None:
    assert decoded("  leverage: {default: 10}\n  flags: {}\n  models: {enabled: false}\n") == decoded()


FIELD_MISTAKES = [
    (
        "risk: {maxDailyLoss: 5}",
        "spec.risk.maxDailyLoss: 5 is above 1; it is a fraction of equity (0.05 for 5 %)",
    ),
    ("risk: {maxPositions: 501}", "spec.risk.maxPositions: 501 is above 500; 0 to 500 is allowed"),
    ("risk: {maxPositions: -1}", "spec.risk.maxPositions: -1 is below 0; 0 to 500 is allowed"),
    ("risk: {maxPositions: 1.5}", "spec.risk.maxPositions: 1.5 is not a whole number; 0 to 500 is allowed"),
    (
        "risk: {maxPositions: 1e999999999}",
        "spec.risk.maxPositions: 1E+999999999 is above 500; 0 to 500 is allowed",
    ),
    (
        'risk: {maxPositions: "5"}',
        "spec.risk.maxPositions: '5' is text, not a number; write it without quotes: 5",
    ),
    (
        "risk: {maxPositions: 010}",
        "spec.risk.maxPositions: '010' is text, not a number; write it without quotes: 10",
    ),
    ("risk: {maxPositions: ten}", "spec.risk.maxPositions: 'ten' is not a number"),
    ("risk: {maxPositions: true}", "spec.risk.maxPositions: true is not a number"),
    ("risk: {maxPositions: [5]}", "spec.risk.maxPositions: a list is not a number"),
    ("risk: {maxDailyLoss: .nan}", "spec.risk.maxDailyLoss: '.nan' is not a number"),
    ("risk: {maxDailyLoss: NaN}", "spec.risk.maxDailyLoss: 'NaN' is not a number"),
    ("risk: {maxDailyLoss: .inf}", "spec.risk.maxDailyLoss: '.inf' is not a number"),
    (
        "feed: {reconnect: {initialSeconds: 0}}",
        "spec.feed.reconnect.initialSeconds: 0 is below 0.01; it is in seconds",
    ),
    ("paused: yes", "spec.paused: 'yes' is not a switch; write true or false"),
    ("paused: 1", "spec.paused: 1 is not a switch; write true or false"),
    ("mode: papr", "spec.mode: 'papr' is none of paper, demo, testnet, live; did you mean paper?"),
    ("mode: 1", "spec.mode: 1 is none of paper, demo, testnet, live"),
    ("feed: {depth: 51}", "spec.feed.depth: 51 is none of 1, 50, 200"),
    ("feed: {depth: 50.5}", "spec.feed.depth: 50.5 is none of 1, 50, 200"),
    ("feed: {depth: true}", "spec.feed.depth: true is not a number"),
    (
        'feed: {depth: "50"}',
        "spec.feed.depth: '50' is text, not a number; write it without quotes: 50",
    ),
    ("universe: 5", "spec.universe: 5 is not a section; below it go symbols, query"),
    ("universe: {}", "spec.universe.symbols: is missing: The symbols, each once."),
    (
        "universe: {symbols: []}",
        "spec.universe.symbols: a list has 0 items; 1 at least are needed: The symbols, each once.",
    ),
    ("universe: {symbols: BTCUSDT}", "spec.universe.symbols: 'BTCUSDT' is not a list"),
    (
        "universe: {symbols: [BTCUSDT, ethusdt]}",
        "spec.universe.symbols[1]: 'ethusdt' does not match [A-Z0-9]{2,30}: The symbols, each once.",
    ),
    (
        "universe: {symbols: [BTCUSDT, BTCUSDT]}",
        "spec.universe.symbols[1]: 'BTCUSDT' stands in the list already; name it once",
    ),
    (
        "universe: {symbols: [BTCUSDT, 1000]}",
        'spec.universe.symbols[1]: 1000 is not text; put it in quotes: "1000"',
    ),
    ("universe: {symbols: [BTCUSDT, null]}", "spec.universe.symbols[1]: null is not text"),
    (
        f"universe: {{symbols: [{'A' * 31}]}}",
        f"spec.universe.symbols[0]: '{'A' * 31}' is 31 characters long; 30 at most are allowed",
    ),
    (
        "leverage: {adaptive: true}",
        "spec.leverage.adaptive: true is not the default (false), and leverage.adaptive is not built yet; "
        "leave it out",
    ),
    (
        "strategies: {sarWave: {enabled: true}}",
        "spec.strategies.sarWave.enabled: true is not the default (false), and strategies.sarWave is not "
        "built yet; leave it out",
    ),
    (
        "features: {vector: v1}",
        "spec.features.vector: 'v1' is not the default (''), and features is not built yet; leave it out",
    ),
    (
        "shard: {memory: 16Mi}",
        "spec.shard.memory: '16Mi' does not match [1-9][0-9]{2,6}Mi|[1-9][0-9]{0,3}Gi: In Kubernetes: the "
        "memory that is reserved for the pod, and its limit.",
    ),
    (
        "stores: {secretName: My_Stores}",
        "spec.stores.secretName: 'My_Stores' does not match [a-z0-9]([-a-z0-9]*[a-z0-9])?"
        r"(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*: In Kubernetes: the Secret beside the bot with the keys "
        "postgres (a DSN) and redis (a URL). The local fleet starts stores of its own and ignores it.",
    ),
    (
        "flags: {fast: true}",
        "spec.flags: a mapping is not the default, and flags is not built yet; leave it out",
    ),
    ("flags: {fast: 1}", "spec.flags.fast: 1 is not a switch; write true or false"),
    (
        "risk: {correlation: {groups: {majors: [BTC, btc]}}}",
        "spec.risk.correlation.groups.majors[1]: 'btc' does not match [A-Z0-9]{2,30}: Symbols that count as "
        "one group from the start.",
    ),
    (
        "exchange: {simulator: {enabled: true}, endpoints: {rest: 'https://key:secret@host'}}",
        "spec.exchange.endpoints.rest: 'https://key:secret@host' does not match (https?://([A-Za-z0-9.-]+|"
        "\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?(/[!-~]*)?)?: REST address, such as http://127.0.0.1:9000.",
    ),
    ("risk: {max_positions: 5}", "spec.risk.max_positions: is unknown; did you mean maxPositions?"),
    ("risk: {zzz: 5}", "spec.risk.zzz: is unknown"),
    ("maxPositions: 5", "spec.maxPositions: is unknown; it belongs at spec.risk.maxPositions"),
]


@pytest.mark.parametrize(("written", "said"), FIELD_MISTAKES, ids=[written for written, _ in FIELD_MISTAKES])
def test_a_wrong_field_is_one_line_that_says_what_would_be_right(written: str, said: str) -> None:
    text = (
        HEAD
        + "spec:\n"
        + "".join(part for part in (EXCHANGE, SYMBOLS) if part.split(":")[0].strip() not in written)
    )

    assert lines(f"  {written}\n", text) == [f"bot.yaml: {said}"]


OBJECT_MISTAKES = [
    (
        "apiVersion: tradefleet.dev/v1alpha1",
        "apiVersion: v1",
        "apiVersion: 'v1' is not tradefleet.dev/v1alpha1",
    ),
    (
        "apiVersion: tradefleet.dev/v1alpha1\n",
        "",
        "apiVersion: is missing; write apiVersion: tradefleet.dev/v1alpha1",
    ),
    ("kind: TradingBot", "kind: Pod", "kind: 'Pod' is not TradingBot"),
    ("{name: bot}", "{}", "metadata.name: is missing: Name of the bot."),
    ("{name: bot}", "bot", "metadata: 'bot' is not a section; below it go name, namespace"),
    ("{name: bot}", "{name: bot, lables: {}}", "metadata.lables: is unknown; did you mean labels?"),
    (
        "{name: bot}",
        "{name: My_Bot}",
        "metadata.name: 'My_Bot' does not match [a-z]([-a-z0-9]*[a-z0-9])?: Name of the bot.",
    ),
    ("kind:", "sepc: {}\nkind:", "sepc: is unknown; did you mean spec?"),
    ("kind:", "1: {}\nkind:", "1: is unknown"),
]


@pytest.mark.parametrize(
    ("right", "wrong", "said"), OBJECT_MISTAKES, ids=[said for _, _, said in OBJECT_MISTAKES]
)
def test_a_wrong_object_is_one_line(right: str, wrong: str, said: str) -> None:
    assert lines(text=BOT.replace(right, wrong, 1)) == [f"bot.yaml: {said}"]


TEXT_MISTAKES: list[tuple[bytes, str]] = [
    (b"", "is empty; a TradingBot is expected"),
    (b"# only a comment\n", "is empty; a TradingBot is expected"),
    (b"null\n", "is empty; a TradingBot is expected"),
    (b"[1, 2]", "a list is not a TradingBot; a mapping is expected"),
    (b"just words", "'just words' is not a TradingBot; a mapping is expected"),
    (b"a: 1\n---\nb: 2\n", "holds a second document (line 2); write one TradingBot a file"),
    (
        b"kind: x\nspec: [1, 2\n",
        "cannot be read as YAML, line 3: while parsing a flow sequence expected ',' or ']', "
        "but got '<stream end>'",
    ),
    (
        b"a:\n\tb: 1\n",
        "cannot be read as YAML, line 2: while scanning for the next token found character '\\t' "
        "that cannot start any token",
    ),
    (
        b"a: !!python/object:os.system x",
        "cannot be read as YAML, line 1: the tag "
        "tag:yaml.org,2002:python/object:os.system means nothing here",
    ),
    (b"a: \xff", "is not text in UTF-8 (byte 3)"),
    (b"[" * 100_000, "is nested too deeply to be a TradingBot"),
    (b"#" * (LARGEST_BYTES + 1), f"is larger than {LARGEST_BYTES} bytes"),
]


@pytest.mark.parametrize(("raw", "said"), TEXT_MISTAKES, ids=[said for _, said in TEXT_MISTAKES])
def test_a_text_that_is_no_bot_is_one_line(raw: bytes, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        decode_bot(raw, "bot.yaml")

    assert str(caught.value) == ("bot.yaml: " + said)


def test_a_key_given_twice_is_named_with_both_lines() -> None:
    assert lines("  risk:\n    maxPositions: 3\n    maxPositions: 30\n") == [
        "bot.yaml: spec.risk.maxPositions: is given twice, in lines 8 and 9; keep one"
    ]


def test_everything_that_is_wrong_is_said_at_once() -> None:
    problems = lines(
        "  mode: live\n  risk: {maxDailyLoss: 5, maxPosition: 1}\n  paused: no\n  paused: false\n"
    )

    assert [line.split(": ")[1] for line in problems] == [
        "spec.paused",
        "spec.risk.maxPosition",
        "spec.risk.maxDailyLoss",
        "spec.confirmLive",
        "spec.exchange.simulator.enabled",
    ]


def test_a_rule_is_not_asked_about_a_field_that_could_not_be_read() -> None:
    problems = lines("  exits: {takeProfit: 0.001, minProfit: x}\n")

    assert problems == ["bot.yaml: spec.exits.minProfit: 'x' is not a number"]


def test_each_problem_can_be_read_in_parts() -> None:
    with pytest.raises(SpecError) as caught:
        decoded("  risk: {maxDailyLoss: 5}\n")

    (problem,) = caught.value.problems
    assert (problem.source, problem.path, problem.value) == ("bot.yaml", "spec.risk.maxDailyLoss", "5")


def test_a_long_value_is_cut_in_the_message() -> None:
    (line,) = lines(f"  mode: {'x' * 5000}\n")

    assert len(line) < 200


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_bot(tmp_path / "none.yaml")

    assert str(caught.value) == f"{tmp_path}/none.yaml: there is no such file"


def test_a_folder_in_place_of_a_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SpecError) as caught:
        load_bot(tmp_path)

    assert str(caught.value) == f"{tmp_path}: cannot be read: Is a directory"


def test_a_file_is_called_what_the_user_called_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bot.yaml").write_text(BOT + "  mode: x\n")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SpecError, match=r"\Abot\.yaml: spec\.mode: 'x' is none of"):
        load_bot(Path("bot.yaml"))


def test_a_float_from_the_api_server_is_read_by_its_shortest_text() -> None:
    document: dict[str, Any] = yaml.safe_load(BOT)
    document["spec"]["risk"] = {"maxDailyLoss": 0.1}

    assert decode_bot(document, "the API server").spec.risk.max_daily_loss == Decimal("0.1")
