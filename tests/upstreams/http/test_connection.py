from __future__ import annotations

import asyncio
from typing import Any

import pytest
from upstreams.http_upstreams import LIST, RESULT, fault_of, in_front_of
from upstreams.recorder import Answer, Client, Pending, ask, call
from upstreams.servers import Visit

from doorward.errors import UpstreamError


@pytest.mark.parametrize("reset", [True, False])
async def test_a_connection_that_ends_before_the_answer_is_a_reset(reset: bool) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        if reset:
            visit.reset()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "reset"


@pytest.mark.parametrize(
    "begun",
    [
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
)
async def test_a_connection_that_ends_within_the_answer_ends_it_uncleanly(begun: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(begun)

    async with in_front_of(handler) as upstream:
        answer = Answer()
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(call(LIST), Client().receive, answer.send)
    assert (caught.value.fault, answer.body, answer.complete) == ("reset", b"{}", False)


async def test_a_body_without_a_length_ends_with_its_connection() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + RESULT)

    async with in_front_of(handler) as upstream:
        answer = await ask(upstream, call(LIST))
        assert (answer.body, answer.complete) == (RESULT, True)
        assert (await ask(upstream, call(LIST))).body == RESULT


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"SSH-2.0-OpenSSH_9\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nbroken header\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_no_mcp(bytes_sent: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(bytes_sent)
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"


@pytest.mark.parametrize(
    "flood",
    [
        b"".join(b"x-%d: 1\r\n" % number for number in range(100_000)),
        b"x: " + b"a" * 3_000_000,
        b"".join(b"x-%d: %b\r\n" % (number, b"a" * 2_000) for number in range(100)),
    ],
    ids=["many", "endless", "large"],
)
async def test_a_flood_of_headers_is_cut_off(flood: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\n" + flood + b"\r\n\r\n")
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "too_large"


async def test_interim_responses_and_trailers_are_not_the_answer() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.write(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
            chunks = b"%x\r\n%b\r\n0\r\nx-trailer: 1\r\n\r\n" % (len(RESULT), RESULT)
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
            await visit.write(head + chunks)

    async with in_front_of(handler) as upstream:
        for _ in range(2):
            answer = await ask(upstream, call(LIST))
            assert (answer.status, answer.body) == (200, RESULT)
            assert set(answer.headers) == {b"content-type"}
        assert upstream.pool.opened == 1


@pytest.mark.requirement("H-04")
async def test_a_second_response_is_never_taken_for_the_next_requests_answer() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
        await visit.write(answer % (len(RESULT), RESULT) + answer % (7, b'"stale"'))
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert [(await ask(upstream, call(LIST))).body for _ in range(2)] == [RESULT, RESULT]
        assert upstream.pool.opened == 2


async def test_a_20_megabyte_event_passes_without_being_held() -> None:
    event = b"data: " + b"x" * 20_000_000 + b"\n\n"

    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n" + event)

    async with in_front_of(handler) as upstream:
        sizes: list[int] = []
        answer = Answer()

        async def send(message: Any) -> None:
            sizes.append(len(message.get("body", b"")))
            await answer.send(message)

        await upstream.handle(call(LIST), Client().receive, send)
    assert answer.body == event
    assert max(sizes) <= 1_000_000


async def test_a_client_that_does_not_read_stops_the_upstream_from_sending() -> None:
    sent = 0
    blocked = asyncio.Event()

    async def handler(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n")
        for _ in range(640):
            drained = asyncio.ensure_future(visit.write(b"d" * 65536))
            if not blocked.is_set() and not (await asyncio.wait([drained], timeout=0.3))[0]:
                blocked.set()
            await drained
            sent += 65536

    async with in_front_of(handler, timeout_seconds=0.1) as upstream:
        gate = asyncio.Event()
        pending = Pending(upstream, call(LIST))
        pending.answer.gate = lambda _size: gate.wait()
        await blocked.wait()
        assert sent < 20_000_000
        assert not pending.task.done()  # the silence is ours, so it is no timeout of the upstream
        gate.set()
        await pending.task
    assert len(pending.answer.body) == 640 * 65536


async def test_a_large_request_body_arrives_whole() -> None:
    bodies = []

    async def handler(visit: Visit) -> None:
        bodies.append((await visit.request())[1])
        await visit.answer(RESULT)

    async with in_front_of(handler) as upstream:
        await ask(upstream, call(b"x" * 4_000_000))
    assert bodies == [b"x" * 4_000_000]
