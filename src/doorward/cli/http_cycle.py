"""One request on a client connection and its response: the ASGI side of the server's HTTP protocol.

The head of a response waits for the first part of its body until the event loop continues, and one write sends both.
Objects that only slow requests need are created on demand: the first wait creates the event.

Spec: RFC 9110 s5.1, s5.5 (fields), s10.1.1 (`Expect`); RFC 9112 s6 (framing), s7.1 (chunks), s9.6 (closing).
"""

from __future__ import annotations

import asyncio
import http
import logging
import re
from collections.abc import Iterable
from typing import Final, Protocol

from doorward.upstreams.port import ASGIApp, Message, Scope

LOGGER = logging.getLogger("doorward")
HIGH_WATER_BYTES: Final = 64 * 1024
"""Bytes of a body buffered for the application before reading from the connection pauses."""
_JOINED_BYTES: Final = 64 * 1024
"""A body up to this size is copied after its head; a larger one is written separately."""
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK: Final = b"0\r\n\r\n"
_WITHOUT_BODY: Final = frozenset({204, 304})
_LENGTH, _CODING, _CONNECTION = b"content-length: ", b"transfer-encoding: ", b"connection: "
_FRAMING: Final = frozenset({_LENGTH, _CODING, _CONNECTION})
_NOT_IN_NAMES: Final = re.compile(rb'[\x00-\x1f\x7f()<>@,;:\[\]={} \t\\"]')
_CONTROLS: Final = bytes([*range(9), *range(10, 32), 127])
"""Forbidden in values. A line break would start another header, or another response."""
_UNTIL_CLOSE: Final = -1
"""Instead of a length: the body ends with the connection."""
_MOST_LABELS: Final = 512
_LONGEST_LABEL: Final = 64
_LABELS: dict[bytes, bytes] = {}
"""Cached header names that were checked, each with the start of its line."""
_INTERNAL_ERROR: Final = (
    *((b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"21")),
    (b"connection", b"close"),
)


def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}".encode("ascii")


_STATUS_LINES: Final = {status: _status_line(status) for status in range(100, 600)}


def _label(name: bytes) -> bytes:
    """Return the start of a header line. Raises `RuntimeError` if the name is not valid."""
    if not name or _NOT_IN_NAMES.search(name):
        raise RuntimeError("Invalid HTTP header name.")
    label = name.lower() + b": "
    if len(name) <= _LONGEST_LABEL and len(_LABELS) < _MOST_LABELS:
        _LABELS[name] = label
    return label


class Flow:
    """Whether a connection is paused for reading or writing."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._writable: asyncio.Event | None = None
        self.read_paused = False
        self.write_paused = False

    async def drain(self) -> None:
        """Wait until the client has read enough of what was written."""
        if self._writable is None:
            self._writable = asyncio.Event()
        while self.write_paused:
            self._writable.clear()
            await self._writable.wait()

    def pause_reading(self) -> None:
        """Stop reading."""
        if not self.read_paused:
            self.read_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Resume reading."""
        if self.read_paused:
            self.read_paused = False
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Make writers wait."""
        self.write_paused = True

    def resume_writing(self) -> None:
        """Let writers continue."""
        self.write_paused = False
        if self._writable is not None:
            self._writable.set()


class Connection(Protocol):
    """A cycle's view of its connection."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport
    flow: Flow

    def default_lines(self) -> list[bytes]:
        """Return the headers of every response, as lines."""

    def on_response_complete(self) -> None:
        """Continue after the end of a response."""

    def forget(self, task: asyncio.Task[None]) -> None:
        """Record that a request is finished."""


