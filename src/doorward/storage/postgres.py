"""The PostgreSQL store, shared by any number of nodes that share nothing else.

A read by key is one prepared statement, and so is nearly every decision (`postgres_schema.py`): one round trip, one
transaction, durable when it returns. All reads go to the primary, so they see everything that any node acknowledged.

If the connection is lost during a decision, the outcome is unknown. The answer is `Unavailable`, and there is no retry
here: a second attempt would find the rows that the first one changed, and report a false `Conflict`. The client retries
with the same input and gets the real outcome.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import asyncpg
import msgspec

from doorward.errors import Conflict, Problem, StartError, Unavailable
from doorward.logs import log
from doorward.records.changes import Change, Stored
from doorward.records.kinds import RECORD_TYPES
from doorward.records.record import Record
from doorward.storage.port import Listed, Place, index_of_page
from doorward.storage.postgres_connection import OPERATION_SECONDS, Connection, Pool, connect
from doorward.storage.postgres_faults import ENDS_SESSION, FAULTS, RETRIED, pooler_error, start_error, unavailable
from doorward.storage.postgres_migrations import migrate, packaged_migrations
from doorward.storage.postgres_pooler import is_pooled
from doorward.storage.postgres_schema import (
    CONFLICT,
    DECODE,
    GET,
    PAGE,
    PURGE,
    PURGE_ROWS,
    Statement,
    encoded,
    find_sql,
    page_sql,
    statements_for,
)

R = TypeVar("R", bound=Record)
T = TypeVar("T")
Work = Callable[[Connection, float], Awaitable[T]]
"""An operation on a connection, with a deadline on the loop's clock."""

OLDEST_SERVER = 14
ATTEMPTS = 5
"""Attempts at a transaction that the server rolled back and wants retried."""
_logger = logging.getLogger(__name__)


class PostgresStore:
    """A `Store` in the schema `doorward` of one database. `connections`: the most that this process opens."""

    def __init__(self, url: str, *, connections: int = 10) -> None:
        self._url = url
        self.connections = connections
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            StartError: the server cannot be reached or refuses access, it is behind a pooler in transaction mode, or a
                newer version wrote the schema.
        """
        try:
            connection = await connect(self._url)
            try:
                refuse_old(connection.get_server_version().major)
                if await is_pooled(connection, partial(connect, self._url)):
                    raise pooler_error(self._url)
                await _warn_of_losses(connection)
                await migrate(connection, packaged_migrations())
            finally:
                connection.terminate()
        except (*FAULTS, ValueError) as error:
            raise start_error(self._url, error) from error
        self._pool = Pool(partial(connect, self._url), self.connections)

    async def close(self) -> None:
        """Finish pending calls and close all connections; safe to call twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def get(self, record_type: type[R], key: str) -> Stored[R] | None:
        """Return the record, expired or not, or None. Raises `Unavailable`."""
        sql, parameter = GET[record_type], encoded(key)

        async def read(connection: Connection, deadline: float) -> Any:
            return await connection.fetchrow(sql, parameter, timeout=_left(deadline))

        row = await self._read(read)
        return None if row is None else _stored(record_type, row[0], row[1])

    async def find(self, record_type: type[R], **index: str) -> list[Stored[R]]:
        """Return all records of a kind, or those whose named indexes all have the value. Raises `Unavailable`."""
        if not index:
            return await self._find_all(record_type)
        sql, parameters = find_sql(record_type, tuple(index)), [encoded(value) for value in index.values()]

        async def read(connection: Connection, deadline: float) -> Any:
            return await connection.fetch(sql, *parameters, timeout=_left(deadline))

        return [_stored(record_type, version, body) for version, body in await self._read(read)]

    async def page(
        self, record_type: type[R], *, limit: int, after: Place | None = None, **index: str
    ) -> list[Listed[R]]:
        """Return the first `limit` records after a place, in order. Raises `Unavailable`."""
        sql = page_sql(record_type, index_of_page(record_type, index), limit)
        place = (-1, b"") if after is None else (after.at, encoded(after.key))
        parameters = [*map(encoded, index.values()), *(place if record_type.order_field else place[1:])]

        async def read(connection: Connection, deadline: float) -> Any:
            return await connection.fetch(sql, *parameters, timeout=_left(deadline))

        found = [(at, _stored(record_type, version, body)) for at, version, body in await self._read(read)]
        return [Listed(Place(at, stored.record.key), stored) for at, stored in found]

    async def apply(self, changes: Sequence[Change]) -> None:
        """Apply all changes in one transaction, durable on return. Raises `Conflict` or `Unavailable`."""
        statements = statements_for(changes)
        if not statements:
            await self._read(_nothing)
            return
        attempt = _one_statement if len(statements) == 1 else _one_transaction

        async def write(connection: Connection, deadline: float) -> bool:
            for left in reversed(range(ATTEMPTS)):
                try:
                    return await attempt(connection, statements, deadline)
                except asyncpg.PostgresError as error:
                    if error.sqlstate == CONFLICT:
                        return False
                    if error.sqlstate not in RETRIED or not left:
                        raise
            raise AssertionError("the last attempt returns or raises")

        if not await self._with_connection(write):
            raise Conflict("A record was added, changed or removed since it was loaded.")

    async def purge(self, before: int) -> int:
        """Remove records whose `expires_at` is earlier than `before`; return how many. Raises `Unavailable`.

        It uses small transactions, so that other writes are not blocked.
        """
        total = 0
        for record_type in RECORD_TYPES:
            sql = PURGE[record_type]

            async def remove(connection: Connection, deadline: float, sql: str = sql) -> int:
                tag: str = await connection.execute(sql, before, timeout=_left(deadline))
                return int(tag.rpartition(" ")[2])

            removed = PURGE_ROWS
            while removed == PURGE_ROWS:
                removed = await self._with_connection(remove)
                total += removed
        return total

    async def _find_all(self, record_type: type[R]) -> list[Stored[R]]:
        found: list[Stored[R]] = []
        last = b""

        async def read(connection: Connection, deadline: float) -> list[Any]:
            return await connection.fetch(PAGE[record_type], last, timeout=_left(deadline))

        while rows := await self._read(read):
            found += [_stored(record_type, version, body) for _, version, body in rows]
            last = rows[-1][0]
        return found

    async def _read(self, work: Work[T]) -> T:
        """Run a read; retry once if the connection turns out to have been lost earlier."""
        try:
            return await self._with_connection(work)
        except _Lost:
            return await self._with_connection(work)

    async def _with_connection(self, work: Work[T]) -> T:
        pool = self._pool
        if pool is None:
            raise Unavailable("The store is not open.")
        deadline = asyncio.get_running_loop().time() + OPERATION_SECONDS
        try:
            connection = await pool.acquire(deadline)
        except FAULTS as error:
            raise unavailable(error) from error
        try:
            result = await work(connection, deadline)
        except FAULTS as error:
            raise _after_fault(pool, connection, error) from error
        except BaseException:
            # Cancelled, or a bug: the server may still be running the statement.
            pool.discard(connection)
            raise
        pool.release(connection)
        return result


