"""The name of a door that has none in the settings."""

from __future__ import annotations

import re

import pytest

from doorward.config.model import DOOR_NAME_CHARACTERS, door_name


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/mcp", "mcp"),
        ("/", "root"),
        ("", "root"),
        ("/Team/MCP/", "team-mcp"),
        ("/a__b//c", "a-b-c"),
        ("/2024/mcp", "door-2024-mcp"),
        ("/\u00fc/mcp", "mcp"),
        ("/" + "x" * 60, "x" * DOOR_NAME_CHARACTERS),
        ("/" + "x" * (DOOR_NAME_CHARACTERS - 1) + "/y", "x" * (DOOR_NAME_CHARACTERS - 1)),
    ],
)
def test_a_path_gives_a_name_that_could_stand_in_the_settings(path, name):
    assert door_name(path) == name
    assert re.fullmatch(r"[a-z](?:[a-z0-9-]*[a-z0-9])?", name)
