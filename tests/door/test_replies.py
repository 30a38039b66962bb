"""What the door says when a call does not go through: refused, unavailable and bug are three different answers."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from door.fronts import Answer

from doorward.door.replies import (
    FAULT_STATUS,
    MessageRefused,
    Refused,
    interrupted_body,
    send_bug,
    send_challenge,
    send_empty,
    send_refusal,
    send_refused,
    send_stopping,
    send_unavailable,
    send_upstream_fault,
)
from doorward.errors import UpstreamError, UpstreamFault
from doorward.mcp.jsonrpc import INTERNAL_ERROR, INVALID_REQUEST, Refusal
from doorward.oauth.errors import BearerError, Reason

ID = [(b"x-request-id", b"7")]


async def sent(sending, *arguments, **more) -> Answer:
    answer = Answer()
    await sending(answer.take, ID, *arguments, **more)
    assert answer.one("x-request-id") == "7"
    assert answer.one("cache-control") == "no-store"
    assert int(answer.one("content-length")) == len(answer.body)
    return answer


async def test_a_request_that_is_no_message_is_refused_without_an_id():
    answer = await sent(send_refused, Refused(413, "Too large.", headers=[(b"allow", b"POST")], close=True))
    assert (answer.status, answer.code) == (413, INVALID_REQUEST)
    assert "id" not in answer.json
    assert (answer.one("allow"), answer.one("connection")) == ("POST", "close")
    assert (await sent(send_refused, Refused(400, "No."))).one("connection") is None


async def test_a_message_is_refused_under_its_own_id():
    refusal = Refusal(404, -32601, "There is no such method.", {"a": 1}, rpc_id="q")
    assert str(MessageRefused(refusal)) == "404: There is no such method."
    answer = await sent(send_refusal, refusal)
    assert (answer.status, answer.code, answer.json["id"]) == (404, -32601, "q")
    assert answer.json["error"]["data"] == {"a": 1}


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (BearerError(Reason.NO_TOKEN, "Sign in.", error=None), 401, "unauthorized"),
        (BearerError(Reason.UNKNOWN_TOKEN, "It is gone."), 401, "invalid_token"),
        (
            BearerError(
                Reason.MISSING_SCOPE, "It needs more.", error="insufficient_scope", status=403, scopes=("a", "b")
            ),
            403,
            "insufficient_scope",
        ),
    ],
)
async def test_an_error_about_a_credential_is_a_challenge_with_and_without_an_id(error, status, said):
    plain = await sent(send_challenge, error, b"Bearer x")
    assert (plain.status, plain.one("www-authenticate"), plain.json["error"]) == (status, "Bearer x", said)
    message = await sent(send_challenge, error, b"Bearer x", rpc_id=0)
    assert (message.status, message.json["id"]) == (status, 0)
    assert message.json["error"]["data"] == {"error": said, "scope": " ".join(error.scopes)}


async def test_an_answer_without_a_verdict_says_when_to_come_back():
    answer = await sent(send_unavailable)
    assert (answer.status, answer.one("retry-after"), answer.code) == (503, "2", INTERNAL_ERROR)
    assert answer.one("www-authenticate") is None
    stopping = await sent(send_stopping, rpc_id=3)
    assert (stopping.status, stopping.one("connection"), stopping.json["id"]) == (503, "close", 3)


@pytest.mark.parametrize("fault", get_args(UpstreamFault))
async def test_each_fault_of_an_upstream_has_a_status_and_names_the_server(fault):
    error = UpstreamError(fault, "It is gone.", evidence="10.0.0.7:9000")
    answer = await sent(send_upstream_fault, error, upstream="notes", rpc_id="q")
    assert answer.status == FAULT_STATUS[fault]
    assert 502 <= answer.status <= 504
    assert answer.json["error"]["message"] == "notes: It is gone."
    assert answer.json["error"]["data"] == {"fault": fault, "upstream": "notes"}
    assert b"10.0.0.7" not in answer.body


async def test_a_bug_shows_its_id_and_nothing_else():
    answer = await sent(send_bug, "ab12", rpc_id=None)
    assert (answer.status, answer.json["error"]["data"]) == (500, {"error_id": "ab12"})
    assert "ab12" in answer.json["error"]["message"]


async def test_an_answer_that_can_have_no_body_has_no_length():
    answer = Answer()
    await send_empty(answer.take, 202, ID)
    assert (answer.status, answer.body, answer.one("content-length")) == (202, b"", None)


def test_a_call_that_was_cut_off_is_said_to_have_run_perhaps():
    body = json.loads(interrupted_body(rpc_id=5))
    assert body["id"] == 5
    assert "may have run" in body["error"]["message"]
