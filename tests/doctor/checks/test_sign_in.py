"""The sign-in: what comes back to the doctor's own client, and what is done with it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from doctor.examining import only, rules_of, signed_in

from doorward.doctor.engine.requests import Response
from testbed.answers import page, reply
from testbed.good import ORIGIN, Good, HeaderToken


def redeemed(server: Good) -> list[dict[str, str]]:
    """Return the requests for the exchange of a code that was issued."""
    forms = [dict(parse_qsl(each.body.decode())) for each in server.requests if each.url == f"{ORIGIN}/token"]
    return [form for form in forms if form.get("code", "").startswith("code-")]


async def test_the_client_that_signs_in_is_a_throw_away_of_its_own_and_is_deleted():
    server = Good()
    report = await signed_in(server)
    own = [client for client in server.clients.values() if client["client_name"].endswith("signing in")]
    assert len(own) == 1
    assert "throw-away" in own[0]["client_name"]
    assert sorted(server.deleted) == sorted(server.clients)
    assert {verdict.verdict for verdict in report.clients.values()} == {"connects"}


async def test_what_the_sign_in_brought_is_revoked():
    server = Good()
    await signed_in(server)
    assert server.tokens
    assert not [token for token in server.tokens if server.accepts(token)]


async def test_the_tokens_are_revoked_even_when_the_time_runs_out():
    class Stuck(Good):
        async def send(self, request):
            if b"grant_type=refresh_token" in request.body:
                raise TimeoutError
            return await super().send(request)

    server = Stuck()
    report = await signed_in(server)
    assert len(report.crashed) == 1
    assert not [token for token in server.tokens if server.accepts(token)]


async def test_an_interrupt_while_a_person_is_waited_for_leaves_nothing_behind():
    class Nobody(Good):
        async def person(self, ask):
            waiting.set()
            await asyncio.Event().wait()

    waiting, server = asyncio.Event(), Nobody()
    examination = asyncio.create_task(signed_in(server))
    await waiting.wait()
    examination.cancel()
    with pytest.raises(asyncio.CancelledError):
        await examination
    assert sorted(server.deleted) == sorted(server.clients)


async def test_each_sign_in_has_a_state_and_a_verifier_of_its_own():
    servers = [Good(), Good()]
    for server in servers:
        await signed_in(server)
    verifiers = [form["code_verifier"] for server in servers for form in redeemed(server)]
    assert len(set(verifiers)) == 2
    assert all(len(verifier) >= 43 for verifier in verifiers)


async def test_the_scopes_that_the_server_names_are_asked_for_and_to_stay_signed_in():
    asked = []

    class Noting(Good):
        async def person(self, ask):
            asked.append(parse_qs(urlsplit(ask.url).query))
            return await super().person(ask)

    await signed_in(Noting())
    assert asked[0]["scope"] == ["mcp offline_access"]
    assert asked[0]["resource"] == [f"{ORIGIN}/mcp"]


@pytest.mark.parametrize(
    ("server", "picture", "why"),
    [
        (Good, {"may_sign_in": False}, "needs --login"),
        (HeaderToken, {}, "the metadata names no authorization_endpoint"),
        (Good, {"token": "some-token-of-the-user"}, "a token was handed in, so nobody signs in"),
    ],
)
async def test_what_needs_a_person_says_why_it_was_not_checked(server, picture, why):
    report = await signed_in(server(), **picture)
    assert {report.not_checked[rule] for rule in ("AUT-06", "TOK-07", "TOK-08")} <= {why, "needs --login"}
    assert report.not_checked["AUT-06"] == why


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Response(0, fault="timeout"), "nobody signed in"),
        (page(400), "nobody signed in"),
        (reply(302, location="https://elsewhere.example.com/?code=x"), "nobody signed in"),
    ],
)
async def test_a_sign_in_that_does_not_come_back_is_no_finding(answer, why):
    class Away(Good):
        async def person(self, ask):
            return answer

    report = await signed_in(Away())
    assert not report.findings
    assert report.not_checked["AUT-06"] == why


async def test_a_refusal_by_the_person_is_no_finding_and_is_named():
    class Refusing(Good):
        def consent(self, query):
            return self.refused(query, "access_denied")

    report = await signed_in(Refusing())
    assert not report.findings
    assert report.not_checked["TOK-07"] == "the sign-in came back with access_denied"


async def test_an_issuer_that_differs_in_one_byte_is_marked():
    class Slash(Good):
        def issuer_parameter(self):
            return {"iss": f"{ORIGIN}/"}

    finding = only(await signed_in(Slash()))
    assert finding.rule == "AUT-05"
    one, two, mark = finding.evidence[1:4]
    assert mark.index("^") == two.rindex("/")
    assert one.endswith(ORIGIN)


async def test_an_issuer_that_is_not_promised_may_be_left_out():
    class Older(Good):
        def change(self):
            del self.metadata["authorization_response_iss_parameter_supported"]

        def issuer_parameter(self):
            return {}

    assert not (await signed_in(Older())).findings


async def test_without_a_person_a_refusal_shows_that_the_issuer_may_be_missing():
    class Silent(Good):
        def issuer_parameter(self):
            return {}

    finding = only(await signed_in(Silent(), may_sign_in=False))
    assert (finding.rule, finding.verdict) == ("AUT-05", "risk")


@pytest.mark.parametrize("status", [302, 303, 307, 308])
async def test_a_redirect_that_keeps_the_method_is_told_from_one_that_does_not(status):
    class Kept(Good):
        def consent(self, query):
            return replace(super().consent(query), status=status)

    assert rules_of(await signed_in(Kept())) == (["AUT-06"] if status > 303 else [])


async def test_a_code_that_comes_with_another_state_is_not_redeemed():
    class Mixed(Good):
        def redirect(self, query, parameters):
            return super().redirect(query | {"state": "of-another-flow"}, parameters)

    server = Mixed()
    report = await signed_in(server)
    assert rules_of(report) == ["AUT-09"]
    assert not redeemed(server)


@pytest.mark.parametrize(
    ("answer", "rule"),
    [
        (reply(400, {"error": "invalid_grant"}), "TOK-06"),
        (reply(401, {"error": "invalid_client"}), "TOK-03"),
        (reply(400, {"error": "invalid_target"}), "AUT-07"),
        (page(500), "TOK-05"),
        (reply(200, {"token": "x"}), "TOK-05"),
    ],
)
async def test_a_code_that_brings_no_tokens_is_told_by_what_was_said(answer, rule):
    class Refuses(Good):
        def redeem(self, client, form):
            return answer if form["code"].startswith("code-") else super().redeem(client, form)

    report = await signed_in(Refuses())
    assert rules_of(report) == [rule]
    assert {verdict.verdict for verdict in report.clients.values()} <= {"stops", "may fail"}


@pytest.mark.parametrize("grant", ["authorization_code", "refresh_token"])
async def test_a_token_under_another_name_is_not_shown(grant):
    class Renamed(Good):
        def token(self, request):
            answer = super().token(request)
            if answer.status != 200 or f"grant_type={grant}".encode() not in request.body:
                return answer
            return reply(200, {"accessToken": answer.json["access_token"], "expires_in": 1})

    server = Renamed()
    finding = only(await signed_in(server))
    assert finding.evidence[-1] == "members: accessToken, expires_in"
    assert not [secret for secret in server.tokens if secret in "\n".join(finding.evidence)]


async def test_a_sign_in_without_a_refresh_token_is_the_proof_that_none_is_issued():
    class Hourly(Good):
        def issue(self, grant):
            answer = super().issue(grant)
            kept = {name: value for name, value in answer.json.items() if name != "refresh_token"}
            return reply(200, kept, cache_control="no-store")

    finding = only(await signed_in(Hourly()))
    assert finding.rule == "TOK-01"
    assert any(line.startswith("members: access_token, expires_in") for line in finding.evidence)


async def test_no_report_holds_what_the_sign_in_brought():
    class Echo(Good):
        def unauthorized(self, request):
            answer = super().unauthorized(request)
            given = request.headers.get("authorization", "")
            return reply(401, {"you_sent": given.split()}, **{"www-authenticate": answer.headers["www-authenticate"]})

        def let_in(self, request):
            return False

    server = Echo()
    finding = only(await signed_in(server))
    issued = [*server.tokens, *server.refresh_tokens]
    assert finding.rule == "RS-01"
    assert issued
    assert not [secret for secret in issued if secret in "\n".join([*finding.evidence, finding.summary])]
