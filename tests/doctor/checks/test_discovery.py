"""Challenge, both metadata documents and their caches, with answers handed to the checks."""

from __future__ import annotations

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks import discovery
from doorward.doctor.checks.documents import PRM, kept_too_long
from doorward.doctor.checks.inner_urls import why_inner
from doorward.doctor.checks.metadata_documents import server
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.run import examine
from testbed.answers import page, reply, rpc_error
from testbed.authorization import Authorization
from testbed.broken import BROKEN
from testbed.good import Good

ORIGIN = "https://mcp.example.com"
URL = f"{ORIGIN}/mcp"
NAMED = f'Bearer resource_metadata="{ORIGIN}{PRM}/mcp"'
REFUSED = Response(401, {"www-authenticate": NAMED})
DOCUMENT = {"resource": URL, "authorization_servers": [ORIGIN], "bearer_methods_supported": ["header"]}
METADATA = Authorization(ORIGIN, URL).metadata
MISSING = reply(404, {})


def names(findings) -> list[tuple[str, str]]:
    return [(each.rule, each.verdict) for each in findings]


def text(findings) -> str:
    return "\n".join(line for each in findings for line in (each.summary, *each.evidence))


@pytest.mark.parametrize(
    ("answers", "findings"),
    [
        ({}, []),
        ({"discover": REFUSED, "get": REFUSED}, []),
        ({"discover": Response(401)}, [("DSC-03", "broken")]),
        ({"get": Response(401, {"www-authenticate": "Bearer"})}, [("DSC-03", "risk")]),
        ({"get": Response(405)}, []),
        ({"initialize": Response(403), "get": REFUSED}, [("DSC-03", "broken")]),
        ({"initialize": Response(401, {"www-authenticate": 'Bearer resource_metadata="/x"'})}, [("DSC-03", "broken")]),
    ],
)
def test_every_kind_of_request_without_a_token_gets_the_same_challenge(answers, findings):
    seen = pictured(URL, **({"initialize": REFUSED} | answers))
    assert names(driven(discovery.challenge, seen, lambda _: MISSING)) == findings


def test_a_challenge_that_leads_inside_is_named():
    inside = Response(401, {"www-authenticate": 'Bearer resource_metadata="http://mcp:8000/x"'})
    assert names(driven(discovery.challenge, pictured(URL, initialize=inside), lambda _: MISSING)) == [
        ("DSC-04", "broken")
    ]


@pytest.mark.parametrize("kind", ["a made-up token", "a JWT that is cut off", "an expired JWT"])
def test_each_kind_of_bad_token_is_tried(kind):
    def answer(request: Request) -> Response:
        token = request.headers["authorization"].removeprefix("Bearer ")
        mine = ("a made-up token", "a JWT that is cut off", "an expired JWT")[token.count(".")]
        return Response(500) if mine == kind else reply(401, {}, www_authenticate=f'{NAMED}, error="invalid_token"')

    (finding,) = driven(discovery.bad_token, pictured(URL, initialize=REFUSED), answer)
    assert finding.rule == "RS-02"
    assert finding.summary == f"{kind.capitalize()} gets 500 in place of 401."
    assert sum(": 401" in line for line in finding.evidence) == 2


@pytest.mark.parametrize(
    ("answer", "findings"),
    [
        (REFUSED, [("NET-03", "note")]),
        (Response(401, {"www-authenticate": f'{NAMED}, error="invalid_token"'}), []),
        (Response(401, {"www-authenticate": NAMED}, b'{"error": "invalid_token"}'), []),
    ],
)
def test_a_token_that_changes_nothing_may_not_arrive(answer, findings):
    seen = pictured(URL, initialize=answer, challenge={"scheme": "Bearer"})
    assert names(driven(discovery.bad_token, seen, lambda _: answer)) == findings


def resource(documents: dict[str, Response], url: str = URL, challenge: str = f"{ORIGIN}{PRM}/mcp"):
    seen = pictured(url, initialize=REFUSED)
    seen.challenge = {"resource_metadata": challenge} if challenge else {}
    asked = {f"{ORIGIN}{path}": answer for path, answer in documents.items()}
    return driven(discovery.resource, seen, lambda request: asked.get(request.url, MISSING))


GOOD, ROOT, PATH = reply(200, DOCUMENT), PRM, f"{PRM}/mcp"


def other(**changes) -> Response:
    return reply(200, DOCUMENT | changes)


