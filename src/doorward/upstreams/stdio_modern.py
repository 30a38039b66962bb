"""Modern requests over stdio: one child shared by all clients, because each request stands for itself.

Owns whom a message of the child reaches. Every request gets an id that nobody can guess, and everything that names it
gets the client's own id again: responses, progress, subscriptions. What names nobody reaches nobody, except a change of
a list or a resource, which reaches its subscribers without its content, and a log line of a child that has served one
user alone. A client that disconnects has cancelled; one that says so gets its answer after a short grace.

Spec: MCP 2026-07-28 basic/transports (stdio), basic/utilities/cancellation, server/utilities/subscriptions.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final

from doorward.errors import UpstreamError
from doorward.mcp.jsonrpc import RpcId, error_body
from doorward.upstreams.port import Receive, Send, UpstreamCall
from doorward.upstreams.stdio_child import Child
from doorward.upstreams.stdio_exchange import Exchange
from doorward.upstreams.stdio_message import (
    ChildMessage,
    asks_for_logs,
    cancelled_id,
    change_for,
    ended_subscription,
    subscriptions_of,
    waiting_id,
    with_client_ids,
    with_request_id,
)

Spawn = Callable[[Callable[[ChildMessage], None], Callable[[], None]], Awaitable[Child]]
Principal = tuple[str, str]

METHOD_NOT_FOUND: Final = -32601
_NOBODY: Final = ("", "")
_IDS: Final = 2**31 - 1
"""Ids stay below this: some libraries read them into 32 bits."""
_ABANDONED_LIMIT: Final = 1000
_APART_LIMIT: Final = 16
APART_SECONDS: Final = 60.0


class SharedChild:
    """The one child of a command, started when needed.

    A user who had a request under way when it died gets a child apart for a while: whoever makes it crash again and
    again takes nobody else along.
    """

    def __init__(self, spawn: Spawn) -> None:
        self._spawn = spawn
        self._members: dict[Principal | None, _Member] = {}
        """None: the shared one. Else that of a user who is kept apart."""
        self._apart_until: dict[Principal, float] = {}
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def post(self, call: UpstreamCall, receive: Receive, send: Send, *, timeout_seconds: float) -> None:
        """Carry one request. Raises `UpstreamError`."""
        member = await self._ready(self._key(_principal(call)))
        listens = call.rpc_method == "subscriptions/listen"
        exchange = Exchange(call, None if listens else timeout_seconds)
        rpc_id = member.add(exchange, call)
        assert member.child is not None
        try:
            member.child.send(with_request_id(call.body, rpc_id))
            await exchange.answer(receive, send)
        finally:
            if member.abandon(rpc_id):
                member.child.cancel(rpc_id, "The client has gone." if exchange.client_gone else "The door gave up.")

    def cancel(self, call: UpstreamCall) -> None:
        """Follow a client's `notifications/cancelled`, if it is certain which request it means."""
        rpc_id = cancelled_id(call.body)
        if rpc_id is not None and call.caller is not None:
            for member in tuple(self._members.values()):
                member.cancel(_principal(call), rpc_id)

    async def end(self) -> None:
        """End every child."""
        members = tuple(self._members.values())
        self._members.clear()
        await asyncio.gather(*self._ending, *(each.child.end() for each in members if each.child is not None))

    async def _ready(self, key: Principal | None) -> _Member:
        if (member := self._usable(key)) is not None:
            return member
        async with self._starting:
            if (member := self._usable(key)) is not None:
                return member
            member = _Member(self._forget)
            member.child = await self._spawn(member.on_message, member.on_child_end)
            if not member.child.alive:
                raise member.child.death()
            self._members[key] = member
            if key is not None:
                asyncio.get_running_loop().call_later(APART_SECONDS, self._rejoin, key, member)
            return member

    def _usable(self, key: Principal | None) -> _Member | None:
        member = self._members.get(key)
        return member if member is not None and member.child is not None and member.child.alive else None

    def _key(self, principal: Principal) -> Principal | None:
        until = self._apart_until.get(principal)
        if until is None or until <= asyncio.get_running_loop().time():
            self._apart_until.pop(principal, None)
            return None
        return principal

    def _forget(self, member: _Member, principals: AbstractSet[Principal]) -> None:
        """Drop a child that has died, and keep those apart whose requests it may have died of."""
        key = next((key for key, each in self._members.items() if each is member), None)
        if self._members.get(key) is not member:
            return  # it was ended, and did not die
        del self._members[key]
        until = asyncio.get_running_loop().time() + APART_SECONDS
        for principal in principals - {_NOBODY}:
            if principal in self._apart_until or len(self._apart_until) < _APART_LIMIT:
                self._apart_until[principal] = until

    def _rejoin(self, key: Principal, member: _Member) -> None:
        """End a child of one user once that user is back with the others and it has nothing to do."""
        if self._members.get(key) is not member:
            return
        if self._key(key) is not None or member.load:
            asyncio.get_running_loop().call_later(APART_SECONDS, self._rejoin, key, member)
            return
        del self._members[key]
        if member.child is not None:
            task = asyncio.get_running_loop().create_task(member.child.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)


