"""The reply to a registration, member by member."""

from __future__ import annotations

import pytest
from doctor.checks.test_registration import Server, examined, with_members

from doorward.doctor.engine.requests import Response
from testbed.answers import page, reply


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"client_secret_expires_at": ""}, "client_secret comes without client_secret_expires_at"),
        ({"client_secret_expires_at": "0"}, "client_secret_expires_at is not a number"),
        ({"client_id_issued_at": True}, "client_id_issued_at is not a number"),
        ({"logo_uri": None}, "logo_uri is null"),
        ({"scope": ["mcp"]}, "scope is a list"),
        ({"redirect_uris": ""}, "redirect_uris is not named again"),
        ({"token_endpoint_auth_method": ""}, "would be client_secret_basic"),
        ({"registration_access_token": ""}, "do not come together"),
    ],
)
def test_a_reply_is_judged_member_by_member(change, words):
    (finding,) = examined(with_members(**change), "claude")
    assert (finding.rule, finding.verdict) == ("REG-04", "broken")
    assert words in finding.summary


def test_a_reply_with_another_status_alone_is_a_risk():
    def change(body, answer):
        return Response(200, answer.headers, answer.body) if answer.status == 201 else answer

    (finding,) = examined(Server(change))
    assert (finding.rule, finding.verdict) == ("REG-04", "risk")


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        (reply(400, {"error": "invalid_client_metadata"}), []),
        (reply(422, {"detail": "nonsense"}), ["REG-04"]),
        (page(400), ["REG-04"]),
        (Response(302, {"location": "/"}), ["REG-04"]),
        (reply(500, {"error": "server_error"}), ["REG-04"]),
        (reply(201, {}), []),
    ],
)
def test_a_wrong_body_is_refused_in_a_way_that_programs_read(answer, rules):
    findings = examined(Server(lambda body, good: answer if body["redirect_uris"] == "not a list" else good))
    assert [each.rule for each in findings] == rules
