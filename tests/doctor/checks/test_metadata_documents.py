from __future__ import annotations

import pytest
from doctor.checks.test_discovery import DOCUMENT, MISSING, ORIGIN, REFUSED, URL, names
from doctor.driving import driven, pictured

from doorward.doctor.checks.metadata_documents import server
from doorward.doctor.engine.requests import Response
from testbed.answers import reply
from testbed.authorization import Authorization

METADATA = Authorization(ORIGIN, URL).metadata


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
