from __future__ import annotations

import pytest
from doctor.checks.test_authorize import HERE, IDP, ORIGIN, Server, examined, names_of
from doctor.driving import driven

from doorward.doctor.checks.pages import cookies_of, permits, walk
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from testbed.answers import page, reply


def test_a_walk_brings_cookies_back_to_their_host_alone_and_ends_at_the_client():
    asked: list[Request] = []
    answers = [
        reply(302, location=HERE, set_cookie="a=1; expires=Wed, 21 Oct 2026 07:28:00 GMT, b=2; Path=/"),
        reply(302, location=IDP),
        reply(302, location=f"{ORIGIN}/back", set_cookie="c=3"),
        reply(302, location="http://127.0.0.1:5/cb?code=1"),
    ]

    def check(picture: Picture):
        hops = yield from walk(Request("GET", f"{ORIGIN}/authorize"), ["http://127.0.0.1/cb"])
        return hops

    driven(check, Picture(ORIGIN), lambda request: asked.append(request) or answers[len(asked) - 1])
    assert [request.headers.get("cookie") for request in asked] == [None, "a=1; b=2", None, "a=1; b=2"]


def test_a_walk_in_circles_ends():
    asked: list[Request] = []
    driven(
        lambda picture: walk(Request("GET", HERE), []),
        Picture(ORIGIN),
        lambda request: asked.append(request) or reply(302, location=HERE),
    )
    assert len(asked) == 5


def test_cookies_are_told_apart_although_their_dates_hold_commas():
    answer = reply(200, None, set_cookie="a=1; Expires=Wed, 21 Oct 2026 07:28:00 GMT; Secure, b=x=y; SameSite=Lax")
    assert [(name, value) for name, value, _ in cookies_of(answer)] == [("a", "1"), ("b", "x=y")]


@pytest.mark.parametrize(
    ("cookie", "leaves", "verdicts"),
    [
        ("sid=1; Secure; SameSite=Lax", True, []),
        ("sid=1; Secure; SameSite=Strict", True, [("AUT-09", "broken")]),
        ("sid=1; Secure; SameSite=Strict", False, [("AUT-09", "note")]),
        ("sid=; Max-Age=0; SameSite=Strict", True, []),
        ("sid=1; SameSite=None", False, [("AUT-09", "broken")]),
    ],
)
def test_a_cookie_is_judged_by_where_the_sign_in_leads(cookie, leaves, verdicts):
    def change(query, good):
        if good.status != 200:
            return good
        return reply(302, location=IDP, set_cookie=cookie) if leaves else page(set_cookie=cookie)

    assert names_of(examined(change)[0]) == verdicts


@pytest.mark.parametrize(
    ("second", "verdicts"),
    [
        (page(410), [("AUT-10", "broken")]),
        (page(429), []),
        (reply(200, b'<input type="hidden" name="t" value="second-token">', "text/html"), []),
        (
            reply(200, b"<input value=second-token name=t type=hidden>", "text/html", set_cookie="t=second-token"),
            [("AUT-10", "risk")],
        ),
    ],
)
def test_a_page_is_loaded_twice(second, verdicts):
    first = reply(200, b'<input type="hidden" name="t" value="first-token">', "text/html", set_cookie="t=first-token")

    class Twice(Server):
        def __call__(self, request: Request) -> Response:
            good = super().__call__(request)
            if good.status != 200 or len(self.requests) == 1:
                return first if good.status == 200 else good
            return second if request.headers.get("cookie") == "t=first-token" else good

    assert names_of(examined(server=Twice())[0]) == verdicts


@pytest.mark.parametrize(
    ("sources", "uri", "permitted"),
    [
        ("'self'", f"{ORIGIN}/cb", True),
        ("'self'", "https://claude.ai/cb", False),
        ("*", "https://claude.ai/cb", True),
        ("*", "cursor://anysphere.cursor-mcp/cb", False),
        ("cursor:", "cursor://anysphere.cursor-mcp/cb", True),
        ("https:", "https://claude.ai/cb", True),
        ("https:", "http://localhost:3118/cb", False),
        ("http://localhost:*", "http://localhost:3118/cb", True),
        ("http://localhost", "http://localhost:3118/cb", False),
        ("http://localhost", "http://localhost/cb", True),
        ("http://127.0.0.1:*", "http://localhost:3118/cb", False),
        ("https://*.example.net", "https://a.example.net/cb", True),
        ("https://*.example.net", "https://example.net/cb", False),
        ("claude.ai", "https://claude.ai/cb", True),
        ("https://claude.ai/other/path", "https://claude.ai/cb", True),
        ("http://[::1]:*", "http://[::1]:5/cb", True),
        ("'none'", "https://claude.ai/cb", False),
        ("https://claude.ai.evil.example", "https://claude.ai/cb", False),
    ],
)
def test_a_source_list_is_read_as_a_browser_does(sources, uri, permitted):
    assert permits(sources.split(), uri, HERE) is permitted


@pytest.mark.parametrize("where", ["header", "meta"])
def test_every_callback_of_every_client_is_held_against_the_policy(where):
    policy = "default-src 'none'; form-action 'self' https: http://localhost:*"
    body = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'.encode()
    shown = reply(200, body, "text/html") if where == "meta" else page(content_security_policy=policy)
    findings, _ = examined(lambda query, good: shown if good.status == 200 else good)
    assert [(each.rule, set(each.clients)) for each in findings] == [("AUT-02", {"codex", "cursor", "vscode"})]
    assert "Cursor: cursor://anysphere.cursor-mcp/oauth/callback" in findings[0].evidence
