"""The reply path: the upstream's response, with public headers, and its body byte for byte.

Owns which response headers may pass: an upstream must not set cookies, CORS, challenges or proxy instructions for the
door's origin. Also seals `Mcp-Session-Id` and event ids, helps event streams survive proxies, and ends a stream whose
upstream failed. Does not decode a body. Some responses are never passed on: a redirect, which would leak or lose the
client's request; a 401, which would make an authorized client sign in again; a status that HTTP does not have.

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
"""Turns the upstream's session id into the client's."""

EventSealer = Callable[[bytes | None], Callable[[bytes], bytes]]
"""Given the session id of the upstream's response, returns the function that seals its event ids."""

_DROPPED = frozenset(
    {
        # Connection-specific headers: each hop sets its own.
        *(b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"),
        # Statements on behalf of the public origin, which the upstream is not.
        *(b"server", b"date", b"via", b"x-powered-by", b"alt-svc", b"set-cookie", b"clear-site-data"),
        *(b"strict-transport-security", b"www-authenticate", b"location", b"refresh", b"x-request-id"),
        # Instructions to a proxy in front: with these, an upstream could make it send any internal file.
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
"""Statuses of responses without a body (RFC 9110 s15.3.5, s15.3.6, s15.4.5)."""
_NO_LENGTH = frozenset({204, 304})
"""Of those, the statuses without a length (RFC 9110 s8.6)."""
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
        """The request that the stream answers; None if it answers none."""
        self._is_standing = is_standing
        """Whether the stream may end without a response to the request."""
        self._mark = WithoutMark()
        self._watch: ResponseWatch | None = None
        self._base = base
        self._seal = seal
        """None in the modern era, where session ids are dropped."""
        self._seal_events = seal_events
        """None in the modern era, where streams cannot be resumed."""
        self._event_ids: EventIds | None = None
        self._stream: KeptAliveStream | None = None
        self.started = False
        self.finished = False
        self.status = 0
        self.rejected: UpstreamError | None = None
        """Set if the upstream's response must not be passed on; nothing of it was sent."""

    async def send(self, message: Message) -> None:
        """Handle the next message from the upstream."""
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
            head, is_stream = self._head(message)
            if head is not None:
                self.started = True
                await self._send(head)
                self._begin_body(is_stream=is_stream)

    async def end_if_begun(self, error: bytes) -> None:
        """End a started event stream, with a JSON-RPC error for its request if the client can receive one.

        Any other started response is left unfinished: the server closes the connection, and the client sees that it is
        incomplete.
        """
        if self.started and not self.finished:
            await self.end_with_error(error)

    async def end_with_error(self, body: bytes) -> None:
        """End a stream whose upstream failed, with this JSON-RPC error, or without it if the response has passed.

        The stream is left unfinished if it stops within an event, if the client can resume it by an id, or if the
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
            # If the response is missing, hold the end back; the door then ends the stream with an error.
            is_last = is_last and not self._lacks_response(self._watch)
        self.finished = is_last
        if body is not raw or is_last is not was_last:
            message = {**message, "body": body, "more_body": not is_last}
        await stream.send_body(message)

    def _lacks_response(self, watch: ResponseWatch) -> bool:
        """Return whether the upstream ends a stream without the response, and the client cannot resume it."""
        return not (self._is_standing or self._is_resumable or watch.may_have_passed())

    @property
    def _is_resumable(self) -> bool:
        return self._event_ids is not None and self._event_ids.were_sent

    def close(self) -> None:
        """End the keep-alive; called when the upstream call is over, however it ended."""
        if self._stream is not None:
            self._stream.stop()

    def _head(self, message: Message) -> tuple[Message | None, bool]:
        """Return the head for the client, and whether an event stream follows; no head if the answer is rejected."""
        status: int = message["status"]
        self.rejected = rejection(status)
        if self.rejected is not None:
            return None, False
        self.status = status
        try:
            headers, is_stream = self._public_headers(status, message.get("headers", ()))
        except UpstreamError as error:
            self.rejected = error
            return None, False
        return {"type": "http.response.start", "status": status, "headers": headers}, is_stream

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
        # An accepted notification has no body, and strict clients try to parse a body if there is a content type.
        if content_type is not None and status != 202:  # noqa: PLR2004
            headers.append((_CONTENT_TYPE, content_type))
        # On an error, the id names a session that was never opened.
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
    """The ASGI `send` for a response that another worker prepared for the client: it passes unchanged.

    Only its end is handled, because the other worker may die within a stream.
    """

    __slots__ = ()

    def __init__(self, send: Send, *, rpc_id: RpcId | None, is_standing: bool) -> None:
        super().__init__(send, [], None, rpc_id=rpc_id, is_standing=is_standing)

    def _head(self, message: Message) -> tuple[Message | None, bool]:
        self.status = message["status"]
        self._event_ids = EventIds(_as_it_is)
        kind = next((value for name, value in message["headers"] if name == _CONTENT_TYPE), b"")
        return message, kind[:17].lower() == _EVENT_STREAM


def _as_it_is(event_id: bytes) -> bytes:
    return event_id


def _require_identity(coding: bytes) -> None:
    """Refuse a compressed response: none was requested, and comments and event ids would corrupt it."""
    if coding.strip().lower() != b"identity":
        raise compression_fault()


def rejection(status: int) -> UpstreamError | None:
    """Return why a response with this status is not passed on, or None."""
    if not 200 <= status < 600:  # noqa: PLR2004  # no server can send it on: RFC 9110 s15
        return UpstreamError("not_mcp", f"It answered with {status}, which is no HTTP status of an answer.")
    if 300 <= status < 400:  # noqa: PLR2004
        return UpstreamError(
            "not_mcp", f"It answered with a redirect ({status}). Give the door the address it leads to."
        )
    if status == 401:  # noqa: PLR2004
        return UpstreamError("not_mcp", "It asks for credentials of its own (401), and the door has none for it.")
    return None
