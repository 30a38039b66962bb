"""Step seven, the last: sends the request to the upstream, or to the worker that holds its session.

It consumes the proof of possession just before that, so that a refused request costs the client nothing.
"""

from __future__ import annotations

import asyncio

from doorward.door import replies
from doorward.door.accept import ACCEPT_POST, ACCEPT_STREAM
from doorward.door.departure import Departure
from doorward.door.identity import UpstreamIdentity
from doorward.door.outcome import DoorCounts
from doorward.door.parts import InSession, Served
from doorward.door.ports import Headers
from doorward.door.possession import Possession
from doorward.door.replies import MessageRefused
from doorward.door.sessions import McpSessions, no_session
from doorward.door.steps.find_session import LISTEN
from doorward.edge.client_address import ClientAddresses
from doorward.errors import UpstreamError
from doorward.mcp.sessions import McpSession
from doorward.paths import host_of, origin_of, path_of
from doorward.upstreams.port import Upstream, UpstreamCall


class Call:
    """Sends a request to its upstream, and the response back."""

    def __init__(
        self,
        upstream: Upstream,
        sessions: McpSessions,
        *,
        addresses: ClientAddresses,
        issuer: str,
        counts: DoorCounts,
        ending: asyncio.Event,
        possession: Possession | None,
        identity: UpstreamIdentity | None,
    ) -> None:
        self._upstream = upstream
        self._sessions = sessions
        self._addresses = addresses
        self._forwarded = _forwarded(issuer)
        self._counts = counts
        self._ending = ending
        """Set when long-lived streams must end."""
        self._possession = possession
        self._identity = identity

    async def take(self, request: InSession) -> Served | None:
        """Return the request as it was served; None if another worker served it, which also counts it.

        Raises:
            UpstreamError: the upstream failed, or its response must not be passed on.
            BearerError: the proof was used before (401).
            MessageRefused: the worker that held the session is gone (404).
        """
        session = request.session
        if session is not None and not self._sessions.lives_here(session):
            await self._hand_over(request, session)
            return None
        if request.proof is not None and self._possession is not None:
            await self._possession.use(request.proof)
        method: str = request.exchange.scope["method"]
        is_standing = method == "GET" or request.era.method == LISTEN
        departure = Departure(request.exchange.receive, self._ending if is_standing else None)
        call = self._call(request)
        self._counts.standing += is_standing
        try:
            await self._carry(call, request, departure)
        finally:
            self._counts.standing -= is_standing
        return Served(request, request.reply.status)

    async def _carry(self, call: UpstreamCall, request: InSession, departure: Departure) -> None:
        reply = request.reply
        try:
            await self._upstream.handle(call, departure.receive, reply.send)
        except asyncio.CancelledError:
            await reply.end_if_begun(replies.interrupted_body(rpc_id=request.rpc_id))
            raise
        except Exception:
            # A rejected response explains the failure better than the upstream's reaction to it.
            if reply.rejected is None:
                raise
        if reply.rejected is not None:
            raise reply.rejected
        if departure.is_draining and reply.started and not reply.finished:
            await reply.send({"type": "http.response.body", "body": b""})
        if not reply.finished and not departure.client_left:
            raise UpstreamError("reset", "It ended its answer before it was complete.")

    def _call(self, request: InSession) -> UpstreamCall:
        exchange, caller, era = request.exchange, request.caller, request.era
        scope, inbound = exchange.scope, exchange.inbound
        headers: Headers = [
            *inbound.forwarded,
            ACCEPT_STREAM if scope["method"] == "GET" else ACCEPT_POST,
            *self._forwarded,
            request.headers[0],
        ]
        address = self._addresses.of(scope, inbound.captured.get(b"x-forwarded-for"))
        if address:
            headers.append((b"x-forwarded-for", address.encode("latin-1")))
        headers += request.names
        if self._identity is not None and caller is not None:
            headers.append(self._identity.header(caller))
        return UpstreamCall(
            scope["method"],
            headers,
            scope["query_string"],
            request.body,
            request.era_name,
            era.method or None,
            era.rpc_id,
            None if request.session is None else request.session.upstream_id,
            caller,
            scope,
            caller.user_id if caller is not None else address,
            request.message,
        )

    async def _hand_over(self, request: InSession, session: McpSession) -> None:
        """Let the worker that holds the session answer."""
        exchange = request.exchange
        has_answered = await self._sessions.forward(
            session, exchange.scope, request.body, exchange.receive, request.reply.send
        )
        if not has_answered:
            raise MessageRefused(no_session(request.rpc_id))


def _forwarded(issuer: str) -> Headers:
    """Return the headers that tell the upstream the public URL. A client's headers with these names are dropped."""
    lines = [
        (b"x-forwarded-proto", origin_of(issuer).partition(":")[0].encode()),
        (b"x-forwarded-host", host_of(issuer).encode()),
    ]
    return [*lines, (b"x-forwarded-prefix", path_of(issuer).encode())] if path_of(issuer) else lines
