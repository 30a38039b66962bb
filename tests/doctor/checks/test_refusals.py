"""Why a registration is refused."""

from __future__ import annotations

import json

import pytest
from doctor.checks.test_registration import Server, examined, picture, refusing, text
from doctor.driving import driven

from doorward.doctor.checks.agents import BROWSER
from doorward.doctor.checks.registration import forget, register
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import page, reply


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (lambda body: "scope" not in body, "with a scope: accepted"),
        (lambda body: "software_id" in body, "mcp-remote with redirect_uris alone: accepted"),
        (lambda body: body.get("application_type") == "web", "Cursor with redirect_uris alone: accepted"),
    ],
)
def test_a_member_that_is_wanted_or_refused_is_a_policy(condition, words):
    (finding,) = examined(refusing(condition))
    assert finding.rule == "REG-05"
    assert words in text(finding)


def test_a_refusal_of_one_uri_is_a_table_of_clients_and_uris():
    (finding,) = examined(refusing(lambda body: any(uri.startswith("http://127") for uri in body["redirect_uris"])))
    assert (finding.rule, finding.clients) == ("REG-02", ("codex", "vscode"))
    assert "VS Code: http://127.0.0.1:33418/: refused (400 invalid_redirect_uri)" in finding.evidence
    assert "VS Code: https://vscode.dev/redirect: accepted" in finding.evidence
    assert "Codex: http://127.0.0.1:8765/callback/doorward: refused (400 invalid_redirect_uri)" in finding.evidence


@pytest.mark.parametrize("names", [(), ("codex",)])
def test_a_firewall_that_dislikes_loopback_is_told_from_a_validator(names):
    wall = reply(403, b"Forbidden", "text/plain")
    server = Server(lambda body, good: wall if "127.0.0.1" in json.dumps(body) else good)
    (finding,) = examined(server, *names)
    assert (finding.rule, finding.clients) == ("NET-09", names or ("codex", "vscode"))


def test_a_firewall_that_dislikes_agents_is_told_from_a_policy():
    class ByAgent(Server):
        def __call__(self, request: Request) -> Response:
            answer = super().__call__(request)
            return answer if request.headers.get("user-agent", BROWSER) == BROWSER else page(403)

    (finding,) = examined(ByAgent())
    assert finding.rule == "NET-01"
    assert set(finding.clients) == set(profiles())


def test_what_was_tried_is_kept_for_deletion():
    server = refusing(lambda body: "scope" not in body)
    seen = picture("vscode")
    driven(register, seen, server)
    driven(forget, seen, server)
    assert seen.registered
    assert {each["client_id"] for each in seen.registered.values()} <= set(server.good.deleted)
