"""Detects a connection pooler in transaction mode, which breaks sessions that Doorward relies on.

Such a pooler may run each transaction in another session of the server. Prepared statements are then missing or exist
already, and settings such as `synchronous_commit` belong to another session, so acknowledged changes could be lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg

from doorward.storage.postgres_connection import CONNECT_SECONDS, Connection
from doorward.storage.postgres_faults import POOLED

_ROUNDS = 3
"""Repeated, because another client of the pooler may hide it in one round."""


async def is_pooled(connection: Connection, connect: Callable[[], Awaitable[Connection]]) -> bool:
    """Return whether a pooler moves two concurrent connections between server processes.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the second one could not be opened.
    """
    try:
        other = await connect()
        try:
            for _ in range(_ROUNDS):
                if await _process_changes(connection, other):
                    return True
        finally:
            other.terminate()
    except asyncpg.PostgresError as error:
        if error.sqlstate in POOLED:
            return True
        raise
    return False


async def _process_changes(first: Connection, second: Connection) -> bool:
    mine = await _process(first)
    async with second.transaction():
        # The pooler now has one session less to give.
        theirs: int = await second.fetchval("SELECT pg_backend_pid()", timeout=CONNECT_SECONDS)
        if theirs == mine or await _process(first) != mine:
            return True
    return await _process(second) != theirs


async def _process(connection: Connection) -> int:
    """Return the id of the server process that runs one transaction."""
    async with connection.transaction():
        process: int = await connection.fetchval("SELECT pg_backend_pid()", timeout=CONNECT_SECONDS)
    return process
