"""One file, many doors: what each table says, what holds for all of them, and what is said about mistakes."""

import tomllib
from pathlib import Path

import jsonschema
import pytest
from config.file_schema import validate

from doorward.config.load import from_keywords, load
from doorward.config.model import CommandTarget, Config, UrlTarget, door_name
from doorward.errors import ConfigError

TWO = """
public_url = "https://mcp.example.com"
body_limit_bytes = 1000

[doors.time]
target = ["python", "-m", "mcp_server_time"]

[doors.notes]
target = "http://127.0.0.1:9000/mcp"
path = "/n/"
auth = "token"
body_limit_bytes = 2000
tool_scopes = { "delete_*" = ["notes:write"] }
"""


def loaded(cwd: Path, text: str, environ=None, **flags):
    (cwd / "doorward.toml").write_text(text)
    return load(flags, environ or {}, cwd)


def problems(cwd: Path, text: str, environ=None, **flags) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(cwd, text, environ, **flags)
    return [str(problem) for problem in caught.value.problems]


def test_each_table_is_a_door_with_a_path_of_its_own(tmp_path):
    time, notes = loaded(tmp_path, TWO).config.doors
    assert (time.name, time.path, time.auth) == ("time", "/time/mcp", "oauth")
    assert time.target == CommandTarget(("python", "-m", "mcp_server_time"))
    assert (notes.name, notes.path, notes.auth) == ("notes", "/n", "token")
    assert notes.target == UrlTarget("http://127.0.0.1:9000/mcp")
    assert notes.tool_scopes == {"delete_*": ("notes:write",)}
    assert time.tool_scopes == {}


def test_what_stands_above_the_tables_is_the_default_of_every_door(tmp_path):
    time, notes = loaded(tmp_path, TWO).config.doors
    assert (time.body_limit_bytes, notes.body_limit_bytes) == (1000, 2000)


def test_a_flag_or_variable_is_the_default_of_every_door_too(tmp_path):
    time, notes = loaded(tmp_path, TWO, {"DOORWARD_BODY_LIMIT_BYTES": "3000"}, auth="token").config.doors
    assert (time.body_limit_bytes, notes.body_limit_bytes) == (3000, 2000)
    assert (time.auth, notes.auth) == ("token", "token")


def test_a_file_without_tables_is_one_door(tmp_path):
    (door,) = loaded(tmp_path, 'target = "http://127.0.0.1:9000/mcp"\npath = "/x/"\nauth = "token"\n').config.doors
    assert (door.name, door.path, door.auth) == ("x", "/x", "token")
    (door,) = Config().doors
    assert (door.name, door.path, door.scopes) == ("mcp", "/mcp", ("mcp",))
    (door,) = from_keywords({"path": "/y", "scopes": ("b",)}, tmp_path).doors
    assert (door.name, door.path, door.scopes) == ("y", "/y", ("b",))


@pytest.mark.parametrize(
    ("path", "name"),
    [("/mcp", "mcp"), ("/", "root"), ("/A/b_c", "a-b-c"), ("/9x", "door-9x"), ("/" + "a" * 60, "a" * 40)],
)
def test_a_door_without_a_table_is_named_after_its_path(path, name):
    assert door_name(path) == name


def test_the_default_door_is_one_of_them(tmp_path):
    text = 'default_door = "notes"\n' + TWO
    assert loaded(tmp_path, text).config.default_door == "notes"
    (found,) = problems(tmp_path, text.replace('"notes"', '"note"', 1))
    assert found == 'default_door in doorward.toml: there is no door "note"\n  Did you mean notes?'
    (found,) = problems(tmp_path, text.replace('"notes"', '"x"', 1))
    assert "The doors are time, notes." in found
    assert loaded(tmp_path, 'default_door = "mcp"\n').config.default_door == "mcp"


@pytest.mark.parametrize(
    ("flags", "environ", "line", "where"),
    [
        ({"target": "server.py"}, {}, "", "TARGET"),
        ({"target": ("npx", "x")}, {}, "", "TARGET"),
        ({}, {"DOORWARD_TARGET": "-- npx x"}, "", "DOORWARD_TARGET"),
        ({}, {}, 'target = ["npx", "x"]', "target in doorward.toml"),
        ({"path": "/mcp"}, {}, "", "--path"),
        ({}, {}, 'path = "/mcp"', "path in doorward.toml"),
    ],
)
def test_target_and_path_belong_into_the_tables(tmp_path, flags, environ, line, where):
    (tmp_path / "server.py").write_text("")
    (found,) = problems(tmp_path, f"{line}\n{TWO}", environ, **flags)
    assert found.startswith(f"{where}: {'path' if 'path' in where else 'target'} belongs to one door")
    assert "Move it below [doors.NAME]." in found


