from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from doorward.mcp.sse import KEEP_ALIVE, EventTracker


def at_boundary(*chunks: bytes) -> bool:
    tracker = EventTracker()
    for chunk in chunks:
        tracker.feed(chunk)
    return tracker.at_boundary


def by_specification(data: bytes) -> bool:
    """Whether the last complete line is blank, reading lines as the specification does."""
    lines = re.split(rb"\r\n|\n|\r", data)
    return lines[-1] == b"" and (len(lines) < 2 or lines[-2] == b"")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_a_blank_line_ends_an_event(end):
    assert not at_boundary(b"data: x")
    assert not at_boundary(b"data: x" + end)
    assert at_boundary(b"data: x" + end + end)
    assert not at_boundary(b"data: x" + end + end + b"id: 1")


def test_nothing_has_begun_before_the_first_byte():
    assert at_boundary()
    assert at_boundary(b"")


@pytest.mark.parametrize(
    "chunks",
    [
        (b"data: x\r", b"\n"),
        (b"data: x\r", b"\n", b"data: y\n"),
        (b"data: x\n", b"data: y\n"),
        (b"data: x", b"\n"),
    ],
)
def test_a_line_end_split_over_chunks_is_one_line_end(chunks):
    assert not at_boundary(*chunks)


@pytest.mark.parametrize(
    "chunks",
    [
        (b"data: x\r", b"\n\r", b"\n"),
        (b"data: x\n", b"\n"),
        (b"data: x\r", b"\r"),
        (b"data: x\r\n", b"", b"\r\n"),
        (b"data: x", b"\r\n\r\n"),
        (b"data: x\r", b"\n\n\n\n\n"),
    ],
)
def test_a_blank_line_split_over_chunks_ends_the_event(chunks):
    assert at_boundary(*chunks)


@given(st.lists(st.text("a\r\n", max_size=6).map(str.encode), max_size=6))
def test_the_tracker_agrees_with_a_reader_of_the_whole_stream(chunks):
    assert at_boundary(*chunks) == by_specification(b"".join(chunks))


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_any_kind_of_bytes_will_do(kind):
    assert at_boundary(kind(b"data: x\n\n"))


def test_a_comment_leaves_a_boundary_a_boundary():
    assert at_boundary(b"data: x\n\n", KEEP_ALIVE)
    assert KEEP_ALIVE.startswith(b":")
