"""The authorization endpoint, with answers handed to the checks."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks.authorize import authorize
from doorward.doctor.checks.registration import LOOPBACK, LOOPBACK_URIS
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
