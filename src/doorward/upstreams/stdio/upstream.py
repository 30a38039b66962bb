"""An MCP server that is a command: child processes on standard input and output, presented as HTTP.

Owns which child serves a request. Legacy: a child per `mcp_session`. Modern: one child for all clients. A command that
speaks only one era answers the other with an error that dual-era clients understand.

Spec: MCP 2025-11-25 and 2026-07-28 basic/transports.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from doorward.errors import Problem, StartError, UpstreamError
from doorward.logs import log
from doorward.secret_shapes import mask_urls
from doorward.upstreams.port import Era, Receive, Send, UpstreamCall
from doorward.upstreams.stdio.child import UNREAD_LIMIT_BYTES, Child, environment, spawn
from doorward.upstreams.stdio.children import Children
from doorward.upstreams.stdio.exchange import acknowledge, refuse
from doorward.upstreams.stdio.legacy import LegacySession
from doorward.upstreams.stdio.member import METHOD_NOT_FOUND
from doorward.upstreams.stdio.message import ChildMessage
from doorward.upstreams.stdio.modern import SharedChild
from doorward.upstreams.stdio.probe import probe

_log = logging.getLogger(__name__)

_LEGACY_HOLDS_SECONDS: Final = 3600.0
"""How long the result "legacy" is cached: the command may have been updated since."""


class StdioUpstream:
    """A command; `env` is added to the inherited environment, from which Doorward's own settings are removed."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        name: str = "The MCP server",
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        timeout_seconds: float = 300,
        start_timeout_seconds: float = 60,
        session_idle_seconds: float = 1800,
        max_sessions: int = 200,
        unread_limit_bytes: int = UNREAD_LIMIT_BYTES,
    ) -> None:
        self.name = name
        self.audience: str | None = None
        self.problem: Problem | None = None
        self.keeps_sessions_here = True
        self._arguments = tuple(arguments)
        self._env = env
        self._cwd = cwd
        self._timeout_seconds = timeout_seconds
        self._start_timeout_seconds = start_timeout_seconds
        self._session_idle_seconds = session_idle_seconds
        self._max_sessions = max_sessions
        self._sessions: dict[str, LegacySession] = {}
        self._children = Children(unread_limit_bytes)
        self._shared = SharedChild(self._spawn, self._children)
        self._newest_era: Era | None = None
        self._era_found_at = 0.0
        self._probing = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()
        self._spawning: set[asyncio.Future[None]] = set()
        self._stopped = False

    async def start(self) -> None:
        """Check that the command exists and answers, and probe its era. Raises `StartError`."""
        self._stopped = False
        self._check_command()
        try:
            await self._learn_era()
        except UpstreamError as error:
            if error.fault == "timeout":
                log(_log, logging.WARNING, "the command has not answered yet", command=self._shown())
                return
            await self._children.stop()
            fix = "Run the command by itself to see why."
            raise StartError(Problem(what=f"{self._shown()}: {error.detail}", why=error.evidence, fix=fix)) from error

    async def stop(self) -> None:
        """End every child; safe to call twice."""
        self._stopped = True
        sessions = tuple(self._sessions.values())
        self._sessions.clear()
        ended = (self._shared.end(), *(session.end() for session in sessions))
        await asyncio.gather(*ended, *self._ending, *self._spawning)
        await self._children.stop()

    async def era(self) -> Era | None:
        """Return "legacy" for a command that speaks nothing newer; others may speak both. Raises as `handle`."""
        return "legacy" if await self._learn_era() == "legacy" else None

    async def handle(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        """Carry one request. Raises `UpstreamError`."""
        if self._stopped:
            raise _shutting_down()
        if call.era == "modern":
            await self._modern(call, receive, send)
        elif call.method == "POST" and call.rpc_method == "initialize" and call.mcp_session_id is None:
            await self._initialize(call, receive, send)
        else:
            await self._in_session(call, receive, send)

    async def _modern(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        if call.method != "POST":
            await refuse(send, 405, "This revision of MCP knows only POST.")
        elif call.rpc_id is None:
            if call.rpc_method == "notifications/cancelled":
                self._shared.cancel(call)
            await acknowledge(send, 202)  # there are no other notifications
        elif await self._learn_era() == "legacy":
            # Not an error code of the modern era: this makes a dual-era client fall back to `initialize`.
            await refuse(send, 400, "This server speaks only MCP revisions with `initialize`.", call.rpc_id)
        elif call.rpc_method == "initialize":
            # A child would treat it as the handshake of its only connection, which all clients share.
            message = "This revision of MCP has no `initialize`."
            await refuse(send, 404, message, call.rpc_id, code=METHOD_NOT_FOUND)
        else:
            await self._shared.post(call, receive, send, timeout_seconds=self._timeout_seconds)

    async def _initialize(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        user_id = "" if call.caller is None else call.caller.user_id
        self._make_room(user_id)
        session = LegacySession(secrets.token_hex(16), self._session_idle_seconds, self._session_over, user_id=user_id)
        self._sessions[session.mcp_session_id] = session
        opened = False
        try:
            session.child = await self._spawn(session.on_message, session.on_child_end, owner=user_id)
            opened = await session.post(call, receive, send, timeout_seconds=self._timeout_seconds)
        finally:
            if not opened:
                self._session_over(session)

    async def _in_session(self, call: UpstreamCall, receive: Receive, send: Send) -> None:
        session = self._sessions.get(call.mcp_session_id or "")
        if call.mcp_session_id is None:
            await refuse(send, 400, "This needs an MCP session: send `initialize` first.", call.rpc_id)
        elif session is None or session.child is None:
            await refuse(send, 404, "There is no such MCP session (any more): send `initialize` again.", call.rpc_id)
        elif call.method == "GET":
            await session.listen(call, receive, send)
        elif call.method == "DELETE":
            self._session_over(session)
            await acknowledge(send, 200)
        else:
            await session.post(call, receive, send, timeout_seconds=self._timeout_seconds)

    def _session_over(self, session: LegacySession) -> None:
        """Forget a session at once, and end its child in the background."""
        if self._sessions.pop(session.mcp_session_id, None) is None:
            return
        if len(self._ending) >= self._max_sessions and session.child is not None:
            session.child.kill()  # sessions that end slowly would exceed the limit
        task = asyncio.get_running_loop().create_task(session.end())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _make_room(self, user_id: str) -> None:
        """When all sessions are in use, evict one: the least needed of the user with the most.

        A user never loses one to a user with as many; that user loses one of their own instead. An open stream does not
        protect a session. A pending request does, unless its user has two sessions more than the new one's user.

        Raises:
            UpstreamError: no session can be evicted.
        """
        if len(self._sessions) < self._max_sessions:
            return
        held = Counter(session.user_id for session in self._sessions.values())
        mine = held[user_id]

        def can_go(session: LegacySession) -> bool:
            theirs = held[session.user_id]
            if session.user_id == user_id:
                return not session.is_busy
            return theirs > mine + 1 or (theirs > mine and not session.is_busy)

        candidates = [session for session in self._sessions.values() if can_go(session)]
        if not candidates:
            raise UpstreamError("timeout", "The server is busy: too many sessions are open.")
        least = min(
            candidates,
            key=lambda session: (-held[session.user_id], session.is_busy, session.has_stream, session.used_at),
        )
        self._session_over(least)

    async def _learn_era(self) -> Era:
        now = asyncio.get_running_loop().time()
        if self._newest_era == "legacy" and now - self._era_found_at > _LEGACY_HOLDS_SECONDS:
            self._newest_era = None
        if self._newest_era is None:
            async with self._probing:
                if self._newest_era is None:
                    self._newest_era = await probe(self._spawn, self._start_timeout_seconds)
                    self._era_found_at = now
        return self._newest_era

    async def _spawn(
        self, on_message: Callable[[ChildMessage], None], on_end: Callable[[], None], *, owner: str = ""
    ) -> Child:
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._spawning.add(settled)
        try:
            child = await spawn(
                self._arguments,
                env=self._env,
                cwd=self._cwd,
                on_message=on_message,
                on_end=on_end,
                children=self._children,
                owner=owner,
            )
            if not self._stopped:
                return child
            await child.end()  # it started too late for `stop` to end it
        except OSError as error:
            raise UpstreamError(
                "unreachable", "The server's command cannot be started.", evidence=str(error)
            ) from error
        finally:
            self._spawning.discard(settled)
            settled.set_result(None)
        raise _shutting_down()

    def _check_command(self) -> None:
        if self._cwd is not None and not Path(self._cwd).is_dir():
            raise StartError(Problem(what=f"There is no directory {self._cwd!r} to start the server in."))
        command = self._arguments[0] if self._arguments else ""
        if command and shutil.which(command, path=environment(self._env).get("PATH")) is not None:
            return
        problem = Problem(
            what=f"The command {command!r} was not found or may not be executed.",
            why="It was looked for in the directories of PATH." if "/" not in command else "",
            fix=f"Install it, or give its full path: doorward serve -- /full/path/to/{Path(command).name} ...",
        )
        raise StartError(problem)

    def _shown(self) -> str:
        return shlex.join(map(mask_urls, self._arguments))


def _shutting_down() -> UpstreamError:
    return UpstreamError("exited", "The door is shutting down.")
