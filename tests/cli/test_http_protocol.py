"""What only a raw socket can send: heads without an end, and headers after the body."""

import asyncio
from contextlib import asynccontextmanager

import pytest
import uvicorn
from uvicorn.server import ServerState

from doorward.cli.http_protocol import HEAD_LIMIT_BYTES, BoundedProtocol

START = b"POST /mcp HTTP/1.1\r\nhost: door\r\n"


@asynccontextmanager
async def connected(seen):
    async def app(scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        seen.append((dict(scope["headers"]), body))
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    config = uvicorn.Config(app, http=BoundedProtocol, ws="none", lifespan="off", log_config=None)
    config.load()
    server = await asyncio.get_running_loop().create_server(
        lambda: BoundedProtocol(config=config, server_state=ServerState(), app_state={}), "127.0.0.1", 0
    )
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.close()


@pytest.mark.parametrize("piece", [b"x-a: %s\r\n" % (b"a" * 1000), b"a" * 1000], ids=["many fields", "one field"])
async def test_a_head_without_an_end_is_refused(piece):
    seen = []
    async with connected(seen) as (reader, writer):
        writer.write(START + (b"" if piece.endswith(b"\n") else b"x-a: "))
        answer = asyncio.ensure_future(reader.readline())
        for _ in range(20 * HEAD_LIMIT_BYTES // len(piece)):
            if answer.done():
                break
            writer.write(piece)
            await asyncio.sleep(0)
        assert await answer == b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    assert seen == []


async def test_a_trailer_without_an_end_closes_the_connection():
    async with connected([]) as (reader, writer):
        writer.write(START + b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nx-a: ")
        for _ in range(20 * HEAD_LIMIT_BYTES // 1000):
            if writer.is_closing():
                break
            writer.write(b"a" * 1000)
            await asyncio.sleep(0)
        try:
            rest = await reader.read()
        except ConnectionResetError:  # closed while the rest was still on its way
            rest = b""
        assert rest == b""


async def test_a_field_after_the_body_is_no_header():
    seen = []
    async with connected(seen) as (reader, writer):
        fields = b"transfer-encoding: chunked\r\n\r\n"
        writer.write(START + fields + b"2\r\n{}\r\n0\r\nx-forwarded-for: 192.0.2.1\r\n\r\n")
        assert b"202" in await reader.readline()
    assert seen == [({b"host": b"door", b"transfer-encoding": b"chunked"}, b"{}")]


async def test_a_large_body_and_a_second_request_pass():
    seen = []
    body = b"x" * (4 * HEAD_LIMIT_BYTES)
    async with connected(seen) as (reader, writer):
        for _ in range(2):
            writer.write(START + b"x-a: %s\r\ncontent-length: %d\r\n\r\n" % (b"a" * 40_000, len(body)) + body)
            assert b"202" in await reader.readline()
            await reader.readuntil(b"\r\n\r\n")
    assert [len(each[1]) for each in seen] == [len(body)] * 2
