"""The composition root: settings, store, clock and entropy in; an ASGI application out. No decisions here.

`Door` is importable without side effects: files are touched and children started when the application starts, which is
when the server runs its lifespan, or at the first request where a host application does not pass a lifespan on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from doorward import host_application
from doorward.clock import Clock, Entropy, SystemClock, SystemEntropy
from doorward.config.addresses import issuer_of, policy_of
from doorward.config.load import from_keywords
from doorward.config.model import AuthMode, Config, DoorSettings, LoginKind
from doorward.directory.declared_clients import read_declarations, store_declared
from doorward.door.door import McpDoor
from doorward.door.foreign_tokens import NOTHING_TO_VERIFY
from doorward.door.ports import Peers
from doorward.door.replies import send_unavailable
from doorward.errors import ConfigError, Problem, StartError
from doorward.fetching.fetcher import Fetcher
from doorward.hooks import Hooks, OnError, OnRegister, OnToken, VerifyToken
from doorward.host_application import WITHOUT_LIFESPAN
from doorward.installation import Installation
from doorward.login.local import Owner, ensure_owner
from doorward.oauth.uris import parse_http
from doorward.paths import host_of
from doorward.server import Process, Server
from doorward.storage.opening import open_store
from doorward.storage.port import Store
from doorward.upstreams.configured import upstream_for
from doorward.upstreams.port import Receive, Scope, Send, Upstream

if TYPE_CHECKING:
    from doorward.doctor.engine.run import Report

LOGGER = logging.getLogger("doorward")


class Door:
    """One MCP server behind one public URL with complete OAuth, as an ASGI application.

    `app` is a FastMCP server, an `mcp` SDK server, any ASGI app that answers at `path`, or the URL of a remote server.
    Its lifespan is run by the door. Serve the door itself, or mount it in a Starlette or FastAPI application, and pass
    `lifespan=door.lifespan` to that application. Mounted at a path, it needs that path in `public_url`, and
    `well_known_routes()` among the routes of the application. `clients` are pre-registered, each with members of
    RFC 7591; `on_register` is asked about each client that registers itself, `on_token` about the tokens of a user;
    `on_error` is told what the OAuth endpoints refuse or cannot do.

    `verify_token` is asked about bearer tokens of other issuers.

    Raises:
        ConfigError: every setting that cannot be used, at once.
    """

    def __init__(
        self,
        app: object = None,
        *,
        public_url: str | None = None,
        path: str = "/mcp",
        auth: AuthMode = "oauth",
        login: LoginKind = "local",
        database: str | None = None,
        data_dir: str | Path = ".doorward",
        config: Config | None = None,
        upstream: Upstream | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        peers: Peers | None = None,
        worker_id: str = "",
        fetcher: Fetcher | None = None,
        on_register: OnRegister | None = None,
        on_token: OnToken | None = None,
        on_error: OnError | None = None,
        verify_token: VerifyToken | None = None,
        clients: Sequence[Mapping[str, Any]] = (),
        **settings: Any,
    ) -> None:
        given = {"public_url": public_url, "path": path, "auth": auth, "login": login, "database": database}
        self.config = config or from_keywords({**given, "data_dir": data_dir, **settings}, Path.cwd())
        if verify_token is not None and all(each.auth == "none" for each in self.config.doors):
            raise ConfigError([NOTHING_TO_VERIFY])
        self.policy = policy_of(self.config)
        self.upstreams = upstreams_for(self.config, app, upstream)
        """The server behind each door, in the order of `config.doors`."""
        self.clock = clock or SystemClock()
        self.entropy = entropy or SystemEntropy()
        self.peers = peers
        self.worker_id = worker_id
        loopback = parse_http(self.policy.issuer).names_this_machine
        self.fetcher = fetcher or Fetcher(allow_loopback=loopback)
        """Asks for what strangers name; on a developer's machine only, that machine may be named too."""
        self.hooks = Hooks(on_register=on_register, on_token=on_token, on_error=on_error, verify_token=verify_token)
        self.declared_clients = read_declarations(clients, now=self.clock.now(), policy=self.policy)
        self.store: Store = open_store(
            self.config.database, self.config.data_dir, connections=self.config.database_connections
        )
        self.owner = Owner()
        """What this start did about the account `owner`."""
        self._starting = asyncio.Lock()
        self.running: Server | None = None
        """The server that answers now; None before the start and after the end."""
        self._has_stopped = False
        self._is_late = False

    async def start(self) -> None:
        """Open the store, make the account `owner` if there is none, and start the upstream; safe to call twice.

        Raises:
            StartError: something here cannot be used; says what, why and the fix.
        """
        self._has_stopped = False
        await self._start()

    async def _start(self) -> None:
        async with self._starting:
            if self.running is not None or self._has_stopped:
                return
            installation = await Installation.open(
                self.config, store=self.store, clock=self.clock, entropy=self.entropy, hooks=self.hooks
            )
            async with AsyncExitStack() as undo:
                undo.push_async_callback(installation.close)
                undo.push_async_callback(self._stop_upstreams)
                self.owner = await ensure_owner(self.store, self.clock, self.entropy, self.config.owner_password)
                await store_declared(self.store, self.declared_clients)
                await start_all(self.config, self.upstreams)
                running = Server(installation, self.upstreams, self._process())
                running.begin()
                self.running = running
                undo.pop_all()

    async def _start_late(self) -> None:
        """Start at a request, because no lifespan was run."""
        await self._start()
        if self.running is not None and not self._is_late:
            self._is_late = True
            LOGGER.warning("%s", WITHOUT_LIFESPAN)

    async def examine(self) -> list[Report]:
        """Look at each door from outside, through its public URL, and keep what was found for `doorward doors show`.

        Raises:
            Unavailable: the store cannot keep it.
        """
        # Only here: the doctor's rules are not needed for serving, and take time and memory.
        from doorward import examination

        assert self.running is not None
        reports = []
        for each in self.config.doors:
            report = await examination.examine(self.running.installation, each)
            await examination.keep(self.store, self.clock, each.name, report)
            reports.append(report)
        await examination.forget_others(self.store, [each.name for each in self.config.doors])
        return reports

    async def stop(self) -> None:
        """End the upstream and its children, then the store; safe to call twice. Only `start` begins anew."""
        self._has_stopped = True
        async with self._starting, AsyncExitStack() as ending:
            running, self.running = self.running, None
            # The last one first; whatever one of them raises, the others are ended as well.
            ending.push_async_callback(self.store.close if running is None else running.stop)
            ending.push_async_callback(self._stop_upstreams)
            ending.push_async_callback(self.fetcher.close)

    async def reload(self, config: Config) -> None:
        """Serve the doors of other settings. Calls at a door that is the same in both go on.

        Only the doors and the default door are taken from the settings; the rest stays as it is until a restart.

        Raises:
            ConfigError, StartError: a door cannot be opened; nothing has changed.
        """
        async with self._starting:
            before = self.running
            if before is None:
                return
            installation = before.installation.with_doors_of(config)
            standing = dict(zip(before.doors, self.upstreams, strict=True))
            same = before.standing(installation)
            host = host_of(installation.policy.issuer)
            upstreams = tuple(
                standing[each.name] if each.name in same else _upstream(each, installation.config, host)
                for each in installation.config.doors
            )
            async with AsyncExitStack() as undo:
                undo.push_async_callback(stop_all, [each for each in upstreams if each not in self.upstreams])
                await start_all(installation.config, upstreams, already=self.upstreams)
                after = Server(installation, upstreams, self._process(), before)
                undo.pop_all()
            self.config, self.policy, self.upstreams = installation.config, installation.policy, upstreams
            self.running = after
            for door in after.doors.values():
                door.follow(installation.policy)
            await stop_all([door for door in before.doors.values() if door not in after.doors.values()])

    def _process(self) -> Process:
        return Process(fetcher=self.fetcher, peers=self.peers, worker_id=self.worker_id)

    async def _stop_upstreams(self) -> None:
        await stop_all(self.upstreams)

    @property
    def upstream(self) -> Upstream:
        """The server behind the first door."""
        return self.upstreams[0]

    def drain(self) -> None:
        """End standing streams, so that a server that is stopping need not wait for them."""
        if self.running is not None:
            self.running.drain()

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncIterator[None]:
        """Run the door for as long as a host application runs; at start, log what that does not serve for it."""
        await self.start()
        try:
            if callable(app) and self.config.self_check:
                for problem in await host_application.missing_documents(app, self.policy):
                    LOGGER.warning("%s", problem)
            yield
        finally:
            await self.stop()

    def well_known_routes(self) -> list[Route]:
        """Return the routes for the metadata at the root of the host, for an application that mounts the door lower.

        They come before any route of the application that takes every path. Mounted at the root, the door needs none.

        Spec: RFC 8414 s3.1, RFC 9728 s3.1
        """
        return host_application.well_known_routes(self.policy, self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "http":
            if self.running is None:
                await self._start_late()
            if self.running is None:  # what comes late must not wake a door that nobody will stop again
                await send_unavailable(send, [(b"connection", b"close")], "This server is stopping. Try again shortly.")
            else:
                await self.running(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._serve_lifespan(receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": "MCP is served over HTTP"})

    async def _serve_lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.drain()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


def upstreams_for(config: Config, app: object, made: Upstream | None) -> tuple[Upstream, ...]:
    """Return the upstream of each door.

    Raises:
        ConfigError, StartError: as for `upstream_for`; or a server is given, but the settings have several doors.
    """
    if (app is not None or made is not None) and len(config.doors) > 1:
        raise ConfigError([_NO_DOOR_FOR_IT])
    host = host_of(issuer_of(config))
    return tuple(_upstream(each, config, host, app, made) for each in config.doors)


def _upstream(
    door: DoorSettings, config: Config, host: str, app: object = None, made: Upstream | None = None
) -> Upstream:
    try:
        return upstream_for(door, app, made, public_host=host)
    except StartError as error:
        raise _of_door(door, config, error) from None


def _of_door(door: DoorSettings, config: Config, error: StartError) -> StartError:
    """Return the error with the name of the door that it is about, if there are several."""
    if len(config.doors) == 1:
        return error
    return StartError(replace(error.problem, what=f"door {door.name}: {error.problem.what}"))


async def start_all(config: Config, upstreams: Sequence[Upstream], already: Sequence[Upstream] = ()) -> None:
    """Start the server behind each door, all at once, but for those that have started already.

    Raises:
        StartError: one of them cannot be used; if there are several doors, it names the door.
    """
    starting = [(door, each) for door, each in zip(config.doors, upstreams, strict=True) if each not in already]
    outcomes = await asyncio.gather(*(each.start() for _, each in starting), return_exceptions=True)
    for (door, _), outcome in zip(starting, outcomes, strict=True):
        if isinstance(outcome, StartError):
            raise _of_door(door, config, outcome)
        if isinstance(outcome, BaseException):
            raise outcome


async def stop_all(parts: Iterable[Upstream | McpDoor]) -> None:
    """Stop all of them; whatever one raises does not keep the rest from stopping."""
    async with AsyncExitStack() as ending:
        for each in parts:
            ending.push_async_callback(each.stop)


_NO_DOOR_FOR_IT = Problem(
    "a server is given, but the settings have several doors",
    "Nothing says which of the doors it belongs to.",
    "Name the server as the `target` of its door, in the table [doors.NAME].",
)
