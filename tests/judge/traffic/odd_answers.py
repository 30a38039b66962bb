"""The answers that no server should give, by the name of their plan. Each returns whether its connection goes on.

What follows an answer is always written together with it. Bytes that arrive later, while the next request is under
way, cannot be told from its answer by anybody.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from judge.traffic.plans import HELD_SECONDS
from judge.traffic.upstream import (
    CHUNKED,
    JSON,
    LAST_CHUNK,
    STREAM,
    Request,
    answer,
    chunk,
    event,
    head,
    pause,
    redirect,
)

Odd = Callable[[Request], Awaitable[bool]]
HUGE_BYTES = 100_000
MOST_INTERIM = 50
LARGE_BYTES = 32 * 2**20
PIECE_BYTES = 2**16


def _whole(status: str, *fields: str, keeps: bool = True, chunked: bool = False) -> Odd:
    """Answer with this head and a body that is framed as it should be."""

    async def give(request: Request) -> bool:
        request.ran()
        body = request.message() + request.page()
        if chunked:
            await request.write(head(status, *fields, CHUNKED) + chunk(body) + LAST_CHUNK)
        else:
            await request.write(head(status, *fields, length=len(body)) + body)
        return keeps

    return give


def _raw(make: Callable[[bytes, bytes], bytes], *, keeps: bool = False) -> Odd:
    """Answer with bytes made of the message and a text; close afterwards if it does not keep the connection."""

    async def give(request: Request) -> bool:
        request.ran()
        await request.write(make(request.message(), request.page(40)))
        if not keeps:  # where the answer was whole, its connection rests already
            request.recorder.note("closed", request.tag)
        return keeps

    return give


def _good(message: bytes) -> bytes:
    return head("200 OK", JSON, length=len(message)) + message


def _chunked(message: bytes) -> bytes:
    return head("200 OK", STREAM, CHUNKED) + chunk(event(message)) + LAST_CHUNK


def _interim_flood(message: bytes, page: bytes) -> bytes:
    return head("103 Early", f"link: {page.decode()}") * MOST_INTERIM + _good(message)


async def _closed_unanswered(request: Request) -> bool:
    """Do the work, and close without a word: nobody can see that it was done."""
    request.ran()
    await pause(request.plan.get("wait_ms", 0))
    return False


async def _closed_after(request: Request) -> bool:
    """Answer, and close the connection at once."""
    request.ran()
    await answer(request)
    request.recorder.note("closed", request.tag)
    request.writer.close()
    return False


async def _aborted_after(request: Request) -> bool:
    """Let the connection rest a little, and reset it."""
    request.ran()
    await answer(request)
    await pause(3)
    request.recorder.note("closed", request.tag)
    request.writer.transport.abort()
    return False


async def _redirect_loop(request: Request) -> bool:
    await redirect(request, "307-length")
    return True


async def _redirect_away(request: Request) -> bool:
    await request.write(head("307 Away", "location: http://127.0.0.1:9/mcp", length=len(request.page())))
    await request.write(request.page())
    return True


async def _redirect_long(request: Request) -> bool:
    """Send a redirect with a body that nobody wants to read to its end."""
    if request.times > 1:
        request.ran()
        await answer(request)
        return True
    page = request.page(HUGE_BYTES // 8)
    path = request.target.partition("?")[0]
    other = path[:-1] if path.endswith("/") else f"{path}/"
    await request.write(head("308 Long", f"location: {other}", length=len(page)) + page[:1000])
    await pause(1)
    await request.write(page[1000:])
    return True


async def _large(request: Request) -> bool:
    """Send what a client that does not read will never take, and note how long the door keeps the call."""
    request.ran()
    request.recorder.note("held", request.tag, bar=HELD_SECONDS)
    over = request.begin()
    try:
        await request.write(head("200 OK", JSON, CHUNKED))
        for _ in range(LARGE_BYTES // PIECE_BYTES):
            await request.write(chunk(request.page(PIECE_BYTES // (len(request.tag) + 2))))
        await request.write(LAST_CHUNK)
    finally:
        request.recorder.note("let_go", request.tag)
        over.set()
    return True


ODD: dict[str, Odd] = {
    "large": _large,
    "status-600": _whole("600 Odd", JSON),
    "status-600-chunked": _whole("600 Odd", JSON, chunked=True),
    "status-799": _whole("799 Odd", JSON),
    "status-999": _whole("999 Odd", JSON),
    "status-000": _whole("000 Odd", JSON),
    "interim-flood": _raw(_interim_flood, keeps=True),
    "interim-body": _raw(lambda message, page: head("103 Early", length=len(page)) + page + _good(message)),
    "switches": _raw(lambda _, page: head("101 Switching", "connection: upgrade", "upgrade: x") + page),
    "no-content-body": _whole("204 No Content", JSON),
    "not-modified-body": _whole("304 Not Modified", JSON),
    "reset-content-body": _whole("205 Reset Content", JSON),
    "leftover": _raw(lambda message, page: _good(message) + page, keeps=True),
    "second-answer": _raw(lambda message, page: _good(message) + _good(page), keeps=True),
    "second-answer-chunked": _raw(lambda message, _: _chunked(message) + _chunked(message), keeps=True),
    "two-lengths": _raw(lambda message, _: head("200 OK", JSON, "content-length: 7", length=len(message)) + message),
    "length-and-chunked": _raw(
        lambda message, page: head("200 OK", JSON, CHUNKED, length=len(message)) + chunk(message) + LAST_CHUNK + page,
        keeps=True,
    ),
    "bad-chunk": _raw(lambda message, _: head("200 OK", JSON, CHUNKED) + b"zz\r\n" + message),
    "closed-unanswered": _closed_unanswered,
    "closed-in-head": _raw(lambda message, _: _good(message)[:25]),
    "closed-in-body": _raw(lambda message, page: head("200 OK", JSON, length=len(message) + 500) + message + page),
    "closed-in-chunk": _raw(lambda message, _: head("200 OK", STREAM, CHUNKED) + chunk(event(message))[:-4]),
    "closed-after": _closed_after,
    "aborted-after": _aborted_after,
    "huge-head": _raw(lambda message, _: head("200 OK", JSON, f"x-a: {'a' * HUGE_BYTES}", length=2) + message),
    "many-fields": _raw(lambda message, _: head("200 OK", JSON, *["x-a: 1"] * 200, length=len(message)) + message),
    "compressed": _whole("200 OK", JSON, "content-encoding: gzip"),
    "web-page": _whole("200 OK", "content-type: text/html"),
    "challenge": _whole("401 Unauthorized", "www-authenticate: Bearer", JSON),
    "redirect-away": _redirect_away,
    "redirect-loop": _redirect_loop,
    "redirect-long": _redirect_long,
    "trailers": _raw(
        lambda message, page: head("200 OK", JSON, CHUNKED) + chunk(message) + b"0\r\nx-trailer: " + page + b"\r\n\r\n",
        keeps=True,
    ),
    "mark-first": _raw(
        lambda message, _: head("200 OK", STREAM, CHUNKED) + chunk(b"\xef\xbb\xbf" + event(message)) + LAST_CHUNK,
        keeps=True,
    ),
    "endless-trailer": _raw(
        lambda message, page: head("200 OK", JSON, CHUNKED) + chunk(message) + b"0\r\n" + b"a: %b\r\n" % page * 900
    ),
}
