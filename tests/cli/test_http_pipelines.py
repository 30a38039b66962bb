"""Several requests on one connection before the first is answered, and what is no request behind them."""

import asyncio

import pytest

from tests.cli.raw_sockets import Echo, serving

pytestmark = pytest.mark.requirement("H-04")
PATIENCE_SECONDS = 10
HEAD = b"POST /%b HTTP/1.1\r\nHost: door\r\n"
FIRST = HEAD % b"first" + b"Content-Length: 2\r\n\r\n{}"
SECOND = HEAD % b"second" + b"Content-Length: 2\r\n\r\n[]"
UNREADABLE = {
    "no request line": b"nonsense\r\n\r\n",
    "a field without a colon": HEAD % b"third" + b"nonsense\r\n\r\n",
    "two lengths": HEAD % b"third" + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "no version": b"POST /third\r\nHost: door\r\nContent-Length: 2\r\n\r\n{}",
}


class Held:
    """Answers nothing until it is let go."""

    def __init__(self):
        self.echo, self.begun, self.go = Echo(), asyncio.Event(), asyncio.Event()

    async def __call__(self, scope, receive, send):
        self.begun.set()
        await self.go.wait()
        await self.echo(scope, receive, send)


@pytest.mark.parametrize("rest", UNREADABLE)
@pytest.mark.parametrize("before", [FIRST, FIRST + SECOND], ids=["one request", "two requests"])
async def test_what_cannot_be_read_is_no_answer_to_the_requests_before_it(before, rest):
    app = Held()
    async with serving(app) as (reader, writer):
        writer.write(before + UNREADABLE[rest])
        await app.begun.wait()
        app.go.set()
        received = await reader.read()
    paths = [each[1] for each in app.echo.asked]
    assert paths == ["/first", "/second"][: len(paths)]
    assert received.count(b"HTTP/1.1 ") == received.count(b"HTTP/1.1 200") == before.count(b"POST")
    assert received.index(b"/first={}") > 0


@pytest.mark.parametrize("rest", UNREADABLE)
async def test_what_cannot_be_read_is_refused_where_nothing_waits_for_an_answer(rest):
    app = Echo()
    async with serving(app) as (reader, writer):
        writer.write(UNREADABLE[rest])
        received = await reader.read()
    assert received.startswith(b"HTTP/1.1 400")
    assert app.asked == []


async def test_a_body_that_cannot_be_read_refuses_its_own_request():
    app = Echo()
    async with serving(app) as (reader, writer):
        writer.write(HEAD % b"first" + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
        received = await reader.read()
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("body", [b"nonsense\r\n", b"2\r\n{}nonsense", b"0\r\nnonsense\r\n\r\n"])
async def test_a_request_that_was_answered_early_gets_no_second_answer_for_its_body(body):
    async with serving(Echo()) as (reader, writer):
        writer.write(HEAD % b"mute" + b"Transfer-Encoding: chunked\r\n\r\n")
        early = await reader.readuntil(b"/mute=")
        writer.write(body)
        rest = await reader.read()
    assert early.startswith(b"HTTP/1.1 200")
    assert rest == b""


@pytest.mark.timeout(30)
async def test_a_client_that_leaves_is_noticed_by_the_request_that_is_being_answered_and_not_only_by_the_last_one():
    begun, left = asyncio.Event(), asyncio.Event()

    async def app(scope, receive, send):
        message = await receive()
        begun.set()
        while message["type"] != "http.disconnect":
            message = await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        left.set()

    async with serving(app) as (_, writer):
        writer.write(FIRST + SECOND)
        await begun.wait()
        writer.transport.abort()
        async with asyncio.timeout(PATIENCE_SECONDS):  # without the notice, the application waits as long as it may
            await left.wait()
