"""The pending requests in a child that many clients share, and which clients get its messages.

Every request gets an id that no client can guess, and everything that names it gets the client's own id back:
responses, progress, subscriptions. A message that names no request reaches no client, with two exceptions. A change of
a list or a resource reaches its subscribers, without content, and a log line reaches the user if the child served only
one. A disconnect is a cancellation; a client that cancels explicitly gets its response after a short grace period.

Spec: MCP 2026-07-28 basic/transports (stdio), basic/utilities/cancellation, server/utilities/subscriptions.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from doorward.errors import UpstreamError
from doorward.fair_places import FairPlaces
from doorward.mcp.jsonrpc import RpcId, error_body
from doorward.upstreams.port import UpstreamCall
from doorward.upstreams.stdio.child import Child
from doorward.upstreams.stdio.exchange import Exchange
from doorward.upstreams.stdio.message import (
    ChildMessage,
    asks_for_logs,
    change_for,
    ended_subscription,
    subscriptions_of,
    waiting_id,
    with_client_ids,
    with_request_id,
)

Principal = tuple[str, str]
"""A user and one of their clients."""

METHOD_NOT_FOUND: Final = -32601
_NOBODY: Final = ("", "")
_IDS: Final = 2**31 - 1
"""Ids stay below this, because some libraries parse them into 32 bits."""
_ABANDONED_LIMIT: Final = 1000
_AT_WORK_SECONDS: Final = 60.0
"""How long a child may still be working on abandoned requests."""
_HOLD_SECONDS: Final = 5.0
"""How long an abandoned call keeps its place if the child does not answer it, because it may still work on it."""


class Place:
    """A place of a call, given back once."""

    __slots__ = ("_is_held", "_places", "_user")

    def __init__(self, places: FairPlaces, user: str) -> None:
        self._places = places
        self._user = user
        self._is_held = True

    def give_back(self) -> None:
        """Give the place to the next waiting call; a second time does nothing."""
        if self._is_held:
            self._is_held = False
            self._places.give_back(self._user)


class Request:
    """A request that is pending or waits for its turn."""

    __slots__ = (
        *(
            "cancelled",
            "exchange",
            "has_waited",
            "member",
            "over",
            "place",
            "principal",
            "rpc_id",
            "share",
            "subscriptions",
        ),
        "wants_logs",
    )

    def __init__(self, exchange: Exchange, call: UpstreamCall) -> None:
        self.exchange = exchange
        self.principal = principal_of(call)
        self.share = call.share
        self.wants_logs = asks_for_logs(call.message)
        listens = call.rpc_method == "subscriptions/listen"
        self.subscriptions = subscriptions_of(call.message) if listens else None
        self.cancelled = False
        self.has_waited = False
        self.over = False
        """Whether no client waits for its response any more."""
        self.place: Place | None = None
        self.member: Member | None = None
        self.rpc_id = 0
        """Its id in the child."""

    def give_back(self) -> None:
        """Give back its place, if it has one."""
        if self.place is not None:
            self.place.give_back()


class _GivenUp(NamedTuple):
    """An abandoned request that the child has not answered, so it may still be working on it."""

    user_id: str
    place: Place | None
    at: float


class Member:
    """The shared child and its pending requests."""

    def __init__(self, on_end: Callable[[Member, AbstractSet[str]], None]) -> None:
        self.child: Child | None = None
        self._on_end = on_end
        self._pending: dict[int, Request] = {}
        self._abandoned: dict[int, _GivenUp] = {}
        """The oldest first."""
        self._lost_sight = False
        """Whether an abandoned request was forgotten before the child answered it."""
        self._served: Principal | None = None
        """The user and client whose requests this child got, if they are all from one."""
        self._served_others = False

    @property
    def load(self) -> int:
        """How many requests are pending."""
        return len(self._pending)

    @property
    def under_way(self) -> Iterable[Request]:
        """The requests that the child still has to answer."""
        return self._pending.values()

    def add(self, request: Request) -> int:
        """Add a request; return its id in this child."""
        # No client can guess it, so nothing that a user makes a server print can pose as another user's response.
        rpc_id = secrets.randbelow(_IDS) + 1
        while rpc_id in self._pending or rpc_id in self._abandoned:
            rpc_id = secrets.randbelow(_IDS) + 1
        self._pending[rpc_id] = request
        request.member, request.rpc_id = self, rpc_id
        if self._served is None:
            self._served = request.principal
        self._served_others |= self._served != request.principal
        return rpc_id

    def begin(self, request: Request, call: UpstreamCall) -> None:
        """Write a request to the child. Raises `UpstreamError`."""
        assert self.child is not None
        rpc_id = self.add(request)
        try:
            self.child.send(with_request_id(call.body, rpc_id), request.share, has_room=request.has_waited)
        except UpstreamError:
            del self._pending[rpc_id]  # nothing of it was written to the child
            raise

    def abandon(self, request: Request) -> bool:
        """Abandon a request without a waiting client, and cancel it in the child; return False if it was answered."""
        if self._pending.pop(request.rpc_id, None) is None:
            return False
        loop = asyncio.get_running_loop()
        self._forget_old(loop.time())
        self._abandoned[request.rpc_id] = _GivenUp(request.principal[0], request.place, loop.time())
        if request.place is not None:
            loop.call_later(_HOLD_SECONDS, request.place.give_back)
        if not request.cancelled:
            reason = "The client has gone." if request.exchange.client_gone else "The door gave up."
            self.tell_cancelled(request, reason)
        return True

    def tell_cancelled(self, request: Request, reason: str) -> None:
        """Tell the child that a request was cancelled."""
        if self.child is not None:
            self.child.cancel(request.rpc_id, reason, request.share)

    def _forget_old(self, now: float) -> None:
        """Stop counting requests that were abandoned long ago: a server need not answer cancelled ones."""
        for rpc_id, given_up in tuple(self._abandoned.items()):
            if given_up.at + _AT_WORK_SECONDS > now and len(self._abandoned) < _ABANDONED_LIMIT:
                break
            del self._abandoned[rpc_id]
            self._lost_sight = True

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
        """Handle the end of the child."""
        self._forget_old(asyncio.get_running_loop().time())
        abandoned, self._abandoned = self._abandoned, {}
        at_work = {request.principal[0] for request in self._pending.values()}
        self._on_end(self, at_work | {given_up.user_id for given_up in abandoned.values()})
        for given_up in abandoned.values():
            if given_up.place is not None:
                given_up.place.give_back()
        error = self.child.death() if self.child is not None else UpstreamError("exited", "The process has ended.")
        pending, self._pending = self._pending, {}
        for request in pending.values():
            request.exchange.fail(error)
            request.give_back()

    def _refuse(self, message: ChildMessage) -> None:
        # In the modern era servers send no requests; an old library may still ping.
        assert self.child is not None
        refusal = error_body(METHOD_NOT_FOUND, "A server sends no requests.", rpc_id=message.rpc_id)
        # A child that does not read may still have responses, so keep reading its output.
        with contextlib.suppress(UpstreamError):
            self.child.send(refusal)

    def _answer(self, message: ChildMessage) -> None:
        rpc_id = self._answered(message)
        if rpc_id is None:
            return
        given_up = self._abandoned.pop(rpc_id, None)
        if given_up is not None and given_up.place is not None:
            given_up.place.give_back()
        request = self._pending.pop(rpc_id, None)
        if request is None:
            return
        request.give_back()
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
        # A response with no id, or part of one, belongs to the only pending request, or is late for one that is over.
        # In a child that has served others, the latter would be another user's.
        is_certain = not self._abandoned and not self._lost_sight and not self._served_others
        return next(iter(self._pending)) if is_certain and len(self._pending) == 1 else None

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
        """End the request that the child says it has cancelled."""
        rpc_id = None if message.request_id is None else waiting_id(self._pending, message.request_id)
        request = self._pending.pop(rpc_id, None) if isinstance(rpc_id, int) else None
        if request is None:
            return
        request.give_back()
        exchange = request.exchange
        if request.subscriptions is not None and exchange.rpc_id is not None:
            # This ends a subscription; over HTTP it ends with a result.
            exchange.finish(ended_subscription(exchange.rpc_id), None)
        else:
            exchange.finish_unreadable()

    def _log_reader(self) -> Request | None:
        """Return the request that a log line certainly belongs to, because log lines name none."""
        readers = [request for request in self._pending.values() if request.wants_logs]
        if len(readers) != 1 or self._served_others:
            return None
        [reader] = readers
        if reader.principal == _NOBODY and (len(self._pending) > 1 or self._abandoned or self._lost_sight):
            return None  # without sign-in, one request may be one person's, and the next one another's
        return reader

    def _tell_subscribers(self, message: ChildMessage) -> None:
        """Notify the subscribers of a change, without the child's own content."""
        for request in self._pending.values():
            exchange, subscriptions = request.exchange, request.subscriptions
            if subscriptions is None or exchange.rpc_id is None:
                continue
            change = change_for(message, subscriptions, exchange.rpc_id)
            if change is not None:
                exchange.put(change)

    def _named(self, rpc_id: RpcId) -> Request | None:
        known = waiting_id(self._pending, rpc_id)
        return self._pending[known] if isinstance(known, int) else None

    def _put(self, request: Request, message: ChildMessage) -> None:
        exchange = request.exchange
        if exchange.rpc_id is not None:
            exchange.put(with_client_ids(message, exchange.rpc_id, exchange.progress_token))


def principal_of(call: UpstreamCall) -> Principal:
    """Return the user and client of a call; without sign-in, both are empty."""
    return _NOBODY if call.caller is None else (call.caller.user_id, call.caller.client_id)
