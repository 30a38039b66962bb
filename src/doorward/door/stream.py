"""The way back: the upstream's answer, head rewritten for the public side, body byte for byte.

Owns which response headers may leave (an upstream must not set cookies, CORS, challenges or proxy instructions on the
door's own origin), the sealing of `Mcp-Session-Id` and of the ids of events, what makes an event stream survive
proxies, and how one ends whose upstream has failed. Does not decode a body. Some answers are never passed on: a
redirect, a demand for credentials, a status that HTTP does not have. The first would leak or lose the client's request,
the second would send it to sign in at a door that has just let it in.

Spec: RFC 9110 s7.6.1; MCP 2025-11-25 basic/transports (sessions); MCP 2026-07-28 basic/transports.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from doorward.door.keep_alive import KeptAliveStream
from doorward.door.ports import Headers
from doorward.errors import UpstreamError
from doorward.mcp.event_ids import EventIds
from doorward.mcp.jsonrpc import RpcId
from doorward.mcp.sse import WithoutMark
from doorward.mcp.stream_end import ResponseWatch, error_event
from doorward.upstreams.http.reply import compression_fault
from doorward.upstreams.port import Message, Send

SessionSealer = Callable[[bytes], bytes]
"""Turns the upstream's session id into the one that the client sees."""

EventSealer = Callable[[bytes | None], Callable[[bytes], bytes]]
"""Given the session id on the upstream's answer, returns what turns the ids of its events into the client's."""

_DROPPED = frozenset(
    {
        # Connection-specific: this hop's business, or the next one's.
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        # Statements in the name of the public origin, which the upstream is not.
        *(b"server", b"date", b"via", b"x-powered-by", b"alt-svc", b"set-cookie", b"clear-site-data"),
        *(b"strict-transport-security", b"www-authenticate", b"location", b"refresh", b"x-request-id"),
        # Instructions to the proxy in front: with these an upstream could make it send any internal file.
        *(b"x-sendfile", b"x-lighttpd-send-file"),
    }
)
_DROPPED_PREFIXES = (b"access-control-", b"x-accel-", b"proxy-")
_CONTENT_TYPE, _SESSION, _CACHE_CONTROL, _LENGTH, _CODING = (
    b"content-type",
    b"mcp-session-id",
    b"cache-control",
    b"content-length",
    b"content-encoding",
)
_ACTED_ON = frozenset({_CONTENT_TYPE, _SESSION, _CACHE_CONTROL, _LENGTH, _CODING})

_BODYLESS = frozenset({204, 205, 304})
"""Answers that end with their head (RFC 9110 s15.3.5, s15.3.6, s15.4.5)."""
_NO_LENGTH = frozenset({204, 304})
"""Of those, the ones that state no length (RFC 9110 s8.6)."""
_STREAM_HEADERS: Headers = [(_CACHE_CONTROL, b"no-cache, no-transform"), (b"x-accel-buffering", b"no")]
_EVENT_STREAM = b"text/event-stream"


