"""How an answer ends that has begun to stream when its upstream fails."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest
from door.fronts import Answer, Front, Recording, arriving, legacy, modern, modern_headers

from doorward.errors import UpstreamError

SSE = [(b"content-type", b"text/event-stream")]
COMMENT = b": working\n\n"
PROGRESS = b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{}}\n\n'
RESPONSE = b'data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n'


def streaming(*parts: bytes, then: BaseException | None = None, headers=SSE, ends: bool = False) -> Recording:
    async def handle(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if then is not None:
            raise then
        if ends:
            await send({"type": "http.response.body", "body": b""})

    return Recording(handle)


def last_event(answer: Answer):
    events = [line[5:] for line in answer.body.splitlines() if line.startswith(b"data:")]
    return json.loads(events[-1])


FAILURES = [
    UpstreamError("reset", "It closed."),
    UpstreamError("timeout", "It was silent."),
    UpstreamError("exited", "It exited."),
    RuntimeError("a bug"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=["reset", "timeout", "exited", "bug"])
@pytest.mark.parametrize("parts", [(), (COMMENT,), (PROGRESS, COMMENT), (b"data: x\r\r",)])
@pytest.mark.parametrize("era", ["legacy", "modern"])
async def test_a_stream_whose_upstream_fails_ends_with_an_error_for_the_request(failure, parts, era):
    front = Front(streaming(*parts, then=failure), auth="none")
    body, headers = (legacy(rpc_id="q"), {}) if era == "legacy" else (modern(rpc_id="q"), modern_headers())
    answer = await front.ask(body, headers=headers)
    assert answer.is_complete
    assert answer.body.startswith(b"".join(parts))
    event = last_event(answer)
    assert (event["id"], event["error"]["code"]) == ("q", -32603)
    if isinstance(failure, UpstreamError):
        assert event["error"]["data"] == {"fault": failure.fault, "upstream": "The MCP server behind /mcp"}
    else:
        assert event["error"]["data"] == {"error_id": answer.one("x-request-id")}
        assert b"a bug" not in answer.body


@pytest.mark.parametrize(
    "parts",
    [(b"data: half",), (PROGRESS, b"data: half\n"), (b"id: 5\ndata: \n\n",), (b"id: 5\ndata: \n\n", PROGRESS)],
    ids=["torn", "torn later", "resumable", "resumable later"],
)
async def test_within_an_event_and_where_the_client_can_resume_the_stream_is_cut(parts):
    answer = await Front(streaming(*parts, then=UpstreamError("reset", "x")), auth="none").ask(legacy())
    assert not answer.is_complete
    assert b"error" not in answer.body


async def test_ids_without_resumption_are_no_reason_to_cut_a_modern_stream():
    upstream = streaming(b"id: 5\ndata: \n\n", then=UpstreamError("reset", "x"))
    answer = await Front(upstream, auth="none").ask(modern(), headers=modern_headers())
    assert answer.is_complete
    assert last_event(answer)["error"]


async def test_a_stream_that_fails_after_the_response_ends_without_a_second_one():
    answer = await Front(streaming(RESPONSE, COMMENT, then=UpstreamError("reset", "x")), auth="none").ask(legacy())
    assert answer.is_complete
    assert answer.body == RESPONSE + COMMENT


async def test_a_json_answer_that_was_begun_is_cut():
    headers = [(b"content-type", b"application/json")]
    answer = await Front(streaming(b'{"a":', then=RuntimeError("x"), headers=headers), auth="none").ask(legacy())
    assert (answer.is_complete, answer.body) == (False, b'{"a":')


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_stream_that_answers_no_request_is_cut(method):
    body = {"jsonrpc": "2.0", "method": "notifications/x"} if method == "POST" else None
    answer = await Front(streaming(COMMENT, then=UpstreamError("reset", "x")), auth="none").ask(body, method=method)
    assert (answer.is_complete, answer.body) == (False, COMMENT)


@pytest.mark.parametrize("parts", [(), (COMMENT,), (PROGRESS,)])
async def test_an_upstream_that_ends_its_stream_without_the_response_is_reported(parts, caplog):
    with caplog.at_level(logging.WARNING, logger="doorward"):
        answer = await Front(streaming(*parts, ends=True), auth="none").ask(legacy())
    assert answer.is_complete
    assert last_event(answer)["error"]["data"]["fault"] == "reset"
    assert [record.message for record in caplog.records] == ["upstream_failed"]


@pytest.mark.parametrize(
    "parts", [(RESPONSE,), (b"data: something\n\n",), (b"id: 1\nretry: 5\ndata: \n\n",)], ids=["whole", "odd", "id"]
)
async def test_an_end_that_can_be_meant_passes_as_it_is(parts):
    answer = await Front(streaming(*parts, ends=True), auth="none").ask(legacy(), token=None)
    assert answer.is_complete
    assert b"error" not in answer.body


async def test_a_subscription_may_end_without_a_response():
    answer = await Front(streaming(COMMENT, ends=True), auth="none").ask(
        modern("subscriptions/listen"), headers=modern_headers("subscriptions/listen")
    )
    assert (answer.is_complete, answer.body) == (True, COMMENT)


@pytest.mark.parametrize("begun", [True, False])
async def test_a_call_that_is_cancelled_from_outside_ends_its_stream(begun):
    under_way = asyncio.Event()

    async def handle(call, receive, send):
        if begun:
            await send({"type": "http.response.start", "status": 200, "headers": SSE})
            await send({"type": "http.response.body", "body": PROGRESS, "more_body": True})
        under_way.set()
        await asyncio.get_running_loop().create_future()

    front, answer = Front(Recording(handle), auth="none"), Answer()
    content = json.dumps(legacy(rpc_id=5)).encode()
    lines = [(b"host", b"mcp.example.com"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": lines}
    task = asyncio.ensure_future(front.door(scope, arriving(content), answer.take))
    await under_way.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if begun:
        assert answer.is_complete
        assert last_event(answer)["id"] == 5
        assert "stopping" in last_event(answer)["error"]["message"]


async def test_an_event_that_may_be_half_out_is_not_followed_by_an_error():
    stuck = asyncio.Event()

    class Stuck(Answer):
        async def take(self, message):
            if message.get("body"):
                stuck.set()
                await asyncio.get_running_loop().create_future()
            await super().take(message)

    front, answer = Front(streaming(PROGRESS), auth="none"), Stuck()
    lines = [(b"host", b"mcp.example.com"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/mcp", "query_string": b"", "headers": lines}
    task = asyncio.ensure_future(front.door(scope, arriving(json.dumps(legacy()).encode()), answer.take))
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not answer.is_complete


@pytest.mark.parametrize("pieces", [1, 2, 3, 1000])
async def test_a_byte_order_mark_neither_hides_the_first_event_nor_its_id(pieces):
    stream = b"\xef\xbb\xbfid: upstream-7\n" + RESPONSE
    parts = [stream[at : at + pieces] for at in range(0, len(stream), pieces)]
    answer = await Front(streaming(*parts, ends=True), auth="none").ask(legacy())
    assert answer.body.startswith(b"id: ")
    assert b"upstream-7" not in answer.body
    assert answer.body.endswith(RESPONSE)


@pytest.mark.parametrize("status", [100, 101, 199, 600, 999])
async def test_a_status_that_cannot_be_sent_on_is_a_fault_of_the_upstream(status):
    async def handle(call, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    answer = await Front(Recording(handle), auth="none").ask(legacy())
    assert (answer.status, answer.json["error"]["data"]["fault"]) == (502, "not_mcp")


@pytest.mark.parametrize(("status", "length"), [(204, None), (205, "0")])
async def test_a_status_without_content_goes_out_without_body_or_length(status, length):
    async def handle(call, receive, send):
        head = [(b"content-type", b"application/json"), (b"content-length", b"5")]
        await send({"type": "http.response.start", "status": status, "headers": head})
        await send({"type": "http.response.body", "body": b"12", "more_body": True})
        await send({"type": "http.response.body", "body": b"345"})

    answer = await Front(Recording(handle), auth="none").ask(method="DELETE")
    assert (answer.status, answer.body, answer.one("content-length")) == (status, b"", length)


@pytest.mark.parametrize(("size", "status"), [(2000, 200), (3200, 502)])
async def test_a_session_id_that_could_never_be_presented_is_refused_when_it_is_made(size, status):
    async def handle(call, receive, send):
        head = [(b"content-type", b"application/json"), (b"mcp-session-id", b"s" * size)]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": b"{}"})

    front = Front(Recording(handle), auth="none")
    answer = await front.ask(legacy("initialize"))
    assert answer.status == status
    if status == 200:
        again = await front.ask(legacy(), headers={"mcp-session-id": answer.one("mcp-session-id")})
        assert again.status == 200
    else:
        assert "3200 characters" in answer.json["error"]["message"]
