"""The running server of one installation: a routing table, and the doors in front of it. No decisions here.

It exists between start and stop. `Door` in `app.py` opens the installation and the upstreams, and closes both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from doorward.administration.operation import Administration
from doorward.audit.log import Origin, origin
from doorward.config.policy import resource_of
from doorward.door.asgi_servers import prepared
from doorward.door.door import McpDoor
from doorward.door.ports import Peers
from doorward.door.refusal_counts import Refusals
from doorward.door.services import DoorServices
from doorward.edge.client_address import ClientAddresses
from doorward.edge.every_answer import with_request_id
from doorward.edge.limits import RequestLimits
from doorward.edge.mounting import below, local_path
from doorward.edge.placement import Placement
from doorward.edge.request_ids import RequestIds
from doorward.edge.router import Mount, Route, Router
from doorward.endpoints import administration, authorization_server, operation
from doorward.endpoints.arrival import Arrival
from doorward.endpoints.counts import Counts
from doorward.endpoints.metrics import Answers, MetricsEndpoint
from doorward.endpoints.probes import DoorReadiness
from doorward.errors import Problem, StartError
from doorward.fetching.fetcher import Fetcher
from doorward.installation import Installation
from doorward.logs import request_id
from doorward.pages import routes as pages
from doorward.pages.rendering import Pages
from doorward.paths import WELL_KNOWN, first_segment
from doorward.upstreams.port import Receive, Scope, Send, Upstream


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The per-process parts of the server."""

    fetcher: Fetcher
    peers: Peers | None = None
    worker_id: str = ""
    """Empty if it is the only worker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Counters and limits that survive a change of doors."""

    started_at: int
    request_ids: RequestIds
    refusals: Refusals
    answers: Answers
    limits: RequestLimits

    @classmethod
    def of(cls, here: Installation, addresses: ClientAddresses) -> Shared:
        """Return the counters and limits of a new server."""
        return cls(
            started_at=here.clock.now(),
            request_ids=RequestIds(here.entropy.random_bytes(6)),
            refusals=Refusals(here.audit.write),
            answers=Answers(),
            limits=RequestLimits(here.config, here.clock, addresses.of_scope),
        )


