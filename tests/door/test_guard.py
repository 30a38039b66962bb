from __future__ import annotations

import pytest
from door.fronts import Front, legacy

from doorward.door.guard import CLIENT_ORIGINS

EXPOSED = "WWW-Authenticate, DPoP-Nonce, Mcp-Session-Id, Retry-After, X-Request-Id"


@pytest.mark.parametrize(
    "host", ["mcp.example.com", "MCP.example.com", "mcp.example.com:443", "inner.lan", "inner.lan:8443"]
)
async def test_the_public_host_and_configured_hosts_are_answered(host):
    front = Front(auth="none", allowed_hosts=("inner.lan", "inner.lan:8443"))
    assert (await front.ask(legacy(), headers={"host": host})).status == 200


@pytest.mark.requirement("T3")
@pytest.mark.requirement("X5")
@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "evil.example",
        "mcp.example.com.evil.example",
        "mcp.example.com:8443",
        "mcp.example.com:80",
        "mcp.example.com@evil.example",
        "mcp.example.com,evil.example",
        "127.0.0.1",
        "localhost:8000",
    ],
)
async def test_any_other_host_is_misdirected_before_anything_else_is_read(front, host):
    answer = await front.ask(b"not json", headers={"host": host})
    assert answer.status == 421
    assert "id" not in answer.json
    assert "allowed_hosts" in answer.json["error"]["message"]


async def test_two_hosts_are_misdirected(front):
    answer = await front.ask(legacy(), more=[(b"host", b"mcp.example.com")])
    assert answer.status == 421


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "127.0.0.1", "localhost:1"])
@pytest.mark.parametrize(
    "settings",
    [{"origin": "http://127.0.0.1:8000"}, {"host": "127.0.0.1"}],
    ids=["public address is loopback", "listens on loopback behind a proxy"],
)
async def test_loopback_names_are_answered_on_a_loopback_address(settings, host):
    front = Front(auth="none", **settings)
    assert (await front.ask(legacy(), headers={"host": host})).status == 200


@pytest.mark.parametrize("host", ["rebound.example:8000", "127.0.0.1.evil.example", "localhost.evil.example:8000"])
async def test_a_rebound_name_is_not_answered_on_a_loopback_address(host):
    front = Front(auth="none", origin="http://127.0.0.1:8000", host="127.0.0.1")
    assert (await front.ask(legacy(), headers={"host": host})).status == 421


@pytest.mark.parametrize(
    "origin", [None, "https://mcp.example.com", "HTTPS://MCP.example.com", "https://mine.example", *CLIENT_ORIGINS]
)
async def test_no_origin_and_allowed_origins_pass(origin):
    front = Front(auth="none", allowed_origins=("https://mine.example/",))
    answer = await front.ask(legacy(), headers={"origin": origin})
    assert answer.status == 200
    assert answer.one("access-control-allow-origin") == origin
    assert answer.one("access-control-expose-headers") == (EXPOSED if origin else None)
    assert not front.upstream.got("origin")


@pytest.mark.requirement("T2")
@pytest.mark.requirement("X5")
@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "https://evil.example",
        "http://mcp.example.com",
        "https://mcp.example.com:8443",
        "https://claude.ai.evil.example",
        "https://evil.example https://claude.ai",
        "http://localhost:6274",
        "*",
    ],
)
async def test_any_other_origin_is_forbidden_even_with_a_good_token(front, token, origin):
    answer = await front.ask(legacy(), token=token, headers={"origin": origin})
    assert answer.status == 403
    assert "id" not in answer.json
    assert answer.one("access-control-allow-origin") is None
    assert not front.upstream.calls


async def test_two_origins_are_forbidden(front):
    answer = await front.ask(
        legacy(), headers={"origin": CLIENT_ORIGINS[0]}, more=[(b"origin", b"https://evil.example")]
    )
    assert answer.status == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:6274", 200),
        ("http://127.0.0.1", 200),
        ("https://[::1]:1", 200),
        ("http://localhost.evil.example", 403),
        ("http://localhost:6274/x", 403),
        ("null", 403),
    ],
)
async def test_loopback_origins_may_call_a_door_on_a_loopback_address(origin, status):
    front = Front(auth="none", origin="http://localhost:8000")
    assert (await front.ask(legacy(), headers={"origin": origin})).status == status


@pytest.mark.parametrize("requested", [None, "authorization, mcp-param-day, content-type", "x\r\ny", "a;b"])
async def test_a_preflight_is_answered_without_a_credential(front, requested):
    headers = {"origin": "https://claude.ai", "access-control-request-method": "POST"}
    answer = await front.ask(method="OPTIONS", headers={**headers, "access-control-request-headers": requested})
    assert answer.status == 204
    assert answer.body == b""
    assert answer.one("access-control-allow-origin") == "https://claude.ai"
    assert answer.one("access-control-allow-credentials") is None
    assert answer.one("access-control-allow-methods") == "GET, POST, DELETE, OPTIONS"
    allowed = answer.one("access-control-allow-headers").lower()
    assert "\r" not in allowed
    assert ";" not in allowed
    assert "authorization" in allowed
    assert ("mcp-param-day" if requested and "mcp-param-day" in requested else "mcp-session-id") in allowed


async def test_a_preflight_of_a_foreign_page_is_forbidden(front):
    answer = await front.ask(method="OPTIONS", headers={"origin": "https://evil.example"})
    assert answer.status == 403


async def test_options_without_an_origin_says_what_is_allowed(front):
    answer = await front.ask(method="OPTIONS")
    assert answer.status == 204
    assert answer.one("allow") == "GET, POST, DELETE, OPTIONS"
    assert answer.one("access-control-allow-origin") is None


async def test_the_challenge_can_be_read_by_an_allowed_page(front):
    answer = await front.ask(legacy(), headers={"origin": "https://claude.ai"})
    assert answer.status == 401
    assert answer.one("access-control-allow-origin") == "https://claude.ai"
    assert "WWW-Authenticate" in answer.one("access-control-expose-headers")
    assert answer.one("vary") == "Origin"
