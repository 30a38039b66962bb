"""Step six: the `mcp_session` that the request names. Sets the session, its headers for the upstream, and the reply."""

from __future__ import annotations

from doorward.door.parts import Classified, InSession
from doorward.door.ports import Headers
from doorward.door.replies import MessageRefused
from doorward.door.sessions import McpSessions, no_session, session_header
from doorward.door.stream import EventSealer, PublicReply, SessionSealer, UpstreamReply
from doorward.mcp.era import Legacy
from doorward.mcp.sessions import McpSession

LISTEN = "subscriptions/listen"
_SESSION, _LAST_EVENT = b"mcp-session-id", b"last-event-id"


class FindSession:
    """Refuses other callers' sessions and events."""

    def __init__(self, sessions: McpSessions) -> None:
        self._sessions = sessions

    def take(self, permitted: Classified) -> InSession:
        """Return the request with its session, if it names one.

        Raises:
            MessageRefused: its caller has no such session at this door (404).
            Refused: it names two, or an event that its caller has not seen (400).
        """
        era = permitted.era
        if not isinstance(era, Legacy):
            return _in_session(permitted, None, [], _reply(permitted, None, None))
        inbound, caller = permitted.exchange.inbound, permitted.caller
        presented = inbound.captured.get(_SESSION)
        session: McpSession | None = None
        # A client that opens a new session may still send the id of a lost one.
        if presented is not None and not era.opens_session:
            session = self._sessions.named(inbound, caller)
            if session is None:
                raise MessageRefused(no_session(permitted.rpc_id))
            if not self._sessions.lives_here(session):
                return _in_session(permitted, session, [], _public_reply(permitted))
        names: Headers = []
        if session is not None:
            names.append(session_header(session))
        if _LAST_EVENT in inbound.captured:
            names.append((_LAST_EVENT, self._sessions.last_event(inbound, caller, session)))
        seal = self._sessions.sealer(caller, presented, session)
        return _in_session(
            permitted, session, names, _reply(permitted, seal, self._sessions.event_sealer(caller, session))
        )


def _reply(permitted: Classified, seal: SessionSealer | None, seal_events: EventSealer | None) -> UpstreamReply:
    return UpstreamReply(
        permitted.exchange.send,
        permitted.headers,
        seal,
        seal_events,
        rpc_id=permitted.era.rpc_id,
        is_standing=permitted.era.method == LISTEN,
    )


def _public_reply(permitted: Classified) -> UpstreamReply:
    """Return the reply for a response that the session's worker has already prepared for the client."""
    era = permitted.era
    return PublicReply(permitted.exchange.send, rpc_id=era.rpc_id, is_standing=era.method == LISTEN)


def _in_session(permitted: Classified, session: McpSession | None, names: Headers, reply: UpstreamReply) -> InSession:
    return InSession(
        permitted.exchange,
        permitted.headers,
        permitted.caller,
        permitted.proof,
        permitted.body,
        permitted.message,
        permitted.era,
        session,
        names,
        reply,
    )
