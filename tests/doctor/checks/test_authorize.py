"""The authorization endpoint and its pages, with answers handed to the checks."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks.authorize import authorize
from doorward.doctor.checks.pages import cookies_of, permits, walk
from doorward.doctor.checks.registration import LOOPBACK, LOOPBACK_URIS
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import page, reply
from testbed.good import Good

ORIGIN = "https://mcp.example.com"
HERE = f"{ORIGIN}/login"
IDP = "https://login.example.net/authorize"


class Server(Good):
    """The good server, with a change to what its authorization endpoint answers."""

    answers = staticmethod(lambda query, good: good)
    idp = page()

    def __call__(self, request: Request) -> Response:
        self.requests.append(request)
        if not request.url.startswith(f"{ORIGIN}/authorize"):
            return self.idp
        query = dict(parse_qsl(urlsplit(request.url).query))
        return type(self).answers(query, self.authorize(request))


def examined(change=None, *names: str, idp: Response | None = None, server: Server | None = None, **members):
    class Changed(Server):
        answers = staticmethod(change or Server.answers)

    server = server or Changed()
    server.idp = idp or page()
    clients = {name: each for name, each in profiles().items() if not names or name in names}
    seen = pictured(f"{ORIGIN}/mcp", clients=clients, server=server.metadata | members, resource=server.document)
    for name, uris in [*((each.name, each.redirect_uris) for each in clients.values()), (LOOPBACK, LOOPBACK_URIS)]:
        client_id = f"id-{name}"
        server.clients[client_id] = {"client_id": client_id, "redirect_uris": list(uris)}
        seen.registered[name] = server.clients[client_id]
    return driven(authorize, seen, server), server


def names_of(findings) -> list[tuple[str, str]]:
    return [(each.rule, each.verdict) for each in findings]


def text(findings) -> str:
    return "\n".join(line for each in findings for line in (each.summary, *each.evidence))


def refused(query, error: str) -> Response:
    return reply(302, location=f"{query['redirect_uri']}?error={error}")


def test_a_good_endpoint_is_opened_and_nothing_is_submitted():
    findings, server = examined()
    assert findings == []
    assert {request.method for request in server.requests} == {"GET"}


@pytest.mark.parametrize(
    ("advertised", "verdict", "clients"),
    [(["mcp", "offline_access"], "broken", 11), (["mcp"], "risk", 1)],
)
def test_offline_access_that_is_refused_is_judged_by_what_is_advertised(advertised, verdict, clients):
    def change(query, good):
        return refused(query, "invalid_scope") if "offline_access" in query["scope"] else good

    findings, _ = examined(change, scopes_supported=advertised)
    assert names_of(findings) == [("AUT-04", verdict)]
    assert len(findings[0].clients) == clients
    assert "a scope that nobody knows is left out" in findings[0].evidence


def test_unknown_parameters_must_be_ignored():
    findings, _ = examined(lambda query, good: refused(query, "invalid_request") if "nonce" in query else good)
    assert names_of(findings) == [("AUT-07", "broken")]


@pytest.mark.parametrize("status", [414, 400, 500])
def test_a_long_state_that_is_refused_is_found(status):
    findings, _ = examined(lambda query, good: Response(status) if len(query["state"]) > 2000 else good)
    assert names_of(findings) == [("AUT-08", "broken")]


def test_a_long_state_that_only_goes_back_to_the_client_is_no_finding():
    findings, _ = examined(
        lambda query, good: reply(302, location=f"{query['redirect_uri']}?code=1&state={query['state']}")
    )
    assert findings == []


@pytest.mark.parametrize(
    ("idp", "verdicts"),
    [
        (page(), []),
        (reply(200, b"AADSTS9010010: not allowed", "text/html"), [("AUT-03", "broken")]),
        (reply(302, location="https://claude.ai/api/mcp/auth_callback?error=invalid_target"), [("AUT-03", "broken")]),
        (page(500), []),
    ],
)
def test_the_identity_provider_is_asked_up_to_its_page(idp, verdicts):
    def change(query, good):
        return reply(302, location=f"{IDP}?resource={query['resource']}") if good.status == 200 else good

    findings, server = examined(change, idp=idp)
    assert names_of(findings) == verdicts
    assert not any(request.url.startswith("https://claude.ai") for request in server.requests)
    if verdicts:
        assert f"resource: '{ORIGIN}/mcp'" in text(findings)


def test_an_identity_provider_that_is_the_endpoint_itself_is_named():
    findings, _ = examined(lambda query, good: reply(400, b"AADSTS650053: unknown scope", "text/html"))
    assert names_of(findings) == [("AUT-03", "broken")]
    assert "AADSTS650053" in findings[0].summary


@pytest.mark.parametrize(
    ("host", "verdict", "clients"),
    [
        (
            "localhost",
            "will break for claude-code, gemini-cli, mcp-remote",
            ("claude-code", "gemini-cli", "mcp-remote"),
        ),
        ("127.0.0.1", "will break for codex, vscode", ("codex", "vscode")),
        ("[::1]", None, None),
    ],
)
def test_another_port_is_tried_with_each_name_of_loopback(host, verdict, clients):
    def change(query, good):
        return page(400) if f"//{host}:49152" in query["redirect_uri"] else good

    findings, _ = examined(change, client_id_metadata_document_supported=False)
    assert [(each.verdict, each.clients) for each in findings] == ([(verdict, clients)] if verdict else [])


def test_loopback_without_a_port_that_is_refused_with_one_is_a_risk():
    def change(query, good):
        mine = query["client_id"] == f"id-{LOOPBACK}" and ":49152" in query["redirect_uri"]
        return page(400) if mine else good

    findings, _ = examined(change)
    assert names_of(findings) == [("AUT-01", "risk")]
    assert "registered http://localhost/callback, asked with port 49152: refused" in findings[0].evidence


def test_a_client_that_is_refused_with_its_own_port_too_says_nothing_about_ports():
    findings, _ = examined(lambda query, good: page(400) if query["client_id"] == "id-codex" else good)
    assert findings == []


def test_documents_of_clients_are_tried_where_they_are_offered():
    def change(query, good):
        return page(400) if "vscode.dev/oauth" in query["client_id"] else good

    findings, _ = examined(change)
    assert names_of(findings) == [("CIM-01", "will break for vscode")]
    assert "document of claude: accepted" in findings[0].evidence
    without, _ = examined(change, client_id_metadata_document_supported=False)
    assert without == []


@pytest.mark.parametrize(("url", "address"), [("http://127.0.0.1:1/mcp", "public"), (f"{ORIGIN}/mcp", "special")])
def test_a_server_of_the_inside_is_not_sent_to_the_documents_of_vendors(url, address):
    server = Server()
    seen = pictured(url, address=address, server=server.metadata, resource=server.document)
    server.clients["id"] = seen.registered["claude"] = {
        "client_id": "id",
        "redirect_uris": ["https://claude.ai/api/mcp/auth_callback"],
    }
    driven(authorize, seen, server)
    assert "CIM-01" in seen.not_checked
    assert not any("client-metadata" in request.url for request in server.requests)


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
