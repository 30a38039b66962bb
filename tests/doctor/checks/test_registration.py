"""Registration: replies that are malformed, and why a body is refused, with answers handed to the checks."""

from __future__ import annotations

import json

from doctor.driving import driven, pictured

from doorward.doctor.checks.registration import LOOPBACK, limits, register
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.parts import Metadata
from doorward.doctor.engine.requests import Request, Response
from doorward.doctor.engine.rules import profiles
from testbed.answers import reply
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


def test_a_reply_that_leads_inside_is_found():
    (finding,) = examined(with_members(registration_client_uri="http://localhost:8000/register/1"))
    assert finding.rule == "DSC-04"


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
