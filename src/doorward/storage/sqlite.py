"""The SQLite store: one file, shared by any number of processes on one machine.

Reads run directly on the event loop: a read by key takes about ten microseconds, less than a task switch. Writes go
through one thread per process with group commit (`sqlite_writer.py`). Every error of SQLite is a fault (`Unavailable`),
never an empty result.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from doorward.errors import Unavailable
from doorward.records.changes import Change, Stored
from doorward.records.record import Record
from doorward.storage.port import Listed, Place, index_of_page
from doorward.storage.sqlite_file import open_database
from doorward.storage.sqlite_schema import PURGE_ROWS, TABLES, Step, find_sql, page_sql, step_for
from doorward.storage.sqlite_writer import Writer, unavailable

R = TypeVar("R", bound=Record)


class SqliteStore:
    """A `Store` in one file. `lock_timeout_seconds`: how long to wait while another process writes."""

    def __init__(self, path: Path, *, lock_timeout_seconds: float = 5.0) -> None:
        self.path = path
        self._lock_timeout_seconds = lock_timeout_seconds
        self._reader: sqlite3.Connection | None = None
        self._writer: Writer | None = None

    @property
    def commits(self) -> int:
        """Transactions made durable since `open`; group commit makes them fewer than the applied ones."""
        return self._writer.commits if self._writer else 0

    async def open(self) -> None:
        """Open the file, create it if necessary, and migrate its schema.

        Raises:
            StartError: the file or its directory cannot be used, or a newer version wrote it.
        """
        self._reader, writer = await asyncio.to_thread(open_database, self.path, self._lock_timeout_seconds)
        self._writer = Writer(writer, self._lock_timeout_seconds)

    async def close(self) -> None:
        """Finish the queued writes and close the file; safe to call twice."""
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        if reader is not None and writer is not None:
            # Close the reader first: the last connection to close checkpoints the log, and that must be off the loop's
            # thread.
            reader.close()
            await writer.stop()

    async def get(self, record_type: type[R], key: str) -> Stored[R] | None:
        """Return the record, expired or not, or None. Raises `Unavailable`."""
        table = TABLES[record_type]
        reader = self._reader
        if reader is None:
            raise _NotOpen
        try:
            row = reader.execute(table.get, (key,)).fetchone()
            if row is None:
                return None
            return Stored(table.decode(row[1]), row[0])
        except sqlite3.Error as error:
            raise unavailable(error) from error
        except msgspec.DecodeError as error:
            raise _unreadable(record_type) from error

    async def find(self, record_type: type[R], **index: str) -> list[Stored[R]]:
        """Return all records of a kind, or those whose named indexes all have the value. Raises `Unavailable`."""
        sql = find_sql(record_type, tuple(index))
        decode = TABLES[record_type].decode
        reader = self._reader
        if reader is None:
            raise _NotOpen
        try:
            rows = reader.execute(sql, tuple(index.values())).fetchall()
            return [Stored(decode(body), version) for version, body in rows]
        except sqlite3.Error as error:
            raise unavailable(error) from error
        except msgspec.DecodeError as error:
            raise _unreadable(record_type) from error

    async def page(
        self, record_type: type[R], *, limit: int, after: Place | None = None, **index: str
    ) -> list[Listed[R]]:
        """Return the first `limit` records after a place, in order. Raises `Unavailable`."""
        sql = page_sql(record_type, index_of_page(record_type, index), first=after is None)
        place = () if after is None else after if record_type.order_field else after[1:]
        decode = TABLES[record_type].decode
        reader = self._reader
        if reader is None:
            raise _NotOpen
        try:
            rows = reader.execute(sql, (*index.values(), *place, limit)).fetchall()
            found = [(at, Stored(decode(body), version)) for at, version, body in rows]
        except sqlite3.Error as error:
            raise unavailable(error) from error
        except msgspec.DecodeError as error:
            raise _unreadable(record_type) from error
        return [Listed(Place(at, stored.record.key), stored) for at, stored in found]

    async def apply(self, changes: Sequence[Change]) -> None:
        """Apply all changes in one transaction, durable on return. Raises `Conflict` or `Unavailable`.

        Cancelling the call does not cancel the transaction.
        """
        steps = [step_for(change) for change in changes]
        writer = self._writer
        if writer is None:
            raise _NotOpen
        if steps:
            await writer.submit(steps)

    async def purge(self, before: int) -> int:
        """Remove records whose `expires_at` is earlier than `before`; return how many. Raises `Unavailable`.

        It uses small transactions, so that other writes are not blocked.
        """
        total = 0
        for table in TABLES.values():
            removed = PURGE_ROWS
            while removed == PURGE_ROWS:
                if self._writer is None:
                    raise _NotOpen
                removed = await self._writer.submit([Step(table.purge, (before,), "nothing")])
                total += removed
        return total


class _NotOpen(Unavailable):
    def __init__(self) -> None:
        super().__init__("The store is not open.")


def _unreadable(record_type: type[Record]) -> Unavailable:
    return Unavailable(f"A stored {record_type.kind} cannot be read.")