@pytest.mark.parametrize(
    ("documents", "findings"),
    [
        ({PATH: GOOD, ROOT: GOOD}, []),
        ({PATH: GOOD}, []),
        ({PATH: GOOD, ROOT: other(resource=ORIGIN)}, []),
        ({PATH: GOOD, ROOT: other(resource=f"{ORIGIN}/other")}, [("DSC-06", "risk")]),
        ({PATH: GOOD, ROOT: other(authorization_servers=["https://a.example"])}, [("DSC-06", "risk")]),
        ({PATH: GOOD, ROOT: page()}, [("DSC-05", "broken")]),
        ({PATH: other(bearer_methods_supported=["body"])}, [("DSC-09", "risk")]),
        ({PATH: other(authorization_servers=[])}, [("DSC-09", "broken")]),
        ({PATH: other(authorization_servers=["http://10.0.0.7:8080"])}, [("DSC-04", "broken")]),
        ({}, [("DSC-06", "broken")]),
    ],
)
def test_the_resource_metadata_is_compared_at_all_its_places(documents, findings):
    verdicts = names(resource(documents))
    assert [(rule, verdict.partition(" for ")[0]) for rule, verdict in verdicts] == findings


def test_two_documents_of_one_resource_that_disagree_show_the_byte():
    elsewhere = f"{ORIGIN}/oauth-metadata"
    findings = resource(
        {"/oauth-metadata": GOOD, PATH: other(authorization_servers=["https://a.example"])}, challenge=elsewhere
    )
    assert names(findings) == [("DSC-06", "broken")]
    assert "^ differs from here" in text(findings)


def test_a_root_document_for_another_endpoint_is_told_from_a_wrong_resource():
    findings = resource({ROOT: other(resource=f"{ORIGIN}/team/mcp")}, challenge="")
    assert {rule for rule, _ in names(findings)} == {"DSC-06", "TRN-09", "DSC-01"}


def test_a_document_below_the_mounted_application_is_found_and_named():
    findings = resource({f"/mcp{PRM}": GOOD}, challenge="")
    assert names(findings) == [("DSC-06", "broken")]
    assert "no client asks" in findings[0].summary


@pytest.mark.parametrize(
    ("headers", "status", "rules"),
    [
        ({}, 200, []),
        ({"cache-control": "public, max-age=300"}, 200, []),
        ({"cache-control": "public, s-maxage=86400"}, 200, ["DSC-11"]),
        ({"age": "90000"}, 200, ["DSC-11"]),
        ({"age": "9" * 5000}, 200, []),
        ({"cache-control": "no-store, max-age=86400"}, 200, []),
        ({"cache-control": "max-age=300"}, 404, ["DSC-11"]),
        ({"cache-control": "max-age=30"}, 404, []),
    ],
)
def test_what_may_be_kept_for_long_is_a_risk(headers, status, rules):
    answer = Response(status, {"content-type": "application/json", **headers}, b"{}" if status == 404 else b'{"a": 1}')
    assert [each.rule for each in kept_too_long([(Request("GET", URL), answer)])] == rules


def test_an_error_beside_a_document_may_be_kept_for_as_long_as_it_likes():
    kept = Response(404, {"cache-control": "max-age=86400"})
    assert kept_too_long([(Request("GET", URL), GOOD), (Request("GET", URL), kept)]) == []


def test_a_copy_that_differs_from_a_fresh_one_is_a_fault():
    old, new = reply(200, DOCUMENT | {"resource": f"{URL}/old"}, age="10"), GOOD
    seen = pictured(f"{URL}/old", initialize=REFUSED)
    seen.challenge = {"resource_metadata": f"{ORIGIN}{PRM}/mcp"}
    findings = driven(discovery.resource, seen, lambda request: new if "fresh" in request.url else old)
    assert ("DSC-11", "broken") in names(findings)


def as_metadata(documents: dict[str, Response], servers: tuple[str, ...] = (ORIGIN,)):
    document = DOCUMENT | {"authorization_servers": list(servers)}
    seen = pictured(URL, initialize=REFUSED, resource=document)
    return driven(server, seen, lambda request: documents.get(request.url, MISSING))


OAUTH, OIDC = f"{ORIGIN}/.well-known/oauth-authorization-server", f"{ORIGIN}/.well-known/openid-configuration"
AWAY = "https://auth.example.net"
THERE = f"{AWAY}/.well-known/oauth-authorization-server"


def changed(**changes) -> Response:
    return reply(200, {name: value for name, value in (METADATA | changes).items() if value != ""})


