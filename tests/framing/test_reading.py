"""The reader that judges, beside h11: where both read a stream, they read the same requests."""

from __future__ import annotations

import random

import h11
import pytest
from framing.maker import Maker
from framing.reading import read_answers, read_requests
from framing.request_framings import PADDING, REQUESTS

MUTATIONS = 3000
MORE_LENIENT = {
    "preface of HTTP/2",
    "chunks, CR in an extension",
    "coding before a length",  # h11 goes on after a request that has two framings
    "coding behind a length",
    "coding behind a bare LF",
    "coding, folded",
    "coding, an underscore in the name",
    "HTTP/1.0 with chunks",
    "pipeline behind Connection: close",
}


def sent(name: str) -> bytes:
    m = Maker("here", b"door", {"mallory": b"t"})
    pieces = [step for step in REQUESTS[name](m) if isinstance(step, bytes)]
    return b"".join(pieces).replace(PADDING, b"")


def by_h11(data: bytes) -> tuple[list[tuple[bytes, bytes, bytes]], bool]:
    """Return the requests that h11 reads, and whether it refused what came after them."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=200_000)
    connection.receive_data(data)
    found: list[tuple[bytes, bytes, bytes]] = []
    head, body = None, b""
    while True:
        try:
            event = connection.next_event()
        except h11.RemoteProtocolError:
            return found, True
        if isinstance(event, h11.Request):
            head, body = event, b""
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            found.append((bytes(head.method), bytes(head.target), body))
            try:
                connection.send(h11.Response(status_code=204, headers=[]))
                connection.send(h11.EndOfMessage())
                connection.start_next_cycle()
            except h11.LocalProtocolError:
                return found, False
        else:
            return found, False


def ours(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    return [(each.method, each.target, each.body) for each in read_requests(data).whole]


@pytest.mark.parametrize("name", REQUESTS)
def test_of_every_framing_both_read_the_same_requests(name):
    data = sent(name)
    mine, (theirs, _) = read_requests(data), by_h11(data)
    shorter = min(len(mine.whole), len(theirs))
    assert ours(data)[:shorter] == theirs[:shorter]
    if all(each.strict for each in mine.whole):
        assert len(theirs) >= len(mine.whole)
    assert name in MORE_LENIENT or len(theirs) <= len(mine.whole)


def test_what_is_strict_is_read_by_both_however_it_was_changed():
    names = [name for name in REQUESTS if len(sent(name)) < 5000]
    draw, strict = random.Random(7), 0
    for _ in range(MUTATIONS):
        data = bytearray(sent(draw.choice(names)))
        for _ in range(draw.randrange(3)):
            at = draw.randrange(len(data))
            data[at : at + draw.randrange(2)] = draw.choice((b"", b"\r", b"\n", b"0", b":", b" ", b"\r\n", b"\x00"))
        mine, theirs = read_requests(bytes(data)), by_h11(bytes(data))[0]
        shared = [each for each in mine.whole if each.strict]
        strict += len(shared)
        if len(shared) == len(mine.whole):
            assert theirs[: len(shared)] == ours(bytes(data)), bytes(data)
    assert strict > MUTATIONS / 3


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"HTTP/1.1 200 OK\ncontent-length: 0\n\n", "lines"),
        (b"HTTP/1.1 600 OK\r\ncontent-length: 0\r\n\r\n", "status 600"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\ncontent-length: 0\r\n\r\n", "two framings"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nx\r\n\r\n", "no status line"),
        (b"HTTP/1.1 101 S\r\n\r\n", "switched"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\n\r\n", "extensions"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", "no chunk size"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", "no length"),
    ],
)
def test_an_answer_with_a_wrong_framing_is_noticed(data, why):
    found = read_answers(data, [b"GET"], ended=False)
    assert found.rest == "wrong"
    assert why in found.why


def test_an_answer_is_whole_when_its_framing_says_so():
    whole = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    for at in range(1, len(whole)):
        found = read_answers(whole[:at], [b"GET"], ended=True)
        assert found.rest == "partial", whole[:at]
    assert [each.body for each in read_answers(whole * 2, [b"GET"], ended=False).final] == [b"ok", b"ok"]
    without = b"HTTP/1.1 200 OK\r\n\r\nok"
    assert [each.whole for each in read_answers(without, [b"GET"], ended=False).final] == [False]
    assert [each.whole for each in read_answers(without, [b"GET"], ended=True).final] == [True]
    no_body = b"HTTP/1.1 204 N\r\n\r\n" + b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n"
    assert [each.status for each in read_answers(no_body, [b"GET", b"HEAD"], ended=False).final] == [204, 200]
