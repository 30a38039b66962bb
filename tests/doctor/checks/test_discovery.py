"""Challenge, resource metadata and its copies, with answers handed to the checks."""

from __future__ import annotations

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks import discovery
from doorward.doctor.checks.documents import PRM
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.run import examine
from testbed.answers import page, reply, rpc_error
from testbed.broken import BROKEN
from testbed.good import Good

ORIGIN = "https://mcp.example.com"
URL = f"{ORIGIN}/mcp"
NAMED = f'Bearer resource_metadata="{ORIGIN}{PRM}/mcp"'
REFUSED = Response(401, {"www-authenticate": NAMED})
DOCUMENT = {"resource": URL, "authorization_servers": [ORIGIN], "bearer_methods_supported": ["header"]}
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


def test_a_copy_that_differs_from_a_fresh_one_is_a_fault():
    old, new = reply(200, DOCUMENT | {"resource": f"{URL}/old"}, age="10"), GOOD
    seen = pictured(f"{URL}/old", initialize=REFUSED)
    seen.challenge = {"resource_metadata": f"{ORIGIN}{PRM}/mcp"}
    findings = driven(discovery.resource, seen, lambda request: new if "fresh" in request.url else old)
    assert ("DSC-11", "broken") in names(findings)


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