@pytest.mark.parametrize(
    ("documents", "findings"),
    [
        ({OAUTH: changed(), OIDC: changed()}, []),
        ({OIDC: changed(subject_types_supported=["public"])}, []),
        ({OAUTH: changed(), OIDC: changed(token_endpoint=f"{ORIGIN}/other")}, [("DSC-10", "broken")]),
        ({OAUTH: changed(), OIDC: changed(client_id_metadata_document_supported="")}, [("CIM-02", "risk")]),
        ({OAUTH: changed(registration_endpoint=None)}, [("DSC-10", "broken")]),
        ({OAUTH: changed(token_endpoint="/token")}, [("DSC-10", "broken")]),
        ({OAUTH: changed(scopes_supported="mcp")}, [("DSC-10", "broken")]),
        ({OAUTH: changed(issuer=f"{ORIGIN}/")}, [("DSC-02", "broken")]),
        ({OAUTH: changed(token_endpoint="https://localhost/token")}, [("DSC-04", "broken")]),
        ({OAUTH: changed(token_endpoint="http://mcp.example.com/token")}, [("DSC-04", "broken")]),
    ],
)
def test_the_documents_of_an_authorization_server_are_judged_and_compared(documents, findings):
    assert names(as_metadata(documents)) == findings


def test_several_servers_are_a_risk_and_each_must_name_itself():
    assert names(as_metadata({OAUTH: changed()}, (ORIGIN, AWAY))) == [("DSC-12", "risk")]
    wrong = as_metadata({OAUTH: changed(), THERE: changed()}, (ORIGIN, AWAY))
    assert [each.rule for each in wrong] == ["DSC-02"]


@pytest.mark.parametrize(
    ("here", "findings"),
    [
        (MISSING, [("DSC-12", "note")]),
        (changed(issuer=AWAY), []),
        (changed(), [("DSC-12", "risk")]),
    ],
)
def test_a_server_on_another_host_is_judged_by_what_this_one_says(here, findings):
    documents = {THERE: changed(issuer=AWAY), OAUTH: here}
    verdicts = [
        (rule, verdict) for rule, verdict in names(as_metadata(documents, (AWAY,))) if rule not in {"DSC-02", "DSC-10"}
    ]
    assert verdicts == findings


@pytest.mark.parametrize(
    ("typed", "url", "inner"),
    [
        (URL, "https://mcp.example.com/x", False),
        (URL, "https://auth.example.net/x", False),
        (URL, "https://auth.example.net:8443/x", False),
        (URL, "http://mcp.example.com/x", True),
        (URL, "https://localhost/x", True),
        (URL, "https://192.168.1.4/x", True),
        (URL, "https://[fd00::1]/x", True),
        (URL, "https://keycloak/x", True),
        (URL, "https://idp.corp.internal/x", True),
        ("http://127.0.0.1:8000/mcp", "http://localhost:8000/x", False),
        ("http://mcp:8000/mcp", "http://keycloak:8080/x", False),
        ("http://127.0.0.1:9000/mcp", "http://web:8000/x", True),
        ("http://10.0.0.5/mcp", "http://localhost:8000/x", True),
        ("http://127.0.0.1:9000/mcp", "http://localhost:8000/x", False),
        (URL, "http://[", False),
        (URL, "nonsense", False),
    ],
)
def test_what_leads_inside_is_told_from_what_is_merely_elsewhere(typed, url, inner):
    assert bool(why_inner(typed, url)) is inner


def test_the_endpoint_itself_is_at_no_other_port_of_the_machine():
    assert why_inner("http://127.0.0.1:9000/mcp", "http://localhost:8000/mcp", own=True)
    assert not why_inner("http://127.0.0.1:9000/mcp", "http://localhost:9000/mcp", own=True)


async def test_a_guard_on_calls_alone_is_found_behind_sessions_too():
    class KeepsSessions(BROKEN["RS-03"].server):
        def post(self, request):
            if b'"initialize"' not in request.body and "mcp-session-id" not in request.headers:
                return rpc_error(400)
            return super().post(request)

    server = KeepsSessions()
    report = await examine(Picture(server.url), server.send)
    assert "RS-03" in {finding.rule for finding in report.findings}


async def test_a_token_endpoint_that_has_moved_is_one_finding():
    class Moved(Good):
        def token(self, request):
            return reply(301, location=f"{self.origin}/v2/token")

    server = Moved()
    report = await examine(Picture(server.url), server.send)
    assert [finding.rule for finding in report.findings] == ["TRN-10"]
