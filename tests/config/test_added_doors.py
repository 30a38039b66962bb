from __future__ import annotations

import pytest
from one_door import one_door

from doorward.config.added_doors import beside, read_added
from doorward.config.load import load
from doorward.config.model import Config, DoorSettings, UrlTarget
from doorward.errors import ConfigError

URL = "http://127.0.0.1:9/mcp"


def two_doors(tmp_path, default="") -> Config:
    text = "".join(f'[doors.{name}]\ntarget = "{URL}"\n' for name in ("a", "b"))
    (tmp_path / "doorward.toml").write_text(f"{default}\n{text}")
    return load({}, {}, tmp_path).config


def added(name="new", config=None, **table) -> DoorSettings:
    return read_added(name, {"target": URL, **table}, config or one_door())


def test_a_table_is_read_as_in_a_file(tmp_path):
    door = added(scopes=["read"], tool_scopes={"delete_*": ["write"]}, upstream_timeout_seconds=7)
    assert (door.name, door.path, door.target, door.auth) == ("new", "/new/mcp", UrlTarget(URL), "oauth")
    assert (door.scopes, door.tool_scopes, door.upstream_timeout_seconds) == (("read",), {"delete_*": ("write",)}, 7)
    assert door.source == "command"
    secret = tmp_path / "headers"
    secret.write_text("X-Key: 1")
    assert added(upstream_headers_file=str(secret)).upstream_headers == "X-Key: 1"


def test_the_defaults_of_a_file_for_its_doors_are_not_those_of_an_added_one():
    config = one_door(auth="token", scopes=("read",), body_limit_bytes=9)
    assert added(config=config) == added(config=one_door())


@pytest.mark.parametrize(
    ("name", "table", "told"),
    [
        ("New", {}, "is not a name for a door"),
        ("new", {"pth": "/x"}, "Did you mean path?"),
        ("new", {"port": 1}, "port is not a setting of one door"),
        ("new", {"target": "nothing.py"}, "there is no file"),
        ("new", {"path": "/token"}, "is a path of Doorward's own"),
        ("new", {"auth": "nobody"}, "doors.new.auth"),
        ("new", {"auth": "none", "tool_scopes": {"x": ["y"]}}, "nobody's scopes are known without a check"),
        ("new", {"scopes": []}, "the list of scopes is empty"),
        ("new", {"upstream_headers_file": "/no/such/file"}, "cannot be read"),
        ("livez", {}, "is a path of Doorward's own"),
    ],
)
def test_a_fault_is_named_as_in_a_file(name, table, told):
    with pytest.raises(ConfigError) as caught:
        added(name, **table)
    assert told in str(caught.value)


def test_a_path_counts_from_that_of_the_public_url():
    below = one_door(public_url="https://example.com/tools")
    assert added(config=below).path == "/new/mcp"
    with pytest.raises(ConfigError, match="begins with the path of the public URL"):
        added(config=below, path="/tools/new")


def test_a_door_without_a_check_is_refused_where_others_can_reach_it():
    public = one_door(public_url="https://mcp.example.com")
    with pytest.raises(ConfigError, match="lets everyone who reaches it call every tool"):
        added(config=public, auth="none")
    assert added(config=public, auth="none", allow_public_without_auth=True).auth == "none"


def test_the_settings_keep_their_names_and_paths(tmp_path):
    config = two_doors(tmp_path)
    doors = [added("a"), added("c", path="/b/mcp"), added("d"), added("e", path="/d/mcp")]
    found = beside(config, doors)
    assert [each.name for each in found.config.doors] == ["a", "b", "d"]
    assert found.config.doors[0].source == "table"
    assert found.hidden == {"a"}
    assert "is the path of the door b" in found.kept_out["c"].what
    assert "is the path of the door d" in found.kept_out["e"].what


def test_a_client_that_names_no_door_means_the_same_one_as_before(tmp_path):
    assert beside(one_door(), [added()]).config.default_door == "mcp"
    assert beside(one_door(), []).config.default_door == ""
    assert beside(two_doors(tmp_path), [added()]).config.default_door == ""
    assert beside(two_doors(tmp_path, 'default_door = "b"'), [added()]).config.default_door == "b"
