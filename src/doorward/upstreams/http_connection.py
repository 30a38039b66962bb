"""One kept HTTP/1.1 connection to an upstream: bytes of a request in, head and body pieces of its response out.

Owns parsing (httptools), the bounds on a response's head, and back-pressure: at most `HIGH_WATER_BYTES` (plus one
read) of a body wait here for a slow client, whatever the upstream sends. Knows nothing of pools, MCP or ASGI.

Spec: RFC 9112 s6, s9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools

from doorward.errors import UpstreamError

HIGH_WATER_BYTES = 256 * 1024
HEAD_LIMIT_BYTES = 64 * 1024
HEADER_COUNT_LIMIT = 128

_BODYLESS = frozenset({204, 304})


class Connection(asyncio.Protocol):
    """A connection that carries one exchange at a time."""

    __slots__ = (
        "_closed",
        "_framed",
        "_head_bytes",
        "_keep",
        "_loop",
        "_parser",
        "_paused",
        "_pieces",
        "_size",
        "_transport",
        "_waiter",
        "active_at",
        "busy",
        "complete",
        "error",
        "head_complete",
        "headers",
        "on_lost",
        "received",
        "released_at",
        "sent_at",
        "status",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop, on_lost: Callable[[Connection], None]) -> None:
        self._loop = loop
        self._parser: Any = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._pieces: list[bytes] = []
        self._closed = False
        self.on_lost = on_lost
        self.busy = False
        self.released_at = 0.0
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.head_complete = False
        self.complete = False
        self.error: UpstreamError | None = None
        self.received = False
        self.active_at = 0.0
        self.sent_at = 0.0
        self._head_bytes = 0
        self._framed = False
        self._keep = False
        self._size = 0
        self._paused = False

    # The exchange, as seen by the upstream.

    @property
    def alive(self) -> bool:
        """Whether another request could be sent here."""
        return not self._closed and self._transport is not None and not self._transport.is_closing()

    @property
    def reading_paused(self) -> bool:
        """Whether this side stopped reading, so the upstream's silence means nothing."""
        return self._paused

    def send(self, head: bytes, body: bytes) -> None:
        """Begin an exchange."""
        self._reset()
        self.busy = True
        self.sent_at = self.active_at = self._loop.time()
        assert self._transport is not None
        if len(body) < HIGH_WATER_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.writelines((head, body))

    async def head(self) -> None:
        """Wait until `status` and `headers` are known. Raises `UpstreamError`."""
        while not self.head_complete:
            if self.error is not None:
                raise self.error
            await self._change()

    async def read(self) -> bytes:
        """Return all of the body that has arrived, or wait for more; empty at its end. Raises `UpstreamError`."""
        while not self._pieces:
            if self.error is not None:
                raise self.error
            if self.complete:
                return b""
            await self._change()
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused:
            self._paused = False
            self.active_at = self._loop.time()
            if not self._closed and self._transport is not None:
                self._transport.resume_reading()
        return data

    def release(self) -> bool:
        """End the exchange; return whether the connection may carry another."""
        self.busy = False
        reusable = self.complete and self.error is None and self.alive and self._keep
        if not reusable:
            self.abort()
        return reusable

    def fail(self, error: UpstreamError) -> None:
        """Give the exchange up: whoever waits gets `error`, and the upstream sees the connection close."""
        if self.error is None and not self.complete:
            self.error = error
            # What had already arrived must not look like progress to whoever waits for the end.
            self._pieces.clear()
        self.abort()
        self._wake()

    def abort(self) -> None:
        """Close at once, without flushing."""
        if self._transport is not None and not self._closed:
            self._closed = True
            self._transport.abort()

    async def _change(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # asyncio's callbacks.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember the transport."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]  # uvloop's transports are no subclass of asyncio's

    def data_received(self, data: bytes) -> None:
        """Parse what arrived."""
        if not self.busy or self.complete:
            self.abort()  # bytes that answer nothing, as in `on_message_begin`
            return
        self.received = True
        self.active_at = self._loop.time()
        if not self.head_complete:
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(self.error or UpstreamError("not_mcp", "The MCP server did not answer in valid HTTP/1.1."))
            return
        if not self.head_complete and self._head_bytes > HEAD_LIMIT_BYTES:
            self.fail(_head_too_large())

    def eof_received(self) -> bool:
        """Close our side as well."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """End whatever is under way."""
        self._closed = True
        if self.busy and not self.complete and self.error is None:
            if self.head_complete and not self._framed and exc is None:
                self.complete = True  # a body without a length ends with its connection: RFC 9112 s6.3
            else:
                when = "in the middle of its answer" if self.received else "before it answered"
                self.error = UpstreamError("reset", f"The MCP server closed the connection {when}.")
        self._wake()
        self.on_lost(self)

    # httptools' callbacks.

    def on_message_begin(self) -> None:
        """Refuse a second response to one request: it would be taken for the next request's (response smuggling)."""
        if self.complete:
            self._keep = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Collect one header field; trailers of a chunked body are dropped."""
        if self.head_complete:
            return
        name = name.lower()
        if name in {b"content-length", b"transfer-encoding"}:
            self._framed = True
        self.headers.append((name, value))
        if len(self.headers) > HEADER_COUNT_LIMIT:
            self.error = _head_too_large()
            raise ValueError("too many headers")

    def on_headers_complete(self) -> None:
        """The head is known, unless it was an interim one."""
        if self.complete:
            return
        status = self._parser.get_status_code()
        if status < 200:  # noqa: PLR2004  # 1xx announces that the answer is still to come: RFC 9110 s15.2
            self.headers = []
            self._framed = False
            return
        self.status = status
        self.head_complete = True
        self._keep = self._parser.should_keep_alive()
        if status in _BODYLESS:
            self._framed = True
        if sum(len(name) + len(value) for name, value in self.headers) > HEAD_LIMIT_BYTES:
            self.error = _head_too_large()
            raise ValueError("head too large")
        self._wake()

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body, and stop reading when the client does not keep up."""
        if self.complete:
            return
        self._pieces.append(body)
        self._size += len(body)
        if self._size > HIGH_WATER_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def on_message_complete(self) -> None:
        """The body has ended."""
        if self.head_complete:
            self.complete = True
            self._wake()


def _head_too_large() -> UpstreamError:
    return UpstreamError("too_large", f"The MCP server sent more than {HEAD_LIMIT_BYTES} bytes of response headers.")
