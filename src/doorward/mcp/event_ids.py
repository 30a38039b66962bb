"""Event ids in a stream, replaced as the bytes pass; a client may send one later to resume.

Owns finding an id in a stream whose chunks have any size. A chunk that cannot hold one costs a few searches and passes
unchanged. The caller decides what replaces an id.

Spec: WHATWG HTML s9.2.5, s9.2.6 (lines, the field `id`); MCP 2025-11-25 basic/transports (resumability).
"""

from __future__ import annotations

import re
from collections.abc import Callable

LONGEST_EVENT_ID = 2048
"""Bytes. An event with a longer id loses the id, because no part of a stream is buffered without a limit."""

_FIELD = b"id:"
_ID = re.compile(rb"(?<=[\r\n])id:( ?+)([^\r\n]+)(?=[\r\n])")
_LINE_END = re.compile(rb"[\r\n]")
_LINE_ENDS = b"\r\n"
_BEGINNINGS = (b"\ni", b"\ri")


class EventIds:
    """Replaces the ids of one stream."""

    __slots__ = ("_at_line_start", "_held", "_is_dropping", "_replace", "were_sent")

    def __init__(self, replace: Callable[[bytes], bytes]) -> None:
        self._replace = replace
        self.were_sent = False
        """Whether the client got an id with which it can resume the stream."""
        self._at_line_start = True
        self._held = b""
        """The start of a line that is, or may become, an id; held until the rest of the line arrives."""
        self._is_dropping = False
        """Inside an id that is too long; it becomes a comment, because an empty line would end the event."""

    def feed(self, chunk: bytes) -> bytes:
        """Return the output for the next bytes of the stream."""
        if (
            self._held
            or _has_line_with_id(chunk)
            or (self._at_line_start and chunk[:1] == b"i")
            or chunk[-2:] in _BEGINNINGS
            or self._is_dropping
        ):
            return self._rewritten(chunk)
        if chunk:
            self._at_line_start = chunk[-1] in _LINE_ENDS
        return chunk

    def _rewritten(self, chunk: bytes) -> bytes:
        if self._is_dropping:
            end = _LINE_END.search(chunk)
            if end is None:
                return b""
            self._is_dropping, chunk = False, chunk[end.start() :]
        # Prepend one byte, removed at the end, so that the first line looks like the others.
        data = (b"\n" if self._at_line_start or self._held else b"x") + self._held + chunk
        self._held = b""
        start = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        unfinished = data[start:]
        if unfinished and start and (_FIELD.startswith(unfinished) or unfinished.startswith(_FIELD)):
            data = data[:start]
            if len(unfinished) > LONGEST_EVENT_ID:
                data, self._is_dropping = data + b":", True
            else:
                self._held = unfinished
        self._at_line_start = not unfinished
        return _ID.sub(self._sealed, data)[1:]

    def _sealed(self, found: re.Match[bytes]) -> bytes:
        if len(found[2]) > LONGEST_EVENT_ID:
            return b":"
        self.were_sent = True
        return b"id:%b%b" % (found[1], self._replace(found[2]))


def _has_line_with_id(chunk: bytes) -> bool:
    """Return whether a line within the chunk starts like an id. Searching one byte is much faster than several."""
    if b"\r" in chunk:
        return b"\nid" in chunk or b"\rid" in chunk
    at = chunk.find(b"\n")
    while at >= 0:
        if chunk.startswith(b"id", at + 1):
            return True
        at = chunk.find(b"\n", at + 1)
    return False
