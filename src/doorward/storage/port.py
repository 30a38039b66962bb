"""The storage port: four verbs over typed records, and what every backend promises.

Promises, each held by the conformance suite for every backend:

- `apply` is atomic, and durable when it returns; when it raises `Conflict`, nothing was written.
- `get` and `find` see everything that any process had applied before the call began.
- Of any number of concurrent `apply` calls that name the same version of a record, exactly one succeeds.
- `Insert` starts at a random version and `Replace` adds one: a record removed and added anew does not match a
  version that was loaded before.
- A fault of the backend is `Unavailable`, never an empty answer.

New protocol features add record types, never verbs.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from doorward.oauth.changes import Change, Stored
from doorward.oauth.records import Record

R = TypeVar("R", bound=Record)

KEEP_EXPIRED_SECONDS = 24 * 3600
"""Spent codes and tokens outlive their validity by this much, so that their reuse is still recognised."""


class Store(Protocol):
    """Keeps records. Safe for use by any number of tasks of one event loop."""

    async def open(self) -> None:
        """Connect and bring the schema up to date.

        Raises:
            StartError: the database cannot be used (not writable, written by a newer version, not a database).
        """
        ...

    async def close(self) -> None:
        """Finish what is under way and release everything; safe to call twice."""
        ...

    async def get(self, record_type: type[R], key: str) -> Stored[R] | None:
        """Return the record, expired or not, or None. Raises `Unavailable`."""
        ...

    async def find(self, record_type: type[R], **index: str) -> list[Stored[R]]:
        """Return all records of a kind, or those whose named indexes all have the value. Raises `Unavailable`.

        Of several, name the one first that the fewest records share: a user before a client.
        """
        ...

    async def apply(self, changes: Sequence[Change]) -> None:
        """Do all changes in one transaction. Raises `Conflict` or `Unavailable`."""
        ...

    async def purge(self, before: int) -> int:
        """Remove records whose `expires_at` is earlier than `before`; return how many."""
        ...


def refuse_unknown_indexes(record_type: type[Record], names: Iterable[str]) -> None:
    """Raise `ValueError`, a bug of the caller, unless the record type has all these indexes."""
    for name in names:
        if name not in record_type.indexes:
            raise ValueError(f"{record_type.__name__} has no index {name!r}.")
