"""Modern requests over stdio: one child shared by all clients, because each request is self-contained.

Owns which child gets a request, and when: a user's calls wait in the door while enough of them are pending, and a user
whose calls may have crashed a child gets a separate one.

Spec: MCP 2026-07-28 basic/transports (stdio), basic/utilities/cancellation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from typing import Final

from doorward.errors import UpstreamError
from doorward.fair_places import FairPlaces
from doorward.upstreams.port import Receive, Send, UpstreamCall
from doorward.upstreams.stdio.apart import Apart
from doorward.upstreams.stdio.child import Child
from doorward.upstreams.stdio.children import Children
from doorward.upstreams.stdio.exchange import Exchange
from doorward.upstreams.stdio.member import Member, Place, Request, principal_of
from doorward.upstreams.stdio.message import ChildMessage, cancelled_id

Spawn = Callable[[Callable[[ChildMessage], None], Callable[[], None]], Awaitable[Child]]

PLACES: Final = 32
"""The most pending calls in all children of a command; one user gets at most half. Most servers work sequentially, so
every user waits for what was already written to them."""
_STREAMS: Final = 8192
APART_SECONDS: Final = 60.0


class SharedChild:
    """The shared child of a command, started when needed.

    A user who had a pending request when it crashed gets a separate child for a while, so repeated crashes affect no
    one else. Calls share a limited number of places. A user's calls wait in the door if enough of them are pending, so
    that no user can fill the queue of a sequential child.
    """

    def __init__(self, spawn: Spawn, children: Children) -> None:
        self._spawn = spawn
        self._children = children
        self._members: dict[int | None, Member] = {}
        """None: the shared child. Otherwise the child of a separated place."""
        self._apart = Apart()
        self._places = FairPlaces(PLACES)
        self._streams = FairPlaces(_STREAMS)
        self._waiting: dict[Request, asyncio.Task[None]] = {}
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()

    async def post(self, call: UpstreamCall, receive: Receive, send: Send, *, timeout_seconds: float) -> None:
        """Carry one request. Raises `UpstreamError`."""
        listens = call.rpc_method == "subscriptions/listen"
        request = Request(Exchange(call, None if listens else timeout_seconds), call)
        places = self._streams if listens else self._places
        try:
            if places.try_take(call.share):
                request.place = Place(places, call.share)
                await self._begin(request, call)
            elif listens:
                raise UpstreamError("overloaded", "Too many streams to the MCP server are open already.")
            else:
                self._wait(request, call, timeout_seconds)
            await request.exchange.answer(receive, send)
        finally:
            self._leave(request)

    def cancel(self, call: UpstreamCall) -> None:
        """Apply a client's `notifications/cancelled`, if the request that it means is certain."""
        rpc_id = cancelled_id(call.message)
        if rpc_id is None or call.caller is None:
            return
        under_way = (each for member in self._members.values() for each in member.under_way)
        principal = principal_of(call)
        named = [
            each
            for each in (*under_way, *self._waiting)
            if each.principal == principal and each.exchange.rpc_id == rpc_id
        ]
        if len(named) != 1 or named[0].cancelled:
            return
        [request] = named
        request.cancelled = True
        request.exchange.cancel_soon()
        if request.member is not None:
            request.member.tell_cancelled(request, "The client has cancelled it.")

    async def end(self) -> None:
        """End every child."""
        members = tuple(self._members.values())
        self._members.clear()
        await asyncio.gather(*self._ending, *(each.child.end() for each in members if each.child is not None))

    async def _begin(self, request: Request, call: UpstreamCall) -> None:
        """Give a request that has a place to its user's child."""
        member = await self._ready(self._key(principal_of(call)[0]))
        if not (request.over or request.cancelled):
            member.begin(request, call)

    def _wait(self, request: Request, call: UpstreamCall, seconds: float) -> None:
        """Make a request wait for its user's turn, but no longer than its client waits."""
        if not self._children.hold(call.share, len(call.body)):
            raise UpstreamError("overloaded", "Too much waits for the MCP server already.")
        task = asyncio.get_running_loop().create_task(self._begin_in_turn(request, call, seconds))
        self._waiting[request] = task
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._stop_waiting(request, call)  # it may have been cancelled before it started

        task.add_done_callback(done)

    async def _begin_in_turn(self, request: Request, call: UpstreamCall, seconds: float) -> None:
        try:
            try:
                if not await self._places.take(call.share, seconds):
                    raise UpstreamError("overloaded", "The MCP server is busy: too many calls wait for it already.")
                request.place = Place(self._places, call.share)
            finally:
                self._stop_waiting(request, call)
            request.has_waited = True
            request.exchange.begin()
            await self._begin(request, call)
        except UpstreamError as error:
            request.exchange.fail(error)
        except Exception:
            request.exchange.fail(UpstreamError("reset", "The call could not be handed to the MCP server."))
            raise

    def _stop_waiting(self, request: Request, call: UpstreamCall) -> None:
        if self._waiting.pop(request, None) is not None:
            self._children.let_go(call.share, len(call.body))

    def _leave(self, request: Request) -> None:
        """Release a request whose client has its response, has left, or has waited too long."""
        request.over = True
        waiting = self._waiting.get(request)
        if waiting is not None:
            waiting.cancel()
        elif request.member is None or not request.member.abandon(request):
            request.give_back()

    async def _ready(self, key: int | None) -> Member:
        if (member := self._usable(key)) is not None:
            return member
        async with self._starting:
            if (member := self._usable(key)) is not None:
                return member
            member = Member(self._forget)
            member.child = await self._spawn(member.on_message, member.on_child_end)
            if not member.child.alive:
                raise member.child.death()
            self._members[key] = member
            if key is not None:
                asyncio.get_running_loop().call_later(APART_SECONDS, self._rejoin, key, member)
            return member

    def _usable(self, key: int | None) -> Member | None:
        member = self._members.get(key)
        return member if member is not None and member.child is not None and member.child.alive else None

    def _key(self, user_id: str) -> int | None:
        return self._apart.place_of(user_id, asyncio.get_running_loop().time())

    def _forget(self, member: Member, user_ids: AbstractSet[str]) -> None:
        """Drop a child that died, and separate the users whose requests may have crashed it."""
        key = next((key for key, each in self._members.items() if each is member), None)
        if self._members.get(key) is not member:
            return  # it was ended, and did not crash
        del self._members[key]
        now = asyncio.get_running_loop().time()
        self._apart.add(user_ids - {""}, now + APART_SECONDS, now, running=self._members)

    def _rejoin(self, key: int, member: Member) -> None:
        """End a separate child when its users are back in the shared one and it is idle."""
        if self._members.get(key) is not member:
            return
        loop = asyncio.get_running_loop()
        if self._apart.is_used(key, loop.time()) or member.load:
            loop.call_later(APART_SECONDS, self._rejoin, key, member)
            return
        del self._members[key]
        if member.child is not None:
            task = loop.create_task(member.child.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
