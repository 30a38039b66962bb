"""The server's HTTP/1.1 protocol with the limits that uvicorn leaves to a proxy in front; there may be none.

The parser keeps what is neither a whole head nor a piece of a body until it is whole: without a limit, one connection
fills the memory with a head that never ends. A head has to be whole in time, or anybody could hold every connection
with a byte now and then. A client that does not read its answer is cut off, because the answer holds a place among the
calls under way. Fields after a body are dropped: as headers they would reach the door past a proxy that has judged only
the head. A request that offers to switch protocols is read as any other (`http_framing.py`).

Spec: RFC 9110 s5.5 (blanks around values), s6.5.1 (trailers are not merged), s15.5.9 (408), RFC 6585 s5 (431).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from doorward.cli.http_framing import head_without_upgrade, new_parser
from doorward.door.asgi_servers import LIMITS_WRITES
from doorward.door.worker_peers import CLIENT_ADDRESS
from doorward.logs import log
from doorward.upstreams.http.connection import unsent_by_kernel

LOGGER = logging.getLogger("doorward")
HEAD_LIMIT_BYTES: Final = 64 * 1024
HEAD_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 20.0
_LOOKS_PER_STALL: Final = 4
_BLANKS: Final = b" \t"
_INVALID: Final = "Invalid HTTP request received."
_EXTENSIONS: Final[dict[str, dict[object, object]]] = {LIMITS_WRITES: {}}
_NO_VERSION: Final = "0.9"
"""What httptools reports of a request line without a version, whose headers it reads all the same."""
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(HttpToolsProtocol):
    """One connection of a client.

    `head_seconds` is how long the head of a request may take; `write_seconds` is how long the client may take nothing
    of what is sent to it.
    """

    _waits_since: float | None = None
    """Since when nothing is being done for the client, and it has not sent a whole head. None: it is being served, or
    the connection rests after an answer, for as long as uvicorn keeps it alive."""
    _timer: asyncio.TimerHandle | None = None
    _unfinished_bytes = 0
    """Received since the last head or piece of a body."""
    _in_head = False
    _in_body = False
    """Whether a head was read whose body is not whole yet."""
    _went_on = False
    _head_again: bytes | None = None
    """The head to parse again, of a request that offers to switch protocols."""
    _is_deaf = False
    """True when nothing more of this connection is parsed."""
    _unsent_bytes = 0
    """What the client had not taken at the last look, on both sides of the socket."""
    _stalls_since: float | None = None
    """Since when the client has taken nothing of that."""
    _running: Any = None
    """The request that the application answers now. `cycle` is the last one whose head was read."""

    def __init__(
        self, *arguments: Any, head_seconds: float = HEAD_SECONDS, write_seconds: float = WRITE_SECONDS, **more: Any
    ) -> None:
        super().__init__(*arguments, **more)
        self._head_seconds = head_seconds
        self._write_seconds = write_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Expect a head."""
        super().connection_made(transport)
        self._waits_since = self.loop.time()
        self._timer = self.loop.call_later(min(self._head_seconds, self._write_seconds), self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._timer is not None:
            self._timer.cancel()
        if self._running is not None and not self._running.response_complete:
            # uvicorn says so only to the request that it has read last. One before that would write on, and raise.
            self._running.disconnected = True
            self._running.message_event.set()
        super().connection_lost(exc)

    def _look(self) -> None:
        """End the connection when one of its limits is reached. One timer per connection, whatever it does."""
        now = self.loop.time()
        head_left, write_left = self._head_seconds, self._write_left(now)
        if write_left <= 0:
            log(LOGGER, logging.INFO, "client_does_not_read", unsent_bytes=self._unsent_bytes)
            self.transport.abort()
            return
        if self._waits_since is not None and not self.transport.is_closing():
            head_left = self._waits_since + self._head_seconds - now
        if head_left > 0:
            self._timer = self.loop.call_later(min(head_left, write_left), self._look)
            return
        # If no bytes arrived, close without a 408: browsers open connections in advance.
        if self._in_head:
            self.transport.write(_TOO_SLOW)
        self._close()

    def _close(self) -> None:
        """Close, and go on looking whether the client takes what is still on its way."""
        self.transport.close()
        self._timer = self.loop.call_later(min(self._head_seconds, self._write_seconds), self._look)

    def _write_left(self, now: float) -> float:
        """Return in how many seconds to look again; none are left when the client has stopped reading."""
        # In any other state the application may add as much as the client takes, and less is no sign of progress.
        if self.flow.write_paused or not self._is_answering():
            waiting = self.transport.get_write_buffer_size()
            if waiting:
                # The kernel takes over only in large steps: alone, our own buffer makes a slow reader look stalled.
                unsent = waiting + unsent_by_kernel(self.transport)
                if self._stalls_since is None or unsent < self._unsent_bytes:
                    self._stalls_since = now
                self._unsent_bytes = unsent
                left = self._stalls_since + self._write_seconds - now
                return min(left, self._write_seconds / _LOOKS_PER_STALL)
        self._stalls_since = None
        return self._write_seconds

    def pause_writing(self) -> None:
        """Stop the application: the client takes less than is sent."""
        super().pause_writing()
        self._stalls_since = self.loop.time()
        self._unsent_bytes = self.transport.get_write_buffer_size() + unsent_by_kernel(self.transport)

    def resume_writing(self) -> None:
        """Let the application go on."""
        super().resume_writing()
        self._stalls_since = None

    def data_received(self, data: bytes) -> None:
        """Parse what arrived, and refuse what does not get anywhere."""
        self._went_on = False
        self._unset_keepalive_if_required()
        try:
            self._parse(data)
        except HttpParserError:
            self._refuse_unreadable()
            return
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

    def _parse(self, data: bytes) -> None:
        piece: bytes | memoryview = data
        while not self._is_deaf:
            try:
                self.parser.feed_data(piece)
            except HttpParserUpgrade as found:
                # Not copied: one read may hold thousands of such requests.
                piece = memoryview(piece)[found.args[0] :]
                if self._head_again is not None:
                    head, self._head_again = self._head_again, None
                    self.parser = new_parser(self)
                    self.parser.feed_data(head)
            else:
                return

    def _refuse_unreadable(self) -> None:
        """Close; a 400 is sent only where it cannot be mistaken for the answer to a request, or end up in one."""
        self._is_deaf = True
        self.logger.warning(_INVALID)
        cycle: Any = self.cycle  # None before the first request, whatever its type says
        has_begun = cycle is not None and cycle.response_started
        if self._is_answering() and not self._in_body and not has_begun:
            # Every request so far is whole. They are answered; what follows them is not.
            self.cycle.keep_alive = False
        elif self.pipeline or (has_begun and (self._in_body or self._is_answering())):
            self.transport.close()
        else:
            self.send_400_response(_INVALID)

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
        self.scope["extensions"] = _EXTENSIONS

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field without the blanks around its value, and drop a trailer field."""
        if self._in_head:
            super().on_header(name, value.strip(_BLANKS))

    def on_headers_complete(self) -> None:
        """Take the head as a whole."""
        if self.parser.get_http_version() == _NO_VERSION:
            raise HttpParserError("A request line without a version: RFC 9112 s3 has none.")
        offers_to_switch = self.parser.should_upgrade()
        if offers_to_switch and self.parser.get_method() != b"CONNECT":
            self._head_again = head_without_upgrade(self.parser, self.url, self.headers)
            return
        self._in_head, self._in_body, self._went_on, self._waits_since = False, True, True, None
        if not self.flow.write_paused:
            self._stalls_since = None
        super().on_headers_complete()
        if not self.pipeline:
            self._running = self.cycle
        if offers_to_switch:
            self._is_deaf = True
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """Begin with the next request that has been read."""
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if following is not None:
            self._running = following

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._went_on = True
        if self._waits_since is None and self.cycle.response_complete:
            # Nobody reads it any more: it is on the way to the next head.
            self._waits_since = self.loop.time()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Take the end of a request; the connection of one that was answered before rests from here on."""
        if self._head_again is not None:
            return
        self._in_body, self._went_on = False, True
        super().on_message_complete()
        if self.cycle.response_complete and not self.transport.is_closing():
            # uvicorn ends the rest that began with the answer as soon as more arrives, and begins no other.
            self._waits_since = None
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )


class PeerProtocol(BoundedProtocol):
    """A connection of another worker, which names the client, and limits how long that client may not read."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **{**more, "write_seconds": float("inf")})

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header field; the client's address becomes that of the request."""
        if name.lower() == CLIENT_ADDRESS and self._in_head:
            self.scope["client"] = (value.decode("latin-1"), 0)
        else:
            super().on_header(name, value)
