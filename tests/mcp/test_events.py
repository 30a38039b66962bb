from __future__ import annotations

import pytest

from doorward.mcp.events import read_events

MESSAGE = b'data: {"id": 1}'


@pytest.mark.parametrize(
    "body",
    [
        MESSAGE + b"\n\n",
        MESSAGE + b"\r\n\r\n",
        b"event: message\n" + MESSAGE + b"\n\n",
        b": ping\n\n" + MESSAGE + b"\n\n: ping\n\n",
        b'id: 1\nretry: 5\ndata:{"id": 1}\n\n',
        b"id: 1\ndata: \n\n" + MESSAGE + b"\n\n",
        MESSAGE + b"\n\n: the end",
    ],
)
def test_a_good_stream_has_no_faults(body):
    stream = read_events(body)
    assert stream.messages == ({"id": 1},)
    assert stream.lost == stream.fragile == ()


def test_an_empty_stream_holds_nothing():
    stream = read_events(b"")
    assert stream.messages == stream.lost == stream.fragile == ()


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (MESSAGE, "blank line"),
        (MESSAGE + b"\n", "blank line"),
        (b"event: response\n" + MESSAGE + b"\n\n", "'response'"),
        (b"data: {\n\n", "not JSON"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "not JSON"),
    ],
)
def test_each_fault_that_loses_a_message_is_named(body, word):
    stream = read_events(body)
    assert stream.messages == ()
    (fault,) = stream.lost
    assert word in fault


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (b"\xef\xbb\xbf" + MESSAGE + b"\n\n", "byte order mark"),
        (MESSAGE + b"\r\r", "CR alone"),
        (b'data: {"id":\ndata: 1}\n\n', "several data lines"),
    ],
)
def test_what_is_allowed_and_read_by_some_only_is_told_apart(body, word):
    stream = read_events(body)
    assert stream.messages == ({"id": 1},)
    assert stream.lost == ()
    (fault,) = stream.fragile
    assert word in fault