class _Lost(Unavailable):
    """The connection was lost during a statement."""


def _after_fault(pool: Pool, connection: Connection, error: Exception) -> Unavailable:
    answered = isinstance(error, asyncpg.PostgresError) and not str(error.sqlstate).startswith(ENDS_SESSION)
    if answered and not connection.is_closed() and not connection.is_in_transaction():
        pool.release(connection)
        return unavailable(error)
    lost = connection.is_closed()
    pool.discard(connection)
    pool.discard_idle()
    return _Lost("The connection to the database was lost.") if lost else unavailable(error)


async def _one_statement(connection: Connection, statements: Sequence[Statement], deadline: float) -> bool:
    ((sql, parameters),) = statements
    return await connection.fetchrow(sql, *parameters, timeout=_left(deadline)) is not None


async def _one_transaction(connection: Connection, statements: Sequence[Statement], deadline: float) -> bool:
    await connection.execute("BEGIN", timeout=_left(deadline))
    try:
        for sql, parameters in statements:
            if await connection.fetchrow(sql, *parameters, timeout=_left(deadline)) is None:
                await connection.execute("ROLLBACK", timeout=_left(deadline))
                return False
    except asyncpg.PostgresError:
        if not connection.is_closed():
            await connection.execute("ROLLBACK", timeout=_left(deadline))
        raise
    await connection.execute("COMMIT", timeout=_left(deadline))
    return True


async def _nothing(_connection: Connection, _deadline: float) -> None:
    """Do nothing; having a connection is enough."""


def _left(deadline: float) -> float:
    left = deadline - asyncio.get_running_loop().time()
    if left <= 0:
        raise TimeoutError
    return left


def _stored(record_type: type[R], version: int, body: bytes) -> Stored[R]:
    try:
        return Stored(DECODE[record_type](body), version)
    except msgspec.DecodeError as error:
        raise Unavailable(f"A stored {record_type.kind} cannot be read.") from error


def refuse_old(major: int) -> None:
    """Raise `StartError` for a server version that is no longer tested."""
    if major < OLDEST_SERVER:
        raise StartError(
            Problem(
                what=f"The database server is PostgreSQL {major}.",
                why=f"Doorward is tested with {OLDEST_SERVER} and later.",
                fix="Upgrade the server.",
            )
        )


async def _warn_of_losses(connection: Connection) -> None:
    for setting in ("fsync", "full_page_writes"):
        if await connection.fetchval("SELECT current_setting($1)", setting) != "on":
            log(_logger, logging.WARNING, "the database may lose what it has acknowledged", setting=f"{setting} = off")
