"""The kept connections of one upstream: opening, lending, taking back, letting go.

Calls share a cap and queue for it; standing streams (GET, `subscriptions/listen`) do not count against it, because a
few hundred silent streams must not starve the calls, and each is bounded by the client that holds it open.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections import deque

from doorward.errors import UpstreamError
from doorward.upstreams.http_connection import Connection

KEEP_SECONDS = 4.0
"""How long a connection rests before it is closed: shorter than the 5 s after which uvicorn and Node close theirs, so
a request is seldom sent into a connection that is just being closed."""


@functools.cache
def system_trust() -> ssl.SSLContext:
    """Return the one client context that trusts what the system trusts; building it costs some 50 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Pool:
    """Connections to one host and port."""

    def __init__(
        self, host: str, port: int, *, tls: ssl.SSLContext | None, connect_timeout_seconds: float, max_connections: int
    ) -> None:
        self.address = (host, port)
        self.tls = tls
        self.opened = 0
        """How many connections were opened so far."""
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._free_slots = max_connections
        self._queue: deque[asyncio.Future[None]] = deque()
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def idle(self) -> Connection | None:
        """Lend the connection that was used last, if one rests here."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        return None

    async def connect(self) -> Connection:
        """Open a new connection. Raises `UpstreamError`."""
        loop = self._loop = asyncio.get_running_loop()
        host, port = self.address
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                transport, connection = await loop.create_connection(
                    lambda: Connection(loop, self._lost),
                    host,
                    port,
                    ssl=self.tls,
                    server_hostname=host if self.tls else None,
                )
        except TimeoutError:
            reason = f"no connection within {self._connect_timeout_seconds:g} s"
        except ssl.SSLError as error:
            reason = f"TLS failed: {getattr(error, 'verify_message', '') or error.reason or error}"
        except ConnectionRefusedError:
            reason = "connection refused"
        except socket.gaierror:
            reason = "its host name does not resolve"
        except UnicodeError:
            reason = "its host name is none: a part of it is empty or too long"
        except OSError as error:
            reason = error.strerror or type(error).__name__
        else:
            _keep_alive(transport.get_extra_info("socket"))
            self._all.add(connection)
            self.opened += 1
            return connection
        raise UpstreamError(
            "unreachable", f"The MCP server behind this door cannot be reached: {reason}.", evidence=f"{host}:{port}"
        )

    async def take_slot(self) -> None:
        """Wait for a place among the calls under way. Raises `UpstreamError` when none frees up in time."""
        if self._free_slots > 0:
            self._free_slots -= 1
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(waiter)
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                await waiter
        except TimeoutError:
            if waiter.cancelled():
                raise UpstreamError("timeout", "The MCP server is busy: too many calls wait for it already.") from None
        except asyncio.CancelledError:
            if not waiter.cancelled():
                self.free_slot()  # the place was given in the same instant
            raise

    def free_slot(self) -> None:
        """Give the place to the call that waits longest."""
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free_slots += 1

    def put_back(self, connection: Connection) -> None:
        """Take a connection back after its exchange; it is kept when it can carry another."""
        if not connection.release():
            return
        assert self._loop is not None
        connection.released_at = self._loop.time()
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(KEEP_SECONDS, self._sweep)

    def close(self) -> None:
        """Close every connection, busy ones too."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in tuple(self._all):
            connection.fail(UpstreamError("reset", "The door is shutting down."))
        self._idle.clear()

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _sweep(self) -> None:
        assert self._loop is not None
        self._sweeper = None
        oldest = self._loop.time() - KEEP_SECONDS
        resting = [connection for connection in self._idle if connection.released_at > oldest]
        expired = [connection for connection in self._idle if connection.released_at <= oldest]
        self._idle = resting
        for connection in expired:
            connection.abort()
        if resting:
            self._sweeper = self._loop.call_later(resting[0].released_at - oldest, self._sweep)


def _keep_alive(connected: socket.socket) -> None:
    """Have the kernel notice a dead peer: a standing stream has no other way to see one."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
