"""Run a door under uvicorn: one process, or several on one listening socket.

Owns the process: binding, signals, start-up order and the graceful end. The door itself knows nothing of servers.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import uvicorn

from doorward.app import Door
from doorward.cli.http_protocol import BoundedProtocol, PeerProtocol
from doorward.cli.self_check import look
from doorward.config.addresses import mcp_url
from doorward.config.model import Config
from doorward.errors import Problem, StartError
from doorward.logs import configure, log

LOGGER = logging.getLogger("doorward")
BACKLOG = 2048
KEEP_ALIVE_SECONDS = 90
_WITHOUT_TRUSTED_PROXIES = {
    "why": "Limits count by address, so one client that guesses passwords slows everybody's sign-in.",
    "fix": 'Set trusted_proxies to the address of the proxy that serves TLS, such as ["127.0.0.1"].',
}
Announce = Callable[[Door], None]


def run(config: Config, origins: Mapping[str, str] | None = None) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        StartError: the port is busy, or something the door needs cannot be used.
    """
    listening = bind(config.host, config.port)
    config = replace(config, port=listening.getsockname()[1])
    origins = origins or {}
    if config.workers == 1:
        with listening:
            door = Door(config=config)
            serve(door, listening, announce=lambda door: announce_start(door, origins), looks=config.self_check)
        return
    from doorward.cli.supervisor import supervise

    prepared = Door(config=config)
    peer_dir = Path(tempfile.mkdtemp(prefix="doorward-"))
    try:
        _try_peer_socket(peer_dir)
        asyncio.run(_prepare(prepared))
        announce_start(prepared, origins)
        supervise(config, listening, peer_dir)
    finally:
        listening.close()
        shutil.rmtree(peer_dir, ignore_errors=True)


def _try_peer_socket(directory: Path) -> None:
    """Find out once, before every worker does so for ever, whether a worker can listen there. Raises `StartError`."""
    path = directory / "00000000"
    with socket.socket(socket.AF_UNIX) as trial:
        try:
            trial.bind(str(path))
        except OSError as error:
            raise StartError(_peer_problem(error, path)) from None
    path.unlink()


async def _prepare(door: Door) -> None:
    """Create keys, database and owner once, and find faults before any worker starts."""
    await door.start()
    await door.stop()


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that holds the address; it listens once the door can answer.

    Raises:
        StartError: naming what holds the address, and the flag that avoids it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise StartError(_bind_problem(error, host, port)) from None
    except OverflowError:
        listening.close()
        raise StartError(
            Problem(f"{port} is not a port", "Ports go from 0 to 65535.", "Choose one with --port.")
        ) from None
    listening.setblocking(False)
    return listening


def _bind_problem(error: OSError, host: str, port: int) -> Problem:
    if error.errno == errno.EADDRINUSE:
        return Problem(
            f"port {port} on {host} is already in use",
            "Another program, perhaps another doorward, listens there.",
            f"Stop it, or choose another port: doorward serve ... --port {port + 1}",
        )
    if error.errno in {errno.EACCES, errno.EPERM}:
        return Problem(
            f"this user may not listen on port {port}",
            "Ports below 1024 belong to the system.",
            "Choose a port such as 8000 and let a reverse proxy listen on 443.",
        )
    return Problem(
        f"cannot listen on {host}: {error.strerror or error}",
        "The address does not belong to this machine, or is not an address.",
        "Use --host 127.0.0.1 for this machine only, or --host 0.0.0.0 for all its addresses.",
    )


def _peer_problem(error: OSError, path: Path) -> Problem:
    return Problem(
        f"the workers cannot reach each other: {error.strerror or error}",
        f"Each worker listens on a socket in {path.parent}, where requests for its sessions are handed to it.",
        "Set TMPDIR to a directory with a short path that this user may write to, or serve with --workers 1.",
    )


