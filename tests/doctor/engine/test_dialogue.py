"""What is kept of what was said."""

from __future__ import annotations

import json

import pytest

from doorward.doctor.engine.dialogue import Dialogue
from doorward.doctor.engine.requests import Request, Response, SignIn, Together
from testbed.answers import result

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
