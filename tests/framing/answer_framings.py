"""Framings of answers: what a hostile server behind the door may send in place of one answer.

Each makes the steps for one call. What is left over bears the tag of that call, so that it is known again when another
user gets it. Bytes that follow a whole answer go out together with its end: sent later, they would be the answer to
whatever the door has asked by then, and no reader could tell.

Spec: RFC 9112 s4, s6, s7, s9.2; RFC 9110 s15.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Final

from framing.maker import LINE, chunked, length
from framing.upstream import Asked, Steps, usual_answer

Odd = Callable[[Asked], Steps]
OK: Final = b"HTTP/1.1 200 OK\r\n"
JSON: Final = b"content-type: application/json\r\n"
STREAM: Final = b"content-type: text/event-stream\r\n"
CHUNKED: Final = b"transfer-encoding: chunked\r\n"


def body(asked: Asked) -> bytes:
    """Return the right body."""
    return usual_answer(asked).partition(b"\r\n\r\n")[2]


def event(asked: Asked) -> bytes:
    """Return the right body as an event."""
    return b"data: " + body(asked) + b"\n\n"


def usual(first: bytes = b"", last: bytes = b"") -> Odd:
    """Return the right answer with bytes before and behind."""
    return lambda asked: [first + usual_answer(asked) + last]


def twice(asked: Asked) -> Steps:
    """Return two answers to one request."""
    return [usual_answer(asked) * 2]


def head(status: bytes = OK, *lines: bytes, rest: Callable[[Asked], bytes] = body, then: Steps = ()) -> Odd:
    """Return an answer with this head and the right body, or another `rest`; N in a line is the body's length."""

    def odd(asked: Asked) -> Steps:
        content = rest(asked)
        fields = b"".join(line.replace(b"N", b"%d" % len(content)) + LINE for line in lines)
        return [status + JSON + fields + LINE + content, *then]

    return odd


def status(line: bytes, lines: bytes = b"content-length: N") -> Odd:
    """Return an answer with this status line."""
    return head(line + LINE, lines)


def framed(*lines: bytes, then: Steps = ()) -> Odd:
    """Return an answer with the right body and these fields for its framing, and another answer behind it."""
    return head(OK, *lines, rest=lambda asked: body(asked) + usual_answer(asked), then=then)


def lengths(*values: bytes, then: Steps = ()) -> Odd:
    """Return an answer with these lengths, where N is the right one, and another answer behind it."""

    def odd(asked: Asked) -> Steps:
        right = b"%d" % len(body(asked))
        lines = b"".join(b"content-length: " + value.replace(b"N", right) + LINE for value in values)
        return [OK + JSON + lines + LINE + body(asked) + usual_answer(asked), *then]

    return odd


def chunks(spell: Callable[[bytes], bytes], *, then: Steps = ("close",)) -> Odd:
    """Return an event stream whose chunks are spelled by a function of the event."""
    return lambda asked: [OK + STREAM + CHUNKED + LINE + spell(event(asked)), *then]


def redirect(line: bytes, place: bytes, *, rest: bytes = b"<h1>moved</h1>", leftover: bool = False) -> Odd:
    """Return a redirect with a body; a client that follows it gets the right answer."""

    def odd(asked: Asked) -> Steps:
        if place.partition(b"?")[0] in asked.head.partition(LINE)[0].split(b" ")[1].split(b"?"):
            return [usual_answer(asked)]
        where = b"location: " + place.replace(b"USER", asked.user.encode()) + LINE if place else b""
        tail = usual_answer(asked) if leftover else b""
        return [line + LINE + where + b"content-type: text/html\r\n" + length(rest) + LINE + LINE + rest + tail]

    return odd


def moved_in_chunks(asked: Asked) -> Steps:
    """Return a redirect with a body in chunks."""
    if b" /moved " in asked.head.partition(LINE)[0]:
        return [usual_answer(asked)]
    return [b"HTTP/1.1 308 P\r\nlocation: /moved\r\n" + CHUNKED + LINE + chunked(b"a" * 3000)]


