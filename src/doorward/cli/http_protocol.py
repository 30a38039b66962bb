"""One HTTP/1.1 connection of a client, with the limits that uvicorn assumes a reverse proxy enforces.

uvicorn owns the sockets, and the start and end of the process; everything that a request passes through is ours. One
timer per connection checks all limits, so a request costs no timer.

The parser buffers an unfinished head or trailer. Without a limit, one connection could fill the memory with an endless
head. A head must be complete in time, or clients could hold every connection with a byte now and then. A client that
does not read its response is cut off, because the response holds a place among the pending calls. Trailers are dropped:
as headers they would bypass a proxy that checked only the head. An offer to switch protocols: see `http_framing.py`.

Spec: RFC 9110 s5.5 (blanks around values), s6.5.1 (trailers are not merged), s15.5.9 (408), RFC 6585 s5 (431).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl

from doorward.cli.http_cycle import Cycle, Flow
from doorward.cli.http_framing import head_without_upgrade, new_parser, parsed_target
from doorward.door.asgi_servers import LIMITS_WRITES
from doorward.door.body import WHOLE_BODY
from doorward.logs import log
from doorward.upstreams.http.connection import unsent_by_kernel

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState

LOGGER = logging.getLogger("doorward")
HEAD_LIMIT_BYTES: Final = 64 * 1024
HEAD_SECONDS: Final = 15.0
WRITE_SECONDS: Final = 20.0
MOST_WAITING: Final = 64
"""Requests of a connection that may wait for earlier responses. One read may hold thousands of small ones."""
_LOOKS_PER_STALL: Final = 4
_BLANKS: Final = b" \t"
_INVALID: Final = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain; charset=utf-8\r\nconnection: close\r\n"
    b"content-length: 30\r\n\r\nInvalid HTTP request received."
)
_TOO_SLOW: Final = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
_TOO_LARGE: Final = b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


class BoundedProtocol(asyncio.Protocol):
    """One connection of a client.

    `head_seconds` is the time limit for the head of a request; `write_seconds` is how long the client may read nothing
    of what is sent to it.
    """

    transport: asyncio.Transport
    flow: Flow
    parser: Any
    headers: list[tuple[bytes, bytes]]
    scope: dict[str, Any]
    cycle: Cycle | None = None
    """The last request whose head was parsed."""
    _running: Cycle | None = None
    """The request that the application is answering."""
    _waits_since: float | None = None
    """Since when the client owes a complete head and nothing is done for it. None: it is being served, or the
    connection is idle after a response."""
    _rests_since: float | None = None
    """Since when the connection has been idle after a response."""
    _timer: asyncio.TimerHandle | None = None
    _unfinished_bytes = 0
    """Bytes received since the last head or part of a body."""
    _in_head = False
    _in_body = False
    """Whether a head was parsed whose body is not complete yet."""
    _went_on = False
    _head_again: bytes | None = None
    """The head to parse again, of a request that offers to switch protocols."""
    _is_deaf = False
    """True if nothing more of this connection is parsed."""
    _unsent_bytes = 0
    """Unread bytes at the last check, in our buffer and the kernel's."""
    _stalls_since: float | None = None
    """Since when the client has read none of them."""
    _wants_continue = False
    _defaults: list[tuple[bytes, bytes]] | None = None
    _default_lines: list[bytes]
    """The lines of `_defaults`; uvicorn replaces those headers once a second."""
    _target: tuple[bytes, str, bytes, bytes] = b"", "", b"", b""
    """The last parsed request target with its path, raw path and query: most clients use only one."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        head_seconds: float = HEAD_SECONDS,
        write_seconds: float = WRITE_SECONDS,
    ) -> None:
        if not config.loaded:
            config.load()
        self.loop = _loop or asyncio.get_running_loop()
        self._app = config.loaded_app
        self._app_state = app_state
        self._server_state = server_state
        self._keep_seconds = float(config.timeout_keep_alive)
        self._head_seconds = head_seconds
        self._write_seconds = write_seconds
        self._shortest = min(head_seconds, write_seconds, self._keep_seconds)
        self.parser = new_parser(self)
        self._extensions: dict[str, Any] = {LIMITS_WRITES: {}, WHOLE_BODY: self._whole_body}
        self.pipeline: deque[Cycle] = deque()
        """Requests that wait for earlier responses."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvloop's is no subclass
        """Wait for a head."""
        self._server_state.connections.add(self)  # type: ignore[arg-type]  # its own protocols only, says uvicorn
        self.transport = transport
        self.flow = Flow(transport)
        self._server, self._client = get_local_addr(transport), get_remote_addr(transport)
        self._scheme = "https" if is_ssl(transport) else "http"
        self._waits_since = self.loop.time()
        self._timer = self.loop.call_later(self._shortest, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Clean up, and notify every request on the connection."""
        self._server_state.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        for cycle in (self._running, self.cycle):
            if cycle is not None:
                cycle.lose()
        self.flow.resume_writing()
        if exc is None:
            self.transport.close()
        # Break the reference cycles with the connection, so that no garbage collection is needed.
        self.parser, self._extensions, self.scope, self.cycle, self._running = None, {}, {}, None, None
        self.pipeline.clear()

    def shutdown(self) -> None:
        """Close after the pending responses; uvicorn calls this when the server stops."""
        if not self._is_answering():
            self.transport.close()
        elif self.cycle is not None:
            self.cycle.keep_alive = False

    def _look(self) -> None:
        """End the connection if it exceeds one of its limits. One timer per connection, whatever it does."""
        now = self.loop.time()
        head_left, write_left = self._shortest, self._write_left(now)
        if write_left <= 0:
            log(LOGGER, logging.INFO, "client_does_not_read", unsent_bytes=self._unsent_bytes)
            self.transport.abort()
            return
        if self._waits_since is not None and not self.transport.is_closing():
            head_left = self._waits_since + self._head_seconds - now
        elif self._rests_since is not None and not self.transport.is_closing():
            head_left = self._rests_since + self._keep_seconds - now
        if head_left > 0:
            self._timer = self.loop.call_later(min(head_left, write_left, self._shortest), self._look)
            return
        # If no bytes arrived, close without a 408: browsers open connections in advance.
        if self._in_head:
            self.transport.write(_TOO_SLOW)
        self._close()

    def _close(self) -> None:
        """Close, and keep checking whether the client reads the rest."""
        self.transport.close()
        self._timer = self.loop.call_later(self._shortest, self._look)

    def _write_left(self, now: float) -> float:
        """Return the seconds until the next check; none are left if the client has stopped reading."""
        # In any other state the application may add as much as the client reads, so no decrease says nothing.
        if self.flow.write_paused or not self._is_answering():
            waiting = self.transport.get_write_buffer_size()
            if waiting:
                # The kernel accepts data only in large steps, so our buffer alone would make a slow reader look
                # stalled.
                unsent = waiting + unsent_by_kernel(self.transport)
                if self._stalls_since is None or unsent < self._unsent_bytes:
                    self._stalls_since = now
                self._unsent_bytes = unsent
                left = self._stalls_since + self._write_seconds - now
                return min(left, self._write_seconds / _LOOKS_PER_STALL)
        self._stalls_since = None
        return self._write_seconds

    def pause_writing(self) -> None:
        """Pause the application: the client reads more slowly than it sends."""
        self.flow.pause_writing()
        self._stalls_since = self.loop.time()
        self._unsent_bytes = self.transport.get_write_buffer_size() + unsent_by_kernel(self.transport)

    def resume_writing(self) -> None:
        """Resume the application."""
        self.flow.resume_writing()
        self._stalls_since = None

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and refuse input without progress."""
        self._went_on = False
        self._rests_since = None
        try:
            self._parse(data)
        except HttpParserError:
            if not self._is_deaf:
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
                # A view instead of a copy: one read may hold thousands of such requests.
                piece = memoryview(piece)[found.args[0] :]
                if self._head_again is not None:
                    head, self._head_again = self._head_again, None
                    self.parser = new_parser(self)
                    self.parser.feed_data(head)
            else:
                return

    def _refuse_unreadable(self) -> None:
        """Close; send a 400 only if it can't be mistaken for another request's response, or be sent inside one."""
        self._is_deaf = True
        cycle = self.cycle
        has_begun = cycle is not None and cycle.response_started
        if self._is_answering() and not self._in_body and not has_begun:
            # Every request so far is complete and is answered; what follows is not.
            self._end_with_answers()
        elif self.pipeline or (has_begun and (self._in_body or self._is_answering())):
            self.transport.close()
        else:
            self.transport.write(_INVALID)
            self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _end_with_answers(self) -> None:
        """Close the connection after the response to the last parsed request."""
        if self.cycle is not None:
            self.cycle.keep_alive = False

    def default_lines(self) -> list[bytes]:
        """Return the headers that the server adds to every response, as lines."""
        headers = self._server_state.default_headers
        if headers is not self._defaults:
            self._defaults = headers
            self._default_lines = [name + b": " + value for name, value in headers]
        return self._default_lines

    # httptools' callbacks.

    def on_message_begin(self) -> None:
        """Wait for a head, unless too many requests wait already: those are answered, and the connection is closed."""
        if len(self.pipeline) >= MOST_WAITING:
            self._is_deaf = True
            self._end_with_answers()
            raise HttpParserError("More requests at once than are kept.")
        self._in_head = True
        if self._waits_since is None and not self._is_answering():
            self._waits_since = self.loop.time()
            self._rests_since = None
        self.url = b""
        self._wants_continue = False
        self.headers = []
        self.scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "server": self._server,
            "client": self._client,
            "scheme": self._scheme,
            "root_path": "",
            "headers": self.headers,
            "state": self._app_state.copy(),
            "extensions": self._extensions,
        }

    def on_url(self, url: bytes) -> None:
        """Handle a part of the request target."""
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Handle a header, with its value trimmed; drop a trailer."""
        if self._in_head:
            name, value = name.lower(), value.strip(_BLANKS)
            if name == b"expect" and value.lower() == b"100-continue":
                self._wants_continue = True
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Handle the complete head."""
        parser = self.parser
        version, method = parser.get_http_version(), parser.get_method()
        if not version.startswith("1."):
            raise HttpParserError("Not HTTP/1, or a request line without a version: RFC 9112 s3 has none.")
        offers_to_switch = parser.should_upgrade()
        if offers_to_switch and method != b"CONNECT":
            self._head_again = head_without_upgrade(parser, self.url, self.headers)
            return
        self._in_head, self._in_body, self._went_on, self._waits_since = False, True, True, None
        if not self.flow.write_paused:
            self._stalls_since = None
        scope = self.scope
        scope["method"], scope["http_version"] = method.decode("ascii"), version
        if self.url != self._target[0]:
            self._target = parsed_target(self.url)
        _, scope["path"], scope["raw_path"], scope["query_string"] = self._target
        keep_alive = version != "1.0" and parser.should_keep_alive()
        must_wait = self._is_answering()
        wants_continue = self._wants_continue and version != "1.0"
        self.cycle = Cycle(self, scope, keep_alive=keep_alive, wants_continue=wants_continue)
        if must_wait:
            self.flow.pause_reading()
            self.pipeline.append(self.cycle)
        else:
            self._begin(self.cycle)
        if offers_to_switch:
            self._is_deaf = True
            self._end_with_answers()

    def on_body(self, body: bytes) -> None:
        """Handle a part of the body."""
        assert self.cycle is not None
        self._went_on = True
        if not self.cycle.response_complete:
            self.cycle.feed(body)
        elif self._waits_since is None:
            # No one reads it any more; the next head is due.
            self._waits_since = self.loop.time()

    def on_message_complete(self) -> None:
        """Handle the end of a request; if its response was sent already, the connection is idle from here on."""
        if self._head_again is not None:
            return
        assert self.cycle is not None
        self._in_body, self._went_on = False, True
        if not self.cycle.response_complete:
            self.cycle.end_body()
        elif not self.transport.is_closing():
            self._waits_since = None
            self._rests_since = self.loop.time()

    # What a request asks of its connection.

    def _begin(self, cycle: Cycle) -> None:
        """Run the application for a request."""
        self._running = cycle
        cycle.task = self.loop.create_task(cycle.run(self._app))
        self._server_state.tasks.add(cycle.task)

    def _whole_body(self, scope: dict[str, Any]) -> bytes | None:
        """Return the body of a request in progress, if all of it has arrived and none was read."""
        # A scope that was copied on the way has the same headers, and no other request has them.
        if self._running is None or self._running.scope["headers"] is not scope.get("headers"):
            return None
        return self._running.take_whole_body()

    def on_response_complete(self) -> None:
        """Start the next parsed request, or become idle."""
        self._server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.pipeline:
            self._begin(self.pipeline.popleft())
        else:
            self._rests_since = self.loop.time()
        if not self.pipeline:  # otherwise each answer would admit another read, full of requests
            self.flow.resume_reading()

    def forget(self, task: asyncio.Task[None]) -> None:
        """Record that a request is finished."""
        self._server_state.tasks.discard(task)
