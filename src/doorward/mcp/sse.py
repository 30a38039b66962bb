"""Boundaries of server-sent events, tracked without buffering or copying any bytes.

Owns the question whether a comment may be written between the last bytes and the next ones, and that comment. Does not
parse events: a stream passes byte for byte, however large one event is.

Spec: WHATWG HTML s9.2.5, s9.2.6 (lines end in LF, CR LF or CR; a blank line ends an event).
"""

from __future__ import annotations

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment with a blank line: allowed between any two events, and never an event to a client."""

MARK = b"\xef\xbb\xbf"
"""The byte order mark, which is only special at the start of a stream."""
_LF, _CR = 10, 13
_LINE_ENDS = (_LF, _CR)
_DECISIVE = 4
"""This many line-end bytes always contain a blank line: at most the first belongs to an earlier CR LF, and the other
three are at least two line ends."""


class EventTracker:
    """Tracks one stream, chunk by chunk, in constant time and memory per chunk."""

    __slots__ = ("_last", "_line_is_open", "at_boundary")

    def __init__(self) -> None:
        self.at_boundary = True
        """Whether the bytes so far end an event, or there were none."""
        self._line_is_open = False
        self._last = _LF

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Update the state with the next bytes of the stream."""
        size = len(chunk)
        start = size
        while start and size - start < _DECISIVE and chunk[start - 1] in _LINE_ENDS:
            start -= 1
        if size - start == _DECISIVE:
            self.at_boundary, self._line_is_open, self._last = True, False, chunk[-1]
            return
        if start:
            self.at_boundary, self._line_is_open, self._last = False, True, chunk[start - 1]
        for byte in chunk[start:]:
            if byte == _CR or self._last != _CR:
                self.at_boundary, self._line_is_open = not self._line_is_open, False
            self._last = byte


class WithoutMark:
    """Removes a byte order mark from the start of a stream whose chunks have any size.

    After that, anything may be written before the first event, and the first line is a normal line.
    """

    __slots__ = ("_head", "is_over")

    def __init__(self) -> None:
        self._head = b""
        self.is_over = False
        """Whether the start has passed, so that all further bytes pass unchanged."""

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """Return the output for the next bytes of the stream."""
        if self.is_over:
            return chunk
        head = self._head + chunk
        if not is_last and MARK.startswith(head) and head != MARK:
            self._head = head
            return b""
        self.is_over = True
        return head.removeprefix(MARK)
