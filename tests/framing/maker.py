"""Bytes of requests, for the framings: heads and bodies of calls, each with a tag of its own."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from framing.verdict import call_body, tag_of

LINE = b"\r\n"
JSON = b"Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
ATTACKER = "mallory"


class Maker:
    """Makes the requests of one lane."""

    def __init__(self, lane: str, host: bytes, tokens: Mapping[str, bytes]) -> None:
        self.lane, self.host, self._tokens = lane, host, tokens
        self._numbers = itertools.count(1)
        self.issued: set[str] = set()
        """Tags since somebody has emptied this."""

    def tag(self, user: str) -> str:
        """Return a new tag."""
        tag = tag_of(user, self.lane, next(self._numbers))
        self.issued.add(tag)
        return tag

    def body(self, user: str = ATTACKER, **arguments: str) -> bytes:
        """Return the body of a new call."""
        return call_body(self.tag(user), **arguments)

    def head(
        self,
        *lines: bytes,
        user: str | None = ATTACKER,
        method: bytes = b"POST",
        target: bytes = b"/mcp",
        version: bytes = b"HTTP/1.1",
    ) -> bytes:
        """Return a head with these further lines; `user` None: without a token."""
        token = b"Authorization: Bearer %b\r\n" % self._tokens[user] if user else b""
        first = b"%b %b %b\r\nHost: %b\r\n" % (method, target, version, self.host)
        return first + token + JSON + b"".join(line + LINE for line in lines) + LINE

    def call(self, *lines: bytes, user: str = ATTACKER, body: bytes | None = None, **arguments: str) -> bytes:
        """Return a whole call with a length."""
        content = self.body(user, **arguments) if body is None else body
        return self.head(*lines, length(content), user=user) + content

    def inner(self) -> bytes:
        """Return a call that is meant to be hidden in another request; its answer takes a moment."""
        return self.call(b"X-Answer: slow")


def length(body: bytes) -> bytes:
    """Return the field with the length of a body."""
    return b"Content-Length: %d" % len(body)


def chunked(*pieces: bytes, size: bytes = b"%x", line: bytes = LINE, last: bytes = b"0\r\n\r\n") -> bytes:
    """Return a chunked body, its parts spelled as asked."""
    return b"".join(size % len(piece) + line + piece + LINE for piece in pieces) + last
