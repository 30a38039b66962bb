"""One request on an upstream's connection and its response: all state that must not outlive the exchange.

Owns parsing (httptools), the limits on everything but the body (head, trailers, chunk extensions, interim responses),
and back-pressure: for a slow client, about `HIGH_WATER_BYTES` plus one read are buffered. An `Exchange` is created for
one request and never reused, parser included. So no byte of one user's response can reach the next exchange. It is a
context manager: leaving it returns the connection only if the response was read to the end without an error.

Spec: RFC 9110 s15.2; RFC 9112 s6, s7.1, s9.3.
"""

from __future__ import annotations

import asyncio
import re
from types import TracebackType
from typing import Any, Protocol, Self

import httptools

from doorward.errors import UpstreamError

HIGH_WATER_BYTES = 128 * 1024
HEAD_LIMIT_BYTES = 64 * 1024
HEADER_COUNT_LIMIT = 128

_FRAMING_PER_BODY_BYTE = 16
"""A one-byte chunk needs five bytes of framing. A response with a larger share of framing is an attack."""
_PIECE_OVERHEAD_BYTES = 64
"""Python's overhead for a part of a body."""
_BODYLESS = frozenset({204, 304})
_KEEP_ALIVE_TIMEOUT = re.compile(rb"timeout\s*=\s*(\d{1,6})", re.ASCII)


class Wire(Protocol):
    """The connection, as an exchange needs it."""

    def pause_reading(self) -> None:
        """Stop reading from the upstream."""
        ...

    def resume_reading(self) -> None:
        """Resume reading."""
        ...

    def abort(self) -> None:
        """Close immediately."""
        ...

    def end(self, exchange: Exchange, *, reusable: bool) -> None:
        """Take the connection back from a finished exchange."""
        ...


