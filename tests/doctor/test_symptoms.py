"""Ten symptoms that users report: each is shown by a server, and its cause is the first finding of a check.

They come one by one from the troubleshooting table of a vendor, whose users see these words and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from doorward.doctor.engine.check import Finding, Picture
from doorward.doctor.engine.requests import Request, Response, SignIn
from doorward.doctor.engine.rules import profiles
from doorward.doctor.engine.run import examine
from testbed.answers import page, reply
from testbed.broken import BROKEN
from testbed.good import ORIGIN, Good

URL = f"{ORIGIN}/mcp"
CALLBACK = profiles()["mcp-manager"].redirect_uris[0]
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


async def first(kind: type[Good], client: str = "mcp-manager", *, login: bool = False, repeat: int = 0) -> Finding:
    """Return the first finding for one client; for all of them together it must be the same."""
    found = []
    for clients in ({client: profiles()[client]}, profiles()):
        server = kind()
        picture = Picture(URL, clients=clients, may_sign_in=login, repeat=repeat)
        report = await examine(picture, server.send, sign_in=server.person)
        assert report.findings
        assert not report.crashed
        found.append(report.findings[0])
    alone, everyone = found
    assert alone.rule == everyone.rule
    assert set(alone.clients) == {client} <= set(everyone.clients)
    return alone


def registered(server: Good) -> dict:
    """Register as the product does: confidential, with its one callback."""
    body = {"redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post"}
    request = Request("POST", f"{server.origin}/register", {}, json.dumps(body).encode())
    return server.everything(request).json


def authorize_url(server: Good, client: dict) -> str:
    query = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": CALLBACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "resource": server.url,
    }
    return f"{server.origin}/authorize?{urlencode(query)}"


def page_status(server: Good, client: dict) -> int:
    """Open the authorize page as a browser does."""
    return server.everything(Request("GET", authorize_url(server, client))).status


def tokens(server: Good, client: dict) -> Response:
    """Sign in, and redeem the code."""
    back = server.sign_in(SignIn(authorize_url(server, client), CALLBACK))
    code = parse_qs(urlsplit(back.headers["location"]).query)["code"][0]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
    return server.everything(Request("POST", f"{server.origin}/token", {}, urlencode(form | secrets(client)).encode()))


def secrets(client: dict) -> dict[str, str]:
    return {"client_id": client["client_id"], "client_secret": client["client_secret"]}


def initialized(server: Good) -> str:
    """Begin a session, and return its id."""
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "product", "version": "1"}}
    return called(server, "", "initialize", params).headers["mcp-session-id"]


def called(
    server: Good, token: str, method: str = "tools/list", params: dict | None = None, *, session: str = ""
) -> Response:
    """Call as the product does after the sign-in."""
    headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}
    headers |= {"mcp-protocol-version": "2025-11-25"} | ({"mcp-session-id": session} if session else {})
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}
    return server.everything(Request("POST", server.url, headers, json.dumps(body).encode()))


class TwoInstances(Good):
    """Two instances behind a balancer, each with its own list of clients."""

    turn = 0

    def oauth(self, request):
        self.turn += 1
        everyone, mine = self.clients, self.turn % 2
        if urlsplit(request.url).path in {"/authorize", "/token"}:
            self.clients = {name: each for name, each in everyone.items() if each["instance"] == mine}
        answer = super().oauth(request)
        if answer is not None and answer.status == 201:
            everyone[answer.json["client_id"]]["instance"] = mine
        self.clients = everyone
        return answer


async def test_t1_client_not_registered_after_a_while():
    server = BROKEN["REG-03"].server()
    client = registered(server)
    assert page_status(server, client) == 200
    server.now += 3600
    assert page_status(server, client) == 400
    finding = await first(BROKEN["REG-03"].server, repeat=10)
    assert finding.rule == "REG-03"
    assert "durable store" in finding.fix


async def test_t1_client_not_registered_at_every_other_try():
    server = TwoInstances()
    client = registered(server)
    assert {page_status(server, client) for _ in range(4)} == {200, 400}
    finding = await first(TwoInstances, repeat=10)
    assert finding.rule == "REG-03"
    assert "now and then" in finding.summary


@pytest.mark.parametrize("rule", ["REG-01", "DSC-06", "DSC-03", "DSC-02", "DSC-04"])
async def test_t2_sign_in_is_not_detected_or_it_asks_for_a_client_id_and_secret(rule):
    finding = await first(BROKEN[rule].server)
    assert finding.rule == rule
    assert finding.severity == "blocker"


@pytest.mark.parametrize("rule", ["TRN-02", "TRN-01", "NET-02"])
async def test_t3_it_cannot_connect_or_calls_the_server_unsupported(rule):
    finding = await first(BROKEN[rule].server)
    assert finding.rule == rule
    assert finding.severity == "blocker"


async def test_t3_an_origin_check_refuses_who_comes_from_a_browser():
    finding = await first(BROKEN["NET-07"].server, "inspector")
    assert finding.rule == "NET-07"
    assert "Keep the check" in finding.fix


class KnowsLocalhostOnly(Good):
    """The allow-list of callbacks holds this machine and one vendor."""

    def register(self, request):
        hosts = {urlsplit(uri).hostname for uri in json.loads(request.body)["redirect_uris"]}
        if hosts - {"localhost", "127.0.0.1", "claude.ai", "claude.com"}:
            return reply(400, {"error": "invalid_redirect_uri"})
        return super().register(request)


async def test_t4_the_callback_is_not_on_the_list():
    finding = await first(KnowsLocalhostOnly)
    assert finding.rule == "REG-02"
    assert CALLBACK in "\n".join(finding.evidence)


class ListsCallbacksElsewhere(Good):
    """Registration takes every callback; the page is shown for those on another list alone."""

    def login_page(self, query):
        known = urlsplit(query["redirect_uri"]).hostname in {
            "localhost",
            "127.0.0.1",
            "::1",
            "claude.ai",
            "chatgpt.com",
        }
        return super().login_page(query) if known else page(400)


async def test_t4_the_callback_is_registered_and_refused_all_the_same():
    server = ListsCallbacksElsewhere()
    assert page_status(server, registered(server)) == 400
    finding = await first(ListsCallbacksElsewhere)
    assert finding.rule == "REG-02"
    assert "exactly as it registers it" in finding.fix


async def test_t5_the_sign_in_succeeds_and_every_call_is_401():
    server = BROKEN["RS-01"].server()
    answer = tokens(server, registered(server))
    assert answer.status == 200
    assert called(server, answer.json["access_token"]).status == 401
    finding = await first(BROKEN["RS-01"].server, login=True)
    assert finding.rule == "RS-01"
    assert any("differs from here" in line for line in finding.evidence)


class WithoutAuthorization(Good):
    """A proxy that passes every header on but Authorization."""

    def endpoint(self, request):
        kept = {name: value for name, value in request.headers.items() if name != "authorization"}
        return super().endpoint(replace(request, headers=kept))

    def unauthorized(self, request):
        return Response(401, super().unauthorized(request).headers, b'{"error": "sign in first"}')


async def test_t5_a_proxy_takes_the_token_away():
    server = WithoutAuthorization()
    answer = tokens(server, registered(server))
    assert called(server, answer.json["access_token"]).status == 401
    finding = await first(WithoutAuthorization, login=True)
    assert finding.rule == "NET-03"


async def test_t6_it_connects_and_then_breaks_now_and_then():
    server = BROKEN["SES-01"].server()
    session = initialized(server)
    assert {called(server, "", session=session).status for _ in range(4)} == {200, 404}
    finding = await first(BROKEN["SES-01"].server, repeat=10)
    assert finding.rule == "SES-01"


async def test_t6_it_works_until_another_instance_has_to_verify_the_token():
    finding = await first(BROKEN["STO-03"].server, login=True, repeat=10)
    assert finding.rule == "STO-03"


class TokensOfOneInstance(Good):
    """Two instances take turns, and each knows the tokens that it has issued."""

    turn = 0

    def everything(self, request):
        self.turn += 1
        return super().everything(request)

    def issue(self, grant):
        answer = super().issue(grant)
        self.tokens[answer.json["access_token"]]["instance"] = self.turn % 2
        return answer

    def accepts(self, token):
        return super().accepts(token) and self.tokens[token]["instance"] == self.turn % 2


class TokensOfTheOther(TokensOfOneInstance):
    """The same, and the first call happens to meet the instance that knows."""

    def accepts(self, token):
        return Good.accepts(self, token) and self.tokens[token]["instance"] != self.turn % 2


@pytest.mark.parametrize("kind", [TokensOfOneInstance, TokensOfTheOther])
async def test_t6_a_token_is_good_at_every_other_try(kind):
    server = kind()
    token = tokens(server, registered(server)).json["access_token"]
    assert {called(server, token).status for _ in range(4)} == {200, 401}
    finding = await first(kind, login=True)
    assert finding.rule == "STO-02"
    assert "every node shares" in finding.fix


async def test_t7_it_is_connected_and_there_are_no_tools():
    server = BROKEN["TOOL-04"].server()
    assert called(server, "").json["result"]["tools"]
    finding = await first(BROKEN["TOOL-04"].server)
    assert finding.rule == "TOOL-04"


class ListsWhatTheScopeAllows(Good):
    """Without the scope, which no metadata names, the list is empty."""

    def listed(self, params):
        return {"tools": []}


async def test_t7_the_scopes_are_too_narrow():
    finding = await first(ListsWhatTheScopeAllows, login=True)
    assert (finding.rule, finding.verdict) == ("TOOL-04", "risk")
    assert "scope of the token: 'mcp offline_access'" in finding.evidence


class EmptyListForABadToken(Good):
    """A token that is not good gets an empty list in place of a challenge."""

    def endpoint(self, request):
        if request.method == "POST" and "authorization" in request.headers and not self.let_in(request):
            return reply(200, {"jsonrpc": "2.0", "id": 1, "result": {"tools": []}})
        return super().endpoint(request)


async def test_t7_an_expired_token_gets_an_empty_list_and_nobody_signs_in_again():
    assert called(EmptyListForABadToken(), "expired").json["result"]["tools"] == []
    finding = await first(EmptyListForABadToken)
    assert finding.rule == "RS-02"
    assert "401" in finding.fix


async def test_t8_users_have_to_sign_in_again_and_again():
    finding = await first(BROKEN["TOK-01"].server)
    assert finding.rule == "TOK-01"
    assert finding.severity == "major"


async def test_t8_the_sign_in_is_lost_when_two_windows_refresh_at_once():
    finding = await first(BROKEN["TOK-02"].server, login=True, repeat=10)
    assert finding.rule == "TOK-02"


async def test_t9_invalid_client_for_a_moment_after_registering():
    server = BROKEN["STO-01"].server()
    client = registered(server)
    assert page_status(server, client) == 400
    server.now += 1
    assert page_status(server, client) == 200
    finding = await first(BROKEN["STO-01"].server, repeat=10)
    assert finding.rule == "STO-01"


async def test_t10_the_wrong_way_of_signing_in_was_picked_by_hand():
    assert "registration_endpoint" not in BROKEN["REG-01"].server().metadata
    finding = await first(BROKEN["REG-01"].server)
    assert finding.rule == "REG-01"
    assert "by hand" in finding.fix