A = '[doors.a]\ntarget = "http://127.0.0.1:9000/mcp"\n'
B = '[doors.b]\ntarget = "http://127.0.0.1:9001/mcp"\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (A + B + 'path = "/a/mcp/"\n', 'doors.b.path in doorward.toml: "/a/mcp" is the path of the door a as well'),
        (A + 'path = "/b/mcp"\n' + B, 'doors.b in doorward.toml: "/b/mcp" is the path of the door a as well'),
        (A + 'path = "/token"\n', 'doors.a.path in doorward.toml: "/token" is a path of Doorward\'s own'),
        (
            A.replace("doors.a", "doors.token"),
            'doors.token in doorward.toml: "/token/mcp" is a path of Doorward\'s own',
        ),
        (A.replace("doors.a", "doors.A"), 'doors."A" in doorward.toml: "A" is not a name for a door'),
        (A.replace("doors.a", f"doors.{'a' * 41}"), "is not a name for a door"),
        ("[doors.a]\n", "doors.a in doorward.toml: the door has nothing to serve"),
        ("[doors]\n", "doors in doorward.toml: there is no door in it"),
        ("doors = 1\n", "doors in doorward.toml: 1 is not a table of doors"),
        ("[doors]\na = 1\n", "doors.a in doorward.toml: 1 is not a table"),
        (A + "pth = 1\n", "doors.a.pth in doorward.toml: there is no such setting"),
        (A + "port = 1\n", "doors.a.port in doorward.toml: port is not a setting of one door"),
        (A + "body_limit_bytes = 0\n", "doors.a.body_limit_bytes in doorward.toml: 0 is out of range"),
        (A + 'auth = "none"\ntool_scopes = { x = ["y"] }\n', "doors.a.tool_scopes in doorward.toml: nobody's scopes"),
        (
            'public_url = "https://h.example/a/mcp"\n' + A,
            'doors.a in doorward.toml: "/a/mcp" begins with the path of the public URL',
        ),
        (
            'public_url = "https://h.example/a"\n' + A + 'path = "/a/mcp"\n',
            'doors.a.path in doorward.toml: "/a/mcp" begins with the path of the public URL',
        ),
    ],
)
def test_a_mistake_is_named_at_its_place(tmp_path, text, expected):
    (found,) = problems(tmp_path, text)
    assert expected in found


def test_a_path_may_begin_as_that_of_another_door(tmp_path):
    paths = [door.path for door in loaded(tmp_path, A + 'path = "/x"\n' + B + 'path = "/x/y"\n').config.doors]
    assert paths == ["/x", "/x/y"]


@pytest.mark.parametrize(
    ("permitted", "good"),
    [("", False), ("b", False), ("a", True), ("all", True)],
)
def test_a_door_without_a_check_is_permitted_for_itself(tmp_path, permitted, good):
    word = "allow_public_without_auth = true\n"
    text = 'public_url = "https://mcp.example.com"\n' + (word if permitted == "all" else "")
    text += A + 'auth = "none"\n' + (word if permitted == "a" else "") + B + (word if permitted == "b" else "")
    if good:
        assert [door.auth for door in loaded(tmp_path, text).config.doors] == ["none", "oauth"]
    else:
        (found,) = problems(tmp_path, text)
        assert found.startswith("doors.a.auth in doorward.toml: `none` on")


def test_one_mistake_above_the_tables_is_told_once(tmp_path):
    text = 'auth = "none"\npublic_url = "https://mcp.example.com"\n' + A + B
    (found,) = problems(tmp_path, text)
    assert found.startswith("auth in doorward.toml: `none` on")


def test_the_settings_of_doors_hold_no_secret_in_their_representation(tmp_path):
    text = A + 'upstream_headers = "X-API-Key: hunter2"\n'
    assert "hunter2" not in repr(loaded(tmp_path, text).config)


@pytest.mark.parametrize("text", [TWO, A, 'default_door = "a"\n' + A + B])
def test_schema_and_loader_accept_the_same(tmp_path, text):
    loaded(tmp_path, text)
    validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "text",
    [
        "[doors]\n",
        "[doors.a]\n",
        A.replace("doors.a", "doors.A"),
        A + "pth = 1\n",
        A + "port = 1\n",
        A + "body_limit_bytes = 0\n",
        'target = "http://127.0.0.1:9000/mcp"\n' + A,
        'path = "/mcp"\n' + A,
    ],
)
def test_schema_and_loader_refuse_the_same(tmp_path, text):
    problems(tmp_path, text)
    with pytest.raises(jsonschema.ValidationError):
        validate(tomllib.loads(text))
