"""Which upstream a door has, and which settings would have no effect on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from one_door import one_door

from doorward import Door
from doorward.config.model import CommandTarget, DoorSettings, PythonTarget, UrlTarget
from doorward.errors import ConfigError
from doorward.upstreams.configured import upstream_for
from doorward.upstreams.http.upstream import HttpUpstream

URL = "http://127.0.0.1:9/mcp"
HEADERS = "X-API-Key: swordfish"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Stand for any ASGI app."""


def door(tmp_path: Path, *arguments: object, **settings: Any) -> Door:
    """Return a door that is not started."""
    return Door(*arguments, public_url="https://mcp.example.com", data_dir=tmp_path, **settings)


@pytest.mark.parametrize(
    "arguments",
    [
        {"app": app},
        {"app": app, "target": URL},
        {"upstream": HttpUpstream(URL, timeout_seconds=1)},
        {"app": app, "config": one_door(upstream_headers=HEADERS)},
    ],
    ids=["an app", "an app in the place of a URL", "an upstream of one's own", "whole settings"],
)
def test_headers_for_an_upstream_that_gets_no_request_are_a_fault(tmp_path, arguments):
    settings = {} if "config" in arguments else {"upstream_headers": HEADERS}
    with pytest.raises(ConfigError, match="there is no request to add these headers to") as refused:
        door(tmp_path, **arguments, **settings)
    assert "Door(upstream_headers=...)" in str(refused.value)
    assert "swordfish" not in str(refused.value)


def test_settings_that_no_rule_has_seen_are_checked_as_well():
    settings = DoorSettings(name="mcp", target=PythonTarget("server.py", None), upstream_headers=HEADERS)
    with pytest.raises(ConfigError):
        upstream_for(settings, public_host="")


@pytest.mark.parametrize("arguments", [{"app": URL}, {"target": URL}])
def test_headers_for_a_remote_server_are_used(tmp_path, arguments):
    upstream = door(tmp_path, **arguments, upstream_headers=HEADERS).upstream
    assert isinstance(upstream, HttpUpstream)
    assert b"x-api-key: swordfish\r\n" in upstream._fixed_lines


@pytest.mark.parametrize(
    "target", [UrlTarget(URL), CommandTarget(("server",)), PythonTarget(__file__, "app")], ids=["url", "command", "app"]
)
def test_an_upstream_is_named_after_the_path_of_its_door_and_not_after_its_address(target):
    settings = DoorSettings(name="files", target=target, path="/files/mcp")
    assert upstream_for(settings, public_host="mcp.example.com").name == "The MCP server behind /files/mcp"


def test_a_door_without_such_headers_takes_any_upstream(tmp_path):
    own = HttpUpstream(URL, timeout_seconds=1)
    assert door(tmp_path, upstream=own).upstream is own
    assert isinstance(upstream_for(DoorSettings(name="mcp", target=UrlTarget(URL)), public_host=""), HttpUpstream)