class UpstreamReply:
    """The ASGI `send` of one upstream call."""

    __slots__ = (
        *("_base", "_event_ids", "_is_standing", "_mark", "_rpc_id", "_seal", "_seal_events", "_send"),
        *("_stream", "_watch", "finished", "rejected", "started", "status"),
    )

    def __init__(
        self,
        send: Send,
        base: Headers,
        seal: SessionSealer | None,
        seal_events: EventSealer | None = None,
        *,
        rpc_id: RpcId | None = None,
        is_standing: bool = False,
    ) -> None:
        self._send = send
        self._rpc_id = rpc_id
        """The request that the stream answers; None when it answers none."""
        self._is_standing = is_standing
        """Whether the stream may end without a response to the request."""
        self._mark = WithoutMark()
        self._watch: ResponseWatch | None = None
        self._base = base
        self._seal = seal
        """None in the modern era, where a session id is dropped."""
        self._seal_events = seal_events
        """None in the modern era, where no stream is resumed."""
        self._event_ids: EventIds | None = None
        self._stream: KeptAliveStream | None = None
        self.started = False
        self.finished = False
        self.status = 0
        self.rejected: UpstreamError | None = None
        """Set when the upstream's answer must not be passed on; nothing of it was sent."""

    async def send(self, message: Message) -> None:
        """Take the next message from the upstream."""
        if self.rejected is not None:
            return
        if message["type"] == "http.response.body":
            if self._stream is not None:
                await self._send_part(self._stream, message)
                return
            if not message.get("more_body", False):
                self.finished = True
            if self.status in _BODYLESS:
                message = {**message, "body": b""}
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._start(message)

    async def end_if_begun(self, error: bytes) -> None:
        """End an event stream that was begun, with a JSON-RPC error for its request if the client can take one.

        Any other answer that was begun is left without an end: the server closes the connection, and the client sees
        that something is missing.
        """
        if self.started and not self.finished:
            await self.end_with_error(error)

    async def end_with_error(self, body: bytes) -> None:
        """End a stream whose upstream has failed: with this JSON-RPC error, or without one after the response.

        The stream is left without an end if it stops within an event, if the client can resume it by an id, and if the
        response may have passed unrecognised.
        """
        if self._stream is None or self._watch is None or not self._stream.at_boundary or self._is_resumable:
            return
        passed = self._watch.has_passed()
        if passed is None:
            return
        self.finished = True
        last = b"" if passed else error_event(body)
        await self._stream.send_body({"type": "http.response.body", "body": last, "more_body": False})

    async def _send_part(self, stream: KeptAliveStream, message: Message) -> None:
        raw = body = message.get("body", b"")
        was_last = is_last = not message.get("more_body", False)
        if not self._mark.is_over:
            body = self._mark.feed(bytes(body), is_last=is_last)
        if self._event_ids is not None:
            body = self._event_ids.feed(bytes(body))
        if self._watch is not None:
            self._watch.feed(bytes(body), starts_event=stream.at_boundary)
            # The end is held back if the response is missing; the door then ends the stream with an error.
            is_last = is_last and not self._lacks_response(self._watch)
        self.finished = is_last
        if body is not raw or is_last is not was_last:
            message = {**message, "body": body, "more_body": not is_last}
        await stream.send_body(message)

    def _lacks_response(self, watch: ResponseWatch) -> bool:
        """Whether the upstream ends, without the response, a stream that the client cannot resume."""
        return not (self._is_standing or self._is_resumable or watch.may_have_passed())

    @property
    def _is_resumable(self) -> bool:
        return self._event_ids is not None and self._event_ids.were_sent

    def close(self) -> None:
        """End the keep-alive; called once the upstream call is over, however it ended."""
        if self._stream is not None:
            self._stream.stop()

    async def _start(self, message: Message) -> None:
        status: int = message["status"]
        self.rejected = rejection(status)
        if self.rejected is not None:
            return
        self.status = status
        try:
            headers, is_stream = self._public_headers(status, message.get("headers", ()))
        except UpstreamError as error:
            self.rejected = error
            return
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        self._begin_body(is_stream=is_stream)

    def _begin_body(self, *, is_stream: bool) -> None:
        if is_stream:
            self._stream = KeptAliveStream(self._send, asyncio.get_running_loop())
            if self._rpc_id is not None:
                self._watch = ResponseWatch(self._rpc_id)

    def _public_headers(self, status: int, upstream_headers: Headers) -> tuple[Headers, bool]:
        headers = self._base.copy()
        acted_on: dict[bytes, bytes] = {}
        for line in upstream_headers:
            name = line[0].lower()
            if name in _ACTED_ON:
                acted_on[name] = line[1]
            elif name not in _DROPPED and not name.startswith(_DROPPED_PREFIXES):
                headers.append(line)
        _require_identity(acted_on.get(_CODING, b"identity"))
        content_type = acted_on.get(_CONTENT_TYPE)
        # An accepted notification has no body, and strict clients try to parse one that has a type.
        if content_type is not None and status != 202:  # noqa: PLR2004
            headers.append((_CONTENT_TYPE, content_type))
        # On an error the id names a session that was never opened.
        if self._seal is not None and status < 400 and _SESSION in acted_on:  # noqa: PLR2004
            headers.append((_SESSION, self._seal(acted_on[_SESSION])))
        if content_type is not None and content_type[:17].lower() == _EVENT_STREAM:
            headers += _STREAM_HEADERS
            if self._seal_events is not None:
                self._event_ids = EventIds(self._seal_events(acted_on.get(_SESSION)))
            return headers, True
        headers.append((_CACHE_CONTROL, acted_on.get(_CACHE_CONTROL, b"no-store")))
        if status in _BODYLESS:
            headers += [] if status in _NO_LENGTH else [(_LENGTH, b"0")]
        elif _LENGTH in acted_on:
            headers.append((_LENGTH, acted_on[_LENGTH]))
        return headers, False


class PublicReply(UpstreamReply):
    """The ASGI `send` for an answer that another worker has made for the client: it goes out as it comes.

    Only its end is looked after, for the other worker may die within a stream.
    """

    __slots__ = ()

    def __init__(self, send: Send, *, rpc_id: RpcId | None, is_standing: bool) -> None:
        super().__init__(send, [], None, rpc_id=rpc_id, is_standing=is_standing)

    async def _start(self, message: Message) -> None:
        self.status = message["status"]
        self.started = True
        await self._send(message)
        kind = next((value for name, value in message["headers"] if name == _CONTENT_TYPE), b"")
        self._begin_body(is_stream=kind[:17].lower() == _EVENT_STREAM)
        self._event_ids = EventIds(_as_it_is)


def _as_it_is(event_id: bytes) -> bytes:
    return event_id


def _require_identity(coding: bytes) -> None:
    """Refuse a packed answer: nothing has asked for it, and comments and event ids would go between packed bytes."""
    if coding.strip().lower() != b"identity":
        raise compression_fault()


def rejection(status: int) -> UpstreamError | None:
    """Say why an answer with this status stays inside, or None."""
    if not 200 <= status < 600:  # noqa: PLR2004  # no server can send it on: RFC 9110 s15
        return UpstreamError("not_mcp", f"It answered with {status}, which is no HTTP status of an answer.")
    if 300 <= status < 400:  # noqa: PLR2004
        return UpstreamError(
            "not_mcp", f"It answered with a redirect ({status}). Give the door the address it leads to."
        )
    if status == 401:  # noqa: PLR2004
        return UpstreamError("not_mcp", "It asks for credentials of its own (401), and the door has none for it.")
    return None
