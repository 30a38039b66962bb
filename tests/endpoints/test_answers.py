"""Refused, unavailable and bug are three different answers, at every endpoint."""

from __future__ import annotations

import asyncio

import pytest
from world import ISSUER, REDIRECT_URI, world

from doorward.errors import Unavailable

FORM = {"content-type": "application/x-www-form-urlencoded"}
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    "header",
    [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-forwarded-prefix", "/evil"),
    ],
)
async def test_no_header_changes_a_published_address(tmp_path, header):
    async with world(tmp_path) as w, w.browser() as http:
        plain = await http.get("/.well-known/oauth-authorization-server")
        tricked = await http.get("/.well-known/oauth-authorization-server", headers=[header])
        challenged = await http.post("/mcp", json={}, headers=[header])
    assert tricked.content == plain.content
    assert "evil" not in challenged.headers["www-authenticate"]


@pytest.mark.parametrize("path", ["/nothing", "/.well-known/nothing", "/mcp2", "/MCP", "//mcp", "/-/", "/-/admin"])
async def test_an_address_that_does_not_exist_says_so_in_json(tmp_path, path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.get(ISSUER + path)
    assert answer.status_code == 404
    assert answer.json()["error"] == "not_found"


async def test_a_wrong_method_is_told_the_right_one(tmp_path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.get("/token")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.requirement("A20")
@pytest.mark.parametrize("path", ["/register", "/token", "/revoke", "/.well-known/oauth-authorization-server"])
async def test_a_browser_based_client_may_ask_from_anywhere(tmp_path, path):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.options(path, headers={"origin": "http://localhost:6274"})
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.requirement("T-10")
@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/token", FORM, b"x" * 70_000),
        ("/register", JSON, b"x" * 70_000),
        ("/-/login", FORM, b"x" * 70_000),
    ],
)
async def test_a_body_over_the_limit_is_refused(tmp_path, path, headers, body):
    async with world(tmp_path) as w, w.browser() as http:
        assert (await http.post(path, content=body, headers=headers)).status_code == 413


@pytest.mark.parametrize(
    "path", ["/token", "/register", "/revoke", "/par", "/introspect", "/-/login", "/-/api/v1/users"]
)
@pytest.mark.parametrize("parts", [0, 3])
async def test_a_body_that_does_not_arrive_is_given_up(tmp_path, monkeypatch, path, parts):
    monkeypatch.setattr("doorward.edge.frame.BODY_SECONDS", 0.01)
    sent, left = [], iter(range(parts))

    async def receive():
        if next(left, None) is None:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": b"a", "more_body": True}

    async def send(message):
        sent.append(message)

    async with world(tmp_path) as w:
        headers = [(b"host", b"mcp.example.com"), (b"content-type", b"application/x-www-form-urlencoded")]
        scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
        await w.door({**scope, "headers": headers, "client": ("192.0.2.1", 1), "scheme": "https"}, receive, send)
    assert sent[0]["status"] == 408
    assert (b"connection", b"close") in sent[0]["headers"]


@pytest.mark.requirement("T-10")
@pytest.mark.parametrize(
    ("path", "headers", "body", "error"),
    [
        ("/token", JSON, b"{}", "invalid_request"),
        ("/token", FORM, b"", "invalid_request"),
        ("/token", FORM, b"grant_type=authorization_code&grant_type=refresh_token", "invalid_request"),
        ("/token", FORM, b"grant_type=password&client_id=x", "unsupported_grant_type"),
        ("/token", FORM, b"grant_type=refresh_token&client_id=unknown&refresh_token=x", "invalid_client"),
        ("/token", FORM, b"grant_type=%ff", "invalid_request"),
        ("/register", FORM, b"a=b", "invalid_request"),
        ("/register", JSON, b"{", "invalid_client_metadata"),
        ("/register", JSON, b"[]", "invalid_client_metadata"),
        ("/register", JSON, b'{"redirect_uris":["javascript:alert(1)"]}', "invalid_redirect_uri"),
        (
            "/register",
            JSON,
            b'{"client_name":"a","client_name":"b"}',
            "invalid_client_metadata",
        ),
        ("/register", JSON, b"[" * 60_000, "invalid_client_metadata"),
    ],
)
async def test_a_bad_body_gets_a_verdict_with_a_sentence(tmp_path, path, headers, body, error):
    async with world(tmp_path) as w, w.browser() as http:
        answer = await http.post(path, content=body, headers=headers)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error
    assert len(answer.json()["error_description"]) > 10
    assert answer.headers["cache-control"] == "no-store"


class Broken:
    """A store whose backend is gone, or whose code is."""

    def __init__(self, fault: Exception) -> None:
        self.fault = fault

    async def get(self, *_):
        raise self.fault

    find = apply = purge = get

    async def close(self) -> None: ...


@pytest.mark.parametrize("path", ["/token", "/register", "/revoke", "/authorize", "/mcp"])
@pytest.mark.parametrize(("fault", "status"), [(Unavailable("disk"), 503), (ZeroDivisionError("oops"), 500)])
async def test_a_fault_of_ours_is_never_a_verdict_about_a_client(tmp_path, path, fault, status):
    async with world(tmp_path) as w, w.browser() as http:
        client_id = (await w.register())["client_id"]
        code = await w.code(client_id)
        tokens = (await w.redeem(client_id, code)).json()
        good, broken = w.door.store, Broken(fault)
        for name in ("get", "find", "apply"):
            setattr(good, name, broken.get)
        try:
            if path == "/token":
                answer = await w.redeem(client_id, code)
            elif path == "/register":
                answer = await http.post(path, json={"redirect_uris": [REDIRECT_URI]})
            elif path == "/revoke":
                answer = await http.post(path, data={"client_id": client_id, "token": "x"})
            elif path == "/authorize":
                answer = await http.get(path, params=w.authorize_parameters(client_id))
            else:
                answer = await w.call(tokens["access_token"])
        finally:
            for name in ("get", "find", "apply"):
                delattr(good, name)
    assert answer.status_code == status
    assert "invalid_" not in answer.text
    assert "www-authenticate" not in answer.headers
    assert ("retry-after" in answer.headers) == (status == 503)
