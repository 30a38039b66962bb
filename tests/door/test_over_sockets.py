"""What only a real connection shows: how answers end, what a server makes of odd targets, who learns of a hang-up."""

from __future__ import annotations

import asyncio
import json

import pytest
from door.fronts import Front, Recording, legacy
from upstreams.servers import uvicorn_server

from doorward.errors import UpstreamError

SSE = [(b"content-type", b"text/event-stream")]
BODY = json.dumps(legacy()).encode()


def request(target: str = "/mcp", body: bytes = BODY, more: str = "") -> bytes:
    head = f"POST {target} HTTP/1.1\r\nhost: mcp.example.com\r\ncontent-type: application/json\r\n"
    return f"{head}content-length: {len(body)}\r\nconnection: close\r\n{more}\r\n".encode() + body


def routed(front: Front):
    """The door as an application mounts it."""

    async def app(scope, receive, send) -> None:
        if scope["path"] in front.door.paths:
            await front.door(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 404, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

    return app


async def exchange(front: Front, data: bytes) -> bytes:
    async with uvicorn_server(routed(front), lifespan="off") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        await writer.drain()
        answer = await reader.read()
        writer.close()
        return answer


async def test_a_whole_answer_ends_and_one_that_breaks_within_an_event_does_not():
    async def broken(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": SSE})
        await send({"type": "http.response.body", "body": b"data: x\n", "more_body": True})
        if call.rpc_id == 1:
            raise UpstreamError("reset", "It broke.")
        await send({"type": "http.response.body", "body": b"\n"})

    front = Front(Recording(broken), auth="none")
    answer = await exchange(front, request())
    assert answer.endswith(b"8\r\ndata: x\n\r\n")
    whole = await exchange(front, request(body=json.dumps(legacy(rpc_id=2)).encode()))
    assert whole.endswith(b"0\r\n\r\n")


async def test_five_mebibytes_are_refused_in_words_that_arrive():
    answer = await exchange(Front(auth="none"), request(body=b" " * (5 * 1024 * 1024)))
    assert answer.startswith(b"HTTP/1.1 413")
    assert b'"jsonrpc"' in answer


@pytest.mark.requirement("U-03")
@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/mcp", 401),
        ("/mcp/", 401),
        ("/%6dcp", 401),
        ("/mcp%2F", 401),
        ("http://evil.example/mcp", 401),
        ("/mcp?token=x", 401),
        ("//mcp", 404),
        ("/MCP", 404),
        ("/mcp/.", 404),
        ("/mcp/..", 404),
        ("/./mcp", 404),
        ("/x/.well-known/../mcp", 404),
        ("/mcp;a=b", 404),
        ("/mcp;a=b/", 404),
        ("/%2Fmcp", 404),
        ("/x%2F..%2Fmcp", 404),
        ("/mcp%00", 404),
        ("/mcp%20", 404),
        ("/mcp//", 404),
        ("/mcp%5c", 404),
    ],
)
async def test_no_spelling_of_the_path_gets_past_the_door(front, target, status):
    answer = await exchange(front, request(target))
    assert int(answer.split(b" ", 2)[1]) == status
    assert not front.upstream.calls


async def test_a_client_that_hangs_up_is_noticed_at_once():
    noticed = asyncio.Event()
    started = asyncio.Event()

    async def waiting(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": SSE})
        started.set()
        assert (await receive())["type"] == "http.disconnect"
        noticed.set()

    front = Front(Recording(waiting), auth="none")
    async with uvicorn_server(routed(front), lifespan="off") as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        await started.wait()
        writer.transport.abort()
        await noticed.wait()


async def test_the_head_of_a_stream_is_out_before_its_first_byte():
    go_on = asyncio.Event()

    async def slow(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": SSE})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"data: x\n\n"})

    front = Front(Recording(slow), auth="none")
    async with uvicorn_server(routed(front), lifespan="off") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request())
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"text/event-stream" in head
        go_on.set()
        assert b"data: x" in await reader.read()
        writer.close()