def bit_by_bit(asked: Asked) -> Steps:
    """Return the right answer in pieces of one byte."""
    return [b"%c" % byte for byte in usual_answer(asked)]


def usual_stream(asked: Asked) -> bytes:
    """Return the right answer as an event stream."""
    return OK + STREAM + CHUNKED + LINE + chunked(event(asked))


def stream_without_end(asked: Asked) -> Steps:
    """Return more events than anybody reads, each with the tag."""
    note = b"data: " + json.dumps({"jsonrpc": "2.0", "method": "n", "params": {"tag": asked.tag}}).encode() + b"\n\n"
    return [OK + STREAM + CHUNKED + LINE, *([chunked(note * 20, last=b"")] * 60), "wait"]


ORDER: dict[str, Odd] = {
    "slow": lambda asked: [0.03, usual_answer(asked)],
    "usual": usual(),
    "second answer": twice,
    "second answer cut": lambda asked: [usual_answer(asked) + usual_answer(asked)[:60]],
    "bytes behind": usual(last=b"garbage"),
    "line ends behind": usual(last=b"\r\n\r\n"),
    "line ends before": usual(first=b"\r\n\r\n"),
    "garbage before": usual(first=b"garbage\r\n\r\n"),
    "garbage alone": lambda asked: [b"\x16\x03\x01garbage", "close"],
    "nothing, closed": lambda asked: ["close"],
    "nothing, reset": lambda asked: ["abort"],
    "half a head": lambda asked: [usual_answer(asked)[:30], "close"],
    "half a head, reset": lambda asked: [usual_answer(asked)[:30], "abort"],
    "half a body": lambda asked: [usual_answer(asked)[:-9], "close"],
    "half a body, reset": lambda asked: [usual_answer(asked)[:-9], "abort"],
    "closed one way in the head": lambda asked: [usual_answer(asked)[:30], "end"],
    "closed one way behind": lambda asked: [usual_answer(asked), "end"],
    "closed behind": lambda asked: [usual_answer(asked), "close"],
    "reset behind": lambda asked: [usual_answer(asked), "abort"],
    "bit by bit": bit_by_bit,
    "early, with a large body": lambda asked: [usual_answer(asked)],
    "early, closed": lambda asked: [usual_answer(asked), "close"],
    "early, reset": lambda asked: [usual_answer(asked)[:50], "abort"],
    "early, 413": lambda asked: [b"HTTP/1.1 413 L\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "close"],
}
STATUS: dict[str, Odd] = {
    "100, a thousand times": usual(first=b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "102 and 103 before": usual(first=b"HTTP/1.1 102 P\r\n\r\nHTTP/1.1 103 E\r\nlink: </a>\r\n\r\n"),
    "103 with a length": usual(first=b"HTTP/1.1 103 E\r\ncontent-length: 3\r\n\r\n"),
    "101": lambda asked: [b"HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n" + usual_answer(asked)],
    "101, unasked for, alone": lambda asked: [b"HTTP/1.1 101 S\r\n\r\n", "close"],
    "200 with Upgrade": head(OK, b"upgrade: x", b"connection: upgrade", b"content-length: N"),
    "1xx without an end": lambda asked: [*([b"HTTP/1.1 103 E\r\nx-a: %b\r\n\r\n" % (b"a" * 900)] * 400), "close"],
    "600": status(b"HTTP/1.1 600 Odd"),
    "999": status(b"HTTP/1.1 999 Odd"),
    "000": status(b"HTTP/1.1 000 Odd"),
    "099": status(b"HTTP/1.1 099 Odd"),
    "two digits": status(b"HTTP/1.1 20 Odd"),
    "four digits": status(b"HTTP/1.1 2000 Odd"),
    "no reason": status(b"HTTP/1.1 200"),
    "HTTP/1.0": status(b"HTTP/1.0 200 OK"),
    "HTTP/1.0, kept": head(b"HTTP/1.0 200 OK\r\n", b"connection: keep-alive", b"content-length: N"),
    "HTTP/2.0": status(b"HTTP/2.0 200 OK"),
    "HTTP/3.1": status(b"HTTP/3.1 200 OK"),
    "lower case": status(b"http/1.1 200 ok"),
    "ICY": status(b"ICY 200 OK"),
    "204 with a body": status(b"HTTP/1.1 204 N"),
    "204 with a length and no body": head(b"HTTP/1.1 204 N\r\n", b"content-length: 9", rest=lambda asked: b""),
    "204 in chunks": lambda asked: [b"HTTP/1.1 204 N\r\n" + CHUNKED + LINE + chunked(body(asked))],
    "205 with a body": status(b"HTTP/1.1 205 R"),
    "304 with a body": status(b"HTTP/1.1 304 N"),
    "202 with a body": status(b"HTTP/1.1 202 A"),
    "200 without a body": head(OK, b"content-length: 0", rest=lambda asked: b""),
    "401 with a challenge": head(b"HTTP/1.1 401 U\r\n", b"www-authenticate: Bearer", b"content-length: N"),
    "403 with a body": status(b"HTTP/1.1 403 F"),
    "500 of HTML": lambda asked: [b"HTTP/1.1 500 E\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\n<h1>x"],
    "503 with a long body": lambda asked: [b"HTTP/1.1 503 E\r\n" + length(b"a" * 90_000) + LINE + LINE + b"a" * 90_000],
    "307 with a body": redirect(b"HTTP/1.1 307 T", b"/moved"),
    "307 with a long body": redirect(b"HTTP/1.1 307 T", b"/moved", rest=b"a" * 90_000),
    "307 with a second answer": redirect(b"HTTP/1.1 307 T", b"/moved", leftover=True),
    "308 in chunks": moved_in_chunks,
    "302 with a body": redirect(b"HTTP/1.1 302 F", b"/moved"),
    "307 to each user's place": redirect(b"HTTP/1.1 307 T", b"/moved?for=USER"),
    "307 to another host": redirect(b"HTTP/1.1 307 T", b"http://127.0.0.1:1/mcp"),
    "307 to itself": redirect(b"HTTP/1.1 307 T", b"/mcp"),
    "307 to the other spelling": redirect(b"HTTP/1.1 307 T", b"/mcp/"),
    "307 to nowhere": redirect(b"HTTP/1.1 307 T", b""),
}  # fmt: skip
FRAMING: dict[str, Odd] = {
    "no length, closed": head(OK, then=("close",)),
    "no length, reset": head(OK, then=("abort",)),
    "no length, a second answer, closed": framed(then=("close",)),
    "length too long": lengths(b"9N", then=("close",)),
    "length too short": lengths(b"9"),
    "length, twice the same": lengths(b"N", b"N"),
    "length, right and short": lengths(b"N", b"9"),
    "length, short and right": lengths(b"9", b"N"),
    "length, list of the same": lengths(b"N, N"),
    "length, list of others": lengths(b"N, 9"),
    "length, negative": lengths(b"-1"),
    "length, hex": lengths(b"0xN"),
    "length, signed": lengths(b"+N"),
    "length, past 64 bits": lengths(b"1844674407370955161N", then=("close",)),
    "length, empty": lengths(b"", then=("close",)),
    "length and coding": framed(b"content-length: 9", b"transfer-encoding: chunked", then=("close",)),
    "coding and length": framed(b"transfer-encoding: chunked", b"content-length: 9", then=("close",)),
    "length and good chunks": lambda asked: [OK + JSON + CHUNKED + b"content-length: 9\r\n\r\n" + chunked(body(asked))],
    "coding gzip and chunked": framed(b"transfer-encoding: gzip, chunked", then=("close",)),
    "coding identity": framed(b"transfer-encoding: identity", then=("close",)),
    "coding twice": framed(b"transfer-encoding: chunked", b"transfer-encoding: chunked", then=("close",)),
    "chunks, good": chunks(chunked, then=()),
    "chunks, a second answer": lambda asked: [usual_stream(asked) + usual_answer(asked)],
    "chunks, size of letters": chunks(lambda data: b"zz\r\n" + data),
    "chunks, signed": chunks(lambda data: chunked(data, size=b"+%x")),
    "chunks, past 64 bits": chunks(lambda data: chunked(data, size=b"10000000000000000%x")),
    "chunks, size ends with LF": chunks(lambda data: chunked(data, line=b"\n")),
    "chunks, no line end after data": chunks(lambda data: b"%x\r\n" % len(data) + data + b"0\r\n\r\n"),
    "chunks, data too long": chunks(lambda data: b"3\r\n" + data + b"\r\n0\r\n\r\n"),
    "chunks, extension": chunks(lambda data: chunked(data, size=b"%x;a=b"), then=()),
    "chunks, long extension": chunks(lambda data: chunked(data, size=b"%x;" + b"a" * 90_000)),
    "chunks, trailers": chunks(lambda data: chunked(data, last=b"0\r\nx-a: b\r\n\r\n"), then=()),
    "chunks, a length as trailer": chunks(lambda data: chunked(data, last=b"0\r\ncontent-length: 9\r\n\r\n"), then=()),
    "chunks, trailers without an end": chunks(lambda data: chunked(data, last=b"0\r\n" + b"x-a: b\r\n" * 40_000)),
    "chunks, no last one": chunks(lambda data: chunked(data, last=b"")),
    "chunks, no last one, reset": chunks(lambda data: chunked(data, last=b""), then=("abort",)),
    "chunks, the last one is cut": chunks(lambda data: chunked(data, last=b"0\r\n")),
    "stream without an end": stream_without_end,
    "events without chunks": lambda asked: [OK + STREAM + LINE + event(asked), "close"],
    "events with a length": lambda asked: [OK + STREAM + length(event(asked)) + LINE + LINE + event(asked)],
    "gzip": head(OK, b"content-encoding: gzip", b"content-length: N"),
    "one field of 70 kB": head(OK, b"x-a: " + b"a" * 70_000, b"content-length: N"),
    "one field of 1 MB": lambda asked: [OK + b"x-a: ", *([b"a" * 50_000] * 20), "close"],
    "300 fields": head(OK, *(b"x-%d: a" % number for number in range(300)), b"content-length: N"),
    "lines end with LF": lambda asked: [usual_answer(asked).replace(LINE, b"\n")],
    "one line ends with CR": lambda asked: [usual_answer(asked).replace(LINE, b"\r", 1), "close"],
    "folded": head(OK, b"x-a: a\r\n b", b"content-length: N"),
    "blank before the colon": head(OK, b"content-length : N", then=("close",)),
    "NUL in a value": head(OK, b"x-a: a\x00b", b"content-length: N"),
    "CR in a value": head(OK, b"x-a: a\rb", b"content-length: N"),
    "no colon": head(OK, b"x-a", b"content-length: N"),
    "other users' fields": head(OK, b"set-cookie: a=b", b"access-control-allow-origin: *", b"content-length: N"),
    "Connection: close, not closed": head(OK, b"connection: close", b"content-length: N"),
    "Connection names the length": head(OK, b"connection: content-length", b"content-length: N"),
    "no media type": lambda asked: [OK + length(body(asked)) + LINE + LINE + body(asked)],
    "1 MB": lambda asked: [OK + JSON + length(b"9" * 1_000_000) + LINE + LINE + b"9" * 1_000_000],
}  # fmt: skip
ANSWERS: Final[dict[str, Odd]] = {**ORDER, **STATUS, **FRAMING}
LEFT: Final = {
    "1 MB": 50_000,
    "stream without an end": 5_000,
    "503 with a long body": 0,
    "usual": 0,
    "second answer": 0,
    "slow": 0,
    "600": 0,
    "307 with a long body": 0,
    "chunks, a second answer": 0,
}
"""Answers that a client also walks away from, and after how many bytes."""


def odd_answer(asked: Asked) -> Steps | None:
    """Return the steps that a call asks for by their name."""
    found = ANSWERS.get(asked.odd)
    return found(asked) if found else None
