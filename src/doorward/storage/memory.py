"""The in-memory store, for trials, and the simplest implementation of the port.

It holds dictionaries and an undo list. It keeps every promise of `port.py` except durability, and only one process can
use it. One `MemoryStore` object is one database: closing and reopening it loses nothing.
"""

from __future__ import annotations

import heapq
import secrets
from collections.abc import Callable, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, TypeVar

from doorward.errors import Conflict, Unavailable
from doorward.records.changes import Change, Delete, DeleteAll, Insert, Replace, Stored
from doorward.records.kinds import RECORD_TYPES
from doorward.records.record import Record
from doorward.storage.port import Listed, Place, index_of_page, refuse_unknown_indexes

R = TypeVar("R", bound=Record)
Undo = Callable[[], object]
_place_of = itemgetter(0)


class MemoryStore:
    """A `Store` in dictionaries."""

    def __init__(self) -> None:
        self._open = False
        self._records: dict[type[Record], dict[str, Stored[Any]]] = {each: {} for each in RECORD_TYPES}
        self._found_by: dict[tuple[type[Record], str, str], dict[str, None]] = {}
        """Keys by record type, index name and value; a dictionary keeps the insertion order."""

    async def open(self) -> None:
        """Start to answer."""
        self._open = True

    async def close(self) -> None:
        """Stop answering; safe to call twice."""
        self._open = False

    async def get(self, record_type: type[R], key: str) -> Stored[R] | None:
        """Return the record, expired or not, or None. Raises `Unavailable`."""
        self._refuse_when_closed()
        return self._records[record_type].get(key)

    async def find(self, record_type: type[R], **index: str) -> list[Stored[R]]:
        """Return all records of a kind, or those whose named indexes all have the value. Raises `Unavailable`."""
        self._refuse_when_closed()
        refuse_unknown_indexes(record_type, index)
        records = self._records[record_type]
        if not index:
            return list(records.values())
        (name, value), *others = index.items()
        found = [records[key] for key in self._found_by.get((record_type, name, value), ())]
        return [each for each in found if all(getattr(each.record, name) == value for name, value in others)]

    async def page(
        self, record_type: type[R], *, limit: int, after: Place | None = None, **index: str
    ) -> list[Listed[R]]:
        """Return the first `limit` records after a place, in order. Raises `Unavailable`."""
        index_of_page(record_type, index)
        placed = (
            Listed(Place(each.record.ordered_at, each.record.key), each)
            for each in await self.find(record_type, **index)
        )
        # This scans all records: a store that ends with its process never holds many.
        return heapq.nsmallest(limit, (each for each in placed if after is None or each.place > after), _place_of)

    async def apply(self, changes: Sequence[Change]) -> None:
        """Apply all changes or none. Raises `Conflict` or `Unavailable`."""
        self._refuse_when_closed()
        undo: list[Undo] = []
        try:
            for change in changes:
                self._do(change, undo)
        except BaseException:
            for step in reversed(undo):
                step()
            raise

    async def purge(self, before: int) -> int:
        """Remove records whose `expires_at` is earlier than `before`; return how many. Raises `Unavailable`."""
        self._refuse_when_closed()
        expired = [
            stored.record
            for records in self._records.values()
            for stored in records.values()
            if stored.record.expires_at is not None and stored.record.expires_at < before
        ]
        for record in expired:
            self._remove(type(record), record.key)
        return len(expired)

    def _refuse_when_closed(self) -> None:
        if not self._open:
            raise Unavailable("The store is not open.")

    def _do(self, change: Change, undo: list[Undo]) -> None:
        match change:
            case Insert(record):
                record_type, key = type(record), record.key
                if key in self._records[record_type]:
                    raise Conflict(f"A {record.kind} with this key exists.")
                # Not 1: a record that was removed and added again must not match a version that was loaded before.
                self._put(Stored(record, secrets.randbits(31)))
                undo.append(lambda: self._remove(record_type, key))
            case Replace(record, version):
                old = self._expect(type(record), record.key, version)
                self._remove(type(record), record.key)
                self._put(Stored(record, version + 1))
                undo.append(lambda: self._restore(old))
            case Delete(record_type, key, version):
                old = self._expect(record_type, key, version)
                self._remove(record_type, key)
                undo.append(lambda: self._put(old))
            case DeleteAll(record_type, index, value):
                refuse_unknown_indexes(record_type, (index,))
                for key in tuple(self._found_by.get((record_type, index, value), ())):
                    removed = self._remove(record_type, key)
                    undo.append(partial(self._put, removed))
            case _:
                self._expect(change.record_type, change.key, change.version)

    def _expect(self, record_type: type[Record], key: str, version: int) -> Stored[Any]:
        stored = self._records[record_type].get(key)
        if stored is None or stored.version != version:
            raise Conflict(f"A {record_type.kind} has changed since it was loaded.")
        return stored

    def _restore(self, old: Stored[Any]) -> None:
        self._remove(type(old.record), old.record.key)
        self._put(old)

    def _put(self, stored: Stored[Any]) -> None:
        record_type, key = type(stored.record), stored.record.key
        self._records[record_type][key] = stored
        for name in record_type.indexes:
            value = getattr(stored.record, name)
            if value is not None:
                self._found_by.setdefault((record_type, name, value), {})[key] = None

    def _remove(self, record_type: type[Record], key: str) -> Stored[Any]:
        stored = self._records[record_type].pop(key)
        for name in record_type.indexes:
            value = getattr(stored.record, name)
            if value is not None:
                keys = self._found_by[record_type, name, value]
                del keys[key]
                if not keys:
                    del self._found_by[record_type, name, value]
        return stored
