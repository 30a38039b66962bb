"""Requests in the session of an examination, and what their answers hold."""

from __future__ import annotations

import json

from doorward.doctor.engine.calls import ask, bare
from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Response
from testbed.answers import event, reply


def picture_in_session(version: str = "2025-06-18") -> Picture:
    picture = Picture("https://x/mcp", token="a-token", headers={"x-pass": "1"})
    handshake = reply(200, {"jsonrpc": "2.0", "id": 1, "result": {"protocolVersion": version}}, mcp_session_id="s-1")
    picture.mcp.handshake = handshake
    return picture


def test_the_answer_of_a_stream_is_read_among_what_is_beside_it():
    said = {"jsonrpc": "2.0", "method": "notifications/message", "params": {}}
    body = (
        event(said) + b": pause\n\ndata: {broken\n\n" + event({"jsonrpc": "2.0", "id": 1, "result": {}}) + event(said)
    )
    stream = {"content-type": "text/event-stream"}
    assert Response(200, stream, body).json == {"jsonrpc": "2.0", "id": 1, "result": {}}
    assert Response(200, stream, event(said)).json == said
    assert Response(200, stream, b": nothing\n\n").json is None


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
