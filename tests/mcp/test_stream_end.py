from __future__ import annotations

import pytest

from doorward.mcp.sse import MARK, EventTracker, WithoutMark
from doorward.mcp.stream_end import LONGEST_EVENT, ResponseWatch

RESPONSE = b'data: {"jsonrpc":"2.0","id":7,"result":{}}\n\n'
ERROR = b'event: message\r\ndata: {"error":{"code":1,"message":"x"},"id":7,"jsonrpc":"2.0"}\r\n\r\n'
PROGRESS = b'data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"result":1}}\n\n'
NOTICE = b'data: {"jsonrpc":"2.0","method":"notifications/message","params":{"data":"x"}}\n\n'
ASKED = b'data: {"jsonrpc":"2.0","id":7,"method":"elicitation/create","params":{"error":1}}\n\n'
ANOTHER = b'data: {"jsonrpc":"2.0","id":8,"result":{}}\n\n'
LARGE = b'data: {"jsonrpc":"2.0","id":7,"result":"' + b"x" * LONGEST_EVENT + b'"}\n\n'
LARGE_NOTICE = b'data: {"jsonrpc":"2.0","method":"m","params":"' + b"x" * LONGEST_EVENT + b'"}\n\n'
COMMENT = b": keep-alive\n\n"


def watched(*events: bytes, size: int | None = None) -> ResponseWatch:
    watch, tracker = ResponseWatch(7), EventTracker()
    stream = b"".join(events)
    pieces = events if size is None else [stream[at : at + size] for at in range(0, len(stream), size)]
    for piece in pieces:
        watch.feed(piece, starts_event=tracker.at_boundary)
        tracker.feed(piece)
    return watch


@pytest.mark.parametrize("size", [None, 1, 3, 50, 100_000])
@pytest.mark.parametrize(
    ("events", "passed"),
    [
        ((), False),
        ((COMMENT,), False),
        ((PROGRESS, RESPONSE), True),
        ((RESPONSE, COMMENT, PROGRESS), True),
        ((ERROR,), True),
        ((PROGRESS, COMMENT, ASKED), False),
        ((ANOTHER,), False),
        ((b"data: what\n\n",), False),
        ((b'data: {"result"\n\n',), False),
        ((PROGRESS, LARGE), None),
        ((ANOTHER * 3000,), None),
    ],
)
def test_whether_the_response_passed_is_known_however_the_stream_is_cut(events, passed, size):
    assert watched(*events, size=size).has_passed() is passed


@pytest.mark.parametrize(("last", "passed"), [(PROGRESS, False), (RESPONSE, True)])
def test_a_large_event_that_is_no_response_is_forgotten(last, passed):
    assert watched(LARGE_NOTICE[:50_000], LARGE_NOTICE[50_000:], last).has_passed() is passed


@pytest.mark.parametrize("size", [1, 1000])
def test_the_key_of_a_large_response_is_found_wherever_the_stream_is_cut(size):
    assert watched(b'data: {"x":"' + b"x" * LONGEST_EVENT + b'","result":1}\n\n', size=size).has_passed() is None


@pytest.mark.parametrize(
    ("events", "may"),
    [
        ((), False),
        ((COMMENT, NOTICE, COMMENT), False),
        ((b"retry: 5\n\n",), False),
        ((PROGRESS, RESPONSE), True),
        ((ASKED,), True),
        ((b"data: what\n\n", NOTICE), True),
        ((LARGE_NOTICE,), True),
        ((LARGE,), True),
    ],
)
def test_only_a_stream_of_plain_notices_certainly_lacks_the_response(events, may):
    assert watched(*events).may_have_passed() is may


@pytest.mark.parametrize("size", [1, 2, 3, 4, 100])
@pytest.mark.parametrize("rest", [b"", b"data: x\n\n", MARK + b"data: x\n\n", b"\xef\xbb"])
def test_a_byte_order_mark_is_taken_off_once_and_at_the_head_only(rest, size):
    for head in (MARK, b""):
        stream, mark = head + rest, WithoutMark()
        pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
        out = b"".join(mark.feed(piece) for piece in pieces) + mark.feed(b"", is_last=True)
        assert out == (rest if head else rest.removeprefix(MARK))
