"""Tokens of other issuers, verified by a function of the operator's."""

from __future__ import annotations

import base64
import json
import logging

import httpx2
import pytest
from world import ISSUER, RESOURCE, echo_app, world

from doorward import CallRefused, ConfigError, Door, VerifiedToken
from doorward.clock import FixedClock
from doorward.oauth.tokens import opaque as tokens

CLOCK = FixedClock()
BOTH = "application/json, text/event-stream"


def jwt(issuer: str) -> str:
    """Spell a JWT that nobody has signed."""
    parts = ({"alg": "ES256", "typ": "at+jwt"}, {"iss": issuer, "sub": "ann"})
    spelled = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*spelled, "c2lnbmVk"])


def good(**changes: object) -> VerifiedToken:
    said = {"subject": "idp|ann", "client_id": "agent", "scopes": ("mcp",), "expires_at": CLOCK.now() + 60}
    return VerifiedToken(**{**said, "audience": (RESOURCE,), **changes})


class Verifier:
    """Remembers what it was asked, and answers or raises the same every time."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def __call__(self, token: str) -> object:
        self.asked.append(token)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.requirement("P-36")
@pytest.mark.parametrize("token", ["opaque-of-another", jwt("https://idp.example")])
async def test_a_token_of_another_issuer_lets_in_and_is_asked_about_every_time(tmp_path, token):
    verify = Verifier(good())
    async with world(tmp_path, verify_token=verify, upstream_identity="jwt") as w:
        answers = [await w.call(token), await w.call(token)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert "x-doorward-identity" in answers[0].text
    assert "authorization" not in answers[0].text
    assert verify.asked == [token, token]


async def test_it_may_be_a_coroutine_function(tmp_path):
    async def verify(token: str) -> VerifiedToken | None:
        return good() if token == "mine" else None

    async with world(tmp_path, verify_token=verify) as w:
        assert (await w.call("mine")).status_code == 200
        assert (await w.call("another")).status_code == 401


@pytest.mark.requirement("P-36")
async def test_what_is_or_was_ours_is_never_shown_to_it(tmp_path):
    verify = Verifier(good())
    async with world(tmp_path, verify_token=verify, access_token_format="jwt") as w:
        client_id = await w.known_client()
        ours = (await w.redeem(client_id, await w.code(client_id))).json()
        assert (await w.call(ours["access_token"])).status_code == 200
        async with w.browser() as http:
            await http.post("/revoke", data={"token": ours["access_token"], "client_id": client_id})
        revoked = ours["access_token"]
        never_shown = [
            revoked,
            revoked[:-1] + ("B" if revoked[-1] != "B" else "C"),
            jwt(ISSUER),
            ours["refresh_token"],
            tokens.mint(tokens.ACCESS_TOKEN, bytes(32)),
            tokens.mint(tokens.HEADER_TOKEN, bytes(32)),
            "dwa_nonsense",
        ]
        statuses = [(await w.call(token)).status_code for token in never_shown]
        assert (await w.call(None)).status_code == 401
    assert statuses == [401] * len(never_shown)
    assert verify.asked == []


@pytest.mark.parametrize(
    ("answer", "status", "challenge"),
    [
        (None, 401, 'error="invalid_token"'),
        (good(expires_at=CLOCK.now()), 401, 'error="invalid_token"'),
        (good(audience=(ISSUER,)), 401, 'error="invalid_token"'),
        (good(scopes=("other",)), 403, 'error="insufficient_scope"'),
        (CallRefused("Not from there."), 401, 'error_description="Not from there."'),
        (CallRefused("Not you.", status=403), 403, 'error="insufficient_scope"'),
    ],
)
async def test_a_verdict_is_a_challenge(tmp_path, answer, status, challenge):
    async with world(tmp_path, verify_token=Verifier(answer), clock=CLOCK) as w:
        refused = await w.call("foreign")
    assert refused.status_code == status
    assert challenge in refused.headers["www-authenticate"]
    assert "resource_metadata=" in refused.headers["www-authenticate"]


async def test_too_many_calls_are_told_when_to_come_back(tmp_path):
    verify = Verifier(CallRefused("Slow down.", status=429, retry_after_seconds=7))
    async with world(tmp_path, verify_token=verify) as w:
        answer = await w.call("foreign")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize(
    "answer", [RuntimeError("the key server said no to secret-foreign-token"), OSError("down"), {"sub": "ann"}]
)
async def test_any_other_answer_is_a_bug_with_an_id_and_no_token_in_the_log(tmp_path, caplog, answer):
    async with world(tmp_path, verify_token=Verifier(answer)) as w:
        with caplog.at_level(logging.ERROR, "doorward"):
            failed = await w.call("secret-foreign-token")
    assert failed.status_code == 500
    (record,) = [each for each in caplog.records if each.getMessage() == "bug"]
    assert record.fields["error_id"] == failed.json()["error"]["data"]["error_id"]
    assert "secret-foreign-token" not in caplog.text
    assert "test_foreign_tokens.py" in caplog.text or "verify_token must return" in caplog.text


async def test_scopes_of_single_tools_count_for_it_as_well(tmp_path):
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "delete_all"}}
    settings = {"scopes": ["mcp"], "tool_scopes": {"delete_*": ["admin"]}}
    headers = {"authorization": "Bearer foreign", "accept": BOTH}
    async with world(tmp_path, verify_token=Verifier(good()), **settings) as w, w.browser() as http:
        answer: httpx2.Response = await http.post("/mcp", json=call, headers=headers)
        assert (await w.call("foreign")).status_code == 200
    assert answer.status_code == 403
    assert "admin" in answer.headers["www-authenticate"]


async def test_without_such_a_function_a_foreign_token_is_no_token(tmp_path):
    async with world(tmp_path) as w:
        assert [(await w.call(each)).status_code for each in ("opaque", jwt("https://idp.example"))] == [401, 401]


async def test_header_tokens_may_stand_beside_it(tmp_path):
    async with world(tmp_path, auth="token", verify_token=Verifier(good())) as w:
        assert (await w.call("foreign")).status_code == 200


def test_a_door_that_asks_nobody_has_nothing_to_verify(tmp_path):
    with pytest.raises(ConfigError, match="verify_token"):
        Door(echo_app, auth="none", data_dir=tmp_path, verify_token=Verifier(None))


@pytest.mark.parametrize(
    ("token", "may"),
    [
        ("opaque-of-another", True),
        (jwt("https://idp.example"), True),
        (jwt(f"{ISSUER}/"), True),
        (jwt(ISSUER), False),
        (jwt(ISSUER)[:-8] + "!!!!!!!!", False),
        ("eyJhbGciOiJub25lIn0.broken.x", False),
        ("eyJonly.one", True),
        *((f"{prefix}stranger", False) for prefix in tokens.PREFIXES),
    ],
)
async def test_only_what_this_server_cannot_have_issued_is_one_of_another(tmp_path, token, may):
    verify = Verifier(good())
    async with world(tmp_path, verify_token=verify) as w:
        assert (await w.call(token)).status_code == (200 if may else 401)
    assert verify.asked == ([token] if may else [])
