"""Where one server-sent event ends and the next begins, told without keeping or copying any of the bytes.

Owns the question "may something be written between these bytes and the next ones?" and the comment that may be
written there. Does not parse events: a stream is passed on byte for byte, however large one event is.

Spec: WHATWG HTML s9.2.5, s9.2.6 (lines end in LF, CR LF or CR; a blank line ends an event).
"""

from __future__ import annotations

KEEP_ALIVE = b": keep-alive\n\n"
"""A comment with a blank line: legal between any two events, an event of its own in no client."""

MARK = b"\xef\xbb\xbf"
"""The byte order mark, which only the very first bytes of a stream can be."""
_LF, _CR = 10, 13
_LINE_ENDS = (_LF, _CR)
_DECISIVE = 4
"""That many line-end bytes hold a blank line whatever came before: at most the first belongs to an earlier CR LF,
and the other three are at least two line ends."""


class EventTracker:
    """Follows one stream, chunk by chunk, in constant time and memory per chunk."""

    __slots__ = ("_last", "_line_is_open", "at_boundary")

    def __init__(self) -> None:
        self.at_boundary = True
        """Whether the bytes so far end an event, or there were none."""
        self._line_is_open = False
        self._last = _LF

    def feed(self, chunk: bytes | bytearray | memoryview) -> None:
        """Take note of the next bytes of the stream."""
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
    """Takes a byte order mark off the head of a stream that comes in pieces of any size.

    Anything may be written in front of the first event then, and the first line is a line like the others.
    """

    __slots__ = ("_head", "is_over")

    def __init__(self) -> None:
        self._head = b""
        self.is_over = False
        """Whether the head has passed, so that everything else goes on as it is."""

    def feed(self, chunk: bytes, *, is_last: bool = False) -> bytes:
        """Return what goes on of the next bytes of the stream."""
        if self.is_over:
            return chunk
        head = self._head + chunk
        if not is_last and MARK.startswith(head) and head != MARK:
            self._head = head
            return b""
        self.is_over = True
        return head.removeprefix(MARK)
