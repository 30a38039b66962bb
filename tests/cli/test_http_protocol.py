"""What only a raw socket can send: heads without an end, heads that take forever, and headers after the body."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from cli.raw_sockets import Echo, serving

from doorward.cli.http_protocol import HEAD_LIMIT_BYTES, BoundedProtocol

REFUSED_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
START = b"POST /mcp HTTP/1.1\r\nhost: door\r\n"


@asynccontextmanager
async def connected(seen, *, head_seconds=60.0, reads_body=True):
    async def app(scope, receive, send):
        body, more = b"", reads_body
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        seen.append((dict(scope["headers"]), body))
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with serving(app, head_seconds=head_seconds) as streams:
        yield streams


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


@pytest.mark.requirement("H-04")
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


async def trickle(writer, piece, answer):
    """Send a byte at every turn of the loop, until the other side is done."""
    try:
        while not answer.done():
            for number in range(len(piece)):
                writer.write(piece[number : number + 1])
                await writer.drain()
                await asyncio.sleep(0)
    except ConnectionError:
        pass
    try:
        return await answer
    except ConnectionError:
        return b"(reset)"


async def test_a_head_that_does_not_arrive_in_time_is_refused_however_it_trickles():
    seen = []
    async with connected(seen, head_seconds=0.05) as (reader, writer):
        writer.write(START + b"x-a: a")
        assert await trickle(writer, b"a", asyncio.ensure_future(reader.read())) in {REFUSED_SLOW, b"(reset)"}
    async with connected(seen, head_seconds=0.05) as (reader, writer):
        writer.write(START)
        assert await reader.read() == REFUSED_SLOW
    assert seen == []


async def test_a_connection_that_sends_nothing_is_closed_without_an_answer():
    async with connected([], head_seconds=0.05) as (reader, _):
        assert await reader.read() == b""


@pytest.mark.parametrize("piece", [b"\r\n", b"POST /mcp HTTP/1.1\r\nx-a: a"], ids=["empty lines", "a second head"])
async def test_a_used_connection_has_no_more_time_than_a_new_one(piece):
    seen = []
    async with connected(seen, head_seconds=0.05) as (reader, writer):
        writer.write(START + b"content-length: 0\r\n\r\n")
        assert b"202" in await reader.readline()
        await reader.readuntil(b"\r\n\r\n")
        writer.write(piece)
        more = b"\r\n" if piece == b"\r\n" else b"a"
        assert await trickle(writer, more, asyncio.ensure_future(reader.read())) in {b"", REFUSED_SLOW, b"(reset)"}
    assert len(seen) == 1


async def test_a_body_that_trickles_after_the_answer_does_not_hold_the_connection():
    seen = []
    async with connected(seen, head_seconds=0.05, reads_body=False) as (reader, writer):
        writer.write(START + b"content-length: 100000000\r\n\r\n")
        assert b"202" in await reader.readline()
        await reader.readuntil(b"\r\n\r\n")
        assert await trickle(writer, b"a", asyncio.ensure_future(reader.read())) in {b"", b"(reset)"}
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("head", "rest"),
    [(b"content-length: 2\r\n\r\n", b"{}"), (b"transfer-encoding: chunked\r\n\r\n2\r\n{}\r\n", b"0\r\n\r\n")],
    ids=["a body", "the end of the chunks"],
)
async def test_a_request_that_is_answered_before_it_is_complete_leaves_a_connection_that_rests(head, rest):
    """The door refuses by the head alone, and most clients write head and body separately."""
    seen = []
    async with connected(seen, head_seconds=0.05, reads_body=False) as (reader, writer):
        writer.write(START + head)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(rest)
        # Another connection, opened later, is closed for its silence: the limit has passed for this one as well.
        async with connected([], head_seconds=0.2) as (other, _):
            assert await other.read() == b""
        writer.write(START + b"content-length: 0\r\n\r\n")
        assert b"202" in await reader.readline()
    assert len(seen) == 2


async def test_a_request_that_is_being_answered_is_not_hurried():
    let_go = asyncio.Event()

    async def app(scope, receive, send):
        await let_go.wait()
        await send({"type": "http.response.start", "status": 202, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async with serving(app, head_seconds=0.02) as (reader, writer):
        writer.write(START + b"content-length: 0\r\n\r\n")
        # Another connection, opened later, is closed for its silence; by then this one has outlived its limit as well.
        async with connected([], head_seconds=0.05) as (other, _):
            assert await other.read() == b""
        let_go.set()
        assert b"202" in await reader.readline()


async def test_a_head_that_begins_with_the_end_of_an_answered_request_must_arrive_in_time():
    async with connected([], head_seconds=0.05, reads_body=False) as (reader, writer):
        writer.write(START + b"content-length: 2\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"{}" + START)
        assert await reader.read() == REFUSED_SLOW


@pytest.mark.parametrize("blank", [b" ", b"\t", b" \t ", b""], ids=["space", "tab", "several", "none"])
async def test_blanks_around_a_value_are_no_part_of_it(blank):
    app = Echo()
    async with serving(app) as (reader, writer):
        writer.write(b"POST / HTTP/1.1\r\nhost:" + blank + b"door" + blank + b"\r\ncontent-length: 2" + blank)
        writer.write(b"\r\norigin: https://a.example" + blank + b"\r\nx-empty:" + blank + b"\r\n\r\n{}")
        assert b"200" in await reader.readline()
    expected = {b"host": b"door", b"content-length": b"2", b"origin": b"https://a.example", b"x-empty": b""}
    assert app.asked[0][3] == expected


class Large:
    """Streams without an end, and keeps when its client is gone."""

    def __init__(self, size=1 << 20, pieces=1 << 30):
        self.size, self.pieces = size, pieces
        self.left, self.finished = asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        async def watch():
            while (await receive())["type"] != "http.disconnect":
                pass
            self.left.set()

        watching = asyncio.ensure_future(watch())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(self.pieces):
            if self.left.is_set():
                break
            await send({"type": "http.response.body", "body": b"x" * self.size, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        self.finished.set()
        watching.cancel()


async def test_a_client_that_does_not_read_is_cut_off_and_the_answer_ends():
    app = Large()
    async with serving(app, head_seconds=0.05, write_seconds=0.1) as (_, writer):
        writer.transport.pause_reading()
        writer.write(b"GET / HTTP/1.1\r\nhost: door\r\n\r\n")
        await app.finished.wait()
        assert app.left.is_set()


async def test_a_client_that_does_not_read_the_end_of_an_answer_is_cut_off_as_well():
    """The whole answer is in the server's buffer, and nothing waits but the connection."""
    app, lost = Large(size=8 << 20, pieces=1), asyncio.Event()

    class Watched(BoundedProtocol):
        def connection_lost(self, exc):
            lost.set()
            super().connection_lost(exc)

    async with serving(app, protocol=Watched, head_seconds=60.0, write_seconds=0.1) as (_, writer):
        writer.transport.pause_reading()
        writer.write(b"GET / HTTP/1.1\r\nhost: door\r\nconnection: close\r\n\r\n")
        await lost.wait()


async def test_a_client_that_reads_slowly_is_served_to_the_end():
    app = Large(size=64 << 10, pieces=128)
    async with serving(app, head_seconds=0.05, write_seconds=0.2) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: door\r\n\r\n")
        received, piece = 0, b""
        while not piece.endswith(b"0\r\n\r\n"):
            # Another connection, opened later, is closed for its silence: a pause of half the limit.
            async with connected([], head_seconds=0.1) as (other, _):
                await other.read()
            piece = await reader.read(1 << 20)
            received += len(piece)
    assert received > 128 * (64 << 10)
    assert not app.left.is_set()


async def test_a_stream_with_nothing_to_send_is_not_cut_off():
    ends = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"event", "more_body": True})
        await ends.wait()
        await send({"type": "http.response.body", "body": b"the end"})

    async with serving(app, head_seconds=0.02, write_seconds=0.02) as (reader, writer):
        writer.write(b"GET / HTTP/1.1\r\nhost: door\r\n\r\n")
        await reader.readuntil(b"event\r\n")
        async with connected([], head_seconds=0.1) as (other, _):
            assert await other.read() == b""
        ends.set()
        assert (await reader.read(100)).startswith(b"7\r\nthe end")
