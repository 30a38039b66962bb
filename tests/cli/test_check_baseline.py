from __future__ import annotations

import json

import click
import pytest

from doorward.cli.check_baseline import Memory
from doorward.doctor.engine.check import Picture

URL = "https://mcp.example.com/mcp"


def run(place, seen: dict) -> dict | None:
    """Do what the command does around one examination; returns what it was compared with."""
    picture = Picture(URL)
    with Memory(str(place), picture) as memory:
        picture.remembered |= seen
        memory.save(picture)
    return picture.baseline


def test_the_first_run_writes_and_later_ones_compare_and_leave_it_as_it_is(tmp_path):
    place = tmp_path / "baseline.json"
    assert run(place, {"kids": ["one"]}) == {}
    assert run(place, {"kids": ["two"]})["kids"] == ["one"]
    assert json.loads(place.read_text())["kids"] == ["one"]
    assert list(tmp_path.iterdir()) == [place]


def test_a_server_that_was_not_reached_leaves_no_file(tmp_path):
    assert run(tmp_path / "baseline.json", {}) == {}
    assert not list(tmp_path.iterdir())


def test_an_examination_that_crashes_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), Memory(str(tmp_path / "baseline.json"), Picture(URL)):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_without_a_file_nothing_is_kept():
    picture = Picture(URL, remembered={"kids": []})
    with Memory(None, picture) as memory:
        memory.save(picture)
    assert picture.baseline is None


@pytest.mark.parametrize("name", ["", "nowhere/baseline.json"])
def test_a_place_that_cannot_hold_a_file_is_wrong_usage_before_anything_is_asked(tmp_path, name):
    with pytest.raises(click.UsageError, match="--baseline"):
        Memory(str(tmp_path / name), Picture(URL))


@pytest.mark.parametrize("content", ["no json", "[]", json.dumps({"version": 1, "url": f"{URL}/other"})])
def test_a_file_of_something_else_is_wrong_usage_and_stays_as_it_is(tmp_path, content):
    place = tmp_path / "baseline.json"
    place.write_text(content)
    with pytest.raises(click.UsageError, match="cannot use"):
        Memory(str(place), Picture(URL))
    assert place.read_text() == content
