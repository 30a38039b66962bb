"""One HTTP request that a child answers: messages in, a JSON response or an event stream out.

A single final message becomes a JSON body with the status for its error. An earlier message or a silence makes the
response an event stream. The buffer for a slow client is limited.

Spec: MCP 2025-11-25 and 2026-07-28 basic/transports (Streamable HTTP).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Final

from doorward.errors import UpstreamError
from doorward.logs import log, request_id
from doorward.mcp.jsonrpc import INTERNAL_ERROR, RpcId, error_body
from doorward.upstreams.port import Era, Receive, Send, UpstreamCall
from doorward.upstreams.stdio.message import progress_token_of

STREAM_AFTER_SECONDS: Final = 5.0
"""After this silence the stream starts, so that the door can keep it alive with comments."""
UNSENT_LIMIT_BYTES: Final = 4 * 1024 * 1024
CANCEL_GRACE_SECONDS: Final = 1.0
"""How long a request that its client cancelled may still be answered; a server need not answer it at all."""
REQUEST_CANCELLED: Final = -32800

_log = logging.getLogger(__name__)
_BAD_REQUEST: Final = frozenset({-32700, -32600, -32602, -32020, -32021, -32022})
_JSON = (b"content-type", b"application/json")
_STREAM = (b"content-type", b"text/event-stream")


class Exchange:
    """The messages for one request, or for a long-lived stream if `rpc_id` is None."""

    def __init__(self, call: UpstreamCall, timeout_seconds: float | None) -> None:
        self.era: Era = call.era
        self.rpc_id: RpcId | None = call.rpc_id
        self.progress_token = progress_token_of(call.message)
        self.headers: list[tuple[bytes, bytes]] = []
        """Added to the head of a successful response."""
        self.client_gone = False
        self.answered = False
        """Whether the final message was sent completely."""
        self.refused = False
        """Whether the final message was an error."""
        self.may_stream = _accepts_streams(call)
        self._request_id = request_id.get()
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._cancelling: asyncio.TimerHandle | None = None
        self._timeout_seconds = timeout_seconds
        self._queue: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._final: tuple[bytes, int | None] | None = None
        self._closed = False
        self._error: UpstreamError | None = None
        self._changed = asyncio.Event()
        self._started = False

    def begin(self) -> None:
        """Start to measure the server's silence; before, the request waited for its turn."""
        self._heard_at = self._loop.time()
        self._changed.set()

    def put(self, message: bytes) -> None:
        """Add a message before the final one; dropped if the client accepts only JSON."""
        self._heard_at = self._loop.time()
        if not self.may_stream:
            return
        self._unsent_bytes += len(message)
        if self._queue and self._unsent_bytes > UNSENT_LIMIT_BYTES:
            self.fail(UpstreamError("too_large", "The client reads more slowly than the server sends."))
            return
        self._queue.append(message)
        self._changed.set()

    def finish(self, message: bytes, error_code: int | None) -> None:
        """Add the response."""
        self.refused = error_code is not None
        self._final = (message, error_code)
        self._changed.set()

    def finish_unreadable(self) -> None:
        """Send an error instead of a response that cannot be passed on."""
        log(
            _log,
            logging.WARNING,
            "an answer of the server could not be read",
            rpc_id=self.rpc_id,
            request_id=self._request_id,
        )
        message = "The server's answer is not a valid JSON-RPC message. Its log may say more."
        self.finish(error_body(INTERNAL_ERROR, message, rpc_id=self.rpc_id), INTERNAL_ERROR)

    def cancel_soon(self) -> None:
        """End the exchange after a short grace period, in which the server may still answer."""
        if self._cancelling is None:
            self._cancelling = self._loop.call_later(CANCEL_GRACE_SECONDS, self._cancel)

    def _cancel(self) -> None:
        if self._final is None and self._error is None:
            body = error_body(REQUEST_CANCELLED, "The client has cancelled this request.", rpc_id=self.rpc_id)
            self.finish(body, REQUEST_CANCELLED)

    def close(self) -> None:
        """End a long-lived stream."""
        self._closed = True
        self._changed.set()

    def fail(self, error: UpstreamError) -> None:
        """Abort; nothing more is sent."""
        self._queue.clear()
        self._final = None
        self._error = error
        self._changed.set()

    async def answer(self, receive: Receive, send: Send) -> None:
        """Send the response until its end, or until the client leaves. Raises `UpstreamError`."""
        listener = asyncio.create_task(self._listen(receive))
        try:
            await self._answer(send)
        except UpstreamError:
            if not self.client_gone:
                raise
        finally:
            listener.cancel()
            if self._cancelling is not None:
                self._cancelling.cancel()

    async def open_stream(self, send: Send) -> None:
        """Send the head of an event stream."""
        if not self._started:
            self._started = True
            await send({"type": "http.response.start", "status": 200, "headers": [_STREAM, *self.headers]})

    async def _answer(self, send: Send) -> None:
        while True:
            if self.client_gone or self._error is not None:
                raise self._error or UpstreamError("reset", "The client has gone.")
            if self._queue:
                await self.open_stream(send)
                data = b"".join(_event(message) for message in self._queue)
                self._queue.clear()
                self._unsent_bytes = 0
                await send({"type": "http.response.body", "body": data, "more_body": True})
            elif self._final is not None:
                await self._send_final(send, *self._final)
                self.answered = True
                return
            elif self._closed:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                return
            else:
                await self._wait(send)

    async def _wait(self, send: Send) -> None:
        self._changed.clear()
        limit = self._timeout_seconds
        # Measure from the server's last message: starting the stream in between does not count.
        left = None if limit is None else self._heard_at + limit - self._loop.time()
        early = self.may_stream and not self._started and (left is None or left > STREAM_AFTER_SECONDS)
        try:
            async with asyncio.timeout(STREAM_AFTER_SECONDS if early else left):
                await self._changed.wait()
        except TimeoutError:
            if early:
                await self.open_stream(send)
                return
            self.fail(UpstreamError("timeout", f"The server did not answer within {limit:g} seconds."))

    async def _send_final(self, send: Send, message: bytes, error_code: int | None) -> None:
        if self._started:
            await send({"type": "http.response.body", "body": _event(message), "more_body": False})
            return
        status = _status(self.era, error_code)
        headers = [_JSON, (b"content-length", b"%d" % len(message))]
        if error_code is None:
            headers += self.headers
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": message})

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.client_gone = True
        self._changed.set()


def _status(era: Era, error_code: int | None) -> int:
    """Return the HTTP status for a final message. Spec: MCP 2026-07-28 basic/transports (errors)."""
    if era == "legacy" or error_code is None:
        return 200
    if error_code == -32601:  # noqa: PLR2004
        return 404
    return 400 if error_code in _BAD_REQUEST else 200


def _accepts_streams(call: UpstreamCall) -> bool:
    accept = next((value.lower() for name, value in call.headers if name == b"accept"), b"*/*")
    return b"text/event-stream" in accept or b"*/*" in accept


def _event(message: bytes) -> bytes:
    return b"event: message\ndata: " + message + b"\n\n"


async def refuse(send: Send, status: int, message: str, rpc_id: RpcId | None = None, *, code: int = -32600) -> None:
    """Answer a request that no child gets."""
    body = error_body(code, message, rpc_id=rpc_id)
    headers = [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def acknowledge(send: Send, status: int) -> None:
    """Answer without a body."""
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
