"""Whose `mcp_session` a request names, and which worker holds it.

Owns the binding of session ids to door and principal and the hand-over to the worker that keeps the session. The
principal is the user together with the client: two clients of one user hold different grants. It is not the access
token, so a session survives a refresh. Unknown, forged and foreign ids are one case: not found, and the client starts
anew.

Spec: MCP 2025-11-25 basic/transports (session management), basic/security_best_practices (session hijacking).
"""

from __future__ import annotations

from doorward.door.inbound import Inbound
from doorward.door.ports import Headers, Peers
from doorward.door.replies import Refused
from doorward.door.stream import SessionSealer
from doorward.mcp.sessions import McpSession, seal_session_id, session_context, unseal_session_id
from doorward.storage.authority import Sealing
from doorward.upstreams.port import Caller, Message, Receive, Scope, Send

_HEADER = b"mcp-session-id"


class McpSessions:
    """The session ids of one door."""

    def __init__(
        self, sealing: Sealing, *, door_path: str, worker_id: str, in_process: bool, peers: Peers | None
    ) -> None:
        self._sealing = sealing
        self._door_path = door_path
        # A session that a remote server keeps belongs to no worker: each of them reaches it alike.
        self._worker_id = worker_id if in_process else ""
        self._peers = peers

    def named(self, inbound: Inbound, caller: Caller | None) -> McpSession | None:
        """Return the session that a request names; None when it names one that this caller does not have.

        Raises:
            Refused: it names two.
        """
        if _HEADER in inbound.doubled:
            raise Refused(400, "The Mcp-Session-Id header was sent more than once.")
        return unseal_session_id(
            inbound.captured[_HEADER].decode("latin-1"), self._context(caller), self._sealing.unseal
        )

    def sealer(self, caller: Caller | None, presented: bytes | None, session: McpSession | None) -> SessionSealer:
        """Return what turns the upstream's id into the client's; a known id comes back as the client sent it."""

        def seal(upstream_id: bytes) -> bytes:
            text = upstream_id.decode("latin-1")
            if session is not None and presented is not None and session.upstream_id == text:
                return presented
            fresh = McpSession(self._worker_id, text)
            return seal_session_id(fresh, self._context(caller), self._sealing.seal).encode("ascii")

        return seal

    def lives_here(self, session: McpSession) -> bool:
        """Tell whether this worker can reach the session."""
        return session.worker_id == self._worker_id

    async def forward(self, session: McpSession, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Hand the request to the worker that holds the session; False when that worker is gone."""
        if self._peers is None:
            return False
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            return await self._peers.forward(session.worker_id, scope, body, receive, note_start)
        except Exception:
            # Half an answer is out: all that is left to say is that it ends early.
            if not started:
                raise
            return True

    def _context(self, caller: Caller | None) -> bytes:
        return session_context(self._door_path, () if caller is None else (caller.user_id, caller.client_id))


def append_session(headers: Headers, session: McpSession) -> None:
    """Add the upstream's own session id to the headers that go to it."""
    headers.append((_HEADER, session.upstream_id.encode("latin-1")))