class Server:
    """Serves the doors of an installation, and all other paths by one table.

    Raises:
        StartError: a path is served twice.
    """

    def __init__(
        self, installation: Installation, upstreams: Sequence[Upstream], process: Process, before: Server | None = None
    ) -> None:
        self.installation = installation
        self.kept_out: Mapping[str, Problem] = {}
        """Why doors that were added by command are not served, by name."""
        self.authority = installation.authority(process.fetcher)
        if before is not None:
            self.authority = self.authority.following(before.authority)
        self._addresses = ClientAddresses(installation.config.trusted_proxies)
        self.shared: Shared = Shared.of(installation, self._addresses) if before is None else before.shared
        self._base_path, self._placement = installation.policy.base_path, Placement(installation.policy.issuer)
        standing = {} if before is None else before.standing(installation)
        self.doors = _built(installation, upstreams, self._services(process), standing)
        self.router = Router(self._table(process))
        self.doors_by_path = _by_path(self.doors.values(), self.router)

    def begin(self) -> None:
        """Start the background work."""
        self.installation.begin(self.authority)
        self.installation.upkeep.begin("refusals", self.shared.refusals.tell_regularly())

    def standing(self, after: Installation) -> dict[str, McpDoor]:
        """Return the doors that are the same in other settings, by name; what they hold and count goes on."""
        wanted = {each.name: each for each in after.config.doors}
        same = [each for each in self.installation.config.doors if wanted.get(each.name) == each]
        return {each.name: self.doors[each.name] for each in same}

    def _services(self, process: Process) -> DoorServices:
        here = self.installation
        return DoorServices(
            policy=here.policy,
            store=here.plain_store,
            clock=here.clock,
            entropy=here.entropy,
            sealer=here.keys.sealer("mcp session"),
            addresses=self._addresses,
            sign=self.authority.sign,
            proofs=self.authority.proofs,
            refusals=self.shared.refusals,
            last_used=here.last_used,
            hooks=here.hooks,
            peers=process.peers,
            worker_id=process.worker_id,
            listens_on=here.config.host,
            write_timeout_seconds=here.config.write_timeout_seconds,
        )

    def _table(self, process: Process) -> Iterator[Route | Mount]:
        here, authority = self.installation, self.authority
        arrival = Arrival(here.keys.sealer("arrival"), here.clock, self._addresses.trusts)
        yield from operation.routes(here.plain_store, here.keys, arrival, self._metrics(process), self._readiness)
        yield from administration.routes(Administration.of(here), here.last_used)
        if any(each.auth == "oauth" for each in here.config.doors):  # otherwise, there is nothing to sign in to
            rendering = Pages(here.policy.issuer)
            limits = self.shared.limits
            yield from authorization_server.routes(authority, limits, here.hooks, rendering.error)
            yield from pages.routes(authority, rendering, limits)

    def _readiness(self) -> list[DoorReadiness]:
        problems = {name: door.problem for name, door in self.doors.items()}
        found = [DoorReadiness(name, each is None, each.what if each else "") for name, each in problems.items()]
        return [*found, *(DoorReadiness(name, ready=False, reason=each.what) for name, each in self.kept_out.items())]

    def _metrics(self, process: Process) -> MetricsEndpoint | None:
        here = self.installation
        if not here.config.metrics_from:
            return None
        counts = Counts(
            started_at=self.shared.started_at,
            doors={name: door.counts for name, door in self.doors.items()},
            answers=self.shared.answers.counted,
            audit=here.audit,
            authority=self.authority,
        )
        return MetricsEndpoint(
            counts.families,
            common={"worker": process.worker_id} if process.worker_id else {},
            trusts=ClientAddresses(here.config.metrics_from).trusts,
            allowed_hosts=here.config.allowed_hosts,
        )

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one HTTP request, once it is awaited."""
        if scope.get("root_path") and (refusal := self._placement.refusal(scope)) is not None:
            return refusal(scope, receive, send)
        if self._base_path:
            scope = below(self._base_path, scope)
        door = self.doors_by_path.get(local_path(scope))
        return (door or self._serve_rest)(scope, receive, send)

    async def _serve_rest(self, scope: Scope, receive: Receive, send: Send) -> None:
        identifier = self.shared.request_ids.next()
        request_id.set(identifier)
        here = Origin(self.installation.audit, address=self._addresses.of_scope(scope), request_id=identifier)
        token = origin.set(here)
        try:
            receive, send = prepared(scope, receive, with_request_id(send, identifier))
            await self.shared.answers.count(self.router, scope, receive, send)
        finally:
            origin.reset(token)

    def drain(self) -> None:
        """End long-lived streams, so that a stopping process need not wait for them."""
        for door in self.doors.values():
            door.drain()

    async def stop(self) -> None:
        """End the background work and close the installation."""
        self.shared.refusals.tell()
        await self.installation.close()


def own_first_segments(router: Router, door_paths: Iterable[str]) -> frozenset[str]:
    """Return the first segments of the table, except metadata documents below a door."""
    below_a_door = tuple(f"{path.rstrip('/')}{WELL_KNOWN}/" for path in door_paths if path != "/")
    return frozenset(first_segment(path) for path in router.paths if not path.startswith(below_a_door))


def _built(
    installation: Installation,
    upstreams: Sequence[Upstream],
    services: DoorServices,
    standing: Mapping[str, McpDoor],
) -> dict[str, McpDoor]:
    """Return each door by its name, with its upstream; an unchanged one is kept."""
    config = installation.config
    return {
        each.name: standing.get(each.name)
        or McpDoor(settings=each, resource=resource_of(config, each), upstream=upstream, services=services)
        for each, upstream in zip(config.doors, upstreams, strict=True)
    }


def _by_path(doors: Collection[McpDoor], router: Router) -> Mapping[str, McpDoor]:
    found: dict[str, McpDoor] = {}
    reserved = own_first_segments(router, [path for door in doors for path in door.paths])
    for door in doors:
        for path in door.paths:
            if path in found or first_segment(path) in reserved:
                raise StartError(
                    Problem(
                        f"{path} is served already",
                        "A door alone answers at its path, with and without a last slash.",
                        "Choose another path for the door.",
                    )
                )
            found[path] = door
    return found
