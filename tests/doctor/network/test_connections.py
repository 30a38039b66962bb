"""What comes over the network of an examination: when it came, over which connection, and what was cut off."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import asynccontextmanager

import pytest

from doorward.doctor.engine.requests import Request
from doorward.doctor.network.sending import Network

HEAD = b"HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\n"
EVENT = b"data: {}\n\n"


def answer(body: bytes, *lines: bytes) -> bytes:
    head = b"".join(line + b"\r\n" for line in (b"HTTP/1.1 200 X", *lines, b"content-length: %d" % len(body)))
    return head + b"\r\n" + body


@asynccontextmanager
async def listening(handler):
    """Run a server; yields its URL and the list of what was asked, one list for each connection."""
    asked: list[list[bytes]] = []

    async def handle(reader, writer):
        mine: list[bytes] = []
        asked.append(mine)
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                mine.append(head)
                await handler(reader, writer, len(mine))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/mcp", asked


@asynccontextmanager
async def network(limit_seconds: float = 5.0):
    made = Network(allow_private=True, timeout_seconds=limit_seconds)
    yield made
    await made.close()


async def fine(_reader, writer, _number):
    writer.write(answer(b"ok"))


async def test_requests_of_one_name_go_over_one_connection_and_others_do_not():
    async with listening(fine) as (url, asked), network() as net:
        for name in ("a", "a", "", "", "b", "a"):
            assert (await net.send(Request("GET", url, connection=name))).body == b"ok"
    assert sorted(len(each) for each in asked) == [1, 1, 1, 3]
    assert b"connection: keep-alive" in asked[0][0]


async def test_a_kept_connection_that_the_server_has_closed_is_named_and_the_next_request_gets_a_new_one():
    async def once(_reader, writer, _number):
        writer.write(answer(b"ok"))
        await writer.drain()
        writer.close()

    async with listening(once) as (url, asked), network() as net:
        statuses = [await net.send(Request("GET", url, connection="a")) for _ in range(3)]
    assert [(each.status, each.fault) for each in statuses] == [(200, ""), (0, "closed"), (200, "")]
    assert len(asked) == 2


async def test_a_connection_that_the_server_says_it_closes_is_not_used_again():
    async def closing(_reader, writer, _number):
        writer.write(answer(b"ok", b"connection: close"))

    async with listening(closing) as (url, asked), network() as net:
        for _ in range(2):
            assert (await net.send(Request("GET", url, connection="a"))).status == 200
    assert len(asked) == 2


async def test_the_pieces_of_an_answer_are_noted_with_their_times():
    go_on = asyncio.Event()

    async def in_two(_reader, writer, _number):
        writer.write(HEAD + b"\r\n" + EVENT)
        await writer.drain()
        asyncio.get_running_loop().call_later(0.02, go_on.set)
        await go_on.wait()
        writer.write(EVENT + EVENT)
        writer.close()

    async with listening(in_two) as (url, _), network() as net:
        response = await net.send(Request("GET", url))
    assert [size for _, size in response.arrivals] == [len(EVENT), 2 * len(EVENT)]
    assert response.arrivals[0][0] < response.arrivals[1][0] <= response.elapsed_seconds


@pytest.mark.parametrize("kind", [b"text/event-stream", b"application/json"])
async def test_of_a_stream_that_stops_what_came_is_returned_and_of_a_document_it_is_not(kind):
    async def stops(reader, writer, _number):
        writer.write(b"HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\ncontent-type: " + kind + b"\r\n\r\n3\r\n: a\r\n")
        await writer.drain()
        await reader.read()

    async with listening(stops) as (url, _), network() as net:
        response = await net.send(Request("GET", url, limit_seconds=0.5))
    streams = kind == b"text/event-stream"
    assert (response.status, response.body) == ((200, b": a") if streams else (0, b""))
    assert response.fault == "timeout"


async def test_a_stream_that_the_server_cuts_is_told_from_one_that_ends():
    async def cuts(_reader, writer, _number):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\n: a\r\n")
        writer.close()

    async def ends(_reader, writer, _number):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n3\r\n: a\r\n0\r\n\r\n")

    for handler, fault in ((cuts, "cut"), (ends, "")):
        async with listening(handler) as (url, _), network() as net:
            response = await net.send(Request("GET", url))
        assert (response.status, response.fault, response.body) == (200, fault, b": a")


async def test_gzip_is_unpacked_where_it_was_asked_for_and_a_bomb_is_refused():
    packed = gzip.compress(b"hello")
    bomb = gzip.compress(b"0" * 1_000_000)
    for body, wanted in (
        (packed, (200, b"hello", "")),
        (bomb, (0, b"", "too_large")),
        (b"plain", (0, b"", "malformed")),
    ):

        async def packing(_reader, writer, _number, body=body):
            writer.write(answer(body, b"content-encoding: gzip"))

        async with listening(packing) as (url, asked), network() as net:
            response = await net.send(Request("GET", url, {"accept-encoding": "gzip, br"}))
            assert (response.status, response.body, response.fault) == wanted
            assert (await net.send(Request("GET", url))).fault == "malformed"
        assert b"accept-encoding: gzip, br\r\n" in asked[0][0]
        assert b"identity" not in asked[0][0]


async def test_a_request_may_have_a_limit_of_its_own_and_a_wait():
    async def slow(_reader, writer, _number):
        await asyncio.sleep(0.05)
        writer.write(answer(b"ok"))

    async with listening(slow) as (url, _), network(0.01) as net:
        usual = await net.send(Request("GET", url))
        patient = await net.send(Request("GET", url, limit_seconds=5, wait_seconds=0.01))
    assert (usual.status, usual.fault) == (0, "timeout")
    assert patient.status == 200
    assert patient.elapsed_seconds > 0
