"""A legacy `mcp_session` over stdio: one child of its own, because `initialize` binds a child to one client.

Owns where a child's messages go: a response to the POST that asked, progress to the POST whose token it names,
anything else to the only POST under way, else to the standing stream, else into a bounded backlog for the next one.
A client that disconnects has not cancelled anything.

Spec: MCP 2025-11-25 basic/transports (Streamable HTTP, sessions), basic/utilities/cancellation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from doorward.errors import UpstreamError
from doorward.mcp.jsonrpc import RpcId
from doorward.upstreams.port import Receive, Send, UpstreamCall
from doorward.upstreams.stdio_child import Child
from doorward.upstreams.stdio_exchange import Exchange, acknowledge, refuse
from doorward.upstreams.stdio_message import ChildMessage

BACKLOG_MESSAGES: Final = 256
BACKLOG_BYTES: Final = 1024 * 1024


class LegacySession:
    """One client's child. `on_over` is called once, when the session can no longer be used."""

    def __init__(
        self, mcp_session_id: str, idle_seconds: float, on_over: Callable[[LegacySession], None], *, user_id: str = ""
    ) -> None:
        self.mcp_session_id = mcp_session_id
        self.user_id = user_id
        """Whose it is; empty where nobody signs in."""
        self.child: Child | None = None
        self.over = False
        self._on_over = on_over
        self._idle_seconds = idle_seconds
        self._loop = asyncio.get_running_loop()
        self.used_at = self._loop.time()
        self._pending: dict[RpcId, Exchange] = {}
        self._stream: Exchange | None = None
        self._backlog: deque[bytes] = deque(maxlen=BACKLOG_MESSAGES)
        self._backlog_bytes = 0
        self._idle_timer: asyncio.TimerHandle | None = None

    @property
    def idle(self) -> bool:
        """Whether nobody waits for anything here."""
        return not self._pending and self._stream is None

    async def post(self, call: UpstreamCall, receive: Receive, send: Send, *, timeout_seconds: float) -> bool:
        """Carry a POST; return whether the answer was sent whole. Raises `UpstreamError`."""
        child = self._begin()
        if call.rpc_id is None:
            try:
                child.send(call.body)
            finally:
                self._rest()
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
            await exchange.answer(receive, send)
        finally:
            if self._pending.get(call.rpc_id) is exchange:
                del self._pending[call.rpc_id]
            if not exchange.answered and not exchange.client_gone:
                child.cancel(call.rpc_id, "The door gave up waiting.")
            self._rest()
        return exchange.answered and not exchange.refused

    async def listen(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry a GET: the standing stream, which replaces an older one."""
        self._begin()
        if self._stream is not None:
            self._stream.close()
        stream = self._stream = Exchange(call, None)
        for message in self._backlog:
            stream.put(message)
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
        if message.kind == "response":
            # Forgotten at once: what follows the response no longer belongs to its request.
            asked = self._pending.pop(message.rpc_id, None) if message.rpc_id is not None else None
            if asked is not None:
                asked.finish(message.line, message.error_code)
            return
        target = self._target(message)
        if target is not None:
            target.put(message.line)
            return
        self._backlog_bytes += len(message.line)
        if len(self._backlog) == BACKLOG_MESSAGES:
            self._backlog_bytes -= len(self._backlog[0])
        self._backlog.append(message.line)
        while self._backlog_bytes > BACKLOG_BYTES and self._backlog:
            self._backlog_bytes -= len(self._backlog.popleft())

    def on_child_end(self) -> None:
        """The child has died, or was ended."""
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
        if len(self._pending) == 1:
            return next(iter(self._pending.values()))
        return self._stream

    def _begin(self) -> Child:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        assert self.child is not None
        return self.child

    def _rest(self) -> None:
        self.used_at = self._loop.time()
        if self.idle and not self.over and self._idle_timer is None:
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
