"""A store that reports its changes to the audit log once they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from doorward.audit.events import events_of
from doorward.audit.log import AuditLog
from doorward.records.changes import Change, Stored
from doorward.records.record import Record
from doorward.storage.port import Listed, Place, Store

R = TypeVar("R", bound=Record)


class AuditedStore:
    """A `Store` that wraps another one; its creator opens and closes it."""

    def __init__(self, store: Store, audit: AuditLog, door_name: Callable[[str], str]) -> None:
        self._store = store
        self._audit = audit
        self._door_name = door_name

    def open(self) -> Coroutine[Any, Any, None]:
        """Open the wrapped store."""
        return self._store.open()

    def close(self) -> Coroutine[Any, Any, None]:
        """Close the wrapped store."""
        return self._store.close()

    def get(self, record_type: type[R], key: str) -> Coroutine[Any, Any, Stored[R] | None]:
        """Return the record, expired or not, or None. Raises `Unavailable`."""
        return self._store.get(record_type, key)

    def find(self, record_type: type[R], **index: str) -> Coroutine[Any, Any, list[Stored[R]]]:
        """Return all records of a kind, or those whose named indexes all have the value. Raises `Unavailable`."""
        return self._store.find(record_type, **index)

    def page(
        self, record_type: type[R], *, limit: int, after: Place | None = None, **index: str
    ) -> Coroutine[Any, Any, list[Listed[R]]]:
        """Return the first `limit` records after a place, in order. Raises `Unavailable`."""
        return self._store.page(record_type, limit=limit, after=after, **index)

    def purge(self, before: int) -> Coroutine[Any, Any, int]:
        """Remove records whose `expires_at` is earlier than `before`; return how many."""
        return self._store.purge(before)

    async def apply(self, changes: Sequence[Change]) -> None:
        """Apply all changes in one transaction, and queue their events. Raises `Conflict` or `Unavailable`."""
        await self._audit.make_room()
        try:
            await self._store.apply(changes)
        except asyncio.CancelledError:
            # The transaction continues when its caller is cancelled.
            for event in events_of(changes, self._door_name):
                self._audit.write(msgspec.structs.replace(event, outcome="uncertain"))
            raise
        for event in events_of(changes, self._door_name):
            self._audit.write(event)