class Exchange:
    """A request that was sent, and its response as it arrives."""

    __slots__ = (
        *("_body_bytes", "_framed", "_head_bytes", "_keep", "_loop", "_parser", "_paused", "_pieces", "_progressed"),
        *("_refused", "_size", "_total_bytes", "_unfinished_bytes", "_waiter", "_wire"),
        *("active_at", "complete", "error", "head_complete", "headers", "received", "rest_limit_seconds"),
        *("sent_at", "status"),
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, wire: Wire) -> None:
        self._loop = loop
        self._wire: Wire | None = wire
        """None once the exchange is over."""
        self._parser: Any = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._framed = False
        self._keep = False
        self._progressed = False
        self._refused: UpstreamError | None = None
        self._unfinished_bytes = 0
        """Bytes received since the head or the last part of the body; progress within a read resets it to 0."""
        self._total_bytes = 0
        self._body_bytes = 0
        self._head_bytes = 0
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_complete = False
        self.complete = False
        self.error: UpstreamError | None = None
        self.received = False
        """Whether any byte of a response arrived."""
        self.rest_limit_seconds: float | None = None
        """The upstream closes an idle connection after this many seconds, if it says so."""
        self.sent_at = self.active_at = loop.time()

    def __enter__(self) -> Self:
        """Start using the response."""
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        """Return the connection if the response was read to the end; otherwise close it."""
        self._end(reusable=kind is None and self.was_read)

    def abandon(self) -> None:
        """End the exchange and close its connection."""
        self._end(reusable=False)

    @property
    def was_read(self) -> bool:
        """Whether the whole response was read, so that the connection can carry another request."""
        return self.complete and self._keep and self.error is None and not self._pieces

    @property
    def reading_paused(self) -> bool:
        """Whether this side stopped reading, so that the upstream's silence means nothing."""
        return self._paused

    async def head(self) -> None:
        """Wait for `status` and `headers`. Raises `UpstreamError`."""
        while not self.head_complete:
            if self.error is not None:
                raise self.error
            await self._changed()

    async def read(self) -> bytes:
        """Return the body that has arrived, or wait for more; empty at its end. Raises `UpstreamError`."""
        while not self._pieces:
            if self.error is not None:
                raise self.error
            if self.complete:
                return b""
            await self._changed()
        return self.arrived()

    def arrived(self) -> bytes:
        """Return all of the body that has arrived and was not returned before; empty if that is nothing."""
        if not self._pieces:
            return b""
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self.active_at = self._loop.time()
            if self._wire is not None:
                self._wire.resume_reading()
        return data

    def discard(self, limit_bytes: int) -> None:
        """Drop the body if it is complete and short; otherwise the connection is closed at the end."""
        if self.complete and self._size <= limit_bytes:
            self._pieces.clear()

    def fail(self, error: UpstreamError) -> None:
        """Abort the exchange: the reader gets `error`, and the connection is closed."""
        if self.error is None and not self.complete:
            self.error = error
        if self.error is not None:
            # Buffered data must not look like progress to a reader that waits for the end.
            self._pieces.clear()
        if self._wire is not None:
            self._wire.abort()
        self._wake()

    def feed(self, data: bytes) -> None:
        """Parse received bytes."""
        if self.complete or self.error is not None:
            self._refuse_more()
            return
        self.received = True
        self._progressed = False
        self._total_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(self._refused or UpstreamError("not_mcp", "The MCP server did not answer in valid HTTP/1.1."))
            return
        if self._progressed:
            # Only a head or part of a body counts: an endless trailer must not keep a silent upstream alive.
            self.active_at = self._loop.time()
            self._unfinished_bytes = 0
        else:
            self._unfinished_bytes += len(data)
        framing = self._total_bytes - self._body_bytes
        if self._unfinished_bytes > HEAD_LIMIT_BYTES or (
            framing > 8 * HEAD_LIMIT_BYTES + _FRAMING_PER_BODY_BYTE * self._body_bytes
        ):
            self.fail(_too_much_framing() if self.head_complete else _head_too_large())

    def lost(self, exc: Exception | None) -> None:
        """Record that the connection was closed."""
        if not self.complete and self.error is None:
            if self.head_complete and not self._framed and exc is None:
                self.complete = True  # a body without a length ends with its connection: RFC 9112 s6.3
            else:
                when = "in the middle of its answer" if self.received else "before it answered"
                self.error = UpstreamError("reset", f"The MCP server closed the connection {when}.")
        self._wake()

    def _end(self, *, reusable: bool) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            self._parser = None  # break the reference cycle of parser and exchange, so that no gc is needed
            wire.end(self, reusable=reusable)

    def _refuse_more(self) -> None:
        """Close on unsolicited bytes: the next request would get them (response smuggling)."""
        self._keep = False
        if self._wire is not None:
            self._wire.abort()

    def _changed(self) -> asyncio.Future[None]:
        """Return what is done as soon as something arrives, or the exchange ends."""
        self._waiter = self._loop.create_future()
        return self._waiter

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _stop_parsing(self, error: UpstreamError) -> None:
        self._refused = error
        raise ValueError(error.fault)

    # httptools' callbacks.

    def on_message_begin(self) -> None:
        """Refuse a second response to one request."""
        if self.complete:
            self._refuse_more()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header; trailers of a chunked body are dropped."""
        if self.head_complete:
            return
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        elif name == b"keep-alive" and (found := _KEEP_ALIVE_TIMEOUT.search(value)) is not None:
            self.rest_limit_seconds = float(found[1])
        self.headers.append((name, value))
        self._head_bytes += len(name) + len(value)
        if len(self.headers) > HEADER_COUNT_LIMIT:
            self._stop_parsing(_head_too_large())

    def on_headers_complete(self) -> None:
        """Check the head. The reader only sees a head that passes every limit."""
        if self.complete:
            return
        status = self._parser.get_status_code()
        if not 100 <= status <= 599:  # noqa: PLR2004  # RFC 9110 s15
            self._stop_parsing(UpstreamError("not_mcp", f"The MCP server answered {status}, which is no HTTP status."))
        if status < 200:  # noqa: PLR2004  # 1xx announces that the answer is still to come: RFC 9110 s15.2
            if self._framed:
                # It cannot have a body (RFC 9112 s6.3); the parser would mistake the real response for one.
                self._stop_parsing(UpstreamError("not_mcp", f"The MCP server sent a {status} with a body."))
            self.headers, self._head_bytes = [], 0
            return
        if self._head_bytes > HEAD_LIMIT_BYTES:
            self._stop_parsing(_head_too_large())
        self.status = status
        self._keep = self._parser.should_keep_alive()
        self.head_complete = self._progressed = True
        if status in _BODYLESS:
            # It ends with its head, whatever length it declares; a declared length leaves the parser out of sync.
            self._keep = self._keep and not self._framed
            self._framed = self.complete = True
        self._wake()

    def on_body(self, body: bytes) -> None:
        """Buffer part of the body, and stop reading if the client falls behind."""
        if self.complete or not self.head_complete:
            return
        self._progressed = True
        self._body_bytes += len(body)
        self._pieces.append(body)
        self._size += len(body) + _PIECE_OVERHEAD_BYTES
        if self._size > HIGH_WATER_BYTES and not self._paused and self._wire is not None:
            self._paused = True
            self._wire.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """Record the end of the body."""
        if self.head_complete:
            self.complete = True
            self._wake()


def _head_too_large() -> UpstreamError:
    return UpstreamError("too_large", f"The MCP server sent more than {HEAD_LIMIT_BYTES} bytes of response headers.")


def _too_much_framing() -> UpstreamError:
    return UpstreamError("too_large", "The MCP server sent chunk extensions or trailers without an end.")
