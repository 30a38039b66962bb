from __future__ import annotations

import asyncio
import json
import logging

import pytest
from door.fronts import Front, Recording, arriving, legacy, modern, modern_headers

from doorward.errors import UpstreamError

SSE = [(b"content-type", b"text/event-stream")]


def failing(error: BaseException, *, after: bytes | None = None) -> Recording:
    async def handle(call, receive, send):
        if after is not None:
            await send({"type": "http.response.start", "status": 200, "headers": SSE})
            await send({"type": "http.response.body", "body": after, "more_body": True})
        raise error

    return Recording(handle)


@pytest.mark.parametrize(
    ("fault", "status", "comes_back"),
    [
        ("unreachable", 502, True),
        ("timeout", 504, False),
        ("reset", 502, True),
        ("not_mcp", 502, False),
        ("too_large", 502, False),
        ("exited", 502, True),
        ("overloaded", 503, True),
    ],
)
async def test_each_fault_of_the_upstream_is_named_with_the_request_s_id(fault, status, comes_back):
    front = Front(failing(UpstreamError(fault, "It failed.", evidence="10.0.0.1")), auth="none")
    answer = await front.ask(legacy(rpc_id="q1"))
    assert answer.status == status
    assert answer.json["id"] == "q1"
    assert answer.json["error"]["data"] == {"fault": fault, "upstream": "The MCP server behind /mcp"}
    assert answer.json["error"]["message"] == "The MCP server behind /mcp: It failed."
    assert bool(answer.one("retry-after")) is comes_back
    assert b"10.0.0.1" not in answer.body


async def test_a_fault_names_the_upstream_as_it_calls_itself():
    failed = failing(UpstreamError("exited", "x"))
    failed.name = "files"
    front = Front(failed, auth="none")
    assert (await front.ask(legacy())).json["error"]["data"]["upstream"] == "files"


async def test_a_bug_is_answered_with_an_id_that_is_in_the_log(caplog):
    front = Front(failing(RuntimeError("the secret reason")), auth="none")
    with caplog.at_level(logging.ERROR, logger="doorward"):
        answer = await front.ask(legacy(rpc_id=3))
    assert (answer.status, answer.json["id"]) == (500, 3)
    error_id = answer.json["error"]["data"]["error_id"]
    assert [record.fields["error_id"] for record in caplog.records] == [error_id]
    assert caplog.records[0].exc_info
    assert b"secret reason" not in answer.body
    assert answer.one("x-request-id") == error_id


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("kind", [b"application/json", b"text/event-stream"])
async def test_an_answer_that_is_compressed_although_none_was_asked_for_is_a_fault_that_names_the_cause(status, kind):
    async def handle(call, receive, send):
        assert b"accept-encoding" not in dict(call.headers)
        headers = [(b"content-type", kind), (b"Content-Encoding", b"gzip")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"\x1f\x8b..."})

    front = Front(Recording(handle), auth="none")
    answer = await front.ask(legacy(), headers={"accept-encoding": "gzip"})
    assert answer.status == 502
    assert "Switch compression off" in answer.json["error"]["message"]
    assert not answer.one("content-encoding")


