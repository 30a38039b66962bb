"""The members of a token reply, and of an error of the token endpoint."""

from __future__ import annotations

import pytest

from doorward.doctor.checks.token_replies import error_faults, error_of, reply_faults, tokens_of, without_tokens
from doorward.doctor.engine.requests import Request, Response
from testbed.answers import reply

ASKED = Request("POST", "https://mcp.example.com/token")
GOOD = {"access_token": "secret-of-the-server", "token_type": "Bearer", "expires_in": 3600}
NO_STORE = {"cache_control": "no-store"}


def judged(**changes: object) -> list[tuple[str, str]]:
    body = {name: value for name, value in (GOOD | changes).items() if value != "left out"}
    return [
        (each.verdict.partition(" for ")[0], each.summary) for each in reply_faults(ASKED, reply(200, body, **NO_STORE))
    ]


@pytest.mark.parametrize("changes", [{}, {"expires_in": "left out"}, {"expires_in": 1.5}, {"scope": "a"}, {"own": [1]}])
def test_a_good_reply_has_no_fault(changes):
    assert judged(**changes) == []


@pytest.mark.parametrize(
    ("changes", "verdict", "words"),
    [
        ({"access_token": "left out"}, "broken", "access_token is missing"),
        ({"token_type": "left out"}, "broken", "token_type is missing"),
        ({"refresh_token": None}, "broken", "refresh_token is null"),
        ({"scope": ["a"]}, "broken", "scope is a list"),
        ({"access_token": 7}, "broken", "access_token is a number"),
        ({"expires_in": "3600"}, "will break", "expires_in is text"),
        ({"expires_in": True}, "will break", "expires_in is true or false"),
    ],
)
def test_each_odd_member_is_named(changes, verdict, words):
    ((found, summary),) = judged(**changes)
    assert found == verdict
    assert words in summary


@pytest.mark.parametrize(
    ("answer", "verdict", "words"),
    [
        (reply(200, GOOD), "note", "does not forbid"),
        (reply(200, GOOD, cache_control="max-age=0"), "note", "does not forbid"),
        (reply(200, GOOD, "text/plain", **NO_STORE), "broken", "the content type is text/plain"),
    ],
)
def test_the_headers_of_a_reply_are_judged_too(answer, verdict, words):
    (finding,) = reply_faults(ASKED, answer)
    assert finding.verdict == verdict
    assert words in finding.summary
    assert not [line for line in finding.evidence if GOOD["access_token"] in line]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(400, {"error": "invalid_grant"}), ""),
        (reply(200, {"error": "invalid_grant"}), "answered with 200"),
        (reply(400, b"<html>", "text/html"), "no JSON object, but text/html"),
        (reply(400, {"message": "no"}), "no member error"),
        (reply(400, {"error": 7}), "no member error"),
    ],
)
def test_an_error_is_one_that_a_client_can_read(answer, words):
    findings = error_faults(ASKED, answer)
    assert len(findings) == bool(words)
    assert all(words in each.summary for each in findings)


def test_a_success_is_shown_by_the_names_of_its_members_alone():
    shown = without_tokens(ASKED, reply(200, GOOD | {"unknown": "another-secret"}))
    assert shown[-1] == "members: access_token, expires_in, token_type, unknown"
    assert not [line for line in shown if "secret" in line]
    refused = without_tokens(ASKED, reply(400, {"error": "invalid_grant"}))
    assert any("invalid_grant" in line for line in refused)


@pytest.mark.parametrize(
    ("answer", "error", "is_usable"),
    [
        (reply(200, GOOD), "", True),
        (reply(200, GOOD | {"access_token": ""}), "", False),
        (reply(201, GOOD), "", False),
        (reply(400, {"error": "invalid_client"}), "invalid_client", False),
        (reply(400, {"error": ["x"]}), "", False),
        (reply(400, [1]), "", False),
        (Response(0), "", False),
    ],
)
def test_code_and_tokens_are_read_off_an_answer(answer, error, is_usable):
    assert error_of(answer) == error
    assert (tokens_of(answer) is not None) is is_usable
