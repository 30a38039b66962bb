"""What one exchange leaves behind: nothing. And what an upstream sends besides a body is bounded."""

from __future__ import annotations

import asyncio
import functools
import inspect
import itertools
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest
from upstreams.http_upstreams import LIST, RESULT, TOOL_CALL, fault_of, in_front_of
from upstreams.recorder import Answer, Client, Pending, ask, call
from upstreams.servers import Visit

from doorward.errors import UpstreamError
from doorward.upstreams.http.upstream import HttpUpstream

ALICE = b'{"jsonrpc":"2.0","id":1,"result":"ALICE-SECRET"}'
BOB = b'{"jsonrpc":"2.0","id":1,"result":"bob"}'
JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def sized(body: bytes, head: bytes = JSON_HEAD) -> bytes:
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


async def answer_in_pieces(visit: Visit) -> None:
    await visit.write(STREAM_HEAD + chunk(b"data: " + ALICE[:20]))
    await visit.write(chunk(ALICE[20:] + b"\n\n") + b"0\r\n\r\n")


async def answer_at_once(visit: Visit) -> None:
    await visit.write(sized(ALICE))


async def answer_slowly(visit: Visit) -> None:
    whole = sized(ALICE)
    await visit.write(whole[:-10])
    await visit.left_within(0.01)
    await visit.write(whole[-10:])


async def answer_600(visit: Visit) -> None:
    await visit.write(sized(ALICE, b"HTTP/1.1 600 Odd\r\ncontent-type: application/json\r\n"))


async def answer_twice(visit: Visit) -> None:
    await visit.write(sized(ALICE) + sized(ALICE))


async def answer_and_leave(visit: Visit) -> None:
    await visit.write(sized(ALICE))
    visit.writer.close()


