"""A legacy `mcp_session` over stdio: one child per session, because `initialize` binds a child to one client.

Owns the routing of a child's messages, all to one client. A response goes to the POST that asked, and progress to the
POST whose token it names. A request of the server goes to the long-lived stream, or else to the newest pending POST.
Everything else goes to the only pending POST, or else to the stream. A message without a receiver waits in a bounded
backlog. A disconnect is not a cancellation; a client that cancels gets its response after a short grace period.

Spec: MCP 2025-11-25 basic/transports (Streamable HTTP, sessions), basic/utilities/cancellation.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final

from doorward.errors import UpstreamError
from doorward.mcp.jsonrpc import RpcId
from doorward.upstreams.port import Receive, Send, UpstreamCall
from doorward.upstreams.stdio.child import Child
from doorward.upstreams.stdio.exchange import Exchange, acknowledge, refuse
from doorward.upstreams.stdio.message import ChildMessage, cancelled_id, waiting_id, with_id

BACKLOG_MESSAGES: Final = 256
BACKLOG_BYTES: Final = 1024 * 1024


class LegacySession:
    """One client's child. `on_over` is called once, when the session can no longer be used."""

    def __init__(
        self, mcp_session_id: str, idle_seconds: float, on_over: Callable[[LegacySession], None], *, user_id: str = ""
    ) -> None:
        self.mcp_session_id = mcp_session_id
        self.user_id = user_id
        """The session's user; empty without sign-in."""
        self.child: Child | None = None
        self.over = False
        self._on_over = on_over
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self.used_at = self._loop.time()
        self._pending: dict[RpcId, Exchange] = {}
        self._stream: Exchange | None = None
        self._asked: OrderedDict[RpcId, Exchange] = OrderedDict()
        """Where each request of the server went, so that its cancellation goes there too."""
        self._backlog: deque[ChildMessage] = deque(maxlen=BACKLOG_MESSAGES)
        self._backlog_bytes = 0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a request is pending."""
        return bool(self._pending)

    @property
    def has_stream(self) -> bool:
        """Whether a client holds a long-lived stream."""
        return self._stream is not None

    async def post(self, call: UpstreamCall, receive: Receive, send: Send, *, timeout_seconds: float) -> bool:
        """Carry a POST; return whether the response was sent completely. Raises `UpstreamError`."""
        child = self._begin()
        if call.rpc_id is None:
            try:
                child.send(call.body)
            finally:
                self._rest()
            if call.rpc_method == "notifications/cancelled":
                self._cancel(cancelled_id(call.message))
            await acknowledge(send, 202)
            return True
        if call.rpc_id in self._pending:
            await refuse(send, 400, "A request with this id is under way in this session.", call.rpc_id)
            return False
        exchange = Exchange(call, timeout_seconds)
        if call.rpc_method == "initialize":
            exchange.headers.append((b"mcp-session-id", self.mcp_session_id.encode()))
        self._pending[call.rpc_id] = exchange
        try:
            child.send(call.body)
            self._hand_over_requests(exchange)
            await exchange.answer(receive, send)
        finally:
            if self._pending.get(call.rpc_id) is exchange:
                del self._pending[call.rpc_id]
            if not exchange.answered and not exchange.client_gone:
                child.cancel(call.rpc_id, "The door gave up waiting.")
            self._rest()
        return exchange.answered and not exchange.refused

    async def listen(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry a GET: the long-lived stream, which replaces an older one."""
        self._begin()
        if self._stream is not None:
            self._stream.close()
        stream = self._stream = Exchange(call, None)
        for message in self._backlog:
            self._put(stream, message)
        self._backlog.clear()
        self._backlog_bytes = 0
        try:
            await stream.open_stream(send)
            await stream.answer(receive, send)
        finally:
            if self._stream is stream:
                self._stream = None
            self._rest()

    def on_message(self, message: ChildMessage) -> None:
        """Route a message of the child."""
        if message.kind in {"response", "unreadable"}:
            self._answer(message)
            return
        target = self._target(message)
        if target is not None:
            self._put(target, message)
            return
        self._backlog_bytes += len(message.line)
        if len(self._backlog) == BACKLOG_MESSAGES:
            self._backlog_bytes -= len(self._backlog[0].line)
        self._backlog.append(message)
        while self._backlog_bytes > BACKLOG_BYTES and self._backlog:
            self._backlog_bytes -= len(self._backlog.popleft().line)

    def _answer(self, message: ChildMessage) -> None:
        if message.rpc_id is not None:
            rpc_id = waiting_id(self._pending, message.rpc_id)
        else:
            rpc_id = next(iter(self._pending)) if len(self._pending) == 1 else None  # it can only be that one's
        if rpc_id is None:
            return
        # Forget it at once: what follows the response no longer belongs to its request.
        asked = self._pending.pop(rpc_id)
        if message.kind == "unreadable":
            asked.finish_unreadable()
        elif message.rpc_id == rpc_id:
            asked.finish(message.line, message.error_code)
        else:
            asked.finish(with_id(message.line, rpc_id), message.error_code)

    def _cancel(self, rpc_id: RpcId | None) -> None:
        known = None if rpc_id is None else waiting_id(self._pending, rpc_id)
        if known is not None:
            self._pending[known].cancel_soon()

    def _put(self, target: Exchange, message: ChildMessage) -> None:
        if message.kind == "request" and message.rpc_id is not None:
            self._asked[message.rpc_id] = target
            if len(self._asked) > BACKLOG_MESSAGES:
                self._asked.popitem(last=False)
        target.put(message.line)

    def _hand_over_requests(self, exchange: Exchange) -> None:
        """Give a new POST the server's requests that no client could receive yet."""
        if self._stream is not None or not exchange.may_stream:
            return
        requests = [message for message in self._backlog if message.kind == "request"]
        for message in requests:
            self._backlog.remove(message)
            self._backlog_bytes -= len(message.line)
            self._put(exchange, message)

    def on_child_end(self) -> None:
        """Handle the end of the child."""
        self._close(self.child.death() if self.child is not None else None)

    async def end(self) -> None:
        """End the session and its child."""
        self._close(UpstreamError("reset", "The session has ended."))
        if self.child is not None:
            await self.child.end()

    def _target(self, message: ChildMessage) -> Exchange | None:
        if message.progress_token is not None:
            for exchange in self._pending.values():
                if exchange.progress_token == message.progress_token:
                    return exchange
        if message.method == "notifications/cancelled" and message.request_id is not None:
            asked = self._asked.pop(message.request_id, None)
            if asked is not None and (asked is self._stream or asked in self._pending.values()):
                return asked
        if message.kind == "request":
            return self._stream or self._newest()
        if len(self._pending) == 1:
            return next(iter(self._pending.values()))
        return self._stream

    def _newest(self) -> Exchange | None:
        """Return the newest POST whose client reads a stream."""
        return next((each for each in reversed(self._pending.values()) if each.may_stream), None)

    def _begin(self) -> Child:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        assert self.child is not None
        return self.child

    def _rest(self) -> None:
        self.used_at = self._loop.time()
        if not self.is_busy and not self.has_stream and not self.over and self._idle_timer is None:
            self._idle_timer = self._loop.call_later(self._idle_seconds, self._expire)

    def _expire(self) -> None:
        self._close(UpstreamError("reset", "The session was idle for too long."))

    def _close(self, error: UpstreamError | None) -> None:
        if self.over:
            return
        self.over = True
        if self._idle_timer is not None:
            self._idle_timer.cancel()
        for exchange in tuple(self._pending.values()):
            exchange.fail(error or UpstreamError("reset", "The session has ended."))
        if self._stream is not None:
            self._stream.close()
        self._on_over(self)