def announce_start(door: Door, origins: Mapping[str, str]) -> None:
    """Print the first screen, and log that the door serves and what its place may be lacking."""
    from doorward.cli.first_start import render

    if sys.stdout.isatty() or door.owner.created:
        text = render(
            door.config,
            doors=[(mcp_url(door.config, each), each) for each in door.config.doors],
            owner_password=door.owner.generated_password,
            owner_is_new=door.owner.created,
            colour=sys.stdout.isatty(),
        )
        print(text, flush=True)
    if door.policy.issuer.startswith("https:") and not door.config.trusted_proxies:
        log(LOGGER, logging.WARNING, "all_clients_share_the_proxy_s_address", **_WITHOUT_TRUSTED_PROXIES)
    for each in door.config.doors:
        facts = {"url": mcp_url(door.config, each), "door": each.name, "auth": each.auth}
        log(LOGGER, logging.INFO, "serving", **facts, pid=os.getpid(), settings=len(origins))


class DoorServer(uvicorn.Server):
    """uvicorn with the door's start and stop in the right places."""

    def __init__(self, door: Door, announce: Announce | None, peer_socket: Path | None, *, looks: bool) -> None:
        super().__init__(
            uvicorn.Config(
                door,
                # Taken as any callable; the annotation says a class.
                http=cast(
                    "type[BoundedProtocol]",
                    partial(
                        BoundedProtocol,
                        head_seconds=float(door.config.head_timeout_seconds),
                        write_seconds=float(door.config.write_timeout_seconds),
                    ),
                ),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                # Longer than proxies keep theirs: a request that is on its way is lost when this side closes first.
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=door.config.drain_seconds,
            )
        )
        self.door = door
        self.announce = announce
        self.peer_socket = peer_socket
        self.looks = looks
        self.looking: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the door before the first connection is accepted."""
        await self.door.start()
        try:
            await super().startup(sockets)
        except OSError as error:  # somebody else began to listen since the address was bound
            await self.door.stop()
            config = self.door.config
            raise StartError(_bind_problem(error, config.host, config.port)) from None
        if self.peer_socket is not None:
            await self._listen_to_peers(self.peer_socket)
        # What start-up has made lives as long as the process: no collection need ever walk it again.
        gc.collect()
        gc.freeze()
        if self.announce is not None:
            self.announce(self.door)
        if self.looks:
            self.looking = asyncio.create_task(look(self.door), name="doorward-self-check")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take SIGTERM and SIGINT as requests to stop; stopping as asked is a success, so neither is raised again."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def _listen_to_peers(self, path: Path) -> None:
        def protocol() -> asyncio.Protocol:
            return PeerProtocol(config=self.config, server_state=self.server_state, app_state={})

        try:
            server = await asyncio.get_running_loop().create_unix_server(protocol, str(path))
        except OSError as error:
            for listening in self.servers:
                listening.close()
            await self.door.stop()
            raise StartError(_peer_problem(error, path)) from None
        self.servers.append(server)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let open requests finish, end standing streams at once, then end children and the store."""
        log(LOGGER, logging.INFO, "stopping", pid=os.getpid(), open_requests=len(self.server_state.tasks))
        if self.looking is not None:
            self.looking.cancel()
        self.door.drain()
        await super().shutdown(sockets)
        await self.door.stop()
        log(LOGGER, logging.INFO, "stopped", pid=os.getpid())


def serve(
    door: Door,
    listening: socket.socket,
    *,
    announce: Announce | None = None,
    peer_socket: Path | None = None,
    looks: bool = False,
) -> None:
    """Serve in this process until told to stop; `looks`: and look at the door from outside once it is open."""
    server = DoorServer(door, announce, peer_socket, looks=looks)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    loop_factory = server.config.get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(server.serve(sockets=[listening]))


def configure_logs(config: Config) -> None:
    """Set up Doorward's log as configured: readable on a terminal, JSON lines elsewhere."""
    configure(config.log_format or ("text" if sys.stderr.isatty() else "json"), config.log_level)
