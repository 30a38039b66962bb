"""The token endpoint without a code, with answers handed to the check."""

from __future__ import annotations

import base64
from urllib.parse import parse_qs

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks.token import token
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import reply

TOKEN = "https://a.example/token"
GRANT, CLIENT = reply(400, {"error": "invalid_grant"}), reply(401, {"error": "invalid_client"})
FORM = "application/x-www-form-urlencoded"


def picture(*names: str) -> Picture:
    clients = {name: each for name, each in profiles().items() if not names or name in names}
    seen = pictured("https://a.example/mcp", clients=clients, server={"token_endpoint": TOKEN})
    for name, profile in clients.items():
        secret = {} if profile.auth_method == "none" else {"client_secret": "s3cret"}
        method = {"token_endpoint_auth_method": profile.auth_method}
        seen.registered[name] = {"client_id": f"id of {name}", "redirect_uris": ["https://c/cb"], **method, **secret}
    return seen


def sent_with(request: Request) -> str:
    """How the client is authenticated."""
    if request.headers.get("authorization", "").startswith("Basic "):
        return "client_secret_basic"
    return "client_secret_post" if b"client_secret" in request.body else "none"


def test_an_endpoint_that_takes_every_method_is_asked_once_for_each():
    asked: list[Request] = []
    assert driven(token, picture(), lambda request: asked.append(request) or GRANT) == []
    forms = [sent_with(request) for request in asked if request.headers["content-type"] == FORM]
    assert sorted(forms) == ["client_secret_basic", "client_secret_post", "none"]
    assert len(asked) == 5


@pytest.mark.parametrize("method", ["none", "client_secret_basic", "client_secret_post"])
def test_a_method_that_is_refused_stops_its_clients_and_is_shown_in_a_table(method):
    def answer(request: Request) -> Response:
        return CLIENT if sent_with(request) == method else GRANT

    seen = picture()
    (finding,) = driven(token, seen, answer)
    assert finding.rule == "TOK-03"
    assert set(finding.clients) == {name for name, each in profiles().items() if each.auth_method == method}
    row = next(line for line in finding.evidence if line.startswith(f"registered with {method}, "))
    assert f"{method} invalid_client" in row
    assert "invalid_grant" in row
    assert "s3cret" not in "\n".join(finding.evidence)
    assert base64.b64encode(b"id of chatgpt:s3cret").decode() not in "\n".join(finding.evidence)


def test_a_client_is_authenticated_as_it_was_registered_whatever_it_asked_for():
    seen = picture("claude")
    seen.registered["claude"] |= {"token_endpoint_auth_method": "none"}
    asked: list[Request] = []
    driven(token, seen, lambda request: asked.append(request) or GRANT)
    assert "client_secret" not in parse_qs(asked[0].body.decode())


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (Response(307, {"location": "/oauth/token"}), "TRN-10"),
        (reply(415, {}), "TOK-04"),
        (reply(500, {}), "TOK-04"),
        (reply(400, {"error": "invalid_request", "error_description": "grant_type is missing"}), "TOK-04"),
    ],
)
def test_an_endpoint_that_reads_no_form_is_one_finding(answer, rule):
    assert [each.rule for each in driven(token, picture(), lambda _: answer)] == [rule]


@pytest.mark.parametrize(("kind", "word"), [("application/json", "JSON"), (f"{FORM}, application/json", "two types")])
def test_a_body_of_another_type_may_be_refused_and_must_not_crash(kind, word):
    def crashing(status: int):
        return lambda request: Response(status) if request.headers["content-type"] == kind else GRANT

    assert driven(token, picture(), crashing(415)) == []
    (finding,) = driven(token, picture(), crashing(500))
    assert (finding.rule, finding.verdict) == ("TOK-04", "risk")
    assert word in finding.summary


def test_each_client_asks_as_itself():
    asked: list[Request] = []
    driven(token, picture("claude"), lambda request: asked.append(request) or GRANT)
    assert asked[0].headers["user-agent"] == profiles()["claude"].user_agent
    assert asked[0].limit_seconds == profiles()["claude"].timeout_seconds


@pytest.mark.parametrize(("agent", "rule", "stopped"), [("Claude-User", "NET-01", ("claude",)), ("", "TOK-04", None)])
def test_a_wall_in_front_is_told_from_an_endpoint_that_is_shut(agent, rule, stopped):
    wall = reply(403, b"Forbidden", "text/plain")
    seen = picture("claude", "codex")
    (finding,) = driven(
        token, seen, lambda request: wall if request.headers["user-agent"] == agent or not agent else GRANT
    )
    assert finding.rule == rule
    assert finding.clients == (stopped or tuple(profiles()))
