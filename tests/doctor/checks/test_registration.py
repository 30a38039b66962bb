"""Registration: replies that are malformed, and why a body is refused, with answers handed to the checks."""

from __future__ import annotations

import json

import pytest
from doctor.driving import driven, pictured

from doorward.doctor.checks.agents import BROWSER
from doorward.doctor.checks.registration import LOOPBACK, forget, limits, register
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.parts import Metadata
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import page, reply
from testbed.good import Good

ENDPOINT = "https://mcp.example.com/register"
REFUSED = reply(400, {"error": "invalid_redirect_uri"})


class Server:
    """The good server's registration, with a change to what it answers."""

    def __init__(self, change=lambda body, answer: answer) -> None:
        self.good = Good()
        self.change = change
        self.asked: list[Request] = []

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        if request.method == "DELETE":
            return self.good.manage(request)
        if request.method == "GET":
            return reply(200, {})
        return self.change(json.loads(request.body), self.good.registration(request))


def picture(*names: str, **changes) -> Picture:
    clients = {name: each for name, each in profiles().items() if not names or name in names}
    server = {"registration_endpoint": ENDPOINT}
    return pictured("https://mcp.example.com/mcp", clients=clients, server=server, **changes)


def examined(server: Server, *names: str):
    return driven(register, picture(*names), server)


def text(finding) -> str:
    return "\n".join((finding.summary, *finding.evidence))


def with_members(**changes):
    def change(body, answer):
        if answer.status != 201:
            return answer
        members = {name: value for name, value in (answer.json | changes).items() if value != ""}
        return Response(201, answer.headers, json.dumps(members).encode())

    return Server(change)


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


def test_a_reply_that_leads_inside_is_found():
    (finding,) = examined(with_members(registration_client_uri="http://localhost:8000/register/1"))
    assert finding.rule == "DSC-04"


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


def test_each_client_registers_as_itself():
    server = Server()
    assert examined(server) == []
    by_name = {json.loads(each.body)["client_name"].rpartition("as ")[2]: each for each in server.asked}
    claude, remote = by_name["Claude"], json.loads(by_name["mcp-remote"].body)
    assert claude.headers["user-agent"] == "Claude-User"
    assert claude.limit_seconds == profiles()["claude"].timeout_seconds
    assert remote["software_id"]
    assert json.loads(by_name["Cursor"].body)["application_type"] == "web"
    assert json.loads(by_name["a native client"].body)["redirect_uris"][2] == "http://[::1]/callback"


def test_loopback_without_a_port_is_registered_only_for_clients_that_need_it():
    seen = picture("claude")
    driven(register, seen, Server())
    assert LOOPBACK not in seen.registered


def refusing(condition):
    return Server(lambda body, good: REFUSED if condition(body) and good.status == 201 else good)


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


def test_limits_are_looked_for_only_with_several_tries():
    server = Server()
    seen = picture("claude", repeat=10)
    driven(register, seen, server)
    seen.resource_metadata = Metadata({}, ("https://mcp.example.com/.well-known/x",))
    before = len(server.asked)
    assert driven(limits, seen, server) == []
    sent = server.asked[before:]
    assert sum(request.method == "GET" for request in sent) == 40
    assert len(seen.registered) == 12
    seen.repeat = 0
    assert driven(limits, seen, server) == []
    assert len(server.asked) == before + len(sent)


def test_the_count_at_which_a_limit_begins_is_told():
    reads: list[Request] = []

    def answer(request: Request) -> Response:
        reads.append(request)
        return reply(429, {}, retry_after="60") if request.method == "GET" and len(reads) > 25 else reply(201, {})

    seen = picture("claude", repeat=10, documents=("https://mcp.example.com/.well-known/x",))
    seen.registered = {str(place): {} for place in range(12)}
    (finding,) = driven(limits, seen, answer)
    assert (finding.rule, finding.verdict) == ("NET-06", "risk")
    assert "number 26 " in finding.summary
    assert "Retry-After: 60" in finding.evidence
