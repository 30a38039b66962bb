"""`doorward tokens create --door`: which door a header token is made for, and what the lists say of it."""

from __future__ import annotations

import pytest

TWO = """
{default}
[doors.notes]
target = "http://127.0.0.1:1/mcp"
scopes = ["notes"]

[doors.time]
target = "http://127.0.0.1:2/mcp"
scopes = ["time"]
"""
CREATE = ("tokens", "create", "--name", "ci")


@pytest.fixture
def doors(tmp_path):
    """Write a file with two doors; returns what writes it."""

    def write(default: str = "", text: str = TWO) -> None:
        (tmp_path / "doorward.toml").write_text(text.format(default=default))

    write()
    return write


def test_a_token_is_for_the_door_that_is_named_with_its_scopes_and_url(at, doors):
    made = at(*CREATE, "--door", "time", "--json")
    assert (made["door"], made["scopes"], made["mcp_url"]) == ("time", ["time"], "http://127.0.0.1:8000/time/mcp")
    assert made["doors"] == {"time": "http://127.0.0.1:8000/time/mcp"}
    assert [each["door"] for each in at("tokens", "list", "--json")] == ["time"]
    assert at("tokens", "list").splitlines()[0].split()[:4] == ["ID", "NAME", "USER", "DOOR"]
    assert "/time/mcp" in at(*CREATE, "--door", "time")


def test_without_a_default_door_the_door_has_to_be_named(at, doors):
    told = at(*CREATE, code=2)
    assert "nothing says which door the token is for" in told
    assert "notes, time" in told
    assert "--door notes" in told
    assert at("tokens", "list", "--json") == []


def test_with_a_default_door_a_token_is_for_that_door(at, doors):
    doors('default_door = "notes"')
    made = at(*CREATE, "--json")
    assert (made["door"], made["scopes"]) == ("notes", ["notes"])


def test_a_door_that_is_not_there_and_a_scope_of_another_door_are_refused(at, doors):
    told = at(*CREATE, "--door", "note", code=2)
    assert 'there is no door "note"' in told
    assert "Did you mean notes?" in told
    assert "the door time has no scope 'notes'; it has: time" in at(
        *CREATE, "--door", "time", "--scope", "notes", code=2
    )


def test_a_token_for_administration_is_for_no_door(at, doors):
    assert at(*CREATE, "--capability", "admin:read", "--json")["door"] == ""
    told = at(*CREATE, "--capability", "admin:read", "--door", "time", code=2)
    assert "a token for administration is good at no door" in told


def test_the_only_door_of_a_table_is_named_and_one_without_a_table_is_not(at, doors):
    doors(text='[doors.time]\ntarget = "http://127.0.0.1:2/mcp"\n')
    assert at(*CREATE, "--json")["door"] == "time"
    # Its name is its path, which a flag of `serve` may change without this command knowing.
    doors(text='target = "http://127.0.0.1:2/mcp"\n')
    assert at(*CREATE, "--json")["door"] == ""


def test_a_door_without_a_check_takes_no_tokens(at, doors):
    doors(text=TWO + 'auth = "none"\n')
    assert at(*CREATE, "--json")["door"] == "notes"
    assert 'there is no door "time" that takes tokens' in at(*CREATE, "--door", "time", code=2)
