"""The storage port: five verbs over typed records, and the promises of every backend.

The conformance suite checks each promise for every backend:

- `apply` is atomic, and durable when it returns; when it raises `Conflict`, nothing was written.
- `get` and `find` see everything that any process applied before the call began.
- Of any number of concurrent `apply` calls that name the same version of a record, exactly one succeeds.
- `Insert` starts at a random version and `Replace` adds one: a record that was removed and added again does not match a
  version that was loaded before.
- A fault of the backend is `Unavailable`, never an empty answer.
- A page costs what is on it, however many records there are.

New protocol features add record types, never verbs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from doorward.records.changes import Change, Stored
from doorward.records.record import Record

R = TypeVar("R", bound=Record)

KEEP_EXPIRED_SECONDS = 24 * 3600
"""Spent codes and tokens are kept this much longer than they are valid, so that their reuse is detected."""


class Place(NamedTuple):
    """The position of a record in its kind, which is ordered by instant (`order_field`) and then by key."""

    at: int
    key: str


class Listed(NamedTuple, Generic[R]):
    """A record of a page, and the place after which the next page starts."""

    place: Place
    stored: Stored[R]


class Store(Protocol):
    """Keeps records. Any number of tasks of one event loop may use it at once."""

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            StartError: the database cannot be used (not writable, written by a newer version, not a database).
        """
        ...

    async def close(self) -> None:
        """Finish pending work and release everything; safe to call twice."""
        ...

    async def get(self, record_type: type[R], key: str) -> Stored[R] | None:
        """Return the record, expired or not, or None. Raises `Unavailable`."""
        ...

    async def find(self, record_type: type[R], **index: str) -> list[Stored[R]]:
        """Return all records of a kind, or those whose named indexes all have the value. Raises `Unavailable`.

        With several indexes, name the most selective one first: a user before a client.
        """
        ...

    async def page(
        self, record_type: type[R], *, limit: int, after: Place | None = None, **index: str
    ) -> list[Listed[R]]:
        """Return the first `limit` records after a place, in order; with an index, only those with its value.

        Records that are added or removed between two pages do not shift the rest. A record written before its kind had
        an order is at instant 0. Raises `Unavailable`.
        """
        ...

    async def apply(self, changes: Sequence[Change]) -> None:
        """Apply all changes in one transaction. Raises `Conflict` or `Unavailable`."""
        ...

    async def purge(self, before: int) -> int:
        """Remove records whose `expires_at` is earlier than `before`; return how many."""
        ...


def index_of_page(record_type: type[Record], index: Mapping[str, str]) -> str | None:
    """Return the index that filters a page. Raises `ValueError`, a bug of the caller, if it cannot bound the page."""
    refuse_unknown_indexes(record_type, index)
    if len(index) > 1 or (index and record_type.order_field is None):
        raise ValueError("A page is narrowed by one index, and only where the kind has an order.")
    return next(iter(index), None)


def refuse_unknown_indexes(record_type: type[Record], names: Iterable[str]) -> None:
    """Raise `ValueError`, a bug of the caller, unless the record type has all these indexes."""
    for name in names:
        if name not in record_type.indexes:
            raise ValueError(f"{record_type.__name__} has no index {name!r}.")
