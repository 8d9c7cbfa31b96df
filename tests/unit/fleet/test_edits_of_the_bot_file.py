"""An edit of the user's YAML is applied, refused by name, or answered with replaced processes."""

import os
from pathlib import Path
from typing import Any

import pytest

from tradefleet.services.fleet.config_watch import (
    ApplyHot,
    EditWatch,
    Refused,
    Replace,
    Unchanged,
    first_snapshot,
    judge_edit,
)
from tradefleet.spec.bot import TradingBot
from tradefleet.spec.decode import decode_bot
from tradefleet.spec.snapshot import ConfigSnapshot

SYMBOLS = ["BTCUSDT", "ETHUSDT", "SOLUSDT", "DOGEUSDT"]


def bot(name: str = "bot", symbols: list[str] | None = None, **spec: Any) -> TradingBot:
    exchange = {"simulator": {"enabled": True}}
    return decode_bot(
        {
            "apiVersion": "tradefleet.dev/v1alpha1",
            "kind": "TradingBot",
            "metadata": {"name": name},
            "spec": {
                "exchange": exchange,
                "universe": {"symbols": symbols or SYMBOLS},
                "sharding": {"symbolsPerShard": 2},
                **spec,
            },
        },
        "bot.yaml",
    )


def running(generation: int = 3) -> ConfigSnapshot:
    snapshot = first_snapshot("uid", bot(), generation=generation - 1, previous=None, shards=())
    assert isinstance(snapshot, ConfigSnapshot)
    return snapshot


def test_a_new_bot_begins_with_generation_1() -> None:
    assert running(generation=1).generation == 1


def test_a_second_start_with_the_same_file_keeps_generation_and_shards() -> None:
    before = running()

    again = first_snapshot("uid", bot(), generation=3, previous=before.spec, shards=before.shards)

    assert again == before


def test_an_edit_made_while_nothing_ran_gets_the_next_generation() -> None:
    before = running()

    after = first_snapshot(
        "uid", bot(risk={"maxPositions": 2}), generation=3, previous=before.spec, shards=before.shards
    )

    assert isinstance(after, ConfigSnapshot)
    assert after.generation == 4


def test_a_hot_field_applies_in_the_running_processes() -> None:
    edit = judge_edit(running(), bot(risk={"maxPositions": 2}), newest_generation=3)

    assert isinstance(edit, ApplyHot)
    assert edit.snapshot.generation == 4
    assert edit.changed == ("spec.risk.maxPositions",)


def test_the_number_of_a_failed_edit_is_not_given_again() -> None:
    edit = judge_edit(running(), bot(risk={"maxPositions": 2}), newest_generation=7)

    assert isinstance(edit, ApplyHot)
    assert edit.snapshot.generation == 8


def test_the_same_bot_written_again_changes_nothing() -> None:
    edit = judge_edit(running(), bot(symbols=list(reversed(SYMBOLS))), newest_generation=3)

    assert edit == Unchanged()


def test_another_name_is_another_bot() -> None:
    edit = judge_edit(running(), bot(name="other"), newest_generation=3)

    assert isinstance(edit, Refused)
    assert "metadata.name" in edit.reason
    assert "other" in edit.reason


def test_one_symbol_more_replaces_its_shard_and_the_executor_and_nothing_else() -> None:
    edit = judge_edit(running(), bot(symbols=[*SYMBOLS, "XRPUSDT"]), newest_generation=3)

    assert isinstance(edit, Replace)
    assert edit.executor
    assert not edit.simulator
    assert edit.shards == (2,)
    assert edit.gone == ()


def test_a_symbol_less_replaces_the_shard_that_carried_it() -> None:
    edit = judge_edit(running(), bot(symbols=SYMBOLS[:3]), newest_generation=3)

    assert isinstance(edit, Replace)
    (shard,) = edit.shards
    assert "DOGEUSDT" in running().shard(shard).symbols


def test_a_shard_without_symbols_goes() -> None:
    before = running()
    keep = list(before.shard(0).symbols)

    edit = judge_edit(before, bot(symbols=keep), newest_generation=3)

    assert isinstance(edit, Replace)
    assert edit.gone == (1,)
    assert edit.shards == ()


def test_another_depth_replaces_every_shard() -> None:
    edit = judge_edit(running(), bot(feed={"depth": 200}), newest_generation=3)

    assert isinstance(edit, Replace)
    assert edit.shards == (0, 1)


def test_another_speed_of_the_recording_replaces_the_simulator_alone() -> None:
    faster = bot(exchange={"simulator": {"enabled": True, "speed": 2}})

    edit = judge_edit(running(), faster, newest_generation=3)

    assert isinstance(edit, Replace)
    assert (edit.simulator, edit.executor, edit.shards) == (True, False, ())


@pytest.mark.parametrize("text", ["spec: [", "apiVersion: tradefleet.dev/v1alpha1\nkind: TradingBot\n"])
def test_a_file_that_is_no_bot_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bot.yaml"
    file.write_text(text)

    read = EditWatch(file).read()

    assert isinstance(read, Refused)
    assert str(file) in read.reason


async def test_every_edit_is_noticed_also_one_that_keeps_the_size(tmp_path: Path) -> None:
    file = tmp_path / "bot.yaml"
    file.write_text("a: 1\n")
    watch = EditWatch(file, period_s=0.01)
    watch.read()
    edits = watch.edits()

    half = tmp_path / "half.yaml"
    half.write_text("a: 2\n")
    os.replace(half, file)

    assert isinstance(await anext(edits), Refused)
    await edits.aclose()
