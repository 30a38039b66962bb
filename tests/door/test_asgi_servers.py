"""A door under a server that is not ours: whatever it makes of an offer to switch protocols, no body is a request."""

import asyncio
import json
import re

import pytest
from door.fronts import Front, Recording, legacy
from upstreams.servers import uvicorn_server
from world import echo_app

from doorward.app import Door

INNER = b"GET /livez?smuggled=1 HTTP/1.1\r\nHost: mcp.example.com\r\n\r\n"
OFFER = b"Connection: Upgrade\r\nUpgrade: h2c\r\n"
TARGETS = {
    "door": b"POST /mcp",
    "door, GET": b"GET /mcp",
    "door, DELETE": b"DELETE /mcp",
    "token": b"POST /token",
    "register": b"POST /register",
    "page": b"POST /-/login",
    "document": b"GET /.well-known/oauth-protected-resource/mcp",
    "probe": b"GET /livez",
    "administration": b"GET /-/api/v1/users",
    "nothing": b"POST /nothing",
    "wrong method": b"PUT /token",
    "home": b"GET /",
}
BODIES = {
    "length": b"Content-Length: %d\r\n\r\n" % len(INNER),
    "chunked": b"Transfer-Encoding: chunked\r\n\r\n",
}


def statuses(received):
    return [int(status) for status in re.findall(rb"HTTP/1.1 (\d+)", received)]


async def answered(tmp_path, *pieces):
    door = Door(echo_app, public_url="https://mcp.example.com", data_dir=tmp_path, database="memory://")
    async with uvicorn_server(door, lifespan="on") as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            for _ in range(5):
                await asyncio.sleep(0)
        try:
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("target", TARGETS)
async def test_a_body_behind_an_offer_is_never_answered_as_a_request(tmp_path, target, body):
    head = TARGETS[target] + b" HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n"
    received = await answered(tmp_path, head + OFFER + BODIES[body], INNER, INNER)
    assert len(statuses(received)) <= 1
    assert b'"alive"' not in received or target == "probe"
    if received:
        assert received.count(b"connection: close") == 1


@pytest.mark.parametrize("path", [b"/mcp", b"/token", b"/nothing"])
async def test_nothing_is_answered_behind_connect(tmp_path, path):
    head = b"CONNECT " + path + b" HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Length: %d\r\n\r\n" % len(INNER)
    received = await answered(tmp_path, head, INNER, INNER)
    assert len(statuses(received)) <= 1


@pytest.mark.parametrize("path", [b"/token", b"/register"])
@pytest.mark.parametrize(
    "declared", [b"Content-Length: 2\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"]
)
async def test_a_lost_body_is_refused_with_the_reason(tmp_path, path, declared):
    head = b"POST " + path + b" HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n"
    received = await answered(tmp_path, head + OFFER + declared)
    assert statuses(received) == [400]
    assert b"without the Upgrade header" in received


async def test_the_door_refuses_a_body_that_is_shorter_than_it_was_declared(open_front):
    answer = await open_front.ask(legacy(), headers={"content-length": "400", "upgrade": "h2c"})
    assert answer.status == 400
    assert "without the Upgrade header" in answer.json["error"]["message"]
    assert answer.all("connection") == ["close"]
    assert open_front.upstream.calls == []


async def test_a_whole_body_beside_an_offer_is_served_and_the_connection_ends(open_front):
    answer = await open_front.ask(legacy(), headers={"upgrade": "h2c", "connection": "upgrade"})
    assert answer.status == 200
    assert answer.all("connection") == ["close"]


async def test_a_client_that_takes_nothing_is_given_up_and_the_upstream_is_told():
    left = asyncio.Event()

    async def endless(call, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            while True:
                await send({"type": "http.response.body", "body": b"x" * 1_000_000, "more_body": True})
        finally:
            left.set()

    front = Front(Recording(endless), auth="none", write_timeout_seconds=0.05)
    async with uvicorn_server(front.door, lifespan="off") as port:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.transport.pause_reading()
        body = json.dumps(legacy()).encode()
        head = b"POST /mcp HTTP/1.1\r\nHost: mcp.example.com\r\nContent-Type: application/json\r\n"
        writer.write(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await left.wait()
        writer.transport.abort()
