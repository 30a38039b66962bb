"""Modern requests over stdio: a few children shared by all clients, because each request stands for itself.

Owns the ids: every request gets one that is unique in its child, and everything that comes back gets the client's own
again, in responses, progress and subscriptions. A client that disconnects has cancelled.

Spec: MCP 2026-07-28 basic/transports (stdio), basic/utilities/cancellation, server/utilities/subscriptions.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

from doorward.errors import UpstreamError
from doorward.mcp.jsonrpc import RpcId, error_body
from doorward.upstreams.port import Receive, Send, UpstreamCall
from doorward.upstreams.stdio_child import Child
from doorward.upstreams.stdio_exchange import Exchange
from doorward.upstreams.stdio_message import (
    ChildMessage,
    asks_for_logs,
    ended_subscription,
    with_client_ids,
    with_request_id,
)

Spawn = Callable[[Callable[[ChildMessage], None], Callable[[], None]], Awaitable[Child]]

METHOD_NOT_FOUND: Final = -32601


class ModernPool:
    """At most `size` children, started when needed."""

    def __init__(self, spawn: Spawn, size: int) -> None:
        self._spawn = spawn
        self._size = size
        self._members: list[_Member] = []
        self._starting = asyncio.Lock()

    async def post(self, call: UpstreamCall, receive: Receive, send: Send, *, timeout_seconds: float) -> None:
        """Carry one request. Raises `UpstreamError`."""
        member = await self._member()
        listens = call.rpc_method == "subscriptions/listen"
        exchange = Exchange(call, None if listens else timeout_seconds)
        rpc_id = member.add(exchange, wants_logs=asks_for_logs(call.body))
        assert member.child is not None
        try:
            member.child.send(with_request_id(call.body, rpc_id))
            await exchange.answer(receive, send)
        finally:
            if member.remove(rpc_id):
                member.child.cancel(rpc_id, "The client has gone." if exchange.client_gone else "The door gave up.")

    async def end(self) -> None:
        """End every child."""
        members, self._members = self._members, []
        await asyncio.gather(*(member.child.end() for member in members if member.child is not None))

    async def _member(self) -> _Member:
        """Return the child with the least to do, starting one when all are busy and there is room."""
        if (resting := self._least_busy()) is not None and not resting.load:
            return resting
        async with self._starting:
            chosen = self._least_busy()
            if chosen is not None and (not chosen.load or len(self._members) >= self._size):
                return chosen
            member = _Member(self._forget)
            member.child = await self._spawn(member.on_message, member.on_child_end)
            if not member.child.alive:
                raise member.child.death()
            self._members.append(member)
            return member

    def _least_busy(self) -> _Member | None:
        usable = [member for member in self._members if member.child is not None and member.child.alive]
        return min(usable, key=lambda member: member.load, default=None)

    def _forget(self, member: _Member) -> None:
        if member in self._members:
            self._members.remove(member)


class _Member:
    """One shared child and what is under way in it."""

    def __init__(self, on_end: Callable[[_Member], None]) -> None:
        self.child: Child | None = None
        self._on_end = on_end
        self._pending: dict[int, Exchange] = {}
        self._log_readers: set[int] = set()
        self._last_id = 0

    @property
    def load(self) -> int:
        """How many requests are under way."""
        return len(self._pending)

    def add(self, exchange: Exchange, *, wants_logs: bool) -> int:
        """Take an exchange on; return the id its request has in this child."""
        self._last_id += 1
        self._pending[self._last_id] = exchange
        if wants_logs:
            self._log_readers.add(self._last_id)
        return self._last_id

    def remove(self, rpc_id: int) -> bool:
        """Forget an exchange; return whether the child still works on it."""
        self._log_readers.discard(rpc_id)
        return self._pending.pop(rpc_id, None) is not None

    def on_message(self, message: ChildMessage) -> None:
        """Route a message of the child."""
        if message.kind == "request":
            # The modern era knows no requests of the server; an old library may still ping.
            assert self.child is not None
            refusal = error_body(METHOD_NOT_FOUND, "A server sends no requests.", rpc_id=message.rpc_id)
            # A child that takes no input any more may still have answers: what follows must be read.
            with contextlib.suppress(UpstreamError):
                self.child.send(refusal)
            return
        rpc_id = self._addressee(message)
        exchange = self._pending.get(rpc_id) if isinstance(rpc_id, int) else None
        if exchange is None or exchange.rpc_id is None or not isinstance(rpc_id, int):
            return
        if message.kind == "response":
            self.remove(rpc_id)
            exchange.finish(with_client_ids(message, exchange.rpc_id, None), message.error_code)
        elif message.method == "notifications/cancelled":
            # Only a subscription is torn down this way; over HTTP it ends with a result.
            self.remove(rpc_id)
            exchange.finish(ended_subscription(exchange.rpc_id), None)
        else:
            exchange.put(with_client_ids(message, exchange.rpc_id, exchange.progress_token))

    def on_child_end(self) -> None:
        """The child has died, or was ended."""
        self._on_end(self)
        error = self.child.death() if self.child is not None else UpstreamError("exited", "The process has ended.")
        pending, self._pending = self._pending, {}
        for exchange in pending.values():
            exchange.fail(error)

    def _addressee(self, message: ChildMessage) -> RpcId | None:
        if message.kind == "response":
            return message.rpc_id
        if message.subscription_id is not None:
            return message.subscription_id
        if message.method == "notifications/cancelled":
            return message.request_id
        if message.progress_token is not None:
            return message.progress_token
        if message.method == "notifications/message" and len(self._log_readers) == 1:
            return next(iter(self._log_readers))
        return None  # belongs to one request, and does not say to which: never to somebody else's
