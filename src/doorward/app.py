"""The composition root: settings, store, clock and entropy in; an ASGI application out. No decisions here.

`Door` is importable without side effects: files are touched and children started when the application starts, which is
when the server runs its lifespan, or at the first request where a host application does not pass a lifespan on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from doorward import host_application
from doorward.clock import Clock, Entropy, SystemClock, SystemEntropy
from doorward.config.doors import with_doors_of
from doorward.config.load import from_keywords
from doorward.config.model import AuthMode, Config, LoginKind
from doorward.config.policy import policy_of
from doorward.directory import added_doors
from doorward.directory.added_doors import Kept
from doorward.directory.declared_clients import read_declarations, store_declared
from doorward.door.foreign_tokens import NOTHING_TO_VERIFY
from doorward.door.ports import Peers
from doorward.door.replies import send_unavailable
from doorward.errors import ConfigError, StorageError
from doorward.fetching.fetcher import Fetcher
from doorward.hooks import Hooks, OnError, OnRegister, OnToken, VerifyToken
from doorward.host_application import WITHOUT_LIFESPAN
from doorward.installation import Installation
from doorward.login.local import Owner, ensure_owner
from doorward.logs import log
from doorward.oauth.uris import parse_http
from doorward.opening import Opened, Standing, open_doors, stop_all, upstreams_for
from doorward.roster import Roster
from doorward.server import Process, Server
from doorward.storage.opening import open_store
from doorward.storage.port import Store
from doorward.upkeep import every
from doorward.upstreams.port import Receive, Scope, Send, Upstream

if TYPE_CHECKING:
    from doorward.doctor.engine.run import Report

LOGGER = logging.getLogger("doorward")
FOLLOW_SECONDS = 1.0
"""How often each process looks for doors that commands have added, changed or removed."""


class Door:
    """One MCP server behind one public URL with complete OAuth, as an ASGI application.

    `app` is a FastMCP server, an `mcp` SDK server, any ASGI app that answers at `path`, or the URL of a remote server.
    Its lifespan is run by the door. Serve the door itself, or mount it in a Starlette or FastAPI application, and pass
    `lifespan=door.lifespan` to that application. Mounted at a path, it needs that path in `public_url`, and
    `well_known_routes()` among the routes of the application. `clients` are pre-registered, each with members of
    RFC 7591; `on_register` is asked about each client that registers itself, `on_token` about the tokens of a user;
    `on_error` gets every error of the OAuth endpoints.

    `verify_token` is asked about bearer tokens of other issuers.

    Raises:
        ConfigError: every setting that cannot be used, at once.
    """

    _roster: Roster
    """Made at each start."""

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
        self._own = self.config  # without the doors that were added by command
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
        self._has_stopped = self._is_late = False

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
                self._own, store=self.store, clock=self.clock, entropy=self.entropy, hooks=self.hooks
            )
            async with AsyncExitStack() as undo:
                undo.push_async_callback(installation.close)
                self.owner = await ensure_owner(self.store, self.clock, self.entropy, self.config.owner_password)
                await store_declared(self.store, self.declared_clients)
                process_id = self.worker_id or self.entropy.random_bytes(8).hex()
                self._roster = Roster(self.store, self.clock, process_id)
                self._roster.added = await added_doors.load(self.store)
                opened = await open_doors(self._own, self._roster.added.records, self._standing(), running=False)
                undo.push_async_callback(stop_all, opened.started)
                installation = installation.with_doors_of(opened.config)
                self.running = Server(installation, opened.upstreams, self._process())
                self._take(opened)
                self.running.begin()
                installation.upkeep.begin(
                    "doors", every(FOLLOW_SECONDS, self._follow, delayed="doors_not_followed", at_once=True)
                )
                undo.pop_all()

    async def _start_in_a_host(self) -> None:
        """Start under a server that is not ours, whose log is no place for a password."""
        await self.start()
        self._tell_of_owner()

    async def _start_late(self) -> None:
        """Start at a request, because no lifespan was run."""
        await self._start()
        if self.running is not None and not self._is_late:
            self._is_late = True
            LOGGER.warning("%s", WITHOUT_LIFESPAN)
            self._tell_of_owner()

    def _tell_of_owner(self) -> None:
        if self.owner.generated_password is not None and any(each.auth == "oauth" for each in self.config.doors):
            LOGGER.warning("%s", host_application.owner_without_password(self.config.data_dir))

    async def examine(self) -> list[Report]:
        """Look at each door from outside, through its public URL, and keep what was found for `doorward doors show`.

        Raises:
            Unavailable: the store cannot keep it.
        """
        # Only here: the doctor's rules are not needed for serving, and take time and memory.
        from doorward import examination

        assert self.running is not None
        reports = []
        doors = self.config.doors
        for each in doors:
            report = await examination.examine(self.running.installation, each)
            await examination.keep(self.store, self.clock, each.name, report)
            reports.append(report)
        await examination.forget_others(self.store, [each.name for each in doors])
        return reports

    async def stop(self) -> None:
        """End the upstream and its children, then the store; safe to call twice. Only `start` starts it again."""
        self._has_stopped = True
        async with self._starting, AsyncExitStack() as ending:
            running, self.running = self.running, None
            # Stop in reverse order; one failure must not keep the rest from stopping.
            ending.push_async_callback(self.store.close if running is None else running.stop)
            ending.push_async_callback(self._stop_upstreams)
            ending.push_async_callback(self.fetcher.close)
            if running is not None:
                ending.push_async_callback(self._roster.end)

    async def reload(self, config: Config) -> None:
        """Serve the doors of other settings. Calls at a door that is the same in both go on.

        Only the doors and the default door are taken from the settings; the rest stays as it is until a restart.

        Raises:
            ConfigError, StartError: a door cannot be opened; nothing has changed.
        """
        async with self._starting:
            if self.running is not None:
                await self._serve(with_doors_of(self._own, config), self._roster.added)

    async def _serve(self, own: Config, added: Kept) -> None:
        """Serve the doors of these settings and these added ones. Raises as `reload` does."""
        before = self.running
        assert before is not None
        opened = await open_doors(own, added.records, self._standing(), running=True)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(stop_all, opened.started)
            installation = before.installation.with_doors_of(opened.config)
            after = Server(installation, opened.upstreams, self._process(), before)
            undo.pop_all()
        was, self._own, self._roster.added, self.running = self.config, own, added, after
        self._take(opened)
        stays = set(after.doors.values())
        for door in stays:
            door.follow(installation.policy)
        gone = [door for door in before.doors.values() if door not in stays]
        await self._roster.leave(gone, was, self.config.drain_seconds)

    def _take(self, opened: Opened) -> None:
        assert self.running is not None
        self._roster.opened = opened
        self.running.kept_out = opened.kept_out
        self.config, self.upstreams = self.running.installation.config, opened.upstreams
        self.policy = self.running.installation.policy

    def _standing(self) -> Standing:
        return {door.name: (door, each) for door, each in zip(self.config.doors, self.upstreams, strict=True)}

    async def _follow(self) -> None:
        """Take in the changes of added doors, and write down which doors are served. An outage is raised once."""
        try:
            await self._follow_once()
        except StorageError:
            was, self._roster.is_cut_off = self._roster.is_cut_off, True
            if not was:
                raise
        else:
            self._roster.is_cut_off = False

    async def _follow_once(self) -> None:
        number = await added_doors.change_number(self.store)
        retries = bool(self._roster.kept_out) and self._roster.must_write_soon(self.clock.now())
        if number != self._roster.added.number or retries:
            async with self._starting:
                if self.running is None:
                    return
                await self._serve(self._own, await added_doors.load(self.store))
            self._log_doors()
        if self.running is not None:
            await self._roster.tell()

    def _log_doors(self) -> None:
        for name, problem in self._roster.kept_out.items():
            log(LOGGER, logging.WARNING, "door_kept_out", door=name, detail=str(problem))
        log(LOGGER, logging.INFO, "doors_changed", doors=[each.name for each in self.config.doors])

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
        await self._start_in_a_host()
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
            await self._start_in_a_host()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.drain()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})