async def test_an_answer_that_names_no_coding_but_identity_passes():
    async def handle(call, receive, send):
        headers = [(b"content-type", b"application/json"), (b"content-encoding", b"Identity")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{}"})

    answer = await Front(Recording(handle), auth="none").ask(legacy())
    assert (answer.status, answer.body) == (200, b"{}")


async def silent(call, receive, send) -> None:
    """Give no answer."""


async def half(call, receive, send) -> None:
    """Begin an answer and forget it."""
    await send({"type": "http.response.start", "status": 200, "headers": SSE})


async def test_an_upstream_that_gives_no_answer_is_a_fault():
    answer = await Front(Recording(silent), auth="none").ask(legacy())
    assert answer.status == 502
    assert answer.json["error"]["data"]["fault"] == "reset"


async def test_an_upstream_that_forgets_its_answer_is_reported_in_the_stream(caplog):
    with caplog.at_level(logging.WARNING, logger="doorward"):
        answer = await Front(Recording(half), auth="none").ask(legacy())
    assert answer.status == 200
    assert answer.is_complete
    assert b'"id":1,"error"' in answer.body
    assert [record.message for record in caplog.records] == ["upstream_failed"]


@pytest.mark.parametrize(("body", "headers"), [(legacy(), {}), (modern(), modern_headers())])
async def test_the_upstream_learns_that_the_client_has_left_and_nothing_else(body, headers, caplog):
    told = []

    async def handle(call, receive, send):
        told.append((await receive())["type"])

    with caplog.at_level(logging.WARNING, logger="doorward"):
        receive = arriving(json.dumps(body).encode(), then="http.disconnect")
        await Front(Recording(handle), auth="none").ask(receive=receive, headers={**headers, "content-length": None})
    assert told == ["http.disconnect"]
    assert not caplog.records


async def test_the_unread_body_of_a_get_is_not_mistaken_for_news():
    told = []

    async def handle(call, receive, send):
        told.append((await receive())["type"])

    front = Front(Recording(handle), auth="none")
    await front.ask(method="GET", receive=arriving(b"", then="http.disconnect"))
    assert told == ["http.disconnect"]


async def standing(call, receive, send) -> None:
    """Hold a stream open until told to end."""
    await send({"type": "http.response.start", "status": 200, "headers": SSE})
    await receive()


@pytest.mark.parametrize(
    ("method", "body", "headers"),
    [("GET", None, {}), ("POST", modern("subscriptions/listen"), modern_headers("subscriptions/listen"))],
)
async def test_draining_ends_standing_streams_cleanly(method, body, headers):
    front = Front(Recording(standing), auth="none")
    asking = asyncio.create_task(front.ask(body, method=method, headers=headers))
    while not front.upstream.calls:
        await asyncio.sleep(0)
    front.door.drain()
    answer = await asking
    assert answer.status == 200
    assert answer.is_complete


async def test_draining_lets_requests_under_way_finish():
    go_on = asyncio.Event()

    async def handle(call, receive, send):
        await go_on.wait()
        await Recording().answer(call, receive, send)

    front = Front(Recording(handle), auth="none")
    asking = asyncio.create_task(front.ask(legacy("tools/call")))
    while not front.upstream.calls:
        await asyncio.sleep(0)
    front.door.drain()
    go_on.set()
    assert (await asking).status == 200


async def test_a_client_that_leaves_a_standing_stream_ends_it():
    front = Front(Recording(standing), auth="none")
    answer = await front.ask(method="GET", receive=arriving(b"", then="http.disconnect"))
    assert answer.status == 200
    assert not answer.is_complete


async def test_every_request_can_be_logged_and_no_token_ever_is(front, token, caplog):
    with caplog.at_level(logging.DEBUG, logger="doorward"):
        await front.ask(legacy(), token=token)
        await front.ask(legacy(), token=token + "x")
        await front.ask(b"{", token=token)
        await front.ask(receive=arriving(b"", then="x"), method="PUT", token=token)
    events = [(record.message, record.fields.get("status"), record.fields.get("user")) for record in caplog.records]
    assert events == [
        ("served", 200, "ann"),
        ("refused", 401, None),
        ("refused", 400, "ann"),
        ("refused", 405, "ann"),
    ]
    assert token not in str([record.__dict__ for record in caplog.records])


async def test_a_call_uses_the_share_of_its_user_or_without_sign_in_of_its_address(front, token):
    await front.ask(legacy(), token=token)
    assert front.upstream.last.share == "ann"
    open_front = Front(auth="none", trusted_proxies=("10.0.0.1",))
    for client, forwarded, share in [("192.0.2.9", "6.6.6.6", "192.0.2.9"), ("10.0.0.1", "203.0.113.5", "203.0.113.5")]:
        await open_front.ask(legacy(), client=(client, 1), headers={"x-forwarded-for": forwarded})
        assert open_front.upstream.last.share == share
