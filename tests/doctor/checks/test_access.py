"""The first call with a token, and what is read off the token itself."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from email.utils import formatdate

import pytest
from doctor.examining import only, rules_of, signed_in

from doorward.doctor.checks.access import read_jwt
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Request
from testbed.answers import page, reply
from testbed.authorization import Authorization
from testbed.broken import BROKEN
from testbed.good import ORIGIN, Good, SignedTokens
from testbed.signing import new_key, signed


def segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "token",
    [
        "opaque",
        "a.b",
        "a.b.c",
        f"{segment([])}.{segment({})}.x",
        f"{segment({})}.{segment('x')}.x",
        "\xe9.\xe9.\xe9",
        "..",
        "a.b.c.d.e",
    ],
)
def test_what_is_no_jwt_is_not_read_as_one(token):
    assert read_jwt(token) is None


@pytest.mark.parametrize(("aud", "read"), [("a", ["a"]), (["a", "b"], ["a", "b"]), (7, ["7"]), ([], [])])
def test_an_audience_is_a_text_or_a_list(aud, read):
    jwt = read_jwt(f"{segment({'alg': 'none'})}.{segment({'aud': aud})}.")
    assert jwt is not None
    assert jwt.audience == read


def audience(value: object) -> type[SignedTokens]:
    class Other(SignedTokens):
        """Its tokens are for somebody else, and it takes them all the same."""

        def audience(self):
            return value

        def accepts(self, token):
            return Authorization.accepts(self, token)

    return Other


async def test_a_wrong_audience_that_is_taken_all_the_same_is_a_risk():
    finding = only(await signed_in(audience(f"{ORIGIN}/mcp/")()))
    assert (finding.rule, finding.verdict) == ("RS-01", "risk")
    assert finding.evidence[2].endswith("^ differs from here")


async def test_one_of_several_audiences_is_enough():
    assert not (await signed_in(audience([ORIGIN, f"{ORIGIN}/mcp"])())).findings


async def test_an_opaque_token_that_is_refused_without_a_word_leaves_the_cause_open():
    class Refusing(Good):
        def let_in(self, request):
            return False

    finding = only(await signed_in(Refusing()))
    assert (finding.rule, finding.verdict) == ("RS-01", "broken")
    assert "cannot be read" in finding.summary


async def test_a_token_that_changes_nothing_may_have_been_dropped_on_the_way():
    class Drops(Good):
        def endpoint(self, request):
            kept = {name: value for name, value in request.headers.items() if name != "authorization"}
            return super().endpoint(replace(request, headers=kept))

    finding = only(await signed_in(Drops()))
    assert finding.rule == "RS-01"
    assert "see NET-03" in finding.summary


async def test_a_jwt_that_looks_right_and_is_refused_is_told_so():
    class Refusing(SignedTokens):
        def let_in(self, request):
            return False

    assert "look right" in only(await signed_in(Refusing())).summary


async def test_an_encrypted_token_that_is_refused_is_a_surprise_of_format():
    class Encrypted(Good):
        def access_token(self, grant):
            return f"a.b.c.d.{self.fresh('e')}"

        def let_in(self, request):
            return False

    finding = only(await signed_in(Encrypted()))
    assert finding.rule == "RS-07"
    assert "encrypted" in finding.summary


async def test_a_token_that_was_handed_in_and_is_refused_is_told_and_is_no_fault_of_the_server():
    report = await signed_in(Good(), may_sign_in=False, token="of-yesterday-and-long")
    assert (only(report).rule, only(report).verdict) == ("RS-01", "note")
    assert report.not_checked["RS-07"] == "the token that was handed in is refused"
    assert {verdict.verdict for verdict in report.clients.values()} == {"connects as far as sign-in"}


def handed_in(server: SignedTokens, **claims) -> str:
    now = int(server.now)
    usual = {"iss": ORIGIN, "aud": f"{ORIGIN}/mcp", "iat": now, "nbf": now, "exp": now + 600, "jti": "j", "sub": "s"}
    token = signed(server.signing_key, usual | claims)
    server.tokens[token] = {"until": server.now + 600, "grant": "g", "client_id": "c", "scope": ["mcp"]}
    return token


async def test_a_good_token_that_was_handed_in_is_used_and_left_alone():
    server = SignedTokens()
    token = handed_in(server)
    report = await signed_in(server, may_sign_in=False, token=token)
    assert not report.findings
    assert {verdict.verdict for verdict in report.clients.values()} == {"connects"}
    assert server.accepts(token)
    assert not [each for each in server.requests if each.url == f"{ORIGIN}/revoke"]


async def test_a_token_that_was_handed_in_and_has_expired_is_named_as_such():
    server = SignedTokens()
    report = await signed_in(server, may_sign_in=False, token=handed_in(server, exp=int(server.now) - 5))
    assert not report.findings
    assert report.not_checked["RS-05"] == "the token that was handed in has expired"


async def test_a_token_that_was_handed_in_for_another_audience_and_is_refused_is_told():
    server = SignedTokens()
    finding = only(await signed_in(server, may_sign_in=False, token=handed_in(server, aud=ORIGIN)))
    assert (finding.rule, finding.verdict) == ("RS-01", "broken")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page(403), "no keys at jwks_uri"),
        (reply(200, {"keys": []}), "not published"),
        (reply(200, {"keys": 1}), "no keys"),
    ],
)
async def test_keys_that_cannot_be_read_are_a_risk_while_the_token_is_taken(answer, words):
    class Hidden(SignedTokens):
        def key_set(self, request):
            return answer

    finding = only(await signed_in(Hidden()))
    assert (finding.rule, finding.verdict) == ("RS-05", "risk")
    assert words in finding.summary


async def test_a_token_that_names_no_key_is_a_risk_where_there_are_several():
    class Nameless(SignedTokens):
        def change(self):
            super().change()
            self.published.append(new_key("key-2"))

        def access_token(self, grant):
            _, claims, signature = super().access_token(grant).split(".")
            return f"{segment({'alg': 'ES256'})}.{claims}.{signature}"

        def accepts(self, token):
            return Authorization.accepts(self, token)

    finding = only(await signed_in(Nameless()))
    assert (finding.rule, finding.verdict) == ("RS-05", "risk")


@pytest.mark.parametrize(("ahead", "rules"), [(90, ["RS-06"]), (-90, ["RS-06"]), (10, []), (-10, [])])
async def test_clocks_that_differ_by_more_than_a_request_takes_are_told(ahead, rules):
    class TwoClocks(Good):
        def everything(self, request: Request):
            moved = ahead if request.url.endswith("/token") else 0
            answer = super().everything(request)
            return replace(answer, headers={"date": formatdate(self.now + moved, usegmt=True), **answer.headers})

    report = await signed_in(TwoClocks())
    assert rules_of(report) == rules
    assert {finding.verdict for finding in report.findings} <= {"risk"}


@pytest.mark.parametrize("at", [10**400, -(10**400), 1e308, True, "soon", None, [1]])
async def test_times_that_are_none_are_passed_over(at):
    class Odd(SignedTokens):
        def access_token(self, grant):
            header, _, signature = super().access_token(grant).split(".")
            claims = {"aud": self.resource, "iat": at, "nbf": at, "exp": at, "jti": self.fresh("jti")}
            return f"{header}.{segment(claims)}.{signature}"

        def accepts(self, token):
            return Authorization.accepts(self, token)

    report = await signed_in(Odd())
    assert rules_of(report) == []


async def test_a_token_that_has_expired_when_it_is_issued_is_a_fault_of_the_clocks():
    class Dead(SignedTokens):
        def issued_at(self):
            return int(self.now) - 3600

    assert rules_of(await signed_in(Dead())) == ["RS-06"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page(400), "no JSON object"),
        (reply(400, {"message": "no"}), "no member error"),
        (reply(200, {"error": "invalid_grant"}), "with 200"),
    ],
)
async def test_the_shape_of_a_refusal_is_seen_without_a_sign_in(answer, words):
    class Odd(Good):
        def redeem(self, client, form):
            return answer

    report = await signed_in(Odd(), may_sign_in=False)
    assert "TOK-05" in {rule for finding in report.findings for rule in (finding.rule, *finding.explains)}
    assert [finding for finding in report.findings if words in finding.summary] or report.findings[0].rule != "TOK-05"


@pytest.mark.parametrize(
    ("change", "clients"),
    [({"expires_in": "3600"}, 2), ({"token_type": None}, 11), ({"scope": ["mcp"]}, 11), ({"expires_in": True}, 2)],
)
async def test_what_is_wrong_in_a_token_reply_is_named_with_whom_it_stops(change, clients):
    class Odd(Good):
        def issue(self, grant):
            return reply(200, super().issue(grant).json | change)

    finding = only(await signed_in(Odd()))
    assert finding.rule == "TOK-05"
    assert next(iter(change)) in finding.summary
    assert len(finding.clients) == clients


async def test_a_rule_about_jwts_says_that_it_needs_one():
    report = await signed_in(Good())
    assert "no JWT" in report.not_checked["RS-05"]
    assert "RS-05" not in (await signed_in(SignedTokens())).not_checked


def test_every_fixture_of_this_area_needs_a_sign_in():
    assert all("login" in BROKEN[rule].needs for rule in ("RS-01", "RS-05", "RS-06", "RS-07"))
    assert Picture(f"{ORIGIN}/mcp").token == ""
