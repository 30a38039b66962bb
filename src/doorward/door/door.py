"""One door: from the request's first header to the upstream's last byte.

The order of the checks is the security property: where the request may come from, who sends it, whether it is a
message, which era it belongs to, whose `mcp_session` it names; only then does the upstream hear of it. Each check
lives in its own module; this one runs them and keeps the kinds of failure apart (refused, unavailable, bug).

Implements MCP 2025-11-25 and 2026-07-28 basic/transports as an intermediary. Does not know how an upstream is
reached, what a tool is, or how an access token came to be.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from itertools import count

from doorward.config.header_rules import header_lines
from doorward.config.model import Config
from doorward.door import replies
from doorward.door.accept import ACCEPT_POST, ACCEPT_STREAM, check_accept, check_content
from doorward.door.bearer import Authenticator
from doorward.door.body import ClientGone, read_body
from doorward.door.departure import Departure
from doorward.door.exchange import DoorCounts, Exchange
from doorward.door.foreign_servers import LIMITS_WRITES, closing, limited
from doorward.door.guard import Guard, cors_headers, preflight_headers
from doorward.door.identity import UpstreamIdentity
from doorward.door.inbound import HeaderSorter, Inbound, trace_of
from doorward.door.possession import Possession
from doorward.door.replies import Refused
from doorward.door.route import owned_paths
from doorward.door.services import DoorServices
from doorward.door.sessions import McpSessions, append_session
from doorward.door.stream import PublicReply, UpstreamReply
from doorward.errors import Unavailable, UpstreamError, is_shutdown
from doorward.logs import log, request_id, trace_id
from doorward.mcp.era import Legacy, Modern, classify, classify_bodiless
from doorward.mcp.headers import read_mirrored
from doorward.mcp.jsonrpc import INVALID_REQUEST, Refusal, read_message
from doorward.mcp.sessions import McpSession
from doorward.oauth.errors import BearerError
from doorward.oauth.operation_scopes import OperationScopes
from doorward.oauth.policy import Resource
from doorward.upstreams.port import Receive, Scope, Send, Upstream, UpstreamCall

LOGGER = logging.getLogger("doorward.door")

_ALLOW = [(b"allow", b"GET, POST, DELETE, OPTIONS")]
_ALLOW_MODERN = [(b"allow", b"POST, OPTIONS")]
_LISTEN = "subscriptions/listen"


class McpDoor:
    """The ASGI application of one door; the router hands it the requests for `paths`."""

    def __init__(self, *, settings: Config, resource: Resource, upstream: Upstream, services: DoorServices) -> None:
        self.paths = owned_paths(settings.path)
        """The decoded request paths that belong to this door."""
        policy = services.policy
        self._upstream = upstream
        self._body_limit_bytes, self._write_seconds = settings.body_limit_bytes, services.write_timeout_seconds
        self._sorter = _sorter(settings)
        self._guard = Guard(
            policy.issuer,
            listens_on=services.listens_on,
            allowed_hosts=policy.other_hosts,
            allowed_origins=settings.allowed_origins,
        )
        self._operations = _operations(settings, resource)
        self._identity = _identity(settings, resource, upstream, services)
        self._possession = _possession(settings, resource, services)
        self._authenticator = Authenticator(
            settings,
            resource,
            services,
            possession=self._possession,
            # Where operations differ, the door decides once it has read which one is asked for.
            demanded=resource.scopes if self._operations is None else (),
        )
        # A session that a remote server keeps belongs to no worker: each of them reaches it alike.
        holder = services.worker_id if upstream.keeps_sessions_here else ""
        self._sessions = McpSessions(services.sealer, door_path=settings.path, worker_id=holder, peers=services.peers)
        self._addresses = services.addresses
        scheme, _, host = policy.issuer.partition("://")
        self._forwarded = [(b"x-forwarded-proto", scheme.encode()), (b"x-forwarded-host", host.encode())]
        self._refusals, self._drain = services.refusals, asyncio.Event()
        # Ids need to be distinct, not secret: a random start and a counter spare a system call for each request.
        self._run, self._numbers = services.entropy.random_bytes(6).hex(), count(1)
        self.counts = DoorCounts()

    def drain(self) -> None:
        """End standing streams, so that a process that is stopping need not wait for them."""
        self._drain.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        identifier = f"{self._run}{next(self._numbers):06x}"
        request_id.set(identifier)
        inbound = self._sorter.sort(scope["headers"])
        send = self._bounded(send, scope, inbound)
        exchange = Exchange(scope, receive, send, inbound, identifier)
        trace_id.set(trace_of(inbound))
        try:
            await self._serve(exchange)
        except Refused as error:
            await replies.send_refused(send, exchange.base, error)
            exchange.note_refused(error.refusal.status, error.refusal.message)
            if error.refusal.status == 403:  # noqa: PLR2004
                self._count(exchange, "foreign_origin")
        except BearerError as error:
            challenge = self._authenticator.challenge(error)
            await replies.send_challenge(send, exchange.base, error, challenge, rpc_id=exchange.rpc_id)
            exchange.note_refused(error.status, error.reason, counted=error.reason)
            self._count(exchange, error.reason)
        except Unavailable as error:
            log(LOGGER, logging.WARNING, "store_unavailable", detail=str(error))
            exchange.note_failed("unavailable", 503)
            await replies.send_unavailable(send, exchange.base)
        except UpstreamError as error:
            await self._fail(exchange, error)
        except ClientGone:
            log(LOGGER, logging.DEBUG, "client_gone")
            exchange.note_failed("client_gone", 0)
        except asyncio.CancelledError as error:
            await self._cut(exchange, error)
        except Exception:
            LOGGER.exception("bug", extra={"fields": {"error_id": identifier}})
            await self._admit_bug(exchange, identifier)
        finally:
            exchange.stop_keep_alive()
            if exchange.outcome is not None:
                self.counts.requests[exchange.outcome] += 1

    def _bounded(self, send: Send, scope: Scope, inbound: Inbound) -> Send:
        """Return a `send` with what other servers leave to the application."""
        if LIMITS_WRITES not in scope.get("extensions", ()):
            send = limited(send, self._write_seconds)
        return closing(send) if b"upgrade" in inbound.captured or scope["method"] == "CONNECT" else send

    async def _serve(self, exchange: Exchange) -> None:
        method: str = exchange.scope["method"]
        self._admit(exchange)
        if method == "OPTIONS":
            captured = exchange.inbound.captured
            headers = preflight_headers(captured.get(b"origin"), captured.get(b"access-control-request-headers"))
            await replies.send_empty(exchange.send, 204, [exchange.base[0], *headers])
            return
        exchange.caller = await self._authenticator.identify(exchange.inbound, method, exchange.base)
        if method == "POST":
            await self._post(exchange)
        elif method in {"GET", "DELETE"}:
            await self._bodiless(exchange)
        else:
            raise Refused(405, "The method is not supported here.", headers=_ALLOW)

    def _admit(self, exchange: Exchange) -> None:
        inbound = exchange.inbound
        captured, doubled = inbound.captured, inbound.doubled
        if not self._guard.host_is_allowed(captured.get(b"host")) or b"host" in doubled:
            raise Refused(421, "This server does not answer to that Host. Its owner can add it to allowed_hosts.")
        origin = captured.get(b"origin")
        if origin is not None:
            if b"origin" in doubled or not self._guard.origin_is_allowed(origin):
                raise Refused(403, "This Origin may not call this server. Its owner can add it to allowed_origins.")
            exchange.base += cors_headers(origin)

    async def _post(self, exchange: Exchange) -> None:
        inbound = exchange.inbound
        check_content(inbound)
        check_accept("POST", inbound.captured.get(b"accept"))
        exchange.body = await read_body(exchange.receive, inbound, self._body_limit_bytes)
        message = read_message(exchange.body)
        if isinstance(message, Refusal):
            await exchange.refuse(message)
            return
        exchange.message = message
        era = classify(message, read_mirrored(inbound.captured, inbound.doubled))
        if isinstance(era, Refusal):
            await exchange.refuse(era)
            return
        exchange.rpc_id, exchange.rpc_method = era.rpc_id, era.method
        exchange.era = "modern" if isinstance(era, Modern) else "legacy"
        self._permit(exchange, message.method, message.params)
        await self._carry(exchange, era)

    async def _bodiless(self, exchange: Exchange) -> None:
        inbound = exchange.inbound
        era = classify_bodiless(read_mirrored(inbound.captured, inbound.doubled))
        if isinstance(era, Refusal):
            await exchange.refuse(era)
        elif isinstance(era, Modern):
            raise Refused(405, f"Version {era.version} of MCP uses POST only.", headers=_ALLOW_MODERN)
        else:
            exchange.era = "legacy"
            check_accept(exchange.scope["method"], inbound.captured.get(b"accept"))
            self._permit(exchange, None, {})
            await self._carry(exchange, era)

    def _permit(self, exchange: Exchange, method: str | None, params: Mapping[str, object]) -> None:
        caller, operations = exchange.caller, self._operations
        if caller is not None and operations is not None:
            operations.check(caller.scopes, method, params)
            # The upstream may check scopes as well, and knows nothing of what stands for what.
            caller.scopes = operations.expanded(caller.scopes)

    async def _carry(self, exchange: Exchange, era: Modern | Legacy) -> None:
        session: McpSession | None = None
        captured = exchange.inbound.captured
        # A client that opens a session anew may still send the id of the one it lost.
        if isinstance(era, Legacy) and not era.opens_session and b"mcp-session-id" in captured:
            session = self._sessions.named(exchange.inbound, exchange.caller)
            if session is None:
                await exchange.refuse(_no_session(exchange))
                return
            if not self._sessions.lives_here(session):
                await self._hand_over(exchange, era, session)
                return
        headers = exchange.inbound.forwarded
        headers.append(ACCEPT_STREAM if exchange.scope["method"] == "GET" else ACCEPT_POST)
        headers += self._forwarded
        headers.append((b"x-request-id", exchange.base[0][1]))
        address = self._addresses.of(exchange.scope, captured.get(b"x-forwarded-for"))
        if address:
            headers.append((b"x-forwarded-for", address.encode("latin-1")))
        exchange.share = exchange.caller.user_id if exchange.caller is not None else address or ""
        seal, seal_events = None, None
        if isinstance(era, Legacy):
            seal_events = self._sessions.event_sealer(exchange.caller, session)
            seal = self._sessions.sealer(exchange.caller, captured.get(b"mcp-session-id"), session)
            if session is not None:
                append_session(headers, session)
            if b"last-event-id" in captured:
                headers.append(
                    (b"last-event-id", self._sessions.last_event(exchange.inbound, exchange.caller, session))
                )
        reply = UpstreamReply(
            exchange.send,
            exchange.base,
            asyncio.get_running_loop(),
            seal,
            seal_events,
            rpc_id=exchange.rpc_id,
            is_standing=era.method == _LISTEN,
        )
        exchange.reply = reply
        await self._call(exchange, reply, era, session)

    async def _hand_over(self, exchange: Exchange, era: Legacy, session: McpSession) -> None:
        """Let the worker that holds the session answer."""
        is_standing = era.method == _LISTEN
        loop = asyncio.get_running_loop()
        reply = PublicReply(exchange.send, loop, rpc_id=exchange.rpc_id, is_standing=is_standing)
        exchange.reply = reply
        if not await self._sessions.forward(session, exchange.scope, exchange.body, exchange.receive, reply.send):
            await exchange.refuse(_no_session(exchange))

    async def _call(
        self, exchange: Exchange, reply: UpstreamReply, era: Modern | Legacy, session: McpSession | None
    ) -> None:
        scope, inbound = exchange.scope, exchange.inbound
        if inbound.proof is not None and self._possession is not None:
            await self._possession.use(inbound.proof)
        if self._identity is not None and exchange.caller is not None:
            inbound.forwarded.append(self._identity.header(exchange.caller))
        is_standing = scope["method"] == "GET" or era.method == _LISTEN
        departure = Departure(exchange.receive, self._drain if is_standing else None)
        call = UpstreamCall(
            scope["method"],
            inbound.forwarded,
            scope["query_string"],
            exchange.body,
            exchange.era or "legacy",
            era.method or None,
            era.rpc_id,
            None if session is None else session.upstream_id,
            exchange.caller,
            scope,
            exchange.share,
            exchange.message,
        )
        self.counts.standing += is_standing
        try:
            await self._upstream.handle(call, departure.receive, reply.send)
        except asyncio.CancelledError:
            await exchange.end_stream(replies.interrupted_body(rpc_id=exchange.rpc_id))
            raise
        except Exception:
            # What was held back explains the failure better than how the upstream took it.
            if reply.rejected is None:
                raise
        finally:
            self.counts.standing -= is_standing
        if reply.rejected is not None:
            raise reply.rejected
        if departure.is_draining and reply.started and not reply.finished:
            await reply.send({"type": "http.response.body", "body": b""})
        if not reply.finished and not departure.client_left:
            raise UpstreamError("reset", "It ended its answer before it was complete.")
        exchange.note_served(call.era, reply.status)

    def _count(self, exchange: Exchange, reason: str) -> None:
        if self._refusals is not None:
            forwarded_for = exchange.inbound.captured.get(b"x-forwarded-for")
            self._refusals.add(reason, self._addresses.of(exchange.scope, forwarded_for))

    async def _admit_bug(self, exchange: Exchange, identifier: str) -> None:
        exchange.note_failed("bug", 500)
        if not exchange.has_started:
            await replies.send_bug(exchange.send, exchange.base, identifier, rpc_id=exchange.rpc_id)
        await exchange.end_stream(replies.bug_body(identifier, rpc_id=exchange.rpc_id))

    async def _cut(self, exchange: Exchange, error: asyncio.CancelledError) -> None:
        """Answer a call that would have kept the process from stopping; other cancellations are not ours to end."""
        if not is_shutdown(error):
            raise error
        log(LOGGER, logging.WARNING, "cut_by_shutdown", rpc_method=exchange.rpc_method)
        exchange.note_failed("unavailable", 503)
        if not exchange.has_started:
            await replies.send_stopping(exchange.send, exchange.base, rpc_id=exchange.rpc_id)
        await exchange.end_stream(replies.stopping_body(rpc_id=exchange.rpc_id))

    async def _fail(self, exchange: Exchange, error: UpstreamError) -> None:
        log(LOGGER, logging.WARNING, "upstream_failed", fault=error.fault, detail=str(error))
        exchange.note_failed("upstream_failed", replies.FAULT_STATUS[error.fault])
        name, rpc_id = self._upstream.name, exchange.rpc_id
        if not exchange.has_started:
            await replies.send_upstream_fault(exchange.send, exchange.base, error, upstream=name, rpc_id=rpc_id)
        await exchange.end_stream(replies.upstream_fault_body(error, upstream=name, rpc_id=rpc_id))


def _sorter(settings: Config) -> HeaderSorter:
    replaced = [name for name, _ in header_lines(settings.upstream_headers or "")]
    return HeaderSorter(settings.token_header, forwarded=settings.forward_headers, replaced=replaced)


def _operations(settings: Config, resource: Resource) -> OperationScopes | None:
    """Return the scopes of single operations; None where all have the same."""
    operations = OperationScopes(
        resource.scopes, tools=settings.tool_scopes, methods=settings.method_scopes, implies=settings.scope_implies
    )
    return None if operations.is_plain else operations


def _possession(settings: Config, resource: Resource, services: DoorServices) -> Possession | None:
    """Return the rule for tokens that are bound to a key; None where no token of that kind counts."""
    if services.proofs is None or settings.auth != "oauth":
        return None
    return Possession(services.proofs, resource)


def _identity(
    settings: Config, resource: Resource, upstream: Upstream, services: DoorServices
) -> UpstreamIdentity | None:
    """Return what states to the upstream who is calling; None where it is not told."""
    if settings.upstream_identity != "jwt" or services.sign is None:
        return None
    return UpstreamIdentity(
        sign=services.sign,
        issuer=services.policy.issuer,
        upstream_url=upstream.audience or resource.uri,
        clock=services.clock,
        entropy=services.entropy,
    )


def _no_session(exchange: Exchange) -> Refusal:
    return Refusal(404, INVALID_REQUEST, "Session not found; initialize a new one.", rpc_id=exchange.rpc_id)
