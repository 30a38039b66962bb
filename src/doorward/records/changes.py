"""The changes that a decision asks storage to make, as values. All changes of a decision are one transaction.

A change that names a version is a compare-and-swap: if the stored version differs, storage raises `Conflict` and writes
nothing of the decision. The endpoint then loads and decides again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from doorward.records.record import Record

R_co = TypeVar("R_co", bound=Record, covariant=True)
Reply_co = TypeVar("Reply_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Stored(Generic[R_co]):
    """A record as loaded, with the version that a change must name."""

    record: R_co
    version: int


@dataclass(frozen=True, slots=True)
class Insert:
    """Add a record; conflicts if its key is taken."""

    record: Record


@dataclass(frozen=True, slots=True)
class Replace:
    """Replace the record of this kind and key, if it still has `version`."""

    record: Record
    version: int


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove one record, if it still has `version`."""

    record_type: type[Record]
    key: str
    version: int


@dataclass(frozen=True, slots=True)
class DeleteAll:
    """Remove every record of a kind whose index has this value; finding none is no conflict."""

    record_type: type[Record]
    index: str
    value: str


@dataclass(frozen=True, slots=True)
class Expect:
    """Write nothing, but conflict unless the record that the decision relied on still has `version`."""

    record_type: type[Record]
    key: str
    version: int


Change = Insert | Replace | Delete | DeleteAll | Expect


@dataclass(frozen=True, slots=True)
class Decision(Generic[Reply_co]):
    """A reply, and the `changes` that must be durable before it is sent."""

    reply: Reply_co
    changes: tuple[Change, ...] = ()
