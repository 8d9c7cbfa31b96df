"""Settings come from a file or from one variable, and name the variables that hold secrets."""

from pathlib import Path

import msgspec
import pytest

from tradefleet.services.process_settings import SettingsUnusable, read_settings


class Example(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    postgres: str = ""
    redis: str = ""
    pod_name: str = ""
    folder: str = ""
    port: int = 0


def test_a_file_is_read_and_the_variable_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"port": 5}')

    assert read_settings(file, Example, {"TRADEFLEET_SETTINGS": '{"port": 6}'}) == Example(port=5)


def test_without_a_file_the_variable_is_read() -> None:
    assert read_settings(None, Example, {"TRADEFLEET_SETTINGS": '{"port": 6}'}) == Example(port=6)


def test_variables_are_put_into_the_values_that_may_name_them() -> None:
    written = (
        '{"postgres": "${DSN}", "redis": "redis://${HOST}:6379/0", "pod_name": "${POD}", "folder": "${X}"}'
    )
    environment = {"TRADEFLEET_SETTINGS": written, "DSN": "postgresql://u:p$x@h/d", "HOST": "h", "POD": "p-0"}

    found = read_settings(None, Example, environment)

    assert found == Example("postgresql://u:p$x@h/d", "redis://h:6379/0", "p-0", "${X}")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "TRADEFLEET_SETTINGS is not set"),
        ({"TRADEFLEET_SETTINGS": "{"}, "TRADEFLEET_SETTINGS: is no JSON"),
        ({"TRADEFLEET_SETTINGS": "[1]"}, "TRADEFLEET_SETTINGS: Expected `object`"),
        ({"TRADEFLEET_SETTINGS": '{"port": "x"}'}, r"Expected `int`, got `str` - at `\$.port`"),
        ({"TRADEFLEET_SETTINGS": '{"prot": 1}'}, "prot"),
        (
            {"TRADEFLEET_SETTINGS": '{"redis": "${NO_SUCH}"}'},
            "setting redis: environment variable NO_SUCH is not set",
        ),
        (
            {"TRADEFLEET_SETTINGS": '{"redis": "${EMPTY}"}', "EMPTY": ""},
            "setting redis: environment variable EMPTY is not set",
        ),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(environment: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsUnusable, match=words) as raised:
        read_settings(None, Example, environment)

    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsUnusable, match=r"none\.json: cannot be read \(No such file"):
        read_settings(tmp_path / "none.json", Example, {})
