"""The server's HTTP/1.1 protocol with three bounds that uvicorn leaves to a proxy in front, which there need not be.

What is neither a whole head nor a piece of a body is kept by the parser until it is whole: without a limit, one
connection fills the memory with a head that never ends. A head has to be whole in time, or anybody could hold every
connection there is with a byte now and then. And fields after a body are no headers: taken for ones, they would reach
the door past a proxy that has judged only the head.

Spec: RFC 9110 s6.5.1 (trailers are not merged), s15.5.9 (408), RFC 6585 s5 (431).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from doorward.door.worker_peers import CLIENT_ADDRESS

HEAD_LIMIT_BYTES: Final = 64 * 1024
HEAD_SECONDS: Final = 15.0
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a client; `head_seconds` is how long it may take to send the head of a request."""

    _waits_since: float | None = None
    """Since when nothing is being done for the client, and it has not sent a whole head; None: it is being served, or
    rests after an answer, for as long as uvicorn keeps it alive."""
    _timer: asyncio.TimerHandle | None = None
    _unfinished_bytes = 0
    """Received since the last head or piece of a body."""
    _in_head = False
    _went_on = False

    def __init__(self, *arguments: Any, head_seconds: float = HEAD_SECONDS, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._head_seconds = head_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a head."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        self._timer = self.loop.call_later(self._head_seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        """Close the connection when the time for a head is over. One timer per connection, whatever it does."""
        now, left = self.loop.time(), self._head_seconds
        if self._waits_since is not None:
            left = self._waits_since + self._head_seconds - now
        if left > 0:
            self._timer = self.loop.call_later(left, self._look)
        elif not self.transport.is_closing():
            # Who has sent nothing asks for nothing: a browser opens connections ahead.
            if self._in_head:
                self.transport.write(_TOO_SLOW)
            self.transport.close()

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and refuse what does not get anywhere."""
        self._went_on = False
        super().data_received(data)
        if self._went_on:
            self._unfinished_bytes = 0
            return
        if self._waits_since is None and not self._is_answering():
            self._waits_since = self.loop.time()
        self._unfinished_bytes += len(data)
        if self._unfinished_bytes > HEAD_LIMIT_BYTES and not self.transport.is_closing():
            if self._in_head and not self._is_answering():
                self.transport.write(_TOO_LARGE)
            self.transport.close()

    def _is_answering(self) -> bool:
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        return cycle is not None and not cycle.response_complete

    def on_message_begin(self) -> None:
        """Expect a head."""
        self._in_head = True
        if self._waits_since is None and not self._is_answering():
            self._waits_since = self.loop.time()
            self._unset_keepalive_if_required()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field, and drop a trailer field."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the head as a whole."""
        self._in_head, self._went_on, self._waits_since = False, True, None
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._went_on = True
        if self._waits_since is None and self.cycle.response_complete:
            # Nobody reads it any more: it is on the way to the next head.
            self._waits_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request; the connection of one that was answered before rests from here on."""
        self._went_on = True
        super().on_message_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            # uvicorn ends the rest that began with the answer as soon as more arrives, and begins no other.
            self._waits_since = None
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


class PeerProtocol(BoundedProtocol):
    """A connection of another worker, which says for whom it asks."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; the client's address becomes that of the request."""
        if name.lower() == CLIENT_ADDRESS and self._in_head:
            self.scope["client"] = (value.decode("latin-1"), 0)
        else:
            super().on_header(name, value)
