"""What is kept of what was said, and requests in the session of an examination."""

from __future__ import annotations

import json

import pytest

from doorward.doctor.engine.calls import ask, bare
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.dialogue import Dialogue
from doorward.doctor.engine.requests import Request, Response, SignIn, Together
from testbed.answers import event, reply, result

JSON = {"content-type": "application/json"}


def asked(method: str, **more: object) -> Request:
    return Request("POST", "https://x/mcp", JSON, json.dumps({"jsonrpc": "2.0", "method": method, **more}).encode())


def test_each_answer_is_kept_with_what_was_asked():
    dialogue = Dialogue()
    dialogue.note(asked("ping", id="a"), result("a", {"x": 1}))
    dialogue.note(asked("notifications/initialized"), Response(202))
    said = list(dialogue.answers())
    assert [(each.method, each.rpc_id, each.era) for each in said] == [
        ("ping", "a", "legacy"),
        ("notifications/initialized", None, "legacy"),
    ]
    assert said[0].result == {"x": 1}
    assert said[1].result is None
    assert list(dialogue.answers("ping", era="modern")) == []


def test_what_was_asked_at_once_is_kept_one_by_one():
    dialogue = Dialogue()
    both = Together((asked("ping", id=1), asked("tools/list", id=2)))
    dialogue.note(both, Response(0, parts=(Response(200), Response(404))))
    assert [(each.method, each.response.status) for each in dialogue.answers()] == [("ping", 200), ("tools/list", 404)]


@pytest.mark.parametrize(
    "ask_of",
    [
        SignIn("https://x/authorize", "http://127.0.0.1/"),
        Request("GET", "https://x/mcp", JSON),
        Request("POST", "https://x/token", {"content-type": "application/x-www-form-urlencoded"}, b"a=b"),
        Request("POST", "https://x/mcp", JSON, b"{"),
        Request("POST", "https://x/mcp", JSON, b"[]"),
        Request("POST", "https://x/register", JSON, b'{"client_name": "x"}'),
        Request("POST", "https://x/mcp", JSON, b'{"method": "ping"}'),
    ],
)
def test_what_is_no_message_is_not_kept(ask_of):
    dialogue = Dialogue()
    dialogue.note(ask_of, Response(200))
    assert dialogue.said == []


def test_long_bodies_and_endless_talk_are_not_kept():
    dialogue = Dialogue()
    dialogue.note(asked("tools/list", id=1), Response(200, JSON, b"x" * 100_000))
    assert (dialogue.said[0].response.body, dialogue.said[0].whole) == (b"", False)
    for _ in range(1000):
        dialogue.note(asked("ping", id=1), Response(200))
    assert len(dialogue.said) == 300


def test_the_answer_of_a_stream_is_read_among_what_is_beside_it():
    said = {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}
    body = (
        event(said) + b": pause\n\ndata: {broken\n\n" + event({"jsonrpc": "2.0", "id": 1, "result": {}}) + event(said)
    )
    stream = {"content-type": "text/event-stream"}
    assert Response(200, stream, body).json == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert Response(200, stream, event(said)).json == said
    assert Response(200, stream, b": nothing\n\n").json is None


def picture_in_session(version: str = "2025-06-18") -> Picture:
    picture = Picture("https://x/mcp", token="a-token", headers={"x-pass": "1"})
    handshake = reply(200, {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": version}}, mcp_session_id="s-1")
    picture.mcp.handshake = handshake
    return picture


def test_a_request_of_the_older_era_carries_the_version_that_was_agreed_on():
    request = ask(picture_in_session(), "legacy", "tools/list", rpc_id="mine")
    assert request.headers["mcp-protocol-version"] == "2025-06-18"
    assert request.headers["mcp-session-id"] == "s-1"
    assert request.headers["authorization"] == "Bearer a-token"
    assert json.loads(request.body)["id"] == "mine"
    assert "_meta" not in json.loads(request.body)["params"]


def test_a_request_of_the_newer_era_mirrors_its_name_and_has_no_session():
    request = ask(picture_in_session(), "modern", "tools/call", {"name": "bücher"})
    assert request.headers["mcp-name"] == "=?base64?YsO8Y2hlcg==?="
    assert request.headers["mcp-method"] == "tools/call"
    assert "mcp-session-id" not in request.headers
    assert "_meta" in json.loads(request.body)["params"]


def test_a_notification_has_no_id_and_a_request_without_a_body_has_the_session():
    picture = picture_in_session(version="unheard-of")
    assert "id" not in json.loads(ask(picture, "legacy", "notifications/initialized", rpc_id=None).body)
    end = bare(picture, "DELETE")
    assert (end.headers["mcp-session-id"], end.headers["x-pass"]) == ("s-1", "1")
    assert end.headers["mcp-protocol-version"] == "unheard-of"
    assert "mcp-session-id" not in bare(Picture("https://x/mcp"), "GET").headers
