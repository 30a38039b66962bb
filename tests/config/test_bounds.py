"""The bounds of every integer setting: what the loader accepts, what the schema says, what the pages say."""

import re
from pathlib import Path

import jsonschema
import pytest
from config.file_schema import validate

from doorward.cli.serve import FLAGS
from doorward.config.bounds import Within
from doorward.config.faults import Fault
from doorward.config.load import load
from doorward.config.schema import descriptions
from doorward.config.settings import catalogue
from doorward.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
INTEGERS = [each for each in catalogue().values() if each.kind == "integer"]
OF_DOORS = [each for each in INTEGERS if each.of_door]


def by_name(settings):
    return pytest.mark.parametrize("setting", settings, ids=[each.name for each in settings])


def refuses(text, cwd, environ=None):
    (cwd / "doorward.toml").write_text(text)
    with pytest.raises(ConfigError, match="out of range"):
        load({}, environ or {}, cwd)


def test_both_ends_are_permitted_and_nothing_outside():
    bounds = Within(2, 4, "Because.")
    bounds.check(2)
    bounds.check(4)
    for value in (1, 5):
        with pytest.raises(Fault) as caught:
            bounds.check(value)
        assert (caught.value.why, caught.value.fix) == ("Because.", "Write a number from 2 to 4.")


@by_name(INTEGERS)
def test_every_integer_has_bounds_and_a_default_within_them(setting):
    assert setting.bounds is not None, f"write Annotated[int, Within(...)] at {setting.name}"
    setting.bounds.check(setting.default)


@by_name(INTEGERS)
def test_the_loader_accepts_what_the_field_says(tmp_path, setting):
    name, low, high = setting.name, setting.bounds.low, setting.bounds.high
    for value in (low, high):
        (tmp_path / "doorward.toml").write_text(f"{name} = {value}\n")
        config = load({}, {}, tmp_path).config
        assert getattr(config.doors[0] if setting.of_door else config, name) == value
    for value in (low - 1, high + 1):
        refuses(f"{name} = {value}\n", tmp_path)
        refuses("", tmp_path, {setting.variable: str(value)})


@by_name(OF_DOORS)
def test_the_loader_says_the_same_of_one_door(tmp_path, setting):
    for value in (setting.bounds.low - 1, setting.bounds.high + 1):
        refuses(f'[doors.a]\ntarget = ["x"]\n{setting.name} = {value}\n', tmp_path)


@by_name(INTEGERS)
def test_the_schema_accepts_what_the_loader_accepts(setting):
    for value in (setting.bounds.low, setting.bounds.high):
        validate({setting.name: value})
    for value in (setting.bounds.low - 1, setting.bounds.high + 1):
        with pytest.raises(jsonschema.ValidationError):
            validate({setting.name: value})


@by_name(OF_DOORS)
def test_the_schema_says_the_same_of_one_door(setting):
    for value in (setting.bounds.low - 1, setting.bounds.high + 1):
        with pytest.raises(jsonschema.ValidationError):
            validate({"doors": {"a": {"target": "x", setting.name: value}}})


@by_name(INTEGERS)
def test_the_page_shows_the_bounds_of_the_field_and_no_others(setting):
    section = PAGE.split(f"## `{setting.name}`\n")[1].split("\n## ")[0]
    assert f"- From {setting.bounds.low} to {setting.bounds.high}. {setting.bounds.why}" in section
    assert not re.search(r"\d+ to \d+", descriptions()[setting.name]), "the bounds stand at the field already"


def test_the_help_of_the_command_line_says_what_the_fields_say():
    for name, _, text in FLAGS:
        setting = catalogue().get(name)
        if setting is None or setting.default is None:
            continue
        (default,) = re.findall(r"\[default: (.+)\]", text)
        assert default == str(setting.default)
        for low, high in re.findall(r"(\d+) to (\d+)", text):
            assert (int(low), int(high)) == (setting.bounds.low, setting.bounds.high)