class _Request:
    """A request under way."""

    __slots__ = ("cancelled", "exchange", "principal", "subscriptions", "wants_logs")

    def __init__(self, exchange: Exchange, call: UpstreamCall) -> None:
        self.exchange = exchange
        self.principal = _principal(call)
        self.wants_logs = asks_for_logs(call.body)
        listens = call.rpc_method == "subscriptions/listen"
        self.subscriptions = subscriptions_of(call.body) if listens else None
        self.cancelled = False


class _Member:
    """The shared child and what is under way in it."""

    def __init__(self, on_end: Callable[[_Member, AbstractSet[Principal]], None]) -> None:
        self.child: Child | None = None
        self._on_end = on_end
        self._pending: dict[int, _Request] = {}
        self._abandoned: dict[int, Principal] = {}
        """Requests that were given up and that the child has not answered: it may still work on them."""
        self._served: Principal | None = None
        """Whose requests this child has had, if they are all of one user and client."""
        self._served_others = False

    @property
    def load(self) -> int:
        """How many requests are under way."""
        return len(self._pending)

    def add(self, exchange: Exchange, call: UpstreamCall) -> int:
        """Take an exchange on; return the id its request has in this child."""
        # Nobody can guess it, so nothing that a user makes a server print can pose as the answer to another user.
        rpc_id = secrets.randbelow(_IDS) + 1
        while rpc_id in self._pending or rpc_id in self._abandoned:
            rpc_id = secrets.randbelow(_IDS) + 1
        request = self._pending[rpc_id] = _Request(exchange, call)
        if self._served is None:
            self._served = request.principal
        self._served_others |= self._served != request.principal
        return rpc_id

    def abandon(self, rpc_id: int) -> bool:
        """Forget an exchange; return whether the child has still to hear that nobody waits for it."""
        request = self._pending.pop(rpc_id, None)
        if request is None:
            return False
        if len(self._abandoned) < _ABANDONED_LIMIT:
            self._abandoned[rpc_id] = request.principal
        return not request.cancelled

    def cancel(self, principal: Principal, client_id: RpcId) -> None:
        """End the request that this user's client names, if it is the only one with this id."""
        named = [
            (rpc_id, request)
            for rpc_id, request in self._pending.items()
            if request.principal == principal and request.exchange.rpc_id == client_id
        ]
        if len(named) != 1 or self.child is None:
            return
        [(rpc_id, request)] = named
        if not request.cancelled:
            request.cancelled = True
            self.child.cancel(rpc_id, "The client has cancelled it.")
            request.exchange.cancel_soon()

    def on_message(self, message: ChildMessage) -> None:
        """Route a message of the child."""
        match message.kind:
            case "request":
                self._refuse(message)
            case "response" | "unreadable":
                self._answer(message)
            case "notification":
                self._notify(message)

    def on_child_end(self) -> None:
        """The child has died, or was ended."""
        at_work = {request.principal for request in self._pending.values()} | set(self._abandoned.values())
        self._on_end(self, at_work)
        error = self.child.death() if self.child is not None else UpstreamError("exited", "The process has ended.")
        pending, self._pending = self._pending, {}
        for request in pending.values():
            request.exchange.fail(error)

    def _refuse(self, message: ChildMessage) -> None:
        # The modern era knows no requests of the server; an old library may still ping.
        assert self.child is not None
        refusal = error_body(METHOD_NOT_FOUND, "A server sends no requests.", rpc_id=message.rpc_id)
        # A child that takes no input any more may still have answers: what follows must be read.
        with contextlib.suppress(UpstreamError):
            self.child.send(refusal)

    def _answer(self, message: ChildMessage) -> None:
        rpc_id = self._answered(message)
        if rpc_id is None:
            return
        self._abandoned.pop(rpc_id, None)
        request = self._pending.pop(rpc_id, None)
        if request is None:
            return
        exchange = request.exchange
        if message.kind == "unreadable" or exchange.rpc_id is None:
            exchange.finish_unreadable()
        else:
            exchange.finish(with_client_ids(message, exchange.rpc_id, None), message.error_code)

    def _answered(self, message: ChildMessage) -> int | None:
        if message.rpc_id is not None:
            known = waiting_id(self._pending, message.rpc_id)
            known = waiting_id(self._abandoned, message.rpc_id) if known is None else known
            return known if isinstance(known, int) else None
        # An answer that names nothing is for the one request that there is, or comes late for one that is over. In a
        # child that has served others, the latter would be another user's.
        is_certain = len(self._pending) == 1 and not self._abandoned and not self._served_others
        return next(iter(self._pending)) if is_certain else None

    def _notify(self, message: ChildMessage) -> None:
        if message.subscription_id is not None:
            request = self._named(message.subscription_id)
            if request is not None and request.subscriptions is not None:
                self._put(request, message)
        elif message.method == "notifications/cancelled":
            self._give_up(message)
        elif message.progress_token is not None:
            request = self._named(message.progress_token)
            if request is not None and request.exchange.progress_token is not None:
                self._put(request, message)
        elif message.method == "notifications/message":
            request = self._log_reader()
            if request is not None:
                self._put(request, message)
        else:
            self._tell_subscribers(message)

    def _give_up(self, message: ChildMessage) -> None:
        """End what the child says it has given up."""
        rpc_id = None if message.request_id is None else waiting_id(self._pending, message.request_id)
        request = self._pending.pop(rpc_id, None) if isinstance(rpc_id, int) else None
        if request is None:
            return
        exchange = request.exchange
        if request.subscriptions is not None and exchange.rpc_id is not None:
            # A subscription is torn down this way; over HTTP it ends with a result.
            exchange.finish(ended_subscription(exchange.rpc_id), None)
        else:
            exchange.finish_unreadable()

    def _log_reader(self) -> _Request | None:
        """Return the request that a log line surely belongs to: log lines do not say."""
        readers = [request for request in self._pending.values() if request.wants_logs]
        if len(readers) != 1 or self._served_others:
            return None
        [reader] = readers
        if reader.principal == _NOBODY and (len(self._pending) > 1 or self._abandoned):
            return None  # without sign-in, one request may be one person's, and the next one another's
        return reader

    def _tell_subscribers(self, message: ChildMessage) -> None:
        """Pass on that something has changed, to those who asked for it, and nothing of what the child says of it."""
        for request in self._pending.values():
            exchange, subscriptions = request.exchange, request.subscriptions
            if subscriptions is None or exchange.rpc_id is None:
                continue
            change = change_for(message, subscriptions, exchange.rpc_id)
            if change is not None:
                exchange.put(change)

    def _named(self, rpc_id: RpcId) -> _Request | None:
        known = waiting_id(self._pending, rpc_id)
        return self._pending[known] if isinstance(known, int) else None

    def _put(self, request: _Request, message: ChildMessage) -> None:
        exchange = request.exchange
        if exchange.rpc_id is not None:
            exchange.put(with_client_ids(message, exchange.rpc_id, exchange.progress_token))


def _principal(call: UpstreamCall) -> Principal:
    return _NOBODY if call.caller is None else (call.caller.user_id, call.caller.client_id)
