"""The `mcp_session`s that an examination opens: noted when they open, and ended when no check needs them.

Every session costs the server memory, and a stdio server a process. So an examination leaves none behind, even if it
fails or times out. Does not know rules.

Spec: MCP 2025-11-25 basic/transports (session management)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from doorward.doctor.engine.check import Picture
from doorward.doctor.engine.requests import Ask, Request, Response, Together

Send = Callable[[Request], Awaitable[Response]]

_SESSION = "mcp-session-id"
_END_SECONDS = 5.0
_UNDER_WAY_SECONDS = 5.0
_OF_A_BODY = frozenset({"content-type", "accept", _SESSION})


class OpenedSessions:
    """Sends the requests of one examination, and ends the sessions that their responses name."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._opened: dict[str, Request] = {}
        """The request that opened each session."""
        self._under_way: set[asyncio.Task[Response]] = set()
        self._hangs = False
        """Whether the server does not answer DELETE: it is not asked again before the end."""

    async def send(self, request: Request) -> Response:
        """Send one request. A POST continues after a cancellation, because its response may name a session."""
        if request.method != "POST":
            response = await self._send(request)
            if request.method == "DELETE":
                self._opened.pop(request.headers.get(_SESSION, ""), None)
            return response
        task = asyncio.ensure_future(self._carry(request))
        self._under_way.add(task)
        task.add_done_callback(self._arrived)
        return await asyncio.shield(task)

    async def end_unneeded(self, picture: Picture, ask: Ask | None = None) -> None:
        """End every session that neither later checks nor the next request need."""
        if self._opened and not self._hangs:
            asked = ask.requests if isinstance(ask, Together) else (ask,) if isinstance(ask, Request) else ()
            kept = _kept(picture) | {each.headers.get(_SESSION, "") for each in asked}
            await self._end([each for each in self._opened if each not in kept], picture)

    async def end_all(self, picture: Picture) -> None:
        """End every session, including those that are still opening."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=_UNDER_WAY_SECONDS)
            for task in late:
                task.cancel()
        await self._end(list(self._opened), picture)

    def _arrived(self, task: asyncio.Task[Response]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # read, so that a failure after the examination was cut off is not reported as unseen

    async def _carry(self, request: Request) -> Response:
        response = await self._send(request)
        session = response.headers.get(_SESSION, "")
        # Some servers open a session for any request without one.
        if session and session != request.headers.get(_SESSION):
            self._opened.setdefault(session, request)
        return response

    async def _end(self, sessions: list[str], picture: Picture) -> None:
        requests = [_farewell(session, self._opened.pop(session), picture) for session in sessions]
        answers = await asyncio.gather(*(self._send(each) for each in requests), return_exceptions=True)
        self._hangs |= any(isinstance(each, Response) and each.fault == "timeout" for each in answers)


def _kept(picture: Picture) -> set[str]:
    """Return the sessions that later checks need."""
    kept = {picture.mcp.before_refresh[1]} if picture.mcp.before_refresh is not None else set()
    if not picture.mcp.parted:
        answers = (picture.initialize, picture.first_call, picture.mcp.handshake)
        kept |= {each.headers.get(_SESSION, "") for each in answers if each is not None}
    return kept


def _farewell(session: str, opened_by: Request, picture: Picture) -> Request:
    """Return the request that ends a session, with the credentials that opened it."""
    headers = {name: value for name, value in opened_by.headers.items() if name.lower() not in _OF_A_BODY}
    before = picture.mcp.before_refresh
    if before is not None and picture.token and headers.get("authorization") == f"Bearer {before[0]}":
        headers["authorization"] = f"Bearer {picture.token}"
    return Request("DELETE", opened_by.url, headers | {_SESSION: session}, limit_seconds=_END_SECONDS)
