from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.mcp.event_ids import LONGEST_EVENT_ID, EventIds


def replaced(stream: bytes, size: int = 0) -> bytes:
    ids = EventIds(lambda value: b"<" + value + b">")
    step = size or len(stream) or 1
    return b"".join(ids.feed(stream[at : at + step]) for at in range(0, len(stream), step))


CASES = [
    (b"id: 7\ndata: {}\n\n", b"id: <7>\ndata: {}\n\n"),
    (b"id:7\r\ndata: {}\r\n\r\n", b"id:<7>\r\ndata: {}\r\n\r\n"),
    (b"data: {}\rid:  7 \r\r", b"data: {}\rid: < 7 >\r\r"),
    (b"data: {}\n\nid: a\ndata: {}\n\nid: b\n\n", b"data: {}\n\nid: <a>\ndata: {}\n\nid: <b>\n\n"),
    (b": c\nid: a:b\nevent: message\ndata: x\n\n", b": c\nid: <a:b>\nevent: message\ndata: x\n\n"),
    # An empty id takes back the one before, and is nobody's.
    (b"id\n\nid:\n\nid: \n\n", b"id\n\nid:\n\nid: \n\n"),
    # What only looks like one.
    (b'data: {"id": 1}\n\n', b'data: {"id": 1}\n\n'),
    (b"idle: 7\n i: 3\ndata: id: 7\nretry: 3\nxid: 7\n\n", b"idle: 7\n i: 3\ndata: id: 7\nretry: 3\nxid: 7\n\n"),
    (b"i\nid\nidx\nid: 1\ni", b"i\nid\nidx\nid: <1>\n"),
]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 5])
@pytest.mark.parametrize(("stream", "expected"), CASES)
def test_only_ids_are_replaced_however_the_stream_is_cut(stream, expected, size):
    assert replaced(stream, size) == expected


@given(st.lists(st.sampled_from([b"id: 7", b"id:", b"i", b"d", b":", b"data: id: 7", b"\n", b"\r", b"\r\n", b"x"])))
def test_cutting_a_stream_changes_nothing(parts):
    stream = b"".join(parts) + b"\n"
    whole = replaced(stream)
    assert all(replaced(stream, size) == whole for size in (1, 2, 3, 7))
    ids = EventIds(lambda value: b"<" + value + b">")
    assert b"".join(ids.feed(part) for part in [*parts, b"\n"]) == whole


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_an_id_that_is_too_long_is_dropped_and_does_not_end_its_event(size):
    stream = b"data: a\nid: " + b"7" * (LONGEST_EVENT_ID + 1) + b"\ndata: b\n\nid: 1\n\n"
    out = replaced(stream, size)
    assert out.startswith(b"data: a\n:")
    assert out.endswith(b"\ndata: b\n\nid: <1>\n\n")
    assert b"7" not in out.replace(b"<1>", b"")
    assert b"\n\n" not in out.split(b"data: b")[0]


def test_bytes_without_an_id_go_on_at_once_and_untouched():
    ids = EventIds(lambda value: value)
    for chunk in (b"event: message\n", b'data: {"id": 1, "method": "x"}', b"\n\n", b": keep-alive\n\n", b""):
        assert ids.feed(chunk) is chunk
