"""The requests of MCP that the doctor sends, in both eras."""

from __future__ import annotations

import json

import pytest

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.messages import BOTH_TYPES, call, discover, initialize, post
from doorward.mcp.era import CAPABILITIES_KEY, LEGACY_VERSIONS, MODERN_VERSIONS, VERSION_KEY

PICTURE = Picture("https://mcp.example.com/mcp", headers={"x-tenant": "7"}, token="t")


def test_every_request_has_the_headers_of_the_user_and_goes_to_the_endpoint():
    request = post(PICTURE, "ping", {}, {"x-more": "1", "x-empty": ""})
    assert (request.method, request.url) == ("POST", PICTURE.endpoint)
    assert request.headers == {
        "content-type": "application/json",
        "accept": BOTH_TYPES,
        "x-tenant": "7",
        "x-more": "1",
    }
    assert json.loads(request.body) == {"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {}}
    assert post(PICTURE, "ping", {}, url="https://mcp.example.com/other").url == "https://mcp.example.com/other"


def test_the_handshake_names_the_newest_version_of_its_era_and_needs_no_token():
    request = initialize(PICTURE)
    assert json.loads(request.body)["params"]["protocolVersion"] == LEGACY_VERSIONS[0]
    assert "authorization" not in request.headers
    assert json.loads(initialize(PICTURE, version="2024-11-05").body)["params"]["protocolVersion"] == "2024-11-05"


def test_the_probe_says_its_version_in_the_body_and_in_the_header():
    request = discover(PICTURE)
    meta = json.loads(request.body)["params"]["_meta"]
    assert meta == {VERSION_KEY: MODERN_VERSIONS[0], CAPABILITIES_KEY: {}}
    assert request.headers["mcp-protocol-version"] == MODERN_VERSIONS[0]
    assert request.headers["mcp-method"] == "server/discover"


@pytest.mark.parametrize(
    ("method", "params", "modern", "session", "expected"),
    [
        ("tools/list", None, True, "", {"mcp-protocol-version": MODERN_VERSIONS[0], "mcp-method": "tools/list"}),
        ("tools/call", {"name": "add"}, True, "s", {"mcp-name": "add", "mcp-method": "tools/call"}),
        ("tools/list", None, False, "s-1", {"mcp-protocol-version": LEGACY_VERSIONS[0], "mcp-session-id": "s-1"}),
        ("tools/list", None, False, "", {"mcp-protocol-version": LEGACY_VERSIONS[0]}),
        ("initialize", None, False, "s-1", {}),
    ],
)
def test_a_call_has_the_token_and_the_headers_of_its_era_alone(method, params, modern, session, expected):
    request = call(PICTURE, method, params, modern=modern, session=session)
    of_eras = {name: value for name, value in request.headers.items() if name.startswith("mcp-")}
    assert request.headers["authorization"] == "Bearer t"
    assert of_eras == ({"mcp-protocol-version": MODERN_VERSIONS[0]} if modern else {}) | expected
    assert ("_meta" in json.loads(request.body)["params"]) is modern


def test_without_a_token_nothing_is_claimed():
    assert "authorization" not in call(Picture(PICTURE.url), "ping", modern=False).headers
