"""The connection pool of one upstream: opens, lends, takes back and closes connections.

Calls share a limited number of places and queue for them. Long-lived streams (GET, `subscriptions/listen`) have
separate places, because a few hundred silent streams must not starve the calls. Both are shared fairly among users. A
connection returns here only from an exchange whose response was read to the end, and is lent only if nothing has
arrived since.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl

from doorward.errors import UpstreamError
from doorward.fair_places import FairPlaces
from doorward.upstreams.exhaustion import exhausted, is_exhaustion, sockets_are_exhausted
from doorward.upstreams.http.connection import Connection
from doorward.upstreams.http.exchange import Exchange

KEEP_SECONDS = 4.0
"""How long an idle connection is kept: shorter than the 5 s of uvicorn and Node, so that a request is rarely sent into
a connection that is just closing."""
_CLOSE_EARLIER_SECONDS = 1.0
"""An upstream with its own limit (`Keep-Alive: timeout=5`) is left this much earlier."""
MOST_STREAMS = 8192
"""The most concurrent long-lived streams, for all users together."""


@functools.cache
def system_trust() -> ssl.SSLContext:
    """Return the shared client context with the system's trust store; building it takes about 50 ms."""
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
        """Connections opened so far."""
        self.places = FairPlaces(max_connections)
        self.streams = FairPlaces(MOST_STREAMS)
        self.keep_seconds = KEEP_SECONDS
        self._connect_timeout_seconds = connect_timeout_seconds
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def resting(self) -> int:
        """How many connections wait for their next call."""
        return len(self._idle)

    def idle(self) -> Connection | None:
        """Return the most recently used idle connection, if nothing has arrived on it meanwhile."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.alive:
                continue
            assert self._loop is not None
            if connection.rest_until > self._loop.time() and connection.is_quiet:
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """Open a new connection. Raises `UpstreamError`."""
        loop = self._loop = asyncio.get_running_loop()
        host, port = self.address
        try:
            async with asyncio.timeout(self._connect_timeout_seconds):
                transport, connection = await loop.create_connection(
                    lambda: Connection(loop, on_lost=self._lost, on_rest=self._rest),
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
            if sockets_are_exhausted():
                raise exhausted() from None
            reason = "its host name does not resolve"
        except UnicodeError:
            reason = "its host name is none: a part of it is empty or too long"
        except OSError as error:
            if is_exhaustion(error):
                raise exhausted(error) from None
            reason = error.strerror or type(error).__name__
        else:
            _keep_alive(transport.get_extra_info("socket"))
            self._all.add(connection)
            self.opened += 1
            return connection
        raise UpstreamError(
            "unreachable", f"The MCP server behind this door cannot be reached: {reason}.", evidence=f"{host}:{port}"
        )

    def try_enter(self, user: str, *, standing: bool) -> FairPlaces | None:
        """Take a place as `enter` does, without waiting; None if this user cannot have one now."""
        places = self.streams if standing else self.places
        return places if places.try_take(user) else None

    async def enter(self, user: str, *, standing: bool) -> FairPlaces:
        """Take a place for a call or a long-lived stream; return the places to which to give it back.

        Raises:
            UpstreamError: `overloaded`. No place became free in time, or this user has too many streams.
        """
        if standing:
            if not self.streams.try_take(user):
                raise UpstreamError("overloaded", "Too many streams to the MCP server are open already.")
            return self.streams
        if not await self.places.take(user, self._connect_timeout_seconds):
            raise UpstreamError("overloaded", "The MCP server is busy: too many calls wait for it already.")
        return self.places

    def close(self) -> None:
        """Close every connection, including busy ones."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            self._sweeper = None
        for connection in tuple(self._all):
            connection.fail(UpstreamError("reset", "The door is shutting down."))
        self._idle.clear()

    def _rest(self, connection: Connection, exchange: Exchange) -> None:
        """Keep a connection whose response was read to the end."""
        assert self._loop is not None
        seconds = self.keep_seconds
        if exchange.rest_limit_seconds is not None:
            seconds = min(seconds, exchange.rest_limit_seconds - _CLOSE_EARLIER_SECONDS)
        connection.rest_until = self._loop.time() + seconds
        self._idle.append(connection)
        if self._sweeper is None:
            self._sweeper = self._loop.call_later(seconds, self._sweep)

    def _lost(self, connection: Connection) -> None:
        self._all.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _sweep(self) -> None:
        assert self._loop is not None
        self._sweeper = None
        now = self._loop.time()
        expired = [connection for connection in self._idle if connection.rest_until <= now]
        self._idle = [connection for connection in self._idle if connection.rest_until > now]
        for connection in expired:
            connection.abort()
        if self._idle:
            wait = min(connection.rest_until for connection in self._idle) - now
            self._sweeper = self._loop.call_later(wait, self._sweep)


def _keep_alive(connected: socket.socket) -> None:
    """Enable TCP keep-alive, because a silent stream can't detect a dead peer otherwise."""
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 20), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
