"""One door: from the first header of a request to the last byte of the upstream.

Owns the order of the steps that every request goes through, and keeps the kinds of failure apart (refused, unavailable,
bug). The order is the security property: the request's origin, its sender, whether it is a message, its era, the
caller's permission, and the caller's `mcp_session`. Only then does the request reach the upstream.

Implements MCP 2025-11-25 and 2026-07-28 basic/transports as an intermediary. Does not know how an upstream is reached,
what a tool is, or how an access token was issued.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Collection
from typing import Any

from doorward.config.header_rules import header_lines
from doorward.config.model import DoorSettings
from doorward.door import replies
from doorward.door.asgi_servers import LIMITS_WRITES, closing, limited
from doorward.door.bearer import Authenticator
from doorward.door.body import ClientGone
from doorward.door.guard import Guard
from doorward.door.identity import UpstreamIdentity
from doorward.door.inbound import HeaderSorter, Inbound, trace_of
from doorward.door.outcome import DoorCounts
from doorward.door.parts import Answered, Exchange, Part, Served, Step
from doorward.door.replies import MessageRefused, Refused
from doorward.door.route import owned_paths
from doorward.door.services import DoorServices
from doorward.door.sessions import McpSessions
from doorward.door.steps.admit import Admit
from doorward.door.steps.call import Call
from doorward.door.steps.classify import Classify
from doorward.door.steps.find_session import FindSession
from doorward.door.steps.identify import Identify
from doorward.door.steps.permit import Permit
from doorward.door.steps.read import Read
from doorward.edge.request_ids import RequestIds
from doorward.errors import SHUTDOWN, Problem, Unavailable, UpstreamError, is_shutdown
from doorward.logs import door_name, log, request_id, trace_id
from doorward.oauth.errors import BearerError
from doorward.oauth.operation_scopes import OperationScopes
from doorward.oauth.policy import Policy, Resource
from doorward.upstreams.port import Receive, Scope, Send, Upstream

LOGGER = logging.getLogger("doorward.door")
_LAST_WORDS_SECONDS = 1.0
"""How long a call that is cut off may take to send its error."""


class McpDoor:
    """The ASGI application of one door; the server gives it the requests for `paths`."""

    def __init__(
        self, *, settings: DoorSettings, resource: Resource, upstream: Upstream, services: DoorServices
    ) -> None:
        self.name = resource.name
        self.paths = owned_paths(settings.path)
        """The decoded request paths of this door."""
        self.counts = DoorCounts()
        self._upstream, self._services = upstream, services
        self._sorter = _sorter(settings)
        self._drain = asyncio.Event()
        self._calls: set[asyncio.Task[object]] = set()
        """Those that are being answered."""
        self._request_ids = RequestIds(services.entropy.random_bytes(6))
        operations = _operations(settings, resource)
        # If operations differ in scopes, the door decides after it has read which one is requested.
        demanded = resource.scopes if operations is None else ()
        self._authenticator = Authenticator(settings, resource, services, demanded=demanded)
        # A session in a remote server belongs to no worker, because every worker can reach it.
        holder = services.worker_id if upstream.keeps_sessions_here else ""
        # With the target: an id of the server that was at this path before must not reach the one that is there now.
        server = f"{settings.path} {settings.target!r}"
        sessions = McpSessions(services.sealer, server=server, worker_id=holder, peers=services.peers)
        self.identity = _identity(settings, resource, upstream, services)
        """Tells the upstream who is calling; None if it is not configured."""
        self.steps: tuple[Step, ...] = (
            Admit(_guard(settings, services)),
            Identify(self._authenticator),
            Read(settings.body_limit_bytes),
            Classify(),
            Permit(operations),
            FindSession(sessions),
            Call(
                upstream,
                sessions,
                addresses=services.addresses,
                issuer=services.policy.issuer,
                counts=self.counts,
                ending=self._drain,
                possession=self._authenticator.possession,
                identity=self.identity,
            ),
        )
        """The steps of every request, in order."""
        self._takes: tuple[tuple[Callable[[Any], Any], bool], ...] = tuple(
            (step.take, inspect.iscoroutinefunction(step.take)) for step in self.steps
        )

    def follow(self, policy: Policy) -> None:
        """Switch to the policy of other settings in which this door is unchanged."""
        self._authenticator.follow(policy)

    def drain(self) -> None:
        """End long-lived streams, so that a stopping process need not wait for them."""
        self._drain.set()

    @property
    def problem(self) -> Problem | None:
        """What is wrong with the server behind the door for every client; None if nothing is known."""
        return self._upstream.problem

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return not self._calls

    def close(self) -> None:
        """Answer 404 from now on, and end standing streams; calls under way go on."""
        self._takes = ((_refuse_all, False),)
        self.drain()

    async def stop(self, seconds: float = 10) -> None:
        """Take the door away: calls under way may take so long, then they end with an error, and the upstream stops."""
        self.close()
        try:
            if self._calls:
                _, late = await asyncio.wait(self._calls, timeout=seconds)
                if late:
                    log(LOGGER, logging.WARNING, "calls_ended", door=self.name, calls=len(late))
                    await _cut_off(late)
        finally:
            await self._upstream.stop()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        identifier = self._request_ids.next()
        request_id.set(identifier)
        door_name.set(self.name)
        inbound = self._sorter.sort(scope["headers"])
        trace_id.set(trace_of(inbound))
        headers = [(b"x-request-id", identifier.encode("ascii"))]
        part: Part = Exchange(scope, receive, self._bounded(send, scope, inbound), inbound, headers)
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            for take, waits in self._takes:
                following = await take(part) if waits else take(part)
                kind = type(following)
                if kind is Served:
                    self.counts.served(following)
                elif kind is Answered:
                    await replies.send_empty(part.exchange.send, following.status, following.headers)
                    break
                elif following is not None:
                    part = following
        except (Refused, MessageRefused, BearerError) as error:
            await self._refuse(part, error)
        except (Unavailable, UpstreamError, ClientGone) as error:
            await self._fail(part, error)
        except asyncio.CancelledError as error:
            await self._cut(part, error)
        except Exception:
            LOGGER.exception("bug", extra={"fields": {"error_id": identifier}})
            await self._admit_bug(part, identifier)
        finally:
            self._calls.discard(task)
            if part.reply is not None:
                part.reply.close()

    def _bounded(self, send: Send, scope: Scope, inbound: Inbound) -> Send:
        """Return a `send` with the limits that other ASGI servers leave to the application."""
        if LIMITS_WRITES not in scope.get("extensions", ()):
            send = limited(send, self._services.write_timeout_seconds)
        return closing(send) if b"upgrade" in inbound.captured or scope["method"] == "CONNECT" else send

    async def _refuse(self, part: Part, error: Refused | MessageRefused | BearerError) -> None:
        send, headers = part.exchange.send, part.headers
        if isinstance(error, BearerError):
            challenge = self._authenticator.challenge(error)
            await replies.send_challenge(send, headers, error, challenge, rpc_id=part.rpc_id)
            self.counts.refused(part, error.status, error.reason, counted=error.reason)
            self._report(part, error.reason)
        elif isinstance(error, MessageRefused):
            await replies.send_refusal(send, headers, error.refusal)
            self.counts.refused(part, error.refusal.status, error.refusal.message)
        else:
            await replies.send_refused(send, headers, error)
            self.counts.refused(part, error.refusal.status, error.refusal.message)
            if error.refusal.status == 403:  # noqa: PLR2004
                self._report(part, "foreign_origin")

    def _report(self, part: Part, reason: str) -> None:
        """Report a refusal to the audit log."""
        services, exchange = self._services, part.exchange
        if services.refusals is not None:
            forwarded_for = exchange.inbound.captured.get(b"x-forwarded-for")
            address = services.addresses.of(exchange.scope, forwarded_for)
            services.refusals.add(reason, address, door=self.name)

    async def _admit_bug(self, part: Part, identifier: str) -> None:
        self.counts.failed(part, "bug", 500)
        if part.reply is None or not part.reply.started:
            await replies.send_bug(part.exchange.send, part.headers, identifier, rpc_id=part.rpc_id)
        else:
            await part.reply.end_if_begun(replies.bug_body(identifier, rpc_id=part.rpc_id))

    async def _cut(self, part: Part, error: asyncio.CancelledError) -> None:
        """Answer a call that would block the process from stopping; other cancellations are not ours to handle."""
        if not is_shutdown(error):
            raise error
        log(LOGGER, logging.WARNING, "cut_by_shutdown", rpc_method=part.rpc_method)
        self.counts.failed(part, "unavailable", 503)
        if part.reply is None or not part.reply.started:
            await replies.send_stopping(part.exchange.send, part.headers, rpc_id=part.rpc_id)
        else:
            await part.reply.end_if_begun(replies.stopping_body(rpc_id=part.rpc_id))

    async def _fail(self, part: Part, error: Unavailable | UpstreamError | ClientGone) -> None:
        """Answer a request that failed without a refusal."""
        if isinstance(error, UpstreamError):
            await self._name_upstream(part, error)
        elif isinstance(error, Unavailable):
            log(LOGGER, logging.WARNING, "store_unavailable", detail=str(error))
            self.counts.failed(part, "unavailable", 503)
            await replies.send_unavailable(part.exchange.send, part.headers)
        else:
            log(LOGGER, logging.DEBUG, "client_gone")
            self.counts.failed(part, "client_gone", 0)

    async def _name_upstream(self, part: Part, error: UpstreamError) -> None:
        log(LOGGER, logging.WARNING, "upstream_failed", fault=error.fault, detail=str(error))
        self.counts.failed(part, "upstream_failed", replies.FAULT_STATUS[error.fault])
        name, rpc_id = self._upstream.name, part.rpc_id
        if part.reply is None or not part.reply.started:
            send, headers = part.exchange.send, part.headers
            await replies.send_upstream_fault(send, headers, error, upstream=name, rpc_id=rpc_id)
        else:
            await part.reply.end_if_begun(replies.upstream_fault_body(error, upstream=name, rpc_id=rpc_id))


async def _cut_off(calls: Collection[asyncio.Task[object]]) -> None:
    """End calls that would keep a door from being stopped, and give them a moment to say so."""
    for call in calls:
        call.cancel(SHUTDOWN)
    await asyncio.wait(calls, timeout=_LAST_WORDS_SECONDS)


def _refuse_all(exchange: Exchange) -> None:
    """Replace every step of a removed door. Raises `Refused`."""
    del exchange
    raise Refused(404, "There is no MCP server at this address any more.")


def _sorter(settings: DoorSettings) -> HeaderSorter:
    replaced = [name for name, _ in header_lines(settings.upstream_headers or "")]
    return HeaderSorter(settings.token_header, forwarded=settings.forward_headers, replaced=replaced)


def _guard(settings: DoorSettings, services: DoorServices) -> Guard:
    return Guard(
        services.policy.origin,
        listens_on=services.listens_on,
        allowed_hosts=services.policy.other_hosts,
        allowed_origins=settings.allowed_origins,
    )


def _operations(settings: DoorSettings, resource: Resource) -> OperationScopes | None:
    """Return the scopes of single operations; None if all need the same."""
    operations = OperationScopes(
        resource.scopes, tools=settings.tool_scopes, methods=settings.method_scopes, implies=settings.scope_implies
    )
    return None if operations.is_plain else operations


def _identity(
    settings: DoorSettings, resource: Resource, upstream: Upstream, services: DoorServices
) -> UpstreamIdentity | None:
    """Return what tells the upstream who is calling; None if it is not configured."""
    if settings.upstream_identity != "jwt" or services.sign is None:
        return None
    return UpstreamIdentity(
        sign=services.sign,
        issuer=services.policy.issuer,
        upstream_url=upstream.audience or resource.uri,
        clock=services.clock,
        entropy=services.entropy,
    )
