"""The `mcp_session` that a request names, and the worker that holds it.

Owns the binding of session ids to door, server and principal, and forwarding to the worker that holds the session. The
principal is the user together with the client, because two clients of one user hold different grants. It is not the
access token, so a session survives a refresh. Unknown, forged and foreign ids are treated alike: not found, and the
client starts again.

Spec: MCP 2025-11-25 basic/transports (session management), basic/security_best_practices (session hijacking).
"""

from __future__ import annotations

from collections.abc import Callable

from doorward.authority.authority import Sealing
from doorward.door.inbound import Inbound
from doorward.door.ports import Peers
from doorward.door.replies import Refused
from doorward.door.stream import EventSealer, SessionSealer
from doorward.errors import UpstreamError
from doorward.mcp.jsonrpc import INVALID_REQUEST, Refusal, RpcId
from doorward.mcp.sessions import (
    LONGEST_ID,
    McpSession,
    event_context,
    seal_event_id,
    seal_session_id,
    session_context,
    unseal_event_id,
    unseal_session_id,
)
from doorward.upstreams.port import Caller, Message, Receive, Scope, Send

_HEADER = b"mcp-session-id"
_LAST_EVENT = b"last-event-id"


class McpSessions:
    """The session ids of one door; `server` names the door's path and the server behind it."""

    def __init__(self, sealing: Sealing, *, server: str, worker_id: str, peers: Peers | None) -> None:
        self._sealing = sealing
        self._server = server
        self._worker_id = worker_id
        self._peers = peers

    def named(self, inbound: Inbound, caller: Caller | None) -> McpSession | None:
        """Return the session that a request names; None if this caller has no such session.

        Raises:
            Refused: it names two sessions.
        """
        if _HEADER in inbound.doubled:
            raise Refused(400, "The Mcp-Session-Id header was sent more than once.")
        return unseal_session_id(
            inbound.captured[_HEADER].decode("latin-1"), self._context(caller), self._sealing.unseal
        )

    def sealer(self, caller: Caller | None, presented: bytes | None, session: McpSession | None) -> SessionSealer:
        """Return the function that seals upstream session ids; a known id is returned as the client sent it."""

        def seal(upstream_id: bytes) -> bytes:
            text = upstream_id.decode("latin-1")
            if session is not None and presented is not None and session.upstream_id == text:
                return presented
            fresh = McpSession(self._worker_id, text)
            sealed = seal_session_id(fresh, self._context(caller), self._sealing.seal)
            if len(sealed) > LONGEST_ID:
                # The door would refuse it whenever the client sends it.
                raise UpstreamError("not_mcp", f"Its session id is too long: {len(text)} characters.")
            return sealed.encode("ascii")

        return seal

    def event_sealer(self, caller: Caller | None, session: McpSession | None) -> EventSealer:
        """Return what seals the event ids of a response, given the session in that response.

        With another session's event id, a client could get messages meant for others, because not every server checks.
        """
        mine = self._principal(caller)

        def begin(upstream_session: bytes | None) -> Callable[[bytes], bytes]:
            named = "" if session is None else session.upstream_id
            upstream_id = named if upstream_session is None else upstream_session.decode("latin-1")
            context = event_context(self._server, mine, upstream_id)
            return lambda event_id: seal_event_id(event_id, context, self._sealing.seal)

        return begin

    def last_event(self, inbound: Inbound, caller: Caller | None, session: McpSession | None) -> bytes:
        """Return the upstream's id of the last event that the client saw.

        Raises:
            Refused: this client saw no such event in this session, or names two.
        """
        context = event_context(self._server, self._principal(caller), "" if session is None else session.upstream_id)
        presented = inbound.captured[_LAST_EVENT].decode("latin-1")
        event_id = None
        if _LAST_EVENT not in inbound.doubled:
            event_id = unseal_event_id(presented, context, self._sealing.unseal)
        if event_id is None:
            raise Refused(400, "The Last-Event-ID is not that of an event of this session.")
        return event_id

    def lives_here(self, session: McpSession) -> bool:
        """Return whether this worker can reach the session."""
        return session.worker_id == self._worker_id

    async def forward(self, session: McpSession, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Forward the request to the worker that holds the session; return False if that worker is gone.

        Raises:
            UpstreamError: the worker ended in the middle of its response.
        """
        if self._peers is None:
            return False
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            return await self._peers.forward(session.worker_id, scope, body, receive, note_start)
        except Exception as error:
            if not started:
                raise
            raise UpstreamError("exited", "The process that held this session ended.") from error

    def _context(self, caller: Caller | None) -> bytes:
        return session_context(self._server, self._principal(caller))

    def _principal(self, caller: Caller | None) -> tuple[str, ...]:
        return () if caller is None else (caller.user_id, caller.client_id)


def session_header(session: McpSession) -> tuple[bytes, bytes]:
    """Return the header with the session's id for the upstream."""
    return _HEADER, session.upstream_id.encode("latin-1")


def no_session(rpc_id: RpcId | None) -> Refusal:
    """Return the refusal for a request whose caller does not have the session."""
    return Refusal(404, INVALID_REQUEST, "Session not found; initialize a new one.", rpc_id=rpc_id)
