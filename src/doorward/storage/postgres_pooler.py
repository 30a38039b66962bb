"""Whether a pooler in transaction mode stands in front of the database: what Doorward needs of a session is lost there.

Such a pooler may give each transaction another session of the server. Prepared statements are then missing or already
there, and settings such as `synchronous_commit` are those of another session, so what was acknowledged could be lost.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import asyncpg

from doorward.storage.postgres_connection import CONNECT_SECONDS, Connection
from doorward.storage.postgres_faults import POOLED

_ROUNDS = 3
"""Another client of the pooler may hide it in one round."""


async def is_pooled(connection: Connection, connect: Callable[[], Awaitable[Connection]]) -> bool:
    """Return whether two connections at once have each a server process of their own over several transactions.

    Raises:
        OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError: the second one cannot be had.
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
        # The pooler has one session less to give now.
        theirs: int = await second.fetchval("SELECT pg_backend_pid()", timeout=CONNECT_SECONDS)
        if theirs == mine or await _process(first) != mine:
            return True
    return await _process(second) != theirs


async def _process(connection: Connection) -> int:
    """Return the server process that runs one transaction."""
    async with connection.transaction():
        process: int = await connection.fetchval("SELECT pg_backend_pid()", timeout=CONNECT_SECONDS)
    return process