class Cycle:
    """One request and its response."""

    __slots__ = (
        *("_chunked", "_connection", "_event", "_has_news", "_held", "_left", "_wants_continue", "_was_read"),
        *("body", "disconnected", "keep_alive", "more_body", "response_complete", "response_started", "scope", "task"),
    )

    def __init__(self, connection: Connection, scope: Scope, *, keep_alive: bool, wants_continue: bool) -> None:
        self._connection = connection
        self.scope = scope
        self.keep_alive = keep_alive
        self._wants_continue = wants_continue
        self.disconnected = False
        self.task: asyncio.Task[None] | None = None
        self._event: asyncio.Event | None = None
        """Created by the first wait for more of the request."""
        self._has_news = False
        """Whether `receive` has something new to return."""
        self._was_read = False
        """Whether the application has asked for the body."""
        self.body: bytes | bytearray = b""
        """The part of the request body that the application has not read yet."""
        self.more_body = True
        self.response_started = False
        self.response_complete = False
        self._held: bytes | None = None
        """The head of the response, until it is written."""
        self._chunked: bool | None = None
        self._left = 0
        """How many bytes of the declared length are still to come."""

    async def run(self, app: ASGIApp) -> None:
        """Run the application for this request; close the connection if it does not answer."""
        try:
            await app(self.scope, self.receive, self.send)
            if not (self.response_complete or self.disconnected):
                LOGGER.error("ASGI application returned without %s its answer.", self._lacking())
                await self._give_up()
        except BaseException:  # the last place that can answer the client
            LOGGER.exception("Exception in ASGI application")
            await self._give_up()
        finally:
            if self.task is not None:
                self._connection.forget(self.task)
                self.task = None

    def _lacking(self) -> str:
        return "completing" if self.response_started else "starting"

    async def _give_up(self) -> None:
        if not self.response_started:
            await self.send({"type": "http.response.start", "status": 500, "headers": _INTERNAL_ERROR})
            await self.send({"type": "http.response.body", "body": b"Internal Server Error"})
        else:
            self._write_head()
            self._connection.transport.close()

    # The request.

    def feed(self, body: bytes) -> None:
        """Handle a part of the body."""
        if not self.body:
            self.body = body
        elif type(self.body) is bytearray:
            self.body += body
        else:
            self.body = bytearray(self.body)
            self.body += body
        if len(self.body) > HIGH_WATER_BYTES:
            self._connection.flow.pause_reading()
        self._wake()

    def end_body(self) -> None:
        """Handle the end of the body."""
        self.more_body = False
        self._wake()

    def lose(self) -> None:
        """Record that the client is gone."""
        if not self.response_complete:
            self.disconnected = True
        self._wake()

    def _wake(self) -> None:
        self._has_news = True
        if self._event is not None:
            self._event.set()

    async def receive(self) -> Message:
        """Return the next part of the request, or `http.disconnect` if the response is over or the client is gone."""
        connection = self._connection
        if self._wants_continue and not connection.transport.is_closing():
            connection.transport.write(_CONTINUE)
            self._wants_continue = False
        if not (self._has_news or self.disconnected or self.response_complete):
            connection.flow.resume_reading()
            if self._event is None:
                self._event = asyncio.Event()
            self._event.clear()
            await self._event.wait()
        self._has_news, self._was_read = False, True
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        return {"type": "http.request", "body": bytes(body), "more_body": self.more_body}

    def take_whole_body(self) -> bytes | None:
        """Return the body, as `receive` would, if all of it has arrived and none of it was returned before."""
        if self.more_body or self._was_read or self.disconnected or self.response_complete:
            return None
        self._has_news, self._was_read = False, True
        body, self.body = self.body, b""
        return bytes(body)

    # The answer.

    async def send(self, message: Message) -> None:
        """Handle the next message of the response. Raises `RuntimeError` if it is invalid or out of order."""
        flow = self._connection.flow
        if flow.write_paused and not self.disconnected:
            await flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if not self.response_started:
            if kind != "http.response.start":
                raise RuntimeError(f"Expected ASGI message 'http.response.start', but got {kind!r}.")
            self._start(message["status"], message.get("headers", ()))
        elif self.response_complete:
            raise RuntimeError(f"Unexpected ASGI message {kind!r} sent, after response already completed.")
        elif kind != "http.response.body":
            raise RuntimeError(f"Expected ASGI message 'http.response.body', but got {kind!r}.")
        else:
            self._go_on(message.get("body", b""), more=message.get("more_body", False))

    def _start(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._forget_framing()
        if self._wants_continue and self.more_body:
            self.keep_alive = False  # nobody knows whether the client still sends the body that it has announced
        lines = [_STATUS_LINES[status]]
        says_close = False
        for name, value in headers:
            label = _LABELS.get(name) or _label(name)
            if label in _FRAMING:
                says_close |= self._frame(label, value)
            lines.append(label + value)
        if not self.keep_alive and not says_close:
            lines.append(b"connection: close")
        if self._chunked is None and self.scope["method"] != "HEAD" and status not in _WITHOUT_BODY:
            self._chunked = self.scope["http_version"] != "1.0"
            if self._chunked:
                lines.append(b"transfer-encoding: chunked")
            else:  # such a client does not know chunks: the body ends with the connection
                self._left = _UNTIL_CLOSE
        lines[1:1] = self._connection.default_lines()
        head = b"\r\n".join(lines)
        if len(head) - len(head.translate(None, _CONTROLS)) != 2 * (len(lines) - 1):
            raise RuntimeError("Invalid HTTP header value.")
        self.response_started = True
        self._wants_continue = False
        self._held = head + b"\r\n\r\n"
        # If the body arrives in time, it is written before this runs.
        self._connection.loop.call_soon(self._write_head)

    def _forget_framing(self) -> None:
        """Begin a head: one that was refused may have stated its framing before."""
        self._chunked, self._left = None, 0

    def _frame(self, label: bytes, value: bytes) -> bool:
        """Handle a header that defines the framing; return whether it closes the connection."""
        if label == _LENGTH:
            if not value.isdigit():
                raise RuntimeError("Invalid Content-Length.")
            if self._chunked is None:
                self._left, self._chunked = int(value), False
        elif label == _CODING:
            if value.lower() == b"chunked":
                self._left, self._chunked = 0, True
        elif b"close" in {token.strip() for token in value.lower().split(b",")}:
            self.keep_alive = False
            return True
        return False

    def _write_head(self) -> None:
        if self._held is not None:
            head, self._held = self._held, None
            self._connection.transport.write(head)

    def _go_on(self, body: bytes, *, more: bool) -> None:
        if self.scope["method"] == "HEAD":
            body, self._left = b"", 0
        elif self._chunked:
            body = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                body += _LAST_CHUNK
        elif self._left != _UNTIL_CLOSE:
            if len(body) > self._left:
                raise RuntimeError("Response content longer than Content-Length")
            self._left -= len(body)
        self._write(body)
        if not more:
            if self._left > 0:
                raise RuntimeError("Response content shorter than Content-Length")
            self._complete()

    def _write(self, body: bytes) -> None:
        if self._held is not None and len(body) <= _JOINED_BYTES:
            body, self._held = self._held + body, None
        else:
            self._write_head()
        if body:
            self._connection.transport.write(body)

    def _complete(self) -> None:
        self.response_complete = True
        self._wake()
        if not self.keep_alive:
            self._connection.transport.close()
        self._connection.on_response_complete()
