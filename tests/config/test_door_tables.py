"""The tables `[doors.NAME]` and the variables of single doors, as they are written."""

import pytest

from doorward.config.load import load
from doorward.errors import ConfigError

A = '[doors.a]\ntarget = "http://127.0.0.1:9000/mcp"\n'
TWO = A.replace("doors.a", "doors.time") + A.replace("doors.a", "doors.notes")


def loaded(cwd, text, environ=None):
    (cwd / "doorward.toml").write_text(text)
    return load({}, environ or {}, cwd)


def problems(cwd, text, environ=None):
    with pytest.raises(ConfigError) as caught:
        loaded(cwd, text, environ)
    return [str(problem) for problem in caught.value.problems]


def test_a_variable_can_set_one_door(tmp_path):
    environ = {"DOORWARD_DOORS_NOTES_BODY_LIMIT_BYTES": "4000", "DOORWARD_DOORS_TIME_SCOPES": "a,b"}
    found = loaded(tmp_path, TWO, environ)
    time, notes = found.config.doors
    assert (notes.body_limit_bytes, time.scopes, notes.scopes) == (4000, ("a", "b"), ("mcp",))
    assert found.origins["doors.notes.body_limit_bytes"] == "DOORWARD_DOORS_NOTES_BODY_LIMIT_BYTES"
    assert found.origins["doors.notes.target"] == "doors.notes.target in doorward.toml"


def test_a_secret_of_a_door_may_stand_in_a_file_of_its_own(tmp_path):
    (tmp_path / "headers").write_text("X-API-Key: k1\n")
    text = '[doors.a]\ntarget = "http://127.0.0.1:9000/mcp"\nupstream_headers_file = "headers"\n'
    assert loaded(tmp_path, text).config.doors[0].upstream_headers == "X-API-Key: k1"
    text = '[doors.a]\ntarget = "http://127.0.0.1:9000/mcp"\n'
    environ = {"DOORWARD_DOORS_A_UPSTREAM_HEADERS_FILE": "headers"}
    assert loaded(tmp_path, text, environ).config.doors[0].upstream_headers == "X-API-Key: k1"
    twice = text + 'upstream_headers = "X-API-Key: k2"\nupstream_headers_file = "headers"\n'
    assert "upstream_headers in doorward.toml is set as well" in problems(tmp_path, twice)[0]


def test_a_misspelt_key_or_table_gets_a_suggestion(tmp_path):
    assert "Did you mean path?" in problems(tmp_path, A + 'pth = "/x"\n')[0]
    assert "Did you mean doors?" in problems(tmp_path, A.replace("doors", "door"))[0]
    (found,) = problems(tmp_path, A, {"DOORWARD_DOORS_A_PTH": "/x"})
    assert "DOORWARD_DOORS_A_PTH: there is no such setting" in found
    assert "Did you mean DOORWARD_DOORS_A_PATH?" in found
    assert "no such door is in the file" in problems(tmp_path, "", {"DOORWARD_DOORS_A_PATH": "/x"})[0]


def test_a_variable_with_two_meanings_is_refused(tmp_path):
    text = A + A.replace("doors.a", "doors.a-tool")
    (found,) = problems(tmp_path, text, {"DOORWARD_DOORS_A_TOOL_SCOPES": "x"})
    assert "doors.a.tool_scopes and doors.a-tool.scopes" in found


def test_settings_of_doors_may_stand_in_pyproject(tmp_path):
    (tmp_path / "pyproject.toml").write_text(A.replace("[doors", "[tool.doorward.doors"))
    found = load({}, {}, tmp_path)
    assert [door.name for door in found.config.doors] == ["a"]
    assert found.origins["doors.a.target"] == "doors.a.target in pyproject.toml"
