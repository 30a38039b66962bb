"""PostgreSQL connections: how one is opened and configured, and a bounded pool that recovers automatically.

A connection in an unknown state (a missing reply, a cancelled call) is never used again. Every session commits durably
and has short timeouts, whatever the server's defaults are. Does not know records.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import asyncpg

from doorward.errors import Unavailable

CONNECT_SECONDS = 3.0
STATEMENT_SECONDS = 4.0
"""The server cancels a statement after this long, before the caller gives up, so that its outcome is known."""
OPERATION_SECONDS = 5.0
"""The time limit of one store call, including the wait for a connection."""
MOST_WAITING = 1000
"""Callers that may wait for a connection at once; more mean overload and fail immediately."""
_STATEMENTS_KEPT = 500

_SESSION = f"""
SELECT set_config('synchronous_commit', 'on', false)
 WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply');
SET default_transaction_isolation = 'read committed';
SET default_transaction_read_only = off;
SET statement_timeout = {int(STATEMENT_SECONDS * 1000)};
SET idle_in_transaction_session_timeout = {int(OPERATION_SECONDS * 1000)};
SET tcp_keepalives_idle = 30;
SET tcp_keepalives_interval = 10;
SET tcp_keepalives_count = 3;
SET plan_cache_mode = force_generic_plan;
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_incremental_sort = off;
SET jit = off;
"""
# Statements are planned once per connection. A plan made while a table was small must not read all of it later, so
# sequential scans are off, and sorts if an index can do it.


class Connection(Protocol):
    """The part of `asyncpg.Connection` that is used here."""

    fetchrow: Callable[..., Awaitable[Any]]
    fetch: Callable[..., Awaitable[list[Any]]]
    fetchval: Callable[..., Awaitable[Any]]
    execute: Callable[..., Awaitable[str]]
    close: Callable[..., Awaitable[None]]
    transaction: Callable[[], Any]
    terminate: Callable[[], None]
    is_closed: Callable[[], bool]
    is_in_transaction: Callable[[], bool]
    get_server_version: Callable[[], Any]


async def connect(url: str) -> Connection:
    """Return a new, configured connection to the primary.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: no connection could be opened.
    """
    async with asyncio.timeout(CONNECT_SECONDS):
        connection: Connection = await asyncpg.connect(
            url,
            timeout=CONNECT_SECONDS,
            statement_cache_size=_STATEMENTS_KEPT,
            max_cached_statement_lifetime=0,
            max_cacheable_statement_size=1 << 20,
            # A replica may lag behind what was acknowledged (promise 1 of the store).
            target_session_attrs="read-write",
            server_settings={"application_name": "doorward"},
        )
        try:
            await connection.execute(_SESSION)
        except BaseException:
            connection.terminate()
            raise
    return connection


class Pool:
    """At most `size` connections, opened when they are needed."""

    def __init__(self, make: Callable[[], Awaitable[Connection]], size: int) -> None:
        self._make = make
        self._size = size
        self._total = 0
        """Connections that exist or are being opened."""
        self._idle: list[Connection] = []
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()
        self._closed = False
        self._settled = asyncio.Event()

    async def acquire(self, deadline: float) -> Connection:
        """Return a connection for exclusive use; `deadline` is an instant of the loop's clock.

        Raises:
            Unavailable: the pool is closed, or all connections are busy until the deadline.
            OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: a new one could not be opened.
        """
        if self._closed:
            raise Unavailable("The store is not open.")
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._total -= 1
        if self._total >= self._size:
            handed_over = await self._wait(deadline)
            if handed_over is not None:
                return handed_over
        else:
            self._total += 1
        return await self._fill_slot(deadline)

    def release(self, connection: Connection) -> None:
        """Take back a connection whose last statement completed."""
        if connection.is_closed():
            self.discard(connection)
        elif not self._hand_over(connection):
            self._idle.append(connection)
            self._settled.set()

    def discard(self, connection: Connection) -> None:
        """Abort a connection that must not be used again."""
        connection.terminate()
        self._give_up_slot()

    def discard_idle(self) -> None:
        """Abort the idle connections: a fault of one probably affects all."""
        while self._idle:
            self.discard(self._idle.pop())

    async def close(self) -> None:
        """Stop giving out connections, wait until all are returned, and close them."""
        self._closed = True
        while self._total > len(self._idle):
            self._settled.clear()
            await self._settled.wait()
        idle, self._idle, self._total = self._idle, [], 0
        await asyncio.gather(*[_close(connection) for connection in idle])

    async def _fill_slot(self, deadline: float) -> Connection:
        try:
            async with asyncio.timeout_at(deadline):
                return await self._make()
        except BaseException:
            self._give_up_slot()
            raise

    async def _wait(self, deadline: float) -> Connection | None:
        """Wait for a free connection; None is the slot of a lost one, for the caller to fill."""
        if len(self._waiting) >= MOST_WAITING:
            raise Unavailable("Too many requests wait for the database.")
        future: asyncio.Future[Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        try:
            async with asyncio.timeout_at(deadline):
                return await future
        except BaseException as error:
            if future.done() and not future.cancelled():
                # It was handed over at the same moment: pass it on instead of losing it.
                connection = future.result()
                if connection is None:
                    self._give_up_slot()
                else:
                    self.release(connection)
            else:
                # A caller that gave up no longer counts as waiting.
                with contextlib.suppress(ValueError):
                    self._waiting.remove(future)
            if isinstance(error, TimeoutError):
                raise Unavailable("All connections to the database are busy.") from error
            raise

    def _hand_over(self, connection: Connection | None) -> bool:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(connection)
                return True
        return False

    def _give_up_slot(self) -> None:
        if not self._hand_over(None):
            self._total -= 1
            self._settled.set()


async def _close(connection: Connection) -> None:
    try:
        await connection.close(timeout=1)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        connection.terminate()
