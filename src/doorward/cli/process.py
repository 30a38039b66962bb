"""One serving process: its socket, uvicorn around the door, signals, start-up order and the graceful end.

Whether it is the only process, or one of several workers, is decided by `run_server.py` and `supervisor.py`.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import uvicorn

from doorward.app import Door
from doorward.cli.http_protocol import BoundedProtocol
from doorward.cli.peer_protocol import PeerProtocol
from doorward.cli.self_check import look
from doorward.config.model import Config
from doorward.errors import Problem, StartError
from doorward.logs import configure, log

LOGGER = logging.getLogger("doorward")
BACKLOG = 2048
KEEP_ALIVE_SECONDS = 90
Announce = Callable[[Door], None]


def bind(host: str, port: int) -> socket.socket:
    """Return a socket bound to the address; it listens once the door can answer.

    Raises:
        StartError: names what uses the address, and the flag that avoids it.
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


def peer_problem(error: OSError, path: Path) -> Problem:
    """Return why a worker can't listen for the others at a path."""
    return Problem(
        f"the workers cannot reach each other: {error.strerror or error}",
        f"Each worker listens on a socket in {path.parent}, where requests for its sessions are handed to it.",
        "Set TMPDIR to a directory with a short path that this user may write to, or serve with --workers 1.",
    )


class DoorServer(uvicorn.Server):
    """uvicorn with the door's start and stop in the right places."""

    def __init__(self, door: Door, announce: Announce | None, peer_socket: Path | None, *, looks: bool) -> None:
        super().__init__(
            uvicorn.Config(
                door,
                # uvicorn accepts any callable; its annotation wants a class.
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
                # Longer than proxies keep theirs: a request in transit is lost if this side closes first.
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
        # Start-up objects live as long as the process, so garbage collections need not scan them again.
        gc.collect()
        gc.freeze()
        if self.announce is not None:
            self.announce(self.door)
        if self.looks:
            self.looking = asyncio.create_task(look(self.door), name="doorward-self-check")

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle SIGTERM and SIGINT as requests to stop; a requested stop is a success, so neither is raised again."""
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
            raise StartError(peer_problem(error, path)) from None
        self.servers.append(server)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let pending requests finish, end long-lived streams at once, then stop children and the store."""
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
    """Serve in this process until stopped; `looks`: also examine the door from outside when it is open."""
    server = DoorServer(door, announce, peer_socket, looks=looks)
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    loop_factory = server.config.get_loop_factory()
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(server.serve(sockets=[listening]))


def configure_logs(config: Config) -> None:
    """Set up Doorward's log as configured: readable on a terminal, JSON lines elsewhere."""
    configure(config.log_format or ("text" if sys.stderr.isatty() else "json"), config.log_level)