async def answer_with_a_page(visit: Visit) -> None:
    await visit.write(sized(ALICE, b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n"))


async def answer_with_an_error(visit: Visit) -> None:
    await visit.write(sized(ALICE * 100, b"HTTP/1.1 400 Bad\r\ncontent-type: text/plain\r\n"))


async def answer_204_with_a_body(visit: Visit) -> None:
    await visit.write(sized(ALICE, b"HTTP/1.1 204 No Content\r\n"))


async def answer_103_with_a_body(visit: Visit) -> None:
    await visit.write(sized(ALICE, b"HTTP/1.1 103 Early Hints\r\n") + sized(ALICE))


async def redirect_with_a_body(visit: Visit) -> None:
    await visit.write(sized(ALICE, b"HTTP/1.1 307 T\r\nlocation: /mcp/\r\n"))


async def redirect_with_a_long_body(visit: Visit) -> None:
    await visit.write(sized(ALICE * 1000, b"HTTP/1.1 308 T\r\nlocation: /mcp/\r\n"))


async def redirect_without_an_end(visit: Visit) -> None:
    await visit.write(b"HTTP/1.1 307 T\r\nlocation: /mcp/\r\ncontent-length: 1000\r\n\r\n" + ALICE)


WAYS = [
    *(answer_in_pieces, answer_at_once, answer_slowly, answer_600, answer_twice, answer_and_leave, answer_with_a_page),
    *(answer_with_an_error, answer_204_with_a_body, answer_103_with_a_body),
    *(redirect_with_a_body, redirect_with_a_long_body, redirect_without_an_end),
]


def serving_both(way: Callable[[Visit], Coroutine[Any, Any, None]]) -> Callable[[Visit], Coroutine[Any, Any, None]]:
    """Answer Alice this way, and Bob as it should be."""

    async def handler(visit: Visit) -> None:
        while True:
            head, body = await visit.request()
            if b"alice" in body and head.startswith(b"POST /mcp HTTP"):
                await way(visit)
            elif b"alice" in body:
                await visit.write(sized(ALICE))
            else:
                await visit.write(STREAM_HEAD + chunk(b"data: " + BOB + b"\n\n") + b"0\r\n\r\n")

    return handler


def asked_by(user: str) -> Any:
    return call({**TOOL_CALL, "params": {"name": user}}, share=user)


async def unhurried(answer: Answer, message: Any) -> None:
    """Let other tasks run before and after each part, as a server does."""
    await asyncio.sleep(0)
    await answer.send(message)
    await asyncio.sleep(0)


@types.coroutine
def cut_short(work: Coroutine[Any, Any, None], at: int, cut: Callable[[Any], None]) -> Generator[Any, None, bool]:
    """Run `work`, and call `cut` with what it waits for at its await number `at`; returns whether it got so far."""
    go_on: Callable[[], Any] = functools.partial(work.send, None)
    for number in itertools.count():
        try:
            waits_for = go_on()
        except StopIteration:
            return number > at
        if number == at:
            cut(waits_for)
            if inspect.getcoroutinestate(work) == inspect.CORO_CLOSED:
                return True
        try:
            yield waits_for
        except BaseException as error:  # whatever ends the task ends the work
            go_on = functools.partial(work.throw, error)
        else:
            go_on = functools.partial(work.send, None)
    raise AssertionError("unreachable")


async def give_up_at(upstream: HttpUpstream, at: int, ending: str) -> bool:
    answer = Answer()
    work = upstream.handle(asked_by("alice"), Client().receive, lambda message: unhurried(answer, message))

    def close(waits_for: Any) -> None:
        if waits_for is not None:
            waits_for.cancel()  # as a loop does that is torn down
        work.close()

    async def attempt() -> bool:
        task = asyncio.current_task()
        assert task is not None
        return bool(await cut_short(work, at, close if ending == "closed" else lambda _: task.cancel()))

    try:
        return await asyncio.ensure_future(attempt())
    except asyncio.CancelledError:
        return True
    except UpstreamError:
        return False


@pytest.mark.requirement("H-04")
@pytest.mark.parametrize("ending", ["cancelled", "closed"])
@pytest.mark.parametrize("kept", [True, False], ids=["kept", "new"])
@pytest.mark.parametrize("way", WAYS)
async def test_wherever_a_request_is_given_up_the_next_user_gets_only_what_is_theirs(
    way: Any, kept: bool, ending: str
) -> None:
    async with in_front_of(serving_both(way)) as upstream:
        await ask(upstream, asked_by("bob"))
        for at in itertools.count():
            if not kept:
                while (resting := upstream.pool.idle()) is not None:
                    resting.abort()
            got_so_far = await give_up_at(upstream, at, ending)
            await asyncio.sleep(0)
            for _ in range(2):
                answer = await ask(upstream, asked_by("bob"))
                assert bytes(answer.body) == b"data: " + BOB + b"\n\n"
                assert answer.complete
            if not got_so_far:
                break
        assert at >= (1 if kept else 2), "the request was given up at its head, and at its connection if it was new"
        assert upstream.pool.places.free == 256


async def test_a_client_that_breaks_the_answer_off_leaves_nothing_behind() -> None:
    async with in_front_of(serving_both(answer_in_pieces)) as upstream:
        for _ in range(3):

            async def refuse(message: Any) -> None:
                raise OSError("the client is gone")

            with pytest.raises(OSError, match="the client is gone"):
                await upstream.handle(asked_by("alice"), Client().receive, refuse)
            assert bytes((await ask(upstream, asked_by("bob"))).body) == b"data: " + BOB + b"\n\n"


async def test_the_body_of_a_redirect_stands_in_front_of_no_answer_and_keeps_the_connection() -> None:
    async with in_front_of(serving_both(redirect_with_a_body)) as upstream:
        assert bytes((await ask(upstream, asked_by("alice"))).body) == ALICE
        assert upstream.pool.opened == 1


async def test_a_redirect_s_body_that_is_long_or_late_is_not_waited_for() -> None:
    for way in (redirect_with_a_long_body, redirect_without_an_end):
        async with in_front_of(serving_both(way)) as upstream:
            assert bytes((await ask(upstream, asked_by("alice"))).body) == ALICE
            assert upstream.pool.opened == 2


@pytest.mark.parametrize("status", [b"000", b"099", b"600", b"777", b"999"])
async def test_a_status_that_http_does_not_have_is_no_mcp(status: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(sized(RESULT, b"HTTP/1.1 %b X\r\ncontent-type: application/json\r\n" % status))
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"


@pytest.mark.requirement("H-04")
@pytest.mark.parametrize("framing", [b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n"])
@pytest.mark.parametrize("status", [100, 103, 150])
async def test_an_interim_response_with_a_body_is_no_http(status: int, framing: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(b"HTTP/1.1 %d X\r\n%b\r\n" % (status, framing) + sized(RESULT))
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert (await fault_of(upstream)).fault == "not_mcp"


@pytest.mark.parametrize(
    "flood",
    [
        JSON_HEAD + b"x: " + b"a" * 70_000 + b"\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
        b"HTTP/1.1 200 " + b"a" * 1_000_000,
    ],
    ids=["head", "interim", "reason"],
)
async def test_a_head_beyond_the_limit_is_refused_however_it_arrives(flood: bytes) -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(flood)
        await visit.gone()

    async with in_front_of(handler) as upstream:
        answer = Answer()
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(call(LIST), Client().receive, answer.send)
    assert (caught.value.fault, answer.status) == ("too_large", 0)


ENDLESS = {
    "trailer value": (b"0\r\nx: ", b"a"),
    "trailer name": (b"0\r\n", b"a"),
    "trailers": (b"0\r\n", b"x: 1\r\n"),
    "chunk extension": (b"1;a=", b"a"),
    "chunk size": (b"", b"0"),
    "chunks with long extensions": (b"", b"1;" + b"a" * 2000 + b"\r\nx\r\n"),
}


@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
async def test_what_is_not_body_is_bounded_after_the_head_as_well(begin: bytes, more: bytes) -> None:
    sent = 0

    async def handler(visit: Visit) -> None:
        nonlocal sent
        await visit.request()
        await visit.write(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk(b"{}") + begin)
        part = more * (65536 // len(more))
        while sent < 50_000_000:
            await visit.write(part)
            sent += len(part)

    async with in_front_of(handler) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(call(LIST), Client().receive, Answer().send)
    assert caught.value.fault in {"too_large", "not_mcp"}
    assert sent < 20_000_000


async def test_a_trailer_that_trickles_in_does_not_keep_a_call_alive() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunk(b"{}") + b"0\r\nx: ")
        while not await visit.left_within(0.005):
            await visit.write(b"a")

    async with in_front_of(handler, timeout_seconds=0.1) as upstream:
        with pytest.raises(UpstreamError) as caught:
            await upstream.handle(call(LIST), Client().receive, Answer().send)
    assert caught.value.fault == "timeout"


async def test_many_small_chunks_are_an_answer_like_any_other() -> None:
    body = b'"' + b"x" * 300_000 + b'"'

    async def handler(visit: Visit) -> None:
        await visit.request()
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body)
        await visit.write(JSON_HEAD + b"transfer-encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
        await visit.gone()

    async with in_front_of(handler) as upstream:
        assert bytes((await ask(upstream, call(LIST))).body) == body


async def test_pieces_of_a_body_count_with_what_python_keeps_for_each() -> None:
    async def handler(visit: Visit) -> None:
        await visit.request()
        await visit.write(STREAM_HEAD + (b"2\r\nxy\r\n" * 8_000) + b"0\r\n\r\n")
        await visit.gone()

    async with in_front_of(handler) as upstream:
        gate = asyncio.Event()
        pending = Pending(upstream, call(LIST))
        pending.answer.gate = lambda _size: gate.wait()
        await pending.answer.until(lambda a: a.status)
        gate.set()
        await pending.task
    assert bytes(pending.answer.body) == b"xy" * 8_000


@pytest.mark.requirement("H-04")
async def test_a_204_ends_with_its_head_whatever_length_it_states() -> None:
    async def handler(visit: Visit) -> None:
        while True:
            await visit.request()
            await visit.write(b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n")

    async with in_front_of(handler) as upstream:
        for _ in range(2):
            answer = await ask(upstream, call(method="DELETE", session="s"))
            assert (answer.status, answer.body, answer.complete) == (204, b"", True)
            assert b"content-length" not in answer.headers
        assert upstream.pool.opened == 2, "its parser may still expect the five bytes"
